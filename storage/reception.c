#include "storage/reception.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define JUMP_NS 1000000000LL /* between two packets: no jitter, but another RTP time */

/* The change of delay since the packet before, in nanoseconds (RFC 3550, 6.4.1: D). */
static int64_t delay_change(const struct reception *r, const struct packet *p, uint32_t clock_hz)
{
	int64_t ticks = (int32_t)(p->timestamp - r->previous_timestamp);

	return (int64_t)(p->arrival_ns - r->previous_ns) - ticks * 1000000000LL / clock_hz;
}

static void count_jitter(struct reception *r, const struct packet *p, uint32_t clock_hz)
{
	if (r->media > 0) {
		int64_t change_ns = delay_change(r, p, clock_hz);

		r->delay_ns += change_ns;
		r->jitter_now_ms += (fabs((double)change_ns) / 1e6 - r->jitter_now_ms) / 16;
		r->jitter_sum_ms += r->jitter_now_ms;
		if (r->jitter_now_ms > r->jitter_max_ms)
			r->jitter_max_ms = r->jitter_now_ms;
		if (change_ns > JUMP_NS || change_ns < -JUMP_NS)
			r->clock = (struct clock_fit){0};
	}
	clock_fit_add(&r->clock, p->arrival_ns, r->delay_ns);
	r->previous_ns = p->arrival_ns;
	r->previous_timestamp = p->timestamp;
	r->media++;
}

static void count_order(struct reception *r, const struct packet *p, unsigned int pauses_ended)
{
	if (r->received == 0) {
		r->first = p->sequence;
		r->highest = p->sequence;
		r->pauses_ended = pauses_ended;
		return;
	}
	if (p->sequence < r->first)
		r->first = p->sequence;
	if (p->sequence <= r->highest) {
		r->reordered += !p->duplicate;
		return;
	}
	if (pauses_ended > r->pauses_ended)
		r->in_pauses += p->sequence - r->highest - 1;
	r->highest = p->sequence;
	r->pauses_ended = pauses_ended;
}

/* Whether a packet came long after its place on the timeline. */
static bool is_late(const struct packet *p, const struct reception_window *window)
{
	__int128 place_ns = (__int128)p->position * 1000000000 / window->rate_hz;

	return (__int128)p->arrival_ns - window->start_ns - place_ns > RECEPTION_LATE_NS;
}

/* What was kept out of the track was not lost: as many of the missing as the rx cores counted. */
static uint64_t excuse(uint64_t missing, uint64_t *kept_out)
{
	uint64_t excused = missing < *kept_out ? missing : *kept_out;

	*kept_out -= excused;
	return missing - excused;
}

static void conclude(struct reception *r, uint64_t *paused, uint64_t *withheld)
{
	uint64_t expected = (uint64_t)r->highest - r->first + 1;
	uint64_t unique = r->received - r->duplicate;
	uint64_t missing = expected > unique ? expected - unique : 0;
	uint64_t in_pauses = r->in_pauses < missing ? r->in_pauses : missing;

	if (r->received == 0)
		return;
	r->lost = missing - in_pauses + excuse(in_pauses, paused);
	r->lost = excuse(r->lost, withheld);
	if (r->media > 1)
		r->jitter_ms = r->jitter_sum_ms / (double)(r->media - 1);
	r->clock_ppm = clock_fit_ppm(&r->clock);
}

int reception_count(struct reception **out, const struct rtp_streams *streams,
	const struct packet_index *index, const struct reception_window *window)
{
	const struct journal *j = index->journal;
	struct reception *list = calloc(streams->count + 1UL, sizeof(*list));
	uint64_t paused = j->paused_packets[index->track];
	uint64_t withheld = j->withheld_packets[index->track];
	unsigned int pauses_ended = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < index->count; i++) {
		const struct packet *p = &index->packets[i];
		const struct track_codec *codec = packet_codec(index, p);
		struct reception *r = &list[p->stream];

		if (p->is_copy || p->arrival_ns < window->from_ns || p->arrival_ns > window->to_ns)
			continue;
		while (pauses_ended < j->pause_count &&
			j->pauses[pauses_ended].end_ns <= p->arrival_ns)
			pauses_ended++;
		count_order(r, p, pauses_ended);
		r->received++;
		r->duplicate += p->duplicate;
		r->late += codec->kind != PACKET_EVENT && !p->duplicate && is_late(p, window);
		if (codec->kind != PACKET_EVENT && !codec->unexplained)
			count_jitter(r, p, codec->codec.clock_hz);
	}
	for (uint32_t i = 0; i < streams->count; i++)
		conclude(&list[i], &paused, &withheld);
	*out = list;
	return 0;
}
