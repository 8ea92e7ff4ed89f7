/* The life of streams, as the control thread leads it: ids, places, commands, packets given back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rx_fixture.h"

#define PORT 5000
#define CAPACITY 512
#define TRACK_A track_ref_make(1, 1)
#define TRACK_B track_ref_make(2, 1)

static int try_to_add(struct fixture *f, uint16_t port, stream_id *id)
{
	const struct gate_setting off = {.gate = GATE_OFF};
	struct flow flow = fixture_flow(port);

	return stream_add(f->d, &flow, &off, id);
}

static void a_removed_stream_is_no_longer_known(void **state)
{
	const struct gate_setting off = {.gate = GATE_OFF};
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_RECORD, TRACK_A, 0);
	struct flow flow = fixture_flow(PORT);
	struct stream_stats stats;
	stream_id other;

	assert_int_equal(try_to_add(f, PORT, &other), -EEXIST);
	assert_int_equal(other, id);
	assert_int_equal(stream_find(f->d, &flow), id);
	fixture_give_rtp(f, 0, PORT, 1);
	rx_turn(f->rx);
	assert_int_equal(stream_stats(f->d, id, &stats), 0);
	assert_int_equal(stats.recorded, 1);
	assert_int_equal(stats.ssrc, PORT);
	assert_int_equal(stream_remove(f->d, id, 5), 0);
	assert_int_equal(stream_remove(f->d, id, 6), -ENOENT);
	assert_int_equal(stream_set_gate(f->d, id, &off, 0), -ENOENT);
	assert_int_equal(stream_stats(f->d, id, &stats), -ENOENT);
	assert_int_equal(stream_find(f->d, &flow), 0);
	rx_turn(f->rx);
	assert_int_equal(fixture_written(f, TRACK_A), 1); /* before the acknowledgement */
	fixture_poll(f);
	assert_int_equal(f->acked_count, 1);
	assert_int_equal(f->acked[0], 5);
	fixture_give_rtp(f, 0, PORT, 2);
	rx_turn(f->rx);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 1);
	packet_free(f->unknown[0]);
	fixture_end(f);
}

static void a_place_is_used_again_only_behind_two_quiet_points(void **state)
{
	struct fixture *f = fixture_make(1, 8, CAPACITY);
	stream_id id = fixture_add(f, 1, GATE_OFF, TRACK_REF_NONE, 0);
	stream_id next;

	assert_int_equal(try_to_add(f, 2, &next), -ENOSPC);
	assert_int_equal(stream_remove(f->d, id, 1), 0);
	assert_int_equal(try_to_add(f, 2, &next), -ENOSPC);
	rx_turn(f->rx);
	fixture_poll(f);
	assert_int_equal(f->acked_count, 1);
	assert_int_equal(try_to_add(f, 2, &next), -ENOSPC);
	rx_turn(f->rx);
	assert_int_equal(try_to_add(f, 2, &next), -ENOSPC);
	rx_turn(f->rx);
	assert_int_equal(try_to_add(f, 2, &next), 0);
	assert_int_equal((uint32_t)next, (uint32_t)id); /* the same place, */
	assert_int_not_equal(next, id);			/* another generation */
	assert_int_equal(stream_remove(f->d, id, 2), -ENOENT);
	assert_int_equal(stream_count(f->d), 1);
	fixture_end(f);
}

static void a_flow_that_comes_back_while_it_leaves_is_a_new_stream(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id old = fixture_add(f, PORT, GATE_RECORD, TRACK_A, 0);
	struct stream_stats stats;
	stream_id fresh;

	fixture_give_rtp(f, 0, PORT, 1);
	rx_turn(f->rx);
	assert_int_equal(stream_remove(f->d, old, 1), 0);
	fresh = fixture_add(f, PORT, GATE_RECORD, TRACK_B, 0);
	assert_int_not_equal(fresh, old);
	fixture_give_rtp(f, 0, PORT, 2);
	rx_turn(f->rx);
	fixture_poll(f);
	assert_int_equal(f->acked_count, 1);
	assert_int_equal(fixture_written(f, TRACK_A), 1);
	assert_int_equal(stream_stats(f->d, fresh, &stats), 0);
	assert_int_equal(stats.recorded, 1);
	fixture_give_rtp(f, 0, PORT, 3);
	rx_turn(f->rx);
	assert_int_equal(stream_stats(f->d, fresh, &stats), 0);
	assert_int_equal(stats.recorded, 2);
	fixture_end(f);
}

/* More commands than the ring holds wait, in order, and a packet that is given back waits behind
 * them. */
static void commands_wait_in_order_and_packets_behind_them(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	unsigned int commands = f->topology.command_depth + 1000;
	stream_id id;

	fixture_give_rtp(f, 0, PORT, 1);
	rx_turn(f->rx);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 1);
	id = fixture_add(f, PORT, GATE_OFF, TRACK_REF_NONE, 0);
	for (unsigned int i = 1; i <= commands; i++)
		fixture_set(f, id, i < commands ? GATE_PAUSED : GATE_RECORD, TRACK_A, 0, i);
	packet_reinject(f->d, f->unknown[0]);
	while (f->acked_count < commands) {
		assert_int_equal(fixture_count(f, RX_recorded), 0);
		rx_turn(f->rx);
		fixture_poll(f);
	}
	for (unsigned int i = 0; i < commands; i++)
		assert_int_equal(f->acked[i], i + 1);
	rx_turn(f->rx);
	fixture_poll(f);
	rx_turn(f->rx);
	assert_int_equal(fixture_count(f, RX_reinjected), 1);
	assert_int_equal(fixture_count(f, RX_recorded), 1);
	fixture_end(f);
}

static void a_copy_comes_back_as_the_packet_itself(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct rte_mbuf *copy;

	fixture_give_rtp(f, 1, PORT, 9);
	rx_turn(f->rx);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 1);
	copy = packet_copy(f->d, f->unknown[0]);
	assert_non_null(copy);
	assert_memory_equal(packet_of(copy), packet_of(f->unknown[0]), sizeof(struct packet));
	packet_free(f->unknown[0]);
	fixture_add(f, PORT, GATE_RECORD, TRACK_A, 0);
	packet_reinject(f->d, copy);
	rx_turn(f->rx);
	assert_int_equal(fixture_count(f, RX_recorded), 1);
	fixture_end(f);
}

/* What is given back of a flow without a stream is not handed over a second time. */
static void a_packet_given_back_in_vain_is_unknown(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);

	fixture_give_rtp(f, 0, PORT, 1);
	rx_turn(f->rx);
	fixture_poll(f);
	packet_reinject(f->d, f->unknown[0]);
	rx_turn(f->rx);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 1);
	assert_int_equal(fixture_count(f, RX_unknown), 1);
	fixture_end(f);
}

static void flows_that_cannot_be_are_refused(void **state)
{
	const struct gate_setting off = {.gate = GATE_OFF};
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	struct flow flow = fixture_flow(PORT);
	stream_id id;

	flow.rx = 1;
	assert_int_equal(stream_add(f->d, &flow, &off, &id), -EINVAL);
	flow.rx = 0;
	flow.destination.family = 6;
	assert_int_equal(stream_add(f->d, &flow, &off, &id), -EINVAL);
	assert_int_equal(stream_find(f->d, &flow), 0);
	assert_int_equal(stream_count(f->d), 0);
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
		cmocka_unit_test(a_removed_stream_is_no_longer_known),
		cmocka_unit_test(a_place_is_used_again_only_behind_two_quiet_points),
		cmocka_unit_test(a_flow_that_comes_back_while_it_leaves_is_a_new_stream),
		cmocka_unit_test(commands_wait_in_order_and_packets_behind_them),
		cmocka_unit_test(a_copy_comes_back_as_the_packet_itself),
		cmocka_unit_test(a_packet_given_back_in_vain_is_unknown),
		cmocka_unit_test(flows_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
