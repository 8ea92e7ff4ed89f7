/* What a gate lets through, as the rx core turns: rule 3 of the architecture, nothing that arrived
 * while paused reaches a disk, and its other half, nothing that arrived while recording is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "rx_fixture.h"

#define PORT 5000
#define CAPACITY 200
#define STREAMS 10000U
#define TRACK_A track_ref_make(1, 1)
#define TRACK_B track_ref_make(2, 1)

static void turn(struct fixture *f, unsigned int turns)
{
	for (unsigned int i = 0; i < turns; i++)
		rx_turn(f->rx);
}

static void give(struct fixture *f, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		fixture_give_rtp(f, 0, PORT, (uint16_t)i);
}

/* Acknowledgements are taken; true when the last one is of this cookie. */
static bool is_acked(struct fixture *f, uint64_t cookie)
{
	fixture_poll(f);
	return f->acked_count > 0 && f->acked[f->acked_count - 1] == cookie;
}

/* What it takes to have a queue seen empty after now. */
static void settle(struct fixture *f)
{
	turn(f, 4);
}

static void closing_hands_the_chunk_over_before_it_is_acknowledged(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_RECORD, TRACK_A, 0);

	give(f, 1);
	turn(f, 1);
	assert_int_equal(fixture_written(f, TRACK_A), 0);
	give(f, 5); /* wait in the queue when the gate closes */
	fixture_set(f, id, GATE_PAUSED, TRACK_REF_NONE, 0, 7);
	assert_false(is_acked(f, 7));
	turn(f, 1);
	assert_true(is_acked(f, 7));
	assert_int_equal(fixture_written(f, TRACK_A), 1);
	assert_int_equal(fixture_count(f, RX_while_paused), 5);
	fixture_end(f);
}

static void what_waited_in_the_queue_while_paused_is_not_recorded(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_PAUSED, TRACK_REF_NONE, 0);

	settle(f);
	give(f, 150); /* three bursts */
	fixture_set(f, id, GATE_RECORD, TRACK_A, clock_now_ns(), 8);
	turn(f, 2);
	assert_false(is_acked(f, 8));
	settle(f);
	assert_true(is_acked(f, 8));
	assert_int_equal(fixture_count(f, RX_while_paused), 150);
	assert_int_equal(fixture_count(f, RX_recorded), 0);
	give(f, 4);
	turn(f, 1);
	assert_int_equal(fixture_count(f, RX_recorded), 4);
	fixture_end(f);
}

static void a_queue_that_is_never_empty_opens_by_its_capacity(void **state)
{
	struct fixture *f = fixture_make(10, 64, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_PAUSED, TRACK_REF_NONE, 0);
	unsigned int turns = 0;

	give(f, 64);
	turn(f, 1);
	give(f, 128);
	fixture_set(f, id, GATE_RECORD, TRACK_A, clock_now_ns(), 9);
	while (!is_acked(f, 9)) {
		give(f, 64);
		turn(f, 1);
		assert_true(++turns < 4 * CAPACITY / 64);
	}
	/* At most so many can have waited. */
	assert_true(fixture_count(f, RX_while_paused) >= 64 + CAPACITY);
	give(f, 1);
	settle(f);
	assert_true(fixture_count(f, RX_recorded) > 0);
	fixture_end(f);
}

static void opening_waits_for_every_queue(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_PAUSED, TRACK_REF_NONE, 0);

	settle(f);
	for (unsigned int i = 0; i < 150; i++)
		fixture_give_rtp(f, 1, PORT, (uint16_t)i);
	fixture_set(f, id, GATE_RECORD, TRACK_A, clock_now_ns(), 10);
	turn(f, 2); /* the first queue was empty all the while */
	assert_false(is_acked(f, 10));
	assert_int_equal(fixture_count(f, RX_recorded), 0);
	settle(f);
	assert_true(is_acked(f, 10));
	assert_int_equal(fixture_count(f, RX_while_paused), 150);
	fixture_end(f);
}

/* A stream that joins a recording that began a while ago loses none of its first packets: neither
 * those that the control thread kept nor those that come before its command is taken. */
static void a_stream_joins_a_recording_that_is_going_on(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	uint64_t began_ns;

	began_ns = clock_now_ns();
	settle(f);
	give(f, 2);
	turn(f, 1);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 2);
	settle(f);
	fixture_add(f, PORT, GATE_RECORD, TRACK_A, began_ns);
	packet_reinject(f->d, f->unknown[0]);
	packet_reinject(f->d, f->unknown[1]);
	give(f, 1);
	turn(f, 1);
	assert_int_equal(fixture_count(f, RX_reinjected), 2);
	assert_int_equal(fixture_count(f, RX_recorded), 3);
	fixture_end(f);
}

static void a_packet_polled_while_paused_is_not_recorded_when_it_is_given_back(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);

	settle(f);
	give(f, 1);
	turn(f, 1);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 1);
	settle(f);
	fixture_add(f, PORT, GATE_RECORD, TRACK_A, clock_now_ns()); /* resumed after it came */
	settle(f);
	packet_reinject(f->d, f->unknown[0]);
	settle(f);
	assert_int_equal(fixture_count(f, RX_recorded), 0);
	assert_int_equal(fixture_count(f, RX_not_wanted), 1);
	fixture_end(f);
}

/* It waited in the queue while paused, was polled after the resumption, and went by the control
 * thread: the time of its poll says nothing. */
static void a_packet_that_waited_while_paused_is_not_recorded_when_it_is_given_back(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	uint64_t resumed_ns;

	settle(f);
	give(f, 1);
	resumed_ns = clock_now_ns();
	turn(f, 1);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 1);
	settle(f);
	fixture_add(f, PORT, GATE_RECORD, TRACK_A, resumed_ns);
	packet_reinject(f->d, f->unknown[0]);
	settle(f);
	assert_int_equal(fixture_count(f, RX_recorded), 0);
	fixture_end(f);
}

/* The track changes; a frame of the time before comes late. What comes next is not of its track. */
static void a_late_frame_does_not_draw_others_into_its_track(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id;

	settle(f);
	give(f, 1);
	turn(f, 1);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 1);
	id = fixture_add(f, PORT, GATE_RECORD, TRACK_A, 0);
	give(f, 2);
	turn(f, 1);
	fixture_set(f, id, GATE_RECORD, TRACK_B, clock_now_ns(), 11);
	settle(f);
	assert_true(is_acked(f, 11));
	packet_reinject(f->d, f->unknown[0]);
	turn(f, 1);
	give(f, 5);
	turn(f, 1);
	fixture_set(f, id, GATE_OFF, TRACK_REF_NONE, 0, 0);
	turn(f, 1);
	assert_int_equal(fixture_written(f, TRACK_A), 3);
	assert_int_equal(f->frames, 8); /* the other five are of track B */
	fixture_end(f);
}

static void an_opening_that_is_overtaken_is_acknowledged_and_stays_shut(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_PAUSED, TRACK_REF_NONE, 0);

	settle(f);
	fixture_set(f, id, GATE_RECORD, TRACK_A, clock_now_ns() + 100000000, 12);
	turn(f, 1);
	fixture_set(f, id, GATE_PAUSED, TRACK_REF_NONE, 0, 13);
	turn(f, 1);
	assert_true(is_acked(f, 13));
	assert_int_equal(f->acked_count, 2);
	assert_int_equal(f->acked[0], 12);
	give(f, 3);
	settle(f);
	assert_int_equal(fixture_count(f, RX_while_paused), 3);
	fixture_end(f);
}

static void many_openings_are_each_acknowledged_once(void **state)
{
	struct fixture *f = fixture_make(STREAMS, 8, CAPACITY);

	settle(f);
	for (unsigned int i = 1; i <= STREAMS; i++) {
		stream_id id = fixture_add(f, (uint16_t)i, GATE_OFF, TRACK_REF_NONE, 0);

		fixture_set(f, id, GATE_RECORD, TRACK_A, clock_now_ns(), i);
	}
	for (unsigned int i = 0; i < 4 * STREAMS && f->acked_count < STREAMS; i++) {
		turn(f, 1);
		fixture_poll(f);
	}
	assert_int_equal(f->acked_count, STREAMS);
	for (unsigned int i = 0; i < STREAMS; i++)
		assert_int_equal(f->acked[i], i + 1);
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
		cmocka_unit_test(closing_hands_the_chunk_over_before_it_is_acknowledged),
		cmocka_unit_test(what_waited_in_the_queue_while_paused_is_not_recorded),
		cmocka_unit_test(a_queue_that_is_never_empty_opens_by_its_capacity),
		cmocka_unit_test(opening_waits_for_every_queue),
		cmocka_unit_test(a_stream_joins_a_recording_that_is_going_on),
		cmocka_unit_test(
			a_packet_polled_while_paused_is_not_recorded_when_it_is_given_back),
		cmocka_unit_test(
			a_packet_that_waited_while_paused_is_not_recorded_when_it_is_given_back),
		cmocka_unit_test(a_late_frame_does_not_draw_others_into_its_track),
		cmocka_unit_test(an_opening_that_is_overtaken_is_acknowledged_and_stays_shut),
		cmocka_unit_test(many_openings_are_each_acknowledged_once),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
