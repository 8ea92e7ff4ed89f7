#include "storage/report_anchor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000LL
#define SANE_NS SECOND_NS	    /* between a report's arrival and its RTP time */
#define AGREE_NS (SECOND_NS / 500)  /* between two reports before */
#define LEAST_NS (SECOND_NS / 200)  /* less is not worth believing anyone */
#define MOST_NS (SECOND_NS / 2)	    /* more is no delay of a network that carries calls */
#define NEAR_NS (60 * SECOND_NS)    /* reports farther from the change say nothing of it */
#define WITNESS_NS (10 * SECOND_NS) /* of packets before; clocks drift little in it */
#define CORRECTED_MOST 64 /* segments of a track; senders that begin anew more often lie */

/* What the reports of a segment come to. */
struct reported {
	const struct sender_report *first;
	const struct sender_report *last; /* of those near the segment's end, */
	const struct sender_report *before_last;
};

static int64_t magnitude(int64_t v)
{
	return v < 0 ? -v : v;
}

/* RTP ticks of the segment at a timestamp. */
static int64_t ticks_at(const struct timeline_segment *s, uint32_t timestamp)
{
	return s->head_ticks + (int32_t)(timestamp - s->head_timestamp);
}

/* Whether a report is about a segment, and its RTP time is near its arrival. */
static bool is_about(const struct timeline_segment *s, const struct rtp_stream *stream,
	const struct sender_report *r)
{
	int64_t due_ns;

	if (r->ssrc != stream->ssrc || r->flow != stream->flow ||
		r->arrival_ns < s->first_arrival_ns)
		return false;
	due_ns = (int64_t)s->anchor_ns +
		 timeline_ticks_to_ns(ticks_at(s, r->timestamp) - s->anchor_ticks, s->clock_hz);
	return magnitude((int64_t)r->arrival_ns - due_ns) <= SANE_NS;
}

static void gather(struct reported *all, const struct timeline *t, const struct packet_index *index,
	const struct rtp_streams *streams)
{
	for (size_t i = 0; i < index->report_count; i++) {
		const struct sender_report *r = &index->reports[i];

		for (uint32_t k = t->count; k-- > 0;) { /* the newest that will do */
			struct rtp_stream *stream = &streams->list[t->segments[k].stream];

			if (!is_about(&t->segments[k], stream, r))
				continue;
			stream->reports++;
			if (!all[k].first)
				all[k].first = r;
			all[k].before_last = all[k].last;
			all[k].last = r;
			break;
		}
	}
}

/* The sender's wall clock at a segment's ticks, as a report has it. */
static int64_t wall_ns(
	const struct timeline_segment *s, const struct sender_report *r, int64_t ticks)
{
	return (int64_t)r->ntp_ns +
	       timeline_ticks_to_ns(ticks - ticks_at(s, r->timestamp), s->clock_hz);
}

static bool is_trusted(const struct timeline_segment *s, const struct reported *of)
{
	if (!of->before_last || of->last->ntp_ns < of->before_last->ntp_ns + SECOND_NS ||
		of->last->cname != of->before_last->cname)
		return false;
	return magnitude(wall_ns(s, of->before_last, ticks_at(s, of->last->timestamp)) -
			 (int64_t)of->last->ntp_ns) <= AGREE_NS;
}

static bool same_host(const struct packet_flow *a, const struct packet_flow *b)
{
	return a->source.family == b->source.family &&
	       memcmp(a->source.ip, b->source.ip, sizeof(a->source.ip)) == 0;
}

static bool same_sender(const struct packet_index *index, const struct sender_report *a,
	const struct sender_report *b)
{
	if (a->ssrc == b->ssrc && a->flow == b->flow)
		return true;
	return a->cname != 0 && a->cname == b->cname &&
	       same_host(&index->flows[a->flow], &index->flows[b->flow]);
}

/* The newest segment before `later` of the same sender, whose reports agree. NULL: none. */
static const struct timeline_segment *find_before(const struct timeline *t,
	const struct packet_index *index, const struct reported *all, uint32_t later)
{
	const struct timeline_segment *s = &t->segments[later];
	const struct timeline_segment *best = NULL;

	for (uint32_t k = 0; k < t->count; k++) {
		const struct timeline_segment *e = &t->segments[k];

		if (k == later || e->first_arrival_ns >= s->first_arrival_ns || !all[k].last ||
			all[k].last->arrival_ns + NEAR_NS < s->first_arrival_ns ||
			!same_sender(index, all[k].last, all[later].first) ||
			!is_trusted(e, &all[k]))
			continue;
		if (!best || e->first_arrival_ns > best->first_arrival_ns)
			best = e;
	}
	return best;
}

/* The least delay, by the sender's clock, of a segment's last packets. false: there are none. */
static bool least_delay(const struct timeline *t, const struct packet_index *index,
	const struct timeline_segment *s, const struct sender_report *r, int64_t *least)
{
	bool found = false;

	for (size_t i = index->count; i-- > 0;) {
		const struct packet *p = &index->packets[i];
		int64_t delay;

		if (p->arrival_ns + WITNESS_NS < s->head_arrival_ns)
			break;
		if (&t->segments[p->segment] != s || packet_codec(index, p)->kind == PACKET_EVENT)
			continue;
		delay = (int64_t)p->arrival_ns - wall_ns(s, r, p->position);
		if (!found || delay < *least)
			*least = delay;
		found = true;
	}
	return found;
}

static void correct(struct timeline *t, const struct packet_index *index,
	const struct rtp_streams *streams, const struct reported *all, uint32_t later)
{
	struct timeline_segment *s = &t->segments[later];
	const struct timeline_segment *before = find_before(t, index, all, later);
	int64_t least = 0;
	__int128 late; /* of four times */

	if (!before || !least_delay(t, index, before, all[before - t->segments].last, &least))
		return;
	late = (__int128)s->anchor_ns - wall_ns(s, all[later].first, s->anchor_ticks) - least;
	if (late < LEAST_NS || late > MOST_NS)
		return;
	s->anchor_ns -= (uint64_t)late;
	streams->list[s->stream].moved_ns = (int64_t)late;
}

int report_anchor_correct(
	struct timeline *t, const struct packet_index *index, const struct rtp_streams *streams)
{
	struct reported *all;
	unsigned int corrected = 0;

	if (index->report_count == 0)
		return 0;
	all = calloc(t->count + 1UL, sizeof(*all));
	if (!all)
		return -ENOMEM;
	gather(all, t, index, streams);
	for (uint32_t k = 0; k < t->count && corrected < CORRECTED_MOST; k++)
		if (all[k].first && !t->segments[k].continues &&
			all[k].first->arrival_ns < t->segments[k].first_arrival_ns + NEAR_NS) {
			correct(t, index, streams, all, k);
			corrected++;
		}
	free(all);
	return 0;
}
