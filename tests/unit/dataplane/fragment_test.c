/* IP fragments at an rx core: put together in any order, each with its outcome; what makes no whole
 * packet is counted by name, and memory has its bound. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "dataplane/packet.h"
#include "rx_fixture.h"

#define PORT 5000
#define CAPACITY 512
#define TRACK track_ref_make(1, 1)
#define MESSAGE_BYTES 3000U
#define FRAGMENT_BYTES 1480U

/* What is cut into fragments: UDP, its header included. */
struct datagram {
	unsigned int version;
	uint32_t id;
	uint16_t vlan; /* 0: none */
	uint8_t protocol;
	uint32_t bytes;
	uint8_t data[8192];
};

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value);
}

/* A SIP request with a body that differs by id. */
static struct datagram sip_of(unsigned int version, uint32_t id)
{
	struct datagram d = {.version = version, .id = id, .protocol = IPPROTO_UDP};
	static const char head[] = "OPTIONS sip:a@b SIP/2.0\r\n\r\n";

	d.bytes = 8 + MESSAGE_BYTES;
	put16(d.data, PORT);
	put16(d.data + 2, 5060);
	put16(d.data + 4, d.bytes);
	for (uint32_t i = 8; i < d.bytes; i++)
		d.data[i] = (uint8_t)(i * 7 + id);
	memcpy(d.data + 8, head, sizeof(head) - 1);
	return d;
}

static struct datagram rtp_of(uint32_t id, uint16_t sequence, uint32_t bytes)
{
	struct datagram d = {.version = 4, .id = id, .protocol = IPPROTO_UDP};

	d.bytes = 8 + bytes;
	put16(d.data, PORT);
	put16(d.data + 2, 6000);
	put16(d.data + 4, d.bytes);
	for (uint32_t i = 8; i < d.bytes; i++)
		d.data[i] = (uint8_t)(i * 3 + sequence);
	d.data[8] = 0x80;
	d.data[9] = 0;
	put16(d.data + 10, sequence);
	return d;
}

static uint32_t put_ipv4(
	uint8_t *ip, const struct datagram *d, uint32_t at, uint32_t bytes, bool more)
{
	ip[0] = 0x45;
	put16(ip + 2, 20 + bytes);
	put16(ip + 4, d->id);
	put16(ip + 6, (more ? 0x2000U : 0) | at / 8);
	ip[8] = 64;
	ip[9] = d->protocol;
	memcpy(ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	return 20;
}

/* With a header of hop-by-hop options before the fragment's, and one of destination options in the
 * first fragment being none of our business here. */
static uint32_t put_ipv6(
	uint8_t *ip, const struct datagram *d, uint32_t at, uint32_t bytes, bool more)
{
	ip[0] = 0x60;
	put16(ip + 4, 16 + bytes);
	ip[6] = IPPROTO_HOPOPTS;
	ip[7] = 64;
	ip[8] = ip[24] = 0x20;
	ip[23] = 1;
	ip[39] = 2;
	memcpy(ip + 40, "\x2c\0\1\4\0\0\0\0", 8);
	ip[48] = d->protocol;
	put16(ip + 50, at | more);
	put32(ip + 52, d->id);
	return 56;
}

static void give(
	struct fixture *f, const struct datagram *d, uint32_t at, uint32_t bytes, bool more)
{
	uint8_t frame[4096] = {0};
	uint32_t length = 14;

	if (d->vlan) {
		put16(frame + 12, 0x8100);
		put16(frame + 14, d->vlan);
		length += 4;
	}
	put16(frame + length - 2, d->version == 4 ? 0x0800 : 0x86dd);
	length += d->version == 4 ? put_ipv4(frame + length, d, at, bytes, more)
				  : put_ipv6(frame + length, d, at, bytes, more);
	memcpy(frame + length, d->data + at, bytes);
	fixture_give_frame(f, 0, frame, length + bytes);
}

/* The i-th fragment of the size that Ethernet has. */
static void give_nth(struct fixture *f, const struct datagram *d, unsigned int i)
{
	uint32_t at = i * FRAGMENT_BYTES;
	uint32_t left = d->bytes - at;

	give(f, d, at, left < FRAGMENT_BYTES ? left : FRAGMENT_BYTES, left > FRAGMENT_BYTES);
}

static void turn(struct fixture *f)
{
	while (f->queues[0].count > 0)
		rx_turn(f->rx);
	rx_turn(f->rx);
}

static struct rte_mbuf *kept_sip;
static uint8_t message[65536];

static void keep_sip(void *arg, struct rte_mbuf *m)
{
	assert_null(kept_sip);
	kept_sip = m;
}

static void free_unknown(void *arg, struct rte_mbuf *m)
{
	packet_free(m);
}

static void on_ack(void *arg, uint64_t cookie)
{
}

/* The one SIP message that came is that of the datagram. */
static void is_sip(struct fixture *f, const struct datagram *d)
{
	const struct dataplane_handlers h = {
		.sip = keep_sip, .unknown = free_unknown, .acked = on_ack};
	uint32_t bytes = d->bytes - 8;

	kept_sip = NULL;
	dataplane_poll(f->d, &h);
	assert_non_null(kept_sip);
	assert_int_equal(packet_of(kept_sip)->source.port, PORT);
	assert_int_equal(packet_of(kept_sip)->payload_bytes, bytes);
	assert_int_equal(packet_of(kept_sip)->encapsulation,
		d->vlan ? encapsulation_push_vlan(0, d->vlan) : 0);
	assert_int_equal(packet_payload(kept_sip, message, sizeof(message)), bytes);
	assert_memory_equal(message, d->data + 8, bytes);
	packet_free(kept_sip);
}

static void in_order(unsigned int version, const unsigned int order[3])
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram d = sip_of(version, 77);

	for (unsigned int i = 0; i < 3; i++) {
		give_nth(f, &d, order[i]);
		turn(f);
		assert_int_equal(fixture_count(f, RX_fragment_waiting), i < 2 ? i + 1 : 0);
	}
	is_sip(f, &d);
	assert_int_equal(fixture_count(f, RX_fragment_joined), 3);
	assert_int_equal(fixture_count(f, RX_reassembled), 1);
	assert_int_equal(fixture_count(f, RX_fragments), 3);
	assert_int_equal(fixture_count(f, RX_to_control_sip), 1);
	fixture_end(f);
}

static void fragments_come_in_any_order(void **state)
{
	static const unsigned int orders[][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (unsigned int i = 0; i < 6; i++) {
		in_order(4, orders[i]);
		in_order(6, orders[i]);
	}
}

/* Ids, protocols, VLANs and IP versions tell packets apart. */
static void packets_are_told_apart(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram d[5] = {
		sip_of(4, 1), sip_of(4, 2), sip_of(6, 1), sip_of(4, 1), sip_of(4, 1)};

	d[3].vlan = 100;
	d[4].protocol = IPPROTO_TCP; /* never whole */
	for (unsigned int i = 0; i < 5; i++)
		give_nth(f, &d[i], 0);
	for (unsigned int i = 5; i-- > 0;)
		give_nth(f, &d[i], 2);
	turn(f);
	assert_int_equal(fixture_count(f, RX_fragment_waiting), 10);
	for (unsigned int i = 0; i < 4; i++) {
		give_nth(f, &d[i], 1);
		turn(f);
		is_sip(f, &d[i]);
	}
	rx_finish(f->rx);
	assert_int_equal(fixture_count(f, RX_fragment_joined), 12);
	assert_int_equal(fixture_count(f, RX_fragment_timeout), 2);
	fixture_end(f);
}

/* A mirror of both ports shows each twice, also when the packet is whole. */
static void duplicates_are_passed_over(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram d = sip_of(4, 5);

	for (unsigned int i = 0; i < 6; i++)
		give_nth(f, &d, i / 2);
	turn(f);
	is_sip(f, &d);
	for (unsigned int i = 0; i < 3; i++)
		give_nth(f, &d, i);
	turn(f);
	assert_int_equal(fixture_count(f, RX_fragment_duplicate), 6);
	assert_int_equal(fixture_count(f, RX_reassembled), 1);
	assert_int_equal(fixture_count(f, RX_fragment_waiting), 0);
	fixture_end(f);
}

static void an_id_that_comes_again_is_a_new_packet(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);

	fixture_add(f, PORT, GATE_RECORD, TRACK, 0);
	for (uint16_t sequence = 0; sequence < 10; sequence++) {
		struct datagram d = rtp_of(9, sequence, 2000);

		give_nth(f, &d, 0);
		give_nth(f, &d, 1);
	}
	turn(f);
	assert_int_equal(fixture_count(f, RX_recorded), 10);
	fixture_end(f);
}

static void overlaps_and_contradictions_are_refused(void **state)
{
	static const struct {
		uint32_t at;
		uint32_t bytes;
		bool more;
	} wrong[] = {{1472, 16, true}, {0, 8, true}, {2960, 16, true}, {3000, 16, false},
		{1480, 1480, false}, {1480, 1488, true}};

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct fixture *f = fixture_make(10, 8, CAPACITY);
		struct datagram d = sip_of(4, 5);

		give_nth(f, &d, 0);
		give_nth(f, &d, 2);
		give(f, &d, wrong[i].at, wrong[i].bytes, wrong[i].more);
		give_nth(f, &d, 1); /* it would have been whole */
		turn(f);
		assert_int_equal(fixture_count(f, RX_fragment_refused), 4);
		assert_int_equal(fixture_count(f, RX_reassembled), 0);
		fixture_end(f);
	}
}

/* The same place and length, but other bytes. */
static void another_content_is_refused(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram d = sip_of(4, 5);

	give_nth(f, &d, 0);
	d.data[100] ^= 1;
	give_nth(f, &d, 0);
	turn(f);
	assert_int_equal(fixture_count(f, RX_fragment_refused), 2);
	fixture_end(f);
}

static void impossible_fragments_are_malformed(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram d = sip_of(4, 5);
	uint8_t frame[60] = {[12] = 8, [14] = 0x45, [17] = 46, [20] = 0x1f, [21] = 0xff, [23] = 17};

	give(f, &d, 0, 100, true);	     /* no multiple of 8 */
	give(f, &d, 8, 0, false);	     /* nothing in it */
	fixture_give_frame(f, 0, frame, 60); /* beyond 65535 */
	turn(f);
	assert_int_equal(fixture_count(f, RX_malformed), 3);
	fixture_end(f);
}

static void too_many_pieces_are_refused(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram d = sip_of(4, 5);

	for (unsigned int i = 0; i <= FRAGMENT_PIECES_MAX; i++)
		give(f, &d, 8 * i, 8, true);
	turn(f);
	assert_int_equal(fixture_count(f, RX_fragment_refused), FRAGMENT_PIECES_MAX + 1);
	fixture_end(f);
}

static void what_waits_too_long_is_given_up(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram d = sip_of(4, 5);
	uint64_t tally[RX_COUNTER_COUNT] = {0};
	uint64_t before_ns = clock_now_ns();

	give_nth(f, &d, 0);
	give_nth(f, &d, 2);
	turn(f);
	fragments_age(f->rx->fragments, before_ns + FIXTURE_HOLD_NS - 1, tally);
	assert_int_equal(tally[RX_fragment_timeout], 0);
	fragments_age(f->rx->fragments, clock_now_ns() + FIXTURE_HOLD_NS, f->rx->tally);
	give_nth(f, &d, 1);
	turn(f);
	assert_int_equal(fixture_count(f, RX_fragment_timeout), 2);
	assert_int_equal(fixture_count(f, RX_fragment_waiting), 1);
	fixture_end(f);
}

/* The oldest go, and a whole packet is still made. */
static void memory_is_bounded(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram whole = sip_of(4, 0xffff);

	for (unsigned int i = 0; i < 3 * FIXTURE_FRAGMENTS; i++) {
		struct datagram d = sip_of(4, i);

		give_nth(f, &d, 1);
		turn(f);
		assert_true(fixture_count(f, RX_fragment_waiting) <= FIXTURE_FRAGMENTS);
	}
	for (unsigned int i = 0; i < 3; i++)
		give_nth(f, &whole, i);
	turn(f);
	is_sip(f, &whole);
	assert_int_equal(fixture_count(f, RX_drop_fragments_full), 2 * FIXTURE_FRAGMENTS + 3);
	rx_finish(f->rx);
	assert_int_equal(fixture_count(f, RX_fragment_timeout), FIXTURE_FRAGMENTS - 3);
	fixture_end(f);
}

/* The control thread keeps them: there is nothing to put packets together in. */
static void without_memory_the_packet_is_lost_and_counted(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct rte_mbuf *taken[FIXTURE_FRAGMENT_POOL];
	struct datagram d = sip_of(4, 5);
	unsigned int count = 0;

	give_nth(f, &d, 0);
	give_nth(f, &d, 1);
	turn(f);
	while ((taken[count] = rte_pktmbuf_alloc(f->d->fragments)))
		count++;
	rte_pktmbuf_free(taken[--count]); /* the last one fits, the whole does not */
	give_nth(f, &d, 2);
	turn(f);
	give_nth(f, &d, 0);
	turn(f);
	rte_pktmbuf_free_bulk(taken, count);
	rx_finish(f->rx);
	assert_int_equal(fixture_count(f, RX_reassembled), 0);
	assert_int_equal(fixture_count(f, RX_drop_fragments_full), 3);
	assert_int_equal(fixture_count(f, RX_fragment_timeout), 1);
	fixture_end(f);
}

/* Other RTP stands before and behind the fragments, in the same burst; of an unknown flow the whole
 * packet goes to the control thread, and comes back. */
static void whole_rtp_is_rtp_like_any_other(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram d = rtp_of(7, 1, 2000);

	fixture_add(f, PORT + 1, GATE_RECORD, TRACK, 0);
	fixture_give_rtp(f, 0, PORT + 1, 1);
	d.vlan = 5;
	give_nth(f, &d, 1);
	fixture_give_rtp(f, 0, PORT + 1, 2);
	give_nth(f, &d, 0);
	fixture_give_rtp(f, 0, PORT + 1, 3);
	turn(f);
	assert_int_equal(fixture_count(f, RX_recorded), 3);
	assert_int_equal(fixture_count(f, RX_to_control_unknown), 1);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 1);
	assert_int_equal(packet_of(f->unknown[0])->encapsulation, encapsulation_push_vlan(0, 5));
	packet_reinject(f->d, packet_copy(f->d, f->unknown[0]));
	packet_free(f->unknown[0]);
	turn(f);
	assert_int_equal(fixture_count(f, RX_unknown), 1);
	fixture_end(f);
}

/* It may have arrived, in part, while the recording was paused. */
static void a_packet_is_as_old_as_its_first_fragment(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct datagram d = rtp_of(7, 1, 2000);
	stream_id id = fixture_add(f, PORT, GATE_PAUSED, TRACK, 0);

	give_nth(f, &d, 0);
	turn(f);
	fixture_set(f, id, GATE_RECORD, TRACK, clock_now_ns(), 1);
	turn(f);
	turn(f);
	give_nth(f, &d, 1);
	fixture_give_rtp(f, 0, PORT, 2);
	turn(f);
	assert_int_equal(fixture_count(f, RX_while_paused), 1);
	assert_int_equal(fixture_count(f, RX_recorded), 1);
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
		cmocka_unit_test(fragments_come_in_any_order),
		cmocka_unit_test(packets_are_told_apart),
		cmocka_unit_test(duplicates_are_passed_over),
		cmocka_unit_test(an_id_that_comes_again_is_a_new_packet),
		cmocka_unit_test(overlaps_and_contradictions_are_refused),
		cmocka_unit_test(another_content_is_refused),
		cmocka_unit_test(impossible_fragments_are_malformed),
		cmocka_unit_test(too_many_pieces_are_refused),
		cmocka_unit_test(what_waits_too_long_is_given_up),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(without_memory_the_packet_is_lost_and_counted),
		cmocka_unit_test(whole_rtp_is_rtp_like_any_other),
		cmocka_unit_test(a_packet_is_as_old_as_its_first_fragment),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
