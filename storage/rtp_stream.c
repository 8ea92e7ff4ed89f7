#include "storage/rtp_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LATE_NS 1000000000ULL  /* a packet that others overtake by more is no late one */
#define AHEAD_NS 2000000000ULL /* loss cannot run further ahead of the clock */
#define SUSPICIOUS_AHEAD 100U  /* packets: from here on the timestamp must agree, too */
#define PACKET_NS_DEFAULT 20000000ULL
#define FOLLOWER_PACKETS 64U /* how far to look for a jump's second packet */
#define FOLLOWER_STEP 16U
#define SEQUENCE_CYCLE 65536U

static uint64_t ticks_to_ns(uint64_t ticks, uint32_t clock_hz)
{
	return ticks / clock_hz * 1000000000ULL + ticks % clock_hz * 1000000000ULL / clock_hz;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Whether the RTP time since the head is not what passed on our clock. */
static bool timestamp_disagrees(
	const struct rtp_stream *s, const struct packet *p, uint32_t clock_hz, uint64_t elapsed_ns)
{
	int32_t ticks = (int32_t)(p->timestamp - s->head_timestamp);

	return ticks < 0 || distance(ticks_to_ns((uint64_t)ticks, clock_hz), elapsed_ns) > AHEAD_NS;
}

/* Whether a packet may belong to a stream, late or as its new head; then *extended is its number.
 */
static bool fits(
	const struct rtp_stream *s, const struct packet *p, uint32_t clock_hz, uint32_t *extended)
{
	uint32_t ahead = (uint16_t)(p->sequence - s->head_sequence);
	uint32_t behind = (uint16_t)(s->head_sequence - p->sequence);
	uint64_t elapsed_ns = p->arrival_ns - s->head_arrival_ns;

	if (elapsed_ns + behind * s->packet_ns <= LATE_NS && behind < s->head_sequence) {
		*extended = s->head_sequence - behind;
		return true;
	}
	if (ahead == 0 || ahead * s->packet_ns > elapsed_ns + AHEAD_NS)
		return false;
	if (ahead > SUSPICIOUS_AHEAD && timestamp_disagrees(s, p, clock_hz, elapsed_ns))
		return false;
	*extended = s->head_sequence + ahead;
	return true;
}

/* A lone packet far behind the head, whose timestamp says that it is as old as its number. */
static bool is_straggler(
	const struct rtp_stream *s, const struct packet *p, uint32_t clock_hz, uint32_t *extended)
{
	uint32_t behind = (uint16_t)(s->head_sequence - p->sequence);
	int32_t age = (int32_t)(s->head_timestamp - p->timestamp);
	uint64_t expected_ns = behind * s->packet_ns;

	if (age < 0 || behind >= s->head_sequence)
		return false;
	*extended = s->head_sequence - behind;
	return distance(ticks_to_ns((uint64_t)age, clock_hz), expected_ns) <=
	       expected_ns / 2 + LATE_NS / 2;
}

/* Whether the source's next packet goes on from packets[at]. */
static bool has_follower(const struct packet_index *index, size_t at, uint16_t source)
{
	const struct packet *p = &index->packets[at];
	size_t end = at + 1 + FOLLOWER_PACKETS;

	for (size_t i = at + 1; i < end && i < index->count; i++) {
		uint16_t step = (uint16_t)(index->packets[i].sequence - p->sequence);

		if (index->packets[i].stream == source && step != 0)
			return step <= FOLLOWER_STEP;
	}
	return false;
}

static struct rtp_stream *begin(struct rtp_streams *streams, const struct packet_index *index,
	uint16_t source, const struct packet *p)
{
	struct rtp_stream *s;

	if (streams->count == streams->room) {
		uint32_t room = streams->room ? 2 * streams->room : 4;
		struct rtp_stream *list = realloc(streams->list, room * sizeof(*list));

		if (!list)
			return NULL;
		streams->list = list;
		streams->room = room;
	}
	s = &streams->list[streams->count];
	memset(s, 0, sizeof(*s));
	s->flow = index->sources[source].flow;
	s->ssrc = index->sources[source].ssrc;
	s->part = index->flows[s->flow].part;
	s->codec = p->codec;
	s->packet_ns = PACKET_NS_DEFAULT;
	s->head_sequence = SEQUENCE_CYCLE + p->sequence;
	s->head_timestamp = p->timestamp;
	s->head_arrival_ns = p->arrival_ns;
	s->older = streams->newest[source];
	streams->newest[source] = (uint16_t)streams->count++;
	return s;
}

/* Which of the source's streams a packet belongs to; begins one when none will do. NULL: no
 * memory. */
static struct rtp_stream *stream_for(struct rtp_streams *streams, const struct packet_index *index,
	size_t at, uint32_t *extended)
{
	const struct packet *p = &index->packets[at];
	uint32_t clock_hz = packet_codec(index, p)->codec.clock_hz;
	uint16_t newest = streams->newest[p->stream];
	unsigned int tries = 4;

	for (uint16_t i = newest; i != RTP_STREAM_NONE && tries > 0; tries--) {
		if (fits(&streams->list[i], p, clock_hz, extended))
			return &streams->list[i];
		i = streams->list[i].older;
	}
	if (newest != RTP_STREAM_NONE && !has_follower(index, at, p->stream) &&
		is_straggler(&streams->list[newest], p, clock_hz, extended))
		return &streams->list[newest];
	*extended = SEQUENCE_CYCLE + p->sequence;
	if (newest != RTP_STREAM_NONE && streams->count >= RTP_STREAMS_MAX)
		return &streams->list[newest];
	return begin(streams, index, p->stream, p);
}

static void measure(struct rtp_stream *s, const struct packet *p, uint32_t clock_hz)
{
	uint32_t ticks = p->timestamp - s->head_timestamp;
	uint64_t step_ns;

	if (ticks == 0 || ticks > clock_hz)
		return;
	step_ns = ticks_to_ns(ticks, clock_hz);
	if (!s->measured || step_ns < s->packet_ns)
		s->packet_ns = step_ns;
	s->measured = true;
}

static void forget(struct rtp_stream *s, uint32_t from, uint32_t to)
{
	if (to - from >= RTP_STREAM_WINDOW) {
		memset(s->seen, 0, sizeof(s->seen));
		return;
	}
	for (uint32_t n = from; n != to; n++)
		s->seen[n % RTP_STREAM_WINDOW / 64] &= ~(1ULL << n % 64);
}

static void move_head(struct rtp_stream *s, const struct packet *p, const struct track_codec *codec)
{
	if (p->sequence == s->head_sequence + 1 && codec->kind == PACKET_AUDIO)
		measure(s, p, codec->codec.clock_hz);
	forget(s, s->head_sequence + 1, p->sequence + 1);
	s->head_sequence = p->sequence;
	s->head_timestamp = p->timestamp;
	s->head_arrival_ns = p->arrival_ns;
}

/* Notes a packet in the window; tells whether it was there. */
static bool seen_before(struct rtp_stream *s, const struct packet *p)
{
	uint32_t slot = p->sequence % RTP_STREAM_WINDOW;
	uint64_t bit = 1ULL << slot % 64;

	if (s->head_sequence - p->sequence >= RTP_STREAM_WINDOW)
		return false;
	if (s->seen[slot / 64] & bit)
		return s->timestamps[slot] == p->timestamp;
	s->seen[slot / 64] |= bit;
	s->timestamps[slot] = p->timestamp;
	return false;
}

static void enter(struct rtp_stream *s, struct packet *p, const struct track_codec *codec)
{
	if (p->sequence > s->head_sequence)
		move_head(s, p, codec);
	p->duplicate = seen_before(s, p);
	if (!s->has_media && codec->kind != PACKET_EVENT) {
		s->codec = p->codec;
		s->has_media = codec->kind != PACKET_SILENCE;
	}
}

int rtp_streams_find(struct rtp_streams *streams, struct packet_index *index)
{
	memset(streams, 0, sizeof(*streams));
	streams->newest = malloc((index->source_count + 1UL) * sizeof(streams->newest[0]));
	if (!streams->newest)
		return -ENOMEM;
	memset(streams->newest, 0xff, index->source_count * sizeof(streams->newest[0]));
	for (size_t i = 0; i < index->count; i++) {
		struct packet *p = &index->packets[i];
		uint32_t extended;
		struct rtp_stream *s = stream_for(streams, index, i, &extended);

		if (!s)
			return -ENOMEM;
		p->sequence = extended;
		enter(s, p, packet_codec(index, p));
		p->stream = (uint16_t)(s - streams->list);
	}
	return 0;
}

void rtp_streams_free(struct rtp_streams *streams)
{
	free(streams->list);
	free(streams->newest);
	memset(streams, 0, sizeof(*streams));
}
