/* What becomes of a packet at an rx core: each has one outcome, each loss a counter, and what is
 * recorded is what was given. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "common/clock.h"
#include "rx_fixture.h"

#define PORT 5000
#define CAPACITY 512
#define TRACK track_ref_make(1, 1)

static void drain_queues(struct fixture *f)
{
	while (f->queues[0].count + f->queues[1].count > 0)
		rx_turn(f->rx);
}

static void free_unknown(struct fixture *f)
{
	do {
		f->unknown_count = 0;
		fixture_poll(f);
		for (unsigned int i = 0; i < f->unknown_count; i++)
			packet_free(f->unknown[i]);
	} while (f->unknown_count > 0);
}

static void each_kind_has_its_outcome(void **state)
{
	static const char sip[] = "OPTIONS sip:a@b SIP/2.0\r\n\r\n";
	static const uint8_t rtcp[8] = {0x80, 200, 0, 1};
	static const uint8_t stun[20] = {0, 1};
	uint8_t frame[64] = {[12] = 8, [14] = 0x45, [17] = 50, [23] = IPPROTO_ICMP};
	struct fixture *f = fixture_make(10, 8, CAPACITY);

	fixture_give(f, 0, 5060, sip, sizeof(sip) - 1);
	fixture_give(f, 0, PORT, rtcp, sizeof(rtcp));
	fixture_give(f, 0, PORT, stun, sizeof(stun));
	fixture_give_rtp(f, 1, PORT, 1);
	fixture_give_frame(f, 0, frame, sizeof(frame)); /* not UDP */
	frame[20] = 0x20;
	fixture_give_frame(f, 0, frame, sizeof(frame)); /* a fragment of such */
	frame[17] = 200;
	fixture_give_frame(f, 0, frame, sizeof(frame)); /* longer than it is */
	frame[13] = 6;
	fixture_give_frame(f, 0, frame, sizeof(frame)); /* ARP */
	fixture_give_frame(f, 0, frame, 5);
	drain_queues(f);
	assert_int_equal(fixture_count(f, RX_polled), 9);
	assert_int_equal(fixture_count(f, RX_to_control_sip), 1);
	assert_int_equal(fixture_count(f, RX_rtcp), 1);
	assert_int_equal(fixture_count(f, RX_not_rtp), 1);
	assert_int_equal(fixture_count(f, RX_to_control_unknown), 1);
	assert_int_equal(fixture_count(f, RX_not_udp), 2);
	assert_int_equal(fixture_count(f, RX_malformed), 2);
	assert_int_equal(fixture_count(f, RX_not_ip), 1);
	fixture_poll(f);
	assert_int_equal(f->sip_count, 1);
	packet_free(f->unknown[0]);
	fixture_end(f);
}

static void the_control_thread_gets_a_description(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	uint64_t before_ns = clock_now_ns();
	uint8_t payload[200];
	const struct packet *p;

	fixture_give_rtp(f, 1, PORT, 77);
	drain_queues(f);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 1);
	p = packet_of(f->unknown[0]);
	assert_int_equal(p->source.port, PORT);
	assert_memory_equal(p->source.ip, "\x0a\0\0\x01", 4);
	assert_int_equal(p->destination.port, 6000);
	assert_int_equal(p->port, 1);
	assert_int_equal(p->payload_bytes, 172);
	assert_int_equal(p->encapsulation, 0);
	assert_true(p->arrival_ns >= before_ns && p->arrival_ns <= clock_now_ns());
	assert_int_equal(packet_payload(f->unknown[0], payload, sizeof(payload)), 172);
	assert_int_equal(payload[3], 77);
	packet_free(f->unknown[0]);
	fixture_end(f);
}

static void a_flood_of_unknown_rtp_does_not_starve_sip(void **state)
{
	static const char sip[] = "SIP/2.0 200 OK\r\n\r\n";
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	unsigned int flood = f->topology.unknown_depth + 100;

	for (unsigned int i = 0; i < flood; i++) {
		fixture_give_rtp(f, 0, (uint16_t)(1024 + i), 1);
		drain_queues(f);
	}
	fixture_give(f, 0, 5060, sip, sizeof(sip) - 1);
	drain_queues(f);
	assert_int_equal(fixture_count(f, RX_drop_unknown_ring_full), 100);
	assert_int_equal(fixture_count(f, RX_to_control_unknown), f->topology.unknown_depth);
	assert_int_equal(fixture_count(f, RX_to_control_sip), 1);
	fixture_poll(f);
	assert_int_equal(f->sip_count, 1);
	for (unsigned int i = 0; i < f->unknown_count; i++)
		packet_free(f->unknown[i]);
	free_unknown(f);
	fixture_end(f);
}

/* ARP for an address that is answered at the first port only, and a flood of it. */
static void only_what_is_to_be_answered_goes_to_control(void **state)
{
	static const struct neighbour_addresses answered = {
		1, {{.family = 4, .ip = {192, 0, 2, 41}}}};
	uint8_t arp[60] = {[12] = 8, [13] = 6, [21] = 1, [38] = 192, [40] = 2, [41] = 41};
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	unsigned int flood = f->topology.rest_depth + 20;

	f->rx->rules.answered[0] = &answered;
	fixture_give_frame(f, 1, arp, sizeof(arp));
	arp[41] = 42;
	fixture_give_frame(f, 0, arp, sizeof(arp));
	drain_queues(f);
	assert_int_equal(fixture_count(f, RX_not_ip), 2);
	arp[41] = 41;
	for (unsigned int i = 0; i < flood; i++)
		fixture_give_frame(f, 0, arp, sizeof(arp));
	fixture_give_rtp(f, 0, PORT, 1);
	drain_queues(f);
	assert_int_equal(fixture_count(f, RX_to_control_rest), f->topology.rest_depth);
	assert_int_equal(fixture_count(f, RX_drop_rest_ring_full), 20);
	assert_int_equal(fixture_count(f, RX_to_control_unknown), 1);
	free_unknown(f);
	while (rte_ring_count(f->topology.rest[0]) > 0)
		fixture_poll(f);
	fixture_end(f);
}

static void without_a_chunk_it_drops_and_counts(void **state)
{
	struct fixture *f = fixture_make(10, 2, CAPACITY);
	struct stream_stats stats;
	stream_id third;

	fixture_add(f, 1, GATE_RECORD, track_ref_make(1, 1), 0);
	fixture_add(f, 2, GATE_RECORD, track_ref_make(2, 1), 0);
	third = fixture_add(f, 3, GATE_RECORD, track_ref_make(3, 1), 0);
	for (uint16_t port = 1; port <= 3; port++)
		fixture_give_rtp(f, 0, port, 1);
	drain_queues(f);
	assert_int_equal(fixture_count(f, RX_recorded), 2);
	assert_int_equal(fixture_count(f, RX_drop_no_chunk), 1);
	assert_int_equal(stream_stats(f->d, third, &stats), 0);
	assert_int_equal(stats.dropped, 1);
	fixture_written(f, TRACK); /* the writer gives one back */
	fixture_give_rtp(f, 0, 3, 2);
	drain_queues(f);
	assert_int_equal(fixture_count(f, RX_recorded), 3);
	fixture_end(f);
}

static void a_packet_longer_than_a_chunk_is_dropped_and_counted(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	uint8_t rtp[CHUNK_BYTES_MIN] = {0x80};
	uint32_t longest = filling_packet_max(&f->rx->filling);

	fixture_add(f, PORT, GATE_RECORD, TRACK, 0);
	fixture_give(f, 0, PORT, rtp, longest);
	fixture_give(f, 0, PORT, rtp, longest + 1);
	drain_queues(f);
	assert_int_equal(fixture_count(f, RX_recorded), 1);
	assert_int_equal(fixture_count(f, RX_drop_too_long), 1);
	fixture_end(f);
}

/* Cuts the frame that waits last into two segments. */
static void cut_in_two(struct fixture *f, unsigned int at)
{
	struct fixture_queue *q = &f->queues[0];
	struct rte_mbuf *m = q->frames[(q->first + q->count - 1) % FIXTURE_FRAMES];
	struct rte_mbuf *rest = rte_pktmbuf_alloc(f->pool);
	uint16_t bytes = (uint16_t)(m->data_len - at);

	assert_non_null(rest);
	memcpy(rte_pktmbuf_append(rest, bytes), rte_pktmbuf_mtod_offset(m, uint8_t *, at), bytes);
	memset(rte_pktmbuf_mtod_offset(m, uint8_t *, at), 0xee, bytes);
	m->data_len = (uint16_t)at;
	m->next = rest;
	m->nb_segs = 2;
}

/* The first chunk that came to the writer; it stays out. */
static const struct chunk *take_chunk(struct fixture *f)
{
	uint32_t index = 0;

	assert_int_equal(rte_ring_dequeue_elem(f->topology.chunks[0][0], &index, sizeof(index)), 0);
	f->frames += f->chunks.chunks[index].frames;
	return &f->chunks.chunks[index];
}

static void a_chunk_holds_what_was_given(void **state)
{
	static const uint32_t lengths[] = {12, 13, 14, 15, 172, 1000};
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	uint8_t rtp[1000];
	const struct chunk *c;
	uint32_t at = sizeof(struct chunk_header);

	for (unsigned int i = 0; i < sizeof(rtp); i++)
		rtp[i] = (uint8_t)(i * 7 + 1);
	rtp[0] = 0x80;
	rtp[1] = 0;
	fixture_add(f, PORT, GATE_RECORD, TRACK, 0);
	f->d->table.streams[0].recorded = 1; /* so that the first chunk is not cut short */
	for (unsigned int i = 0; i < 6; i++)
		fixture_give(f, 0, PORT, rtp, lengths[i]);
	cut_in_two(f, 300);
	drain_queues(f);
	rx_finish(f->rx);
	c = take_chunk(f);
	assert_int_equal(c->track, TRACK);
	assert_int_equal(chunk_header_of(c)->magic, CHUNK_MAGIC);
	assert_int_equal(chunk_header_of(c)->stream, PORT);
	assert_int_equal(c->frames, 6);
	for (unsigned int i = 0; i < 6; i++) {
		const struct chunk_frame *frame = (const struct chunk_frame *)(c->data + at);
		const uint8_t *bytes = (const uint8_t *)(frame + 1);

		assert_int_equal(frame->length, lengths[i]);
		assert_int_equal(frame->arrival_us, 0); /* one burst */
		assert_memory_equal(bytes, rtp, lengths[i]);
		for (uint32_t j = lengths[i]; j < chunk_frame_bytes(lengths[i]) - 8; j++)
			assert_int_equal(bytes[j], 0);
		at += chunk_frame_bytes(lengths[i]);
	}
	assert_int_equal(at, c->used);
	fixture_end(f);
}

static void a_chunk_that_is_old_is_handed_over(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	uint64_t now_ns;

	fixture_add(f, PORT, GATE_RECORD, TRACK, 0);
	fixture_give_rtp(f, 0, PORT, 1);
	drain_queues(f);
	now_ns = clock_now_ns();
	filling_age(&f->rx->filling, now_ns + f->d->config.max_age_ns / 2);
	assert_int_equal(fixture_written(f, TRACK), 0);
	filling_age(&f->rx->filling, now_ns + f->d->config.max_age_ns);
	assert_int_equal(fixture_written(f, TRACK), 1);
	fixture_end(f);
}

static int start(void **state)
{
	fixture_start_eal();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_outcome),
		cmocka_unit_test(the_control_thread_gets_a_description),
		cmocka_unit_test(a_flood_of_unknown_rtp_does_not_starve_sip),
		cmocka_unit_test(only_what_is_to_be_answered_goes_to_control),
		cmocka_unit_test(without_a_chunk_it_drops_and_counts),
		cmocka_unit_test(a_packet_longer_than_a_chunk_is_dropped_and_counted),
		cmocka_unit_test(a_chunk_holds_what_was_given),
		cmocka_unit_test(a_chunk_that_is_old_is_handed_over),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
