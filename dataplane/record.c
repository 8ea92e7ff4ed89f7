#include "dataplane/record.h"

#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include <rte_memcpy.h>

#include "dataplane/packet.h"
#include "dataplane/rtp.h"
#include "dataplane/rx.h"
#include "dataplane/watch.h"

#define WAIT_FOR_CHUNK_NS 50000
#define LINE_BYTES 64U

static void pause_for(long ns)
{
	struct timespec t = {.tv_nsec = ns};

	nanosleep(&t, NULL);
}

/* Opens a chunk; in lossless mode waits for one. */
static bool open_chunk(struct rx *rx, uint32_t stream, const struct stream_target *target,
	uint32_t units, uint64_t arrival_ns)
{
	bool waited = false;

	while (!filling_open(&rx->filling, stream, target, units, arrival_ns)) {
		filling_make_room(&rx->filling);
		if (!rx->handover || handover_is_stopping(rx->handover))
			return false;
		if (!waited)
			rx->tally[RX_waits]++;
		waited = true;
		pause_for(WAIT_FOR_CHUNK_NS);
	}
	return true;
}

/* To `out`, with room for as much again as a line. */
static inline void copy_payload(uint8_t *out, const struct burst *b, unsigned int i, uint32_t bytes)
{
	if (likely(burst_readable(b, i) == bytes)) {
		rte_memcpy(out, burst_payload(b, i), bytes);
		return;
	}
	const void *read = rte_pktmbuf_read(b->mbufs[i], b->decaps[i].payload_offset, bytes, out);
	if (read && read != out)
		memcpy(out, read, bytes);
}

/* True when tail_append_whole may have it. */
static inline bool is_whole(const struct burst *b, unsigned int i)
{
	const struct rte_mbuf *m = b->mbufs[i];
	uint32_t bytes = b->decaps[i].payload_bytes;

	return TAIL_PAST_CACHES && bytes % STREAM_UNIT_BYTES == 0 &&
	       burst_readable(b, i) == bytes &&
	       m->data_off + b->decaps[i].payload_offset + bytes + TAIL_READ_BEHIND <= m->buf_len;
}

static inline void write_frame(
	struct rx *rx, uint32_t stream, const struct burst *b, unsigned int i)
{
	struct stream *s = &rx->table->streams[stream];
	struct tail *tail = &rx->table->tails[stream];
	uint8_t *chunk = filling_data(&rx->filling, s->chunk);
	uint32_t used = s->used * STREAM_UNIT_BYTES;
	struct chunk_frame frame = {
		.arrival_us = (int32_t)((int64_t)(b->arrivals[i] - s->base_ns) / 1000),
		.length = (uint16_t)b->decaps[i].payload_bytes,
	};

	if (likely(is_whole(b, i))) {
		used = tail_append_whole(tail, chunk, used, &frame, burst_payload(b, i));
	} else {
		copy_payload(tail_begin(&rx->scratch, tail, used), b, i, frame.length);
		used = tail_append(&rx->scratch, tail, chunk, used, &frame);
	}
	s->used = (uint16_t)(used / STREAM_UNIT_BYTES);
	s->frames++;
}

static bool is_for(const struct chunk *c, const struct stream_target *target)
{
	return c->track == target->track && c->ordinal == target->ordinal;
}

/* A frame that came late, by the gate as it was, leaves no chunk behind that the next one, by the
 * gate as it is, would join. */
static void part_from_late_frame(struct rx *rx, struct stream *s, const struct stream_target *now)
{
	if (s->opening == OPENING_NONE && !is_for(&rx->filling.chunks[s->chunk], now))
		filling_hand_over(&rx->filling, s);
}

/* `target`: NULL, or where the frame must go, wherever the stream's chunk is of. */
static enum rx_counter store(struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream,
	const struct stream_target *target)
{
	const struct stream_target *now = &rx->table->gates[stream].now;
	struct stream *s = &rx->table->streams[stream];
	uint32_t bytes = b->decaps[i].payload_bytes;
	uint32_t units = chunk_frame_bytes(bytes) / STREAM_UNIT_BYTES;

	if (unlikely(bytes > filling_packet_max(&rx->filling))) {
		stream_count_one(&s->dropped);
		return RX_drop_too_long;
	}
	if (unlikely(target && s->chunk != CHUNK_NONE &&
		     !is_for(&rx->filling.chunks[s->chunk], target)))
		filling_hand_over(&rx->filling, s);
	if (unlikely(!filling_fits(&rx->filling, s, units, b->arrivals[i]))) {
		filling_hand_over(&rx->filling, s);
		if (!open_chunk(rx, stream, target ? target : now, units, b->arrivals[i])) {
			stream_count_one(&s->dropped);
			return RX_drop_no_chunk;
		}
	}
	write_frame(rx, stream, b, i);
	if (unlikely(target))
		part_from_late_frame(rx, s, now);
	return RX_recorded;
}

static inline void note_arrival(struct stream *s, const struct burst *b, unsigned int i)
{
	if (b->arrivals[i] < atomic_load_explicit(&s->last_ns, memory_order_relaxed))
		return;
	atomic_store_explicit(&s->last_ns, b->arrivals[i], memory_order_relaxed);
	atomic_store_explicit(&s->ssrc, rtp_ssrc(burst_payload(b, i)), memory_order_relaxed);
}

static uint64_t since(const struct burst *b, unsigned int i)
{
	return b->own_times ? packet_area_of(b->mbufs[i])->since_ns : b->since_ns;
}

/* A copy is judged by its own gate, and is a packet of its own in the sums. */
static void record_copies(struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream)
{
	const struct stream_gate *gates = rx->table->gates;

	for (uint32_t c = gates[stream].copy; c != STREAM_NONE; c = gates[c].copy) {
		enum rx_counter outcome = record_packet(rx, b, i, c);

		rx->tally[RX_copied]++;
		rx->tally[outcome]++;
	}
}

/* Whether the packet is withheld from the stream's own track. */
static bool serve_others(
	struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream, enum gate gate)
{
	const struct stream *s = &rx->table->streams[stream];

	if (s->copied)
		record_copies(rx, b, i, stream);
	return s->watched && watch_packet(rx, b, i, stream, gate);
}

enum rx_counter record_packet(struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream)
{
	struct stream *s = &rx->table->streams[stream];
	const struct stream_target *target = NULL;
	enum rx_counter outcome;
	enum gate gate = s->gate;

	note_arrival(s, b, i);
	if (unlikely(s->opening != OPENING_NONE || b->own_times)) {
		target = gates_judge(&rx->gates, stream, since(b, i));
		gate = target->gate;
	}
	if (unlikely(s->watched | s->copied) && serve_others(rx, b, i, stream, gate))
		return RX_withheld;
	switch (gate) {
	case GATE_RECORD:
		outcome = store(rx, b, i, stream, target);
		if (likely(outcome == RX_recorded))
			stream_count_one(&s->recorded);
		return outcome;
	case GATE_PAUSED:
		stream_count_one(&s->while_paused);
		return RX_while_paused;
	case GATE_UNKNOWN:
		stream_count_one(&s->not_wanted);
		return RX_unknown;
	case GATE_OFF:
		break;
	}
	stream_count_one(&s->not_wanted);
	return RX_not_wanted;
}

static uint32_t find_one(const struct stream_table *table, const struct flow_key *key)
{
	return stream_table_find(table, key, flow_key_hash(key));
}

static uint16_t port_below(uint16_t port)
{
	return htons((uint16_t)(ntohs(port) - 1));
}

static uint32_t stream_of_control(const struct rx *rx, const struct flow_key *on_the_wire)
{
	struct flow_key key = *on_the_wire;
	uint32_t stream;

	if (key.version == 4)
		key.v4.scope |= flow_scope(0, rx->index);
	else
		key.v6.scope |= flow_scope(0, rx->index);
	stream = find_one(rx->table, &key);
	if (stream != STREAM_NONE)
		return stream;
	if (key.version == 4) {
		key.v4.source_port = port_below(key.v4.source_port);
		key.v4.destination_port = port_below(key.v4.destination_port);
	} else {
		key.v6.source_port = port_below(key.v6.source_port);
		key.v6.destination_port = port_below(key.v6.destination_port);
	}
	return find_one(rx->table, &key);
}

enum rx_counter record_control(struct rx *rx, const struct burst *b, unsigned int i)
{
	uint32_t stream = stream_of_control(rx, &b->decaps[i].key);
	const struct stream_target *target = NULL;
	enum rx_counter outcome;
	enum gate gate;

	if (stream == STREAM_NONE)
		return RX_rtcp;
	gate = rx->table->streams[stream].gate;
	if (rx->table->streams[stream].opening != OPENING_NONE || b->own_times) {
		target = gates_judge(&rx->gates, stream, since(b, i));
		gate = target->gate;
	}
	if (gate != GATE_RECORD)
		return RX_rtcp;
	outcome = store(rx, b, i, stream, target);
	return outcome == RX_recorded ? RX_rtcp_recorded : outcome;
}

/* The tail, and the lines of the packet behind the first, which has been read; when its frame will
 * not fit, the descriptors of chunks, too. */
static inline void prefetch_copy(
	const struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream)
{
	const struct stream *s = &rx->table->streams[stream];
	uint32_t bytes = burst_readable(b, i);
	const uint8_t *from = burst_payload(b, i);
	const uint8_t *end = from + bytes;

	__builtin_prefetch(&rx->table->tails[stream], 1);
	for (from += LINE_BYTES - (uintptr_t)from % LINE_BYTES; from < end; from += LINE_BYTES)
		rte_prefetch0(from);
	if (s->chunk == CHUNK_NONE ||
		s->used + chunk_frame_bytes(bytes) / STREAM_UNIT_BYTES > s->limit) {
		filling_prefetch_change(&rx->filling, s);
		rte_prefetch0(&rx->table->gates[stream]);
	}
}

/* A packet for the control thread is described in it. */
static inline void prefetch_area(struct rte_mbuf *m)
{
	const uint8_t *area = (const uint8_t *)packet_area_of(m);

	for (uint32_t at = 0; at < sizeof(struct packet_area); at += LINE_BYTES)
		__builtin_prefetch(area + at, 1);
}

void record_prefetch(const struct rx *rx, const struct burst *b)
{
	for (unsigned int k = 0; k < b->media_count; k++) {
		uint32_t stream = b->look_ups[k].stream;

		if (unlikely(stream == STREAM_NONE))
			prefetch_area(b->mbufs[b->media[k]]);
		else if (rx->table->streams[stream].gate == GATE_RECORD)
			prefetch_copy(rx, b, b->media[k], stream);
	}
}
