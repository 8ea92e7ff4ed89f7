#include "dataplane/watch.h"

#include <assert.h>
#include <string.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "dataplane/rtp.h"
#include "dataplane/rx.h"

static_assert(sizeof(struct watched_packet) == TOPOLOGY_WATCHED_BYTES, "an element of the ring");

static bool is_watched(const struct stream_gate *sg, uint8_t payload_type)
{
	for (unsigned int i = 0; i < STREAM_WATCHED_TYPES; i++)
		if (sg->watched_types[i] == payload_type)
			return true;
	return false;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

void watch_packet(
	struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream, enum gate gate)
{
	const struct stream_gate *sg = &rx->table->gates[stream];
	const uint8_t *rtp = burst_payload(b, i);
	uint32_t readable = burst_readable(b, i);
	uint32_t header;
	struct watched_packet p = {.id = sg->watched_id, .arrival_ns = b->arrivals[i]};

	if (!is_watched(sg, rtp[1] & 0x7f))
		return;
	header = rtp_header_bytes(rtp, readable);
	if (readable < header + WATCHED_PAYLOAD_BYTES)
		return;
	p.ssrc = rtp_ssrc(rtp);
	p.timestamp = get32(rtp + 4);
	p.sequence = get16(rtp + 2);
	p.gate = (uint8_t)gate;
	memcpy(p.payload, rtp + header, sizeof(p.payload));
	if (rte_ring_sp_enqueue_elem(rx->topology->watched[rx->index], &p, sizeof(p)) == 0)
		rx->tally[RX_watched]++;
	else
		rx->tally[RX_watched_lost]++;
}
