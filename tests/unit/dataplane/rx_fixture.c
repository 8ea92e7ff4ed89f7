#include "rx_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <rte_eal.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "common/clock.h"
#include "dataplane/packet.h"

#define MBUFS 4095
#define FRAME_BYTES 4608
#define UDP_PAYLOAD_AT 42U
#define RTP_BYTES 172U

void fixture_start_eal(void)
{
	static char words[][20] = {"rx_test", "--no-huge", "--no-shconf", "--no-pci",
		"--no-telemetry", "-m", "96", "--log-level=error"};
	char *argv[sizeof(words) / sizeof(words[0])];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		argv[i] = words[i];
	assert_true(rte_eal_init(sizeof(words) / sizeof(words[0]), argv) >= 0);
	clock_start();
}

static uint16_t burst(void *source, struct rte_mbuf **mbufs, uint16_t count)
{
	struct fixture_queue *q = source;
	uint16_t n = 0;

	for (; n < count && q->count > 0; n++, q->count--)
		mbufs[n] = q->frames[q->first++ % FIXTURE_FRAMES];
	return n;
}

static void make_core(struct fixture *f, uint32_t capacity)
{
	struct rx_config config = {.dataplane = &f->d->config,
		.topology = &f->topology,
		.pool = &f->chunks,
		.table = &f->d->table,
		.fragments = f->d->fragments};

	assert_int_equal(rx_create(&f->rx, &config), 0);
	f->d->rx[0].rx = f->rx;
	command_queue_init(&f->d->rx[0].commands, f->topology.commands[0], f->topology.acks[0]);
	for (unsigned int q = 0; q < FIXTURE_QUEUES; q++) {
		struct rx_queue queue = {.burst = burst,
			.source = &f->queues[q],
			.capacity = capacity,
			.port = (uint8_t)q};

		assert_int_equal(rx_add_queue(f->rx, &queue), 0);
	}
}

struct fixture *fixture_make(uint32_t streams, uint32_t chunks, uint32_t capacity)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct errmsg e;

	assert_non_null(f);
	f->d = calloc(1, sizeof(*f->d));
	assert_non_null(f->d);
	f->d->config = (struct dataplane_config){.rx_count = 1,
		.streams_max = streams,
		.max_age_ns = 5000000000ULL,
		.fragments_max = FIXTURE_FRAGMENTS,
		.fragment_hold_ns = FIXTURE_HOLD_NS};
	f->d->topology = &f->topology;
	f->d->leaving = STREAM_NONE;
	f->d->handover.fd = -1;
	assert_int_equal(chunk_pool_create(&f->chunks, 2UL << 20, CHUNK_BYTES_MIN, 1, &e), 0);
	assert_true(chunks <= f->chunks.count);
	f->chunks.per_rx = chunks;
	assert_int_equal(topology_create(&f->topology, 1, 1, f->chunks.per_rx, &e), 0);
	assert_int_equal(stream_table_create(&f->d->table, streams, &e), 0);
	f->pool = packet_pool_create("frames", MBUFS, FRAME_BYTES, SOCKET_ID_ANY);
	assert_non_null(f->pool);
	f->d->copies = packet_pool_create("copies", 255, 640, SOCKET_ID_ANY);
	assert_non_null(f->d->copies);
	f->d->fragments = packet_pool_create(
		"fragments", FIXTURE_FRAGMENT_POOL, FRAGMENT_ROOM_BYTES, SOCKET_ID_ANY);
	assert_non_null(f->d->fragments);
	make_core(f, capacity);
	return f;
}

static void check_accounts(const struct fixture *f)
{
	uint64_t in = 0;
	uint64_t out = 0;

	for (unsigned int i = 0; i < RX_COUNTER_COUNT; i++) {
		if (rx_counter_info[i].kind == COUNTER_IN)
			in += fixture_count(f, i);
		else if (rx_counter_info[i].kind == COUNTER_OUT ||
			 rx_counter_info[i].kind == COUNTER_HELD)
			out += fixture_count(f, i);
	}
	assert_int_equal(in, out);
	assert_int_equal(
		fixture_count(f, RX_recorded) + fixture_count(f, RX_rtcp_recorded), f->frames);
}

void fixture_end(struct fixture *f)
{
	rx_finish(f->rx);
	fixture_written(f, TRACK_REF_NONE);
	check_accounts(f);
	for (unsigned int q = 0; q < FIXTURE_QUEUES; q++)
		assert_int_equal(f->queues[q].count, 0);
	assert_int_equal(rte_mempool_avail_count(f->d->copies), 255);
	assert_int_equal(fixture_count(f, RX_fragment_waiting), 0);
	assert_int_equal(rte_mempool_avail_count(f->d->fragments), FIXTURE_FRAGMENT_POOL);
	dataplane_destroy(f->d);
	assert_int_equal(rte_mempool_avail_count(f->pool), MBUFS);
	rte_mempool_free(f->pool);
	topology_destroy(&f->topology);
	f->chunks.per_rx = f->chunks.count;
	chunk_pool_destroy(&f->chunks);
	free(f);
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void fixture_give_frame(struct fixture *f, unsigned int queue, const void *bytes, uint32_t count)
{
	struct fixture_queue *q = &f->queues[queue];
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->pool);
	char *frame;

	assert_non_null(m);
	assert_true(q->count < FIXTURE_FRAMES);
	frame = rte_pktmbuf_append(m, (uint16_t)count);
	assert_non_null(frame);
	memcpy(frame, bytes, count);
	q->frames[(q->first + q->count++) % FIXTURE_FRAMES] = m;
}

void fixture_give(
	struct fixture *f, unsigned int queue, uint16_t port, const void *payload, uint32_t bytes)
{
	static const uint8_t ends[] = {10, 0, 0, 1, 10, 0, 0, 2};
	uint8_t frame[FRAME_BYTES] = {0};

	assert_true(UDP_PAYLOAD_AT + bytes <= sizeof(frame));
	put16(frame + 12, 0x0800);
	frame[14] = 0x45;
	put16(frame + 16, 28 + bytes);
	frame[23] = IPPROTO_UDP;
	memcpy(frame + 26, ends, sizeof(ends));
	put16(frame + 34, port);
	put16(frame + 36, 6000);
	put16(frame + 38, 8 + bytes);
	memcpy(frame + UDP_PAYLOAD_AT, payload, bytes);
	fixture_give_frame(f, queue, frame, UDP_PAYLOAD_AT + bytes);
}

void fixture_give_rtp(struct fixture *f, unsigned int queue, uint16_t port, uint16_t sequence)
{
	uint8_t rtp[RTP_BYTES];

	memset(rtp, (uint8_t)sequence, sizeof(rtp));
	rtp[0] = 0x80;
	rtp[1] = 0;
	put16(rtp + 2, sequence);
	put16(rtp + 8, 0);
	put16(rtp + 10, port);
	fixture_give(f, queue, port, rtp, sizeof(rtp));
}

struct flow fixture_flow(uint16_t port)
{
	return (struct flow){.source = netaddr_from_ipv4("\x0a\0\0\x01", port),
		.destination = netaddr_from_ipv4("\x0a\0\0\x02", 6000)};
}

stream_id fixture_add(
	struct fixture *f, uint16_t port, enum gate gate, track_ref track, uint64_t open_ns)
{
	struct gate_setting setting = {
		.gate = gate, .track = track, .ordinal = port, .open_ns = open_ns};
	struct flow flow = fixture_flow(port);
	stream_id id;

	assert_int_equal(stream_add(f->d, &flow, &setting, &id), 0);
	assert_int_not_equal(id, 0);
	return id;
}

void fixture_set(struct fixture *f, stream_id id, enum gate gate, track_ref track, uint64_t open_ns,
	uint64_t cookie)
{
	struct gate_setting setting = {.gate = gate, .track = track, .open_ns = open_ns};

	assert_int_equal(stream_set_gate(f->d, id, &setting, cookie), 0);
}

static void on_sip(void *arg, struct rte_mbuf *m)
{
	struct fixture *f = arg;

	f->sip_count++;
	packet_free(m);
}

static void on_unknown(void *arg, struct rte_mbuf *m)
{
	struct fixture *f = arg;

	assert_true(f->unknown_count < FIXTURE_UNKNOWN);
	f->unknown[f->unknown_count++] = m;
}

static void on_acked(void *arg, uint64_t cookie)
{
	struct fixture *f = arg;

	assert_true(f->acked_count < FIXTURE_COOKIES);
	f->acked[f->acked_count++] = cookie;
}

static void on_watched(void *arg, void *watcher, const struct watched_packet *p)
{
	struct fixture *f = arg;

	assert_true(f->watched_count < FIXTURE_WATCHED);
	f->watchers[f->watched_count] = watcher;
	f->watched[f->watched_count++] = *p;
}

void fixture_poll(struct fixture *f)
{
	const struct dataplane_handlers handlers = {.arg = f,
		.sip = on_sip,
		.unknown = on_unknown,
		.watched = on_watched,
		.acked = on_acked};

	dataplane_poll(f->d, &handlers);
}

uint32_t fixture_written(struct fixture *f, track_ref track)
{
	uint32_t index;
	uint32_t frames = 0;

	while (rte_ring_dequeue_elem(f->topology.chunks[0][0], &index, sizeof(index)) == 0) {
		const struct chunk *c = &f->chunks.chunks[index];

		assert_int_equal(chunk_header_of(c)->frames, c->frames);
		assert_int_equal(chunk_header_of(c)->used_bytes, c->used);
		f->frames += c->frames;
		if (c->track == track)
			frames += c->frames;
		rte_ring_enqueue_elem(f->topology.empty[0][0], &index, sizeof(index));
	}
	return frames;
}

uint64_t fixture_count(const struct fixture *f, enum rx_counter which)
{
	return counter_read(&f->rx->counters[which]);
}
