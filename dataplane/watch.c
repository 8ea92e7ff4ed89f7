#include "dataplane/watch.h"

#include <assert.h>
#include <string.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "common/byte_order.h"
#include "dataplane/rtp.h"
#include "dataplane/rx.h"

#define FIRST_DYNAMIC_TYPE 96
#define BLOCK_HEADER_BYTES 4 /* RFC 2198, 3; of the last block: 1 */
#define BLOCK_MORE 0x80
#define TYPE_BITS 0x7f
#define PADDED 0x20

static_assert(sizeof(struct watched_packet) == TOPOLOGY_WATCHED_BYTES, "an element of the ring");

static bool is_event(const struct stream_watch *w, uint8_t payload_type)
{
	for (unsigned int i = 0; i < STREAM_WATCHED_TYPES; i++)
		if (w->types[i] == payload_type)
			return true;
	return false;
}

/* What is looked at of a packet. */
struct seen {
	const uint8_t *rtp;
	uint32_t readable;	/* bytes */
	uint32_t header;	/* bytes before the payload */
	bool has_event;		/* it, or a block of it */
	const uint8_t *payload; /* of its event, in its own time; NULL: none that can be read */
};

/* Of redundant blocks (RFC 2198) any may be an event; the last is the packet's own. */
static void look_into_blocks(const struct stream_watch *w, struct seen *s)
{
	uint32_t at = s->header;
	uint32_t data = 0;
	bool own;

	while (at + BLOCK_HEADER_BYTES <= s->readable && s->rtp[at] & BLOCK_MORE) {
		s->has_event = s->has_event || is_event(w, s->rtp[at] & TYPE_BITS);
		data += be16(s->rtp + at + 2) & 0x3ff;
		at += BLOCK_HEADER_BYTES;
	}
	if (at >= s->readable || s->rtp[at] & BLOCK_MORE)
		return;
	own = is_event(w, s->rtp[at]);
	s->has_event = s->has_event || own;
	if (own && at + 1 + data + WATCHED_PAYLOAD_BYTES <= s->readable)
		s->payload = s->rtp + at + 1 + data;
}

static void look(const struct stream_watch *w, struct seen *s)
{
	uint8_t type = s->rtp[1] & TYPE_BITS;

	if (type == w->redundancy) {
		look_into_blocks(w, s);
		return;
	}
	s->has_event = is_event(w, type);
	if (s->has_event && s->readable >= s->header + WATCHED_PAYLOAD_BYTES)
		s->payload = s->rtp + s->header;
}

/* Four bytes of a dynamic type that nobody announced as events: no codec in use makes packets of
 * that length, senders that were never asked for events do. */
static bool looks_like_event(const struct seen *s, uint32_t payload_bytes)
{
	uint32_t padding =
		s->rtp[0] & PADDED && s->readable == payload_bytes ? s->rtp[payload_bytes - 1] : 0;

	return (s->rtp[1] & TYPE_BITS) >= FIRST_DYNAMIC_TYPE &&
	       payload_bytes == s->header + WATCHED_PAYLOAD_BYTES + padding;
}

static bool is_withheld(
	struct stream_gate *sg, const struct seen *s, uint32_t payload_bytes, uint64_t arrival_ns)
{
	if (sg->watch.withhold == WITHHOLD_NOTHING)
		return false;
	if (s->has_event || looks_like_event(s, payload_bytes)) {
		sg->silent_until_ns = arrival_ns + WITHHOLD_AFTER_NS;
		return true;
	}
	return sg->watch.withhold == WITHHOLD_AUDIO && arrival_ns < sg->silent_until_ns;
}

static void tell(
	struct rx *rx, const struct seen *s, stream_id id, uint64_t arrival_ns, enum gate gate)
{
	struct watched_packet p = {.id = id,
		.arrival_ns = arrival_ns,
		.ssrc = rtp_ssrc(s->rtp),
		.timestamp = be32(s->rtp + 4),
		.sequence = be16(s->rtp + 2),
		.gate = (uint8_t)gate};

	memcpy(p.payload, s->payload, sizeof(p.payload));
	if (rte_ring_sp_enqueue_elem(rx->topology->watched[rx->index], &p, sizeof(p)) == 0)
		rx->tally[RX_watched]++;
	else
		rx->tally[RX_watched_lost]++;
}

bool watch_packet(
	struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream, enum gate gate)
{
	struct stream_gate *sg = &rx->table->gates[stream];
	struct seen s = {.rtp = burst_payload(b, i), .readable = burst_readable(b, i)};

	s.header = rtp_header_bytes(s.rtp, s.readable);
	look(&sg->watch, &s);
	if (sg->watch.told && s.payload)
		tell(rx, &s, sg->watched_id, b->arrivals[i], gate);
	if (!is_withheld(sg, &s, b->decaps[i].payload_bytes, b->arrivals[i]) || gate != GATE_RECORD)
		return false;
	stream_count_one(&sg->withheld);
	return true;
}
