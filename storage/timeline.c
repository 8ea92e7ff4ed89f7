#include "storage/timeline.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000LL
#define ANCHOR_NS SECOND_NS
#define JUMP_NS (SECOND_NS / 10)  /* a timestamp this far from its sequence number is looked at */
#define STANDSTILL_NS SECOND_NS	  /* so is a timestamp that rests while time goes on */
#define BEHIND_NS (5 * SECOND_NS) /* a packet behind its head is so late, or so early, at most */
#define DENIED_NS (SECOND_NS / 5) /* least change of delay that says that a jump is no time */
#define CONTINUES_NS (SECOND_NS / 10)
#define LOOK_PACKETS 64
#define OVERLAP_PER_SECOND 50 /* overlaps up to 20 ms are shifted away */

/* The packets of one stream in the order of their arrival. */
struct members {
	struct packet **at;
	size_t count;
	uint64_t packet_ns;
	const struct packet_index *index;
};

static bool is_event(const struct packet_index *index, const struct packet *p)
{
	assert(p); /* every place of a stream's members is filled */
	return packet_codec(index, p)->kind == PACKET_EVENT;
}

static uint32_t clock_of(const struct packet_index *index, const struct packet *p)
{
	return packet_codec(index, p)->codec.clock_hz;
}

int64_t timeline_ticks_to_ns(int64_t ticks, uint32_t clock_hz)
{
	int64_t most = PACKET_TIME_MAX / SECOND_NS * clock_hz;

	if (ticks > INT32_MIN && ticks < INT32_MAX)
		return ticks * SECOND_NS / clock_hz;
	if (ticks > most || ticks < -most)
		return ticks < 0 ? -PACKET_TIME_MAX : PACKET_TIME_MAX;
	return ticks / clock_hz * SECOND_NS + ticks % clock_hz * SECOND_NS / clock_hz;
}

static int64_t magnitude(int64_t v)
{
	return v < 0 ? -v : v;
}

/* How much later than the segment's head a packet came than its timestamp says. */
static int64_t delay_ns(const struct timeline_segment *s, const struct packet *p)
{
	int64_t ticks = (int32_t)(p->timestamp - s->head_timestamp);

	return (int64_t)(p->arrival_ns - s->head_arrival_ns) -
	       timeline_ticks_to_ns(ticks, s->clock_hz);
}

/* What a timestamp's step is beyond its sequence number's. */
static int64_t excess_ns(
	const struct members *m, uint32_t clock_hz, uint32_t sequence_step, uint32_t timestamp_step)
{
	return timeline_ticks_to_ns((int32_t)timestamp_step, clock_hz) -
	       (int64_t)(sequence_step * m->packet_ns);
}

/* The least delay in the second before members[k], within the segment. */
static int64_t least_before(
	const struct members *m, size_t k, const struct timeline_segment *s, uint16_t segment)
{
	int64_t least = 0; /* the head's own */

	for (size_t i = k; i-- > 0 && k - i <= LOOK_PACKETS;) {
		const struct packet *p = m->at[i];

		if (p->arrival_ns + ANCHOR_NS < s->head_arrival_ns)
			break;
		if (p->segment == segment && !is_event(m->index, p) && delay_ns(s, p) < least)
			least = delay_ns(s, p);
	}
	return least;
}

/* The least delay in the second from members[k] on, up to the next jump. */
static int64_t least_after(const struct members *m, size_t k, const struct timeline_segment *s)
{
	const struct packet *last = m->at[k];
	int64_t least = delay_ns(s, last);

	for (size_t i = k + 1; i < m->count && i - k <= LOOK_PACKETS; i++) {
		const struct packet *p = m->at[i];

		if (p->arrival_ns > m->at[k]->arrival_ns + ANCHOR_NS)
			break;
		if (p->sequence <= last->sequence || is_event(m->index, p))
			continue;
		if (magnitude(excess_ns(m, s->clock_hz, p->sequence - last->sequence,
			    p->timestamp - last->timestamp)) >= JUMP_NS)
			break;
		if (delay_ns(s, p) < least)
			least = delay_ns(s, p);
		last = p;
	}
	return least;
}

/* Whether a new head's timestamp cannot be on the segment's clock. */
static bool is_denied(const struct members *m, size_t k, const struct timeline_segment *s,
	uint16_t segment, uint32_t head_sequence)
{
	const struct packet *p = m->at[k];
	int64_t excess = excess_ns(
		m, s->clock_hz, p->sequence - head_sequence, p->timestamp - s->head_timestamp);
	int64_t limit = DENIED_NS;
	int64_t change;

	if (magnitude(excess) < JUMP_NS && delay_ns(s, p) < STANDSTILL_NS)
		return false;
	if (magnitude(excess) >= JUMP_NS && magnitude(excess) / 2 > limit)
		limit = magnitude(excess) / 2;
	if (limit > STANDSTILL_NS / 2)
		limit = STANDSTILL_NS / 2;
	change = least_after(m, k, s) - least_before(m, k, s, segment);
	return magnitude(change) > limit;
}

static struct timeline_segment *begin_segment(
	struct timeline *t, const struct packet *p, uint32_t clock_hz)
{
	struct timeline_segment *s;

	if (t->count == t->room) {
		uint32_t room = t->room ? 2 * t->room : 4;

		s = realloc(t->segments, room * sizeof(*s));
		if (!s)
			return NULL;
		t->segments = s;
		t->room = room;
	}
	s = &t->segments[t->count++];
	memset(s, 0, sizeof(*s));
	s->stream = p->stream;
	s->clock_hz = clock_hz;
	s->first_sequence = p->sequence;
	s->first_timestamp = p->timestamp;
	s->first_arrival_ns = p->arrival_ns;
	s->head_timestamp = p->timestamp;
	s->head_arrival_ns = p->arrival_ns;
	s->anchor_ns = p->arrival_ns;
	return s;
}

/* The ticks of a time by which a packet is late. */
static int64_t late_ticks(const struct timeline_segment *s, int64_t late_ns)
{
	return late_ns / (SECOND_NS / 1000) * s->clock_hz / 1000;
}

/* Where a packet stands that is behind the segment's head, which no jump's judge has seen: at its
 * timestamp, unless that is out of all reason (damaged, or of a damaged sequence number); then at
 * its arrival. */
static int64_t behind_ticks(const struct timeline_segment *s, const struct packet *p, int64_t ticks)
{
	int64_t late_ns = delay_ns(s, p);

	return magnitude(late_ns) > BEHIND_NS ? ticks + late_ticks(s, late_ns) : ticks;
}

/* Where an event stands: at its timestamp, unless its first packet's arrival denies that (events
 * played from a recording beside live audio); then at that arrival. */
static int64_t event_ticks(struct timeline_segment *s, const struct packet *p, int64_t ticks)
{
	int64_t limit_ns = s->has_media ? SECOND_NS : DENIED_NS;
	int64_t late_ns;

	if (s->has_event && s->event_timestamp == p->timestamp)
		return s->event_ticks;
	late_ns = delay_ns(s, p);
	s->has_event = true;
	s->event_timestamp = p->timestamp;
	s->event_ticks = ticks;
	if (magnitude(late_ns) > limit_ns)
		s->event_ticks += late_ticks(s, late_ns);
	return s->event_ticks;
}

/* Events bear the time of their begin, so only a stream of nothing else is anchored by them. */
static void enter(struct timeline *t, uint16_t segment, struct packet *p, bool event, bool ahead)
{
	struct timeline_segment *s = &t->segments[segment];
	int64_t ticks = s->head_ticks + (int32_t)(p->timestamp - s->head_timestamp);

	p->segment = segment;
	if (event)
		p->position = event_ticks(s, p, ticks);
	else
		p->position = ahead ? ticks : behind_ticks(s, p, ticks);
	if (event && s->has_media)
		return;
	if (p->arrival_ns - s->first_arrival_ns <= ANCHOR_NS &&
		(int64_t)(p->arrival_ns - s->anchor_ns) <
			timeline_ticks_to_ns(p->position - s->anchor_ticks, s->clock_hz)) {
		s->anchor_ns = p->arrival_ns;
		s->anchor_ticks = p->position;
	}
}

static void move_head(struct timeline_segment *s, const struct packet *p)
{
	s->head_ticks = p->position;
	s->head_timestamp = p->timestamp;
	s->head_arrival_ns = p->arrival_ns;
}

/* Cuts one stream into segments. */
static int place_stream(struct timeline *t, const struct members *m)
{
	uint32_t first = t->count;
	uint32_t head_sequence = 0;

	for (size_t k = 0; k < m->count; k++) {
		struct packet *p = m->at[k];
		bool event = is_event(m->index, p);
		bool ahead = k == 0 || (p->sequence > head_sequence && !event);
		uint32_t current = t->count - 1;

		if (k == 0 || (ahead && t->count < TIMELINE_SEGMENTS_MAX &&
				      (clock_of(m->index, p) != t->segments[current].clock_hz ||
					      is_denied(m, k, &t->segments[current],
						      (uint16_t)current, head_sequence)))) {
			if (!begin_segment(t, p, clock_of(m->index, p)))
				return -ENOMEM;
			current = t->count - 1;
		} else if (current > first && p->sequence < t->segments[current].first_sequence) {
			current--;
		}
		enter(t, (uint16_t)current, p, event, ahead);
		if (ahead) {
			head_sequence = p->sequence;
			move_head(&t->segments[current], p);
			t->segments[current].has_media = !event;
		}
	}
	return 0;
}

/* A source that goes on from other addresses: its clock goes on, too. */
static void join(struct timeline *t, const struct rtp_streams *streams, uint32_t later)
{
	struct timeline_segment *s = &t->segments[later];
	const struct rtp_stream *stream = &streams->list[s->stream];
	const struct timeline_segment *best = NULL;
	int64_t offset;
	int64_t change;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct timeline_segment *e = &t->segments[i];
		const struct rtp_stream *other = &streams->list[e->stream];

		if (other->ssrc == stream->ssrc && other->flow != stream->flow &&
			other->part == stream->part && e->clock_hz == s->clock_hz &&
			e->first_arrival_ns < s->first_arrival_ns &&
			(!best || e->first_arrival_ns > best->first_arrival_ns))
			best = e;
	}
	if (!best)
		return;
	offset = best->head_ticks + (int32_t)(s->first_timestamp - best->head_timestamp);
	change = (int64_t)(s->anchor_ns - best->anchor_ns) -
		 timeline_ticks_to_ns(s->anchor_ticks + offset - best->anchor_ticks, s->clock_hz);
	if (magnitude(change) > CONTINUES_NS)
		return;
	s->continues = true;
	s->anchor_ns = best->anchor_ns;
	s->anchor_ticks = best->anchor_ticks - offset;
}

static int compare_arrival(const void *a, const void *b)
{
	const struct timeline_segment *x = *(struct timeline_segment *const *)a;
	const struct timeline_segment *y = *(struct timeline_segment *const *)b;

	if (x->first_arrival_ns != y->first_arrival_ns)
		return x->first_arrival_ns < y->first_arrival_ns ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Earlier segments first, so that one may follow another that follows a third. */
static int join_all(struct timeline *t, const struct rtp_streams *streams)
{
	struct timeline_segment **order = malloc((t->count + 1UL) * sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->count; i++)
		order[i] = &t->segments[i];
	qsort(order, t->count, sizeof(*order), compare_arrival);
	for (uint32_t i = 1; i < t->count; i++)
		join(t, streams, (uint32_t)(order[i] - t->segments));
	free(order);
	return 0;
}

int timeline_place(
	struct timeline *t, struct packet_index *index, const struct rtp_streams *streams)
{
	struct packet **at = calloc(index->count + 1, sizeof(*at));
	size_t *ends = calloc(streams->count + 1UL, sizeof(*ends));
	size_t from = 0;
	int err = at && ends ? 0 : -ENOMEM;

	memset(t, 0, sizeof(*t));
	for (size_t i = 0; err == 0 && i < index->count; i++)
		ends[index->packets[i].stream + 1]++;
	for (uint32_t s = 1; err == 0 && s < streams->count; s++)
		ends[s] += ends[s - 1];
	for (size_t i = 0; err == 0 && i < index->count; i++)
		at[ends[index->packets[i].stream]++] = &index->packets[i];
	for (uint32_t s = 0; err == 0 && s < streams->count; s++) {
		struct members m = {at + from, ends[s] - from, streams->list[s].packet_ns, index};

		err = place_stream(t, &m);
		from = ends[s];
	}
	if (err == 0)
		err = join_all(t, streams);
	free(ends);
	free(at);
	return err;
}

bool timeline_first_ns(
	const struct timeline *t, const struct packet_index *index, uint64_t *first_ns)
{
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < index->count; i++) {
		const struct packet *p = &index->packets[i];
		const struct timeline_segment *s = &t->segments[p->segment];
		int64_t at = (int64_t)s->anchor_ns +
			     timeline_ticks_to_ns(p->position - s->anchor_ticks, s->clock_hz);

		if (at < first)
			first = at;
	}
	*first_ns = first > 0 ? (uint64_t)first : 0;
	return index->count > 0;
}

static int64_t floor_divide(__int128 a, int64_t b)
{
	return (int64_t)(a >= 0 ? a / b : -((-a + b - 1) / b));
}

static int64_t ticks_to_samples(int64_t ticks, uint32_t clock_hz, uint32_t rate_hz)
{
	return clock_hz == rate_hz ? ticks : floor_divide((__int128)ticks * rate_hz, clock_hz);
}

/* Finds where a segment's anchor stands, at its first packet. */
static void begin_at(struct timeline_segment *s, uint64_t start_ns, uint32_t rate_hz)
{
	__int128 anchor = (__int128)(int64_t)(s->anchor_ns - start_ns) * rate_hz;

	s->begun = true;
	s->anchor_position = floor_divide(anchor + SECOND_NS / 2, SECOND_NS);
}

/* Who speaks beside others moves none of them. */
void timeline_position(struct timeline *t, struct packet_index *index,
	const struct rtp_streams *streams, uint64_t start_ns, uint32_t rate_hz)
{
	int64_t ends[PACKET_PARTS_MAX];

	for (unsigned int i = 0; i < PACKET_PARTS_MAX; i++)
		ends[i] = INT64_MIN;
	for (size_t i = 0; i < index->count; i++) {
		struct packet *p = &index->packets[i];
		struct timeline_segment *s = &t->segments[p->segment];
		int64_t *end = &ends[streams->list[p->stream].part];
		bool first = !s->begun;

		if (first)
			begin_at(s, start_ns, rate_hz);
		p->position = s->anchor_position +
			      ticks_to_samples(p->position - s->anchor_ticks, s->clock_hz, rate_hz);
		if (first && !s->continues && *end > p->position &&
			*end - p->position <= rate_hz / OVERLAP_PER_SECOND) {
			s->anchor_position += *end - p->position;
			p->position = *end;
		}
		if (p->samples > 0 && p->position + p->samples > *end)
			*end = p->position + p->samples;
	}
}

void timeline_free(struct timeline *t)
{
	free(t->segments);
	memset(t, 0, sizeof(*t));
}
