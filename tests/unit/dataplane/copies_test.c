/* A flow that feeds several tracks: each has its own gate, and the sums stay exact. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "rx_fixture.h"

#define PORT 5000
#define CAPACITY 512
#define TRACKS 4U

static track_ref track_of(unsigned int i)
{
	return track_ref_make(i + 1, 1);
}

static struct gate_setting recording(unsigned int i)
{
	return (struct gate_setting){.gate = GATE_RECORD, .track = track_of(i), .ordinal = i};
}

static void add(struct fixture *f, unsigned int count, stream_id ids[TRACKS])
{
	struct gate_setting settings[TRACKS];
	struct flow flow = fixture_flow(PORT);

	for (unsigned int i = 0; i < count; i++)
		settings[i] = recording(i);
	assert_int_equal(stream_add_copied(f->d, &flow, settings, count, ids), 0);
}

static void give(struct fixture *f, unsigned int count)
{
	static uint16_t sequence;

	for (unsigned int i = 0; i < count; i++)
		fixture_give_rtp(f, 0, PORT, sequence++);
	rx_turn(f->rx);
}

static uint32_t recorded(struct fixture *f, stream_id id)
{
	struct stream_stats stats;

	assert_int_equal(stream_stats(f->d, id, &stats), 0);
	return stats.recorded;
}

static void each_track_gets_every_packet(void **state)
{
	struct fixture *f = fixture_make(10, 16, CAPACITY);
	stream_id ids[TRACKS];

	add(f, 3, ids);
	give(f, 5);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(recorded(f, ids[i]), 5);
	assert_int_equal(fixture_count(f, RX_copied), 10);
	assert_int_equal(fixture_count(f, RX_recorded), 15);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(stream_remove(f->d, ids[i], i + 1), 0);
	rx_turn(f->rx);
	assert_int_equal(fixture_written(f, track_of(1)), 5);
	assert_int_equal(f->frames, 15);
	fixture_end(f);
}

static void each_track_has_its_own_gate(void **state)
{
	struct fixture *f = fixture_make(10, 16, CAPACITY);
	stream_id ids[TRACKS];

	add(f, 2, ids);
	give(f, 1);
	fixture_set(f, ids[0], GATE_PAUSED, TRACK_REF_NONE, 0, 7);
	give(f, 3);
	assert_int_equal(recorded(f, ids[0]), 1);
	assert_int_equal(recorded(f, ids[1]), 4);
	fixture_set(f, ids[1], GATE_PAUSED, TRACK_REF_NONE, 0, 8);
	fixture_set(f, ids[0], GATE_RECORD, track_of(0), 0, 9);
	give(f, 2);
	assert_int_equal(recorded(f, ids[0]), 3);
	assert_int_equal(recorded(f, ids[1]), 4);
	assert_int_equal(fixture_count(f, RX_while_paused), 5);
	assert_int_equal(fixture_count(f, RX_copied), 6);
	fixture_end(f);
}

/* Resumed: what waited in the queue while it was paused is not for it. */
static void a_copy_opens_when_the_queue_is_clear(void **state)
{
	struct fixture *f = fixture_make(10, 16, CAPACITY);
	stream_id ids[TRACKS];

	add(f, 2, ids);
	fixture_set(f, ids[1], GATE_PAUSED, TRACK_REF_NONE, 0, 7);
	for (unsigned int i = 0; i < 4; i++)
		rx_turn(f->rx);
	for (unsigned int i = 0; i < 150; i++)
		fixture_give_rtp(f, 0, PORT, (uint16_t)i);
	fixture_set(f, ids[1], GATE_RECORD, track_of(1), clock_now_ns(), 8);
	for (unsigned int i = 0; i < 6; i++)
		rx_turn(f->rx);
	assert_int_equal(recorded(f, ids[0]), 150);
	assert_int_equal(recorded(f, ids[1]), 0);
	give(f, 2);
	assert_int_equal(recorded(f, ids[0]), 152);
	assert_int_equal(recorded(f, ids[1]), 2);
	fixture_end(f);
}

static void copies_come_and_go(void **state)
{
	struct fixture *f = fixture_make(10, 32, CAPACITY);
	struct gate_setting setting;
	stream_id ids[TRACKS];

	add(f, 1, ids);
	give(f, 1);
	assert_int_equal(fixture_count(f, RX_copied), 0);
	for (unsigned int i = 1; i < TRACKS; i++) {
		setting = recording(i);
		assert_int_equal(stream_copy(f->d, ids[0], &setting, &ids[i]), 0);
		give(f, 1);
	}
	for (unsigned int i = 0; i < TRACKS; i++)
		assert_int_equal(recorded(f, ids[i]), TRACKS - i);
	assert_int_equal(stream_remove(f->d, ids[2], 5), 0); /* from the middle of the list */
	give(f, 1);
	assert_int_equal(recorded(f, ids[0]), 5);
	assert_int_equal(recorded(f, ids[1]), 4);
	assert_int_equal(recorded(f, ids[3]), 2);
	assert_int_equal(stream_remove(f->d, ids[3], 0), 0); /* the newest stands first */
	assert_int_equal(stream_remove(f->d, ids[1], 0), 0);
	give(f, 1);
	assert_int_equal(recorded(f, ids[0]), 6);
	assert_int_equal(fixture_count(f, RX_copied), 1 + 2 + 3 + 2);
	fixture_end(f);
}

static void places_of_copies_are_used_again(void **state)
{
	struct fixture *f = fixture_make(3, 64, CAPACITY);
	struct gate_setting setting = recording(1);
	stream_id ids[TRACKS];
	stream_id more[3];

	add(f, 1, ids);
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(stream_copy(f->d, ids[0], &setting, &more[0]), 0);
		assert_int_equal(stream_copy(f->d, ids[0], &setting, &more[1]), 0);
		assert_int_equal(stream_copy(f->d, ids[0], &setting, &more[2]), -ENOSPC);
		give(f, 1);
		assert_int_equal(stream_remove(f->d, more[0], 0), 0);
		assert_int_equal(stream_remove(f->d, more[1], 0), 0);
		for (unsigned int k = 0; k < 4; k++) {
			rx_turn(f->rx);
			fixture_poll(f);
		}
		(void)fixture_written(f, track_of(1));
	}
	assert_int_equal(recorded(f, ids[0]), 50);
	assert_int_equal(fixture_count(f, RX_copied), 100);
	assert_int_equal(stream_count(f->d), 1);
	fixture_end(f);
}

/* The flow's own stream goes first: its copies get nothing any more, and can go after it. */
static void copies_outlive_the_stream(void **state)
{
	struct fixture *f = fixture_make(10, 16, CAPACITY);
	struct gate_setting setting = recording(3);
	stream_id ids[TRACKS];
	stream_id none;

	add(f, 3, ids);
	give(f, 1);
	assert_int_equal(stream_remove(f->d, ids[0], 0), 0);
	assert_int_equal(stream_copy(f->d, ids[0], &setting, &none), -ENOENT);
	rx_turn(f->rx);
	fixture_poll(f);
	give(f, 2);
	fixture_poll(f);
	assert_int_equal(f->unknown_count, 2);
	packet_free(f->unknown[0]);
	packet_free(f->unknown[1]);
	assert_int_equal(recorded(f, ids[1]), 1);
	assert_int_equal(stream_remove(f->d, ids[1], 0), 0);
	assert_int_equal(stream_remove(f->d, ids[2], 0), 0);
	for (unsigned int i = 0; i < 6; i++) {
		rx_turn(f->rx);
		fixture_poll(f);
	}
	assert_int_equal(stream_count(f->d), 0);
	fixture_end(f);
}

static void all_or_none(void **state)
{
	struct fixture *f = fixture_make(2, 16, CAPACITY);
	struct gate_setting settings[3] = {recording(0), recording(1), recording(2)};
	struct flow flow = fixture_flow(PORT);
	stream_id ids[3];

	assert_int_equal(stream_add_copied(f->d, &flow, settings, 3, ids), -ENOSPC);
	assert_int_equal(stream_count(f->d), 0);
	assert_int_equal(stream_add_copied(f->d, &flow, settings, 2, ids), 0);
	assert_int_equal(stream_add_copied(f->d, &flow, settings, 2, &ids[1]), -EEXIST);
	assert_int_equal(ids[1], ids[0]);
	assert_int_equal(stream_add_copied(f->d, &flow, settings, 0, ids), -EINVAL);
	fixture_end(f);
}

/* At random, against counts kept apart. */
static void every_packet_is_in_the_sums(void **state)
{
	struct fixture *f = fixture_make(20, 256, CAPACITY);
	uint32_t expected[TRACKS] = {0};
	bool open[TRACKS] = {true, true, true, true};
	stream_id ids[TRACKS];

	srand(7);
	add(f, TRACKS, ids);
	for (unsigned int n = 0; n < 2000; n++) {
		unsigned int i = (unsigned int)rand() % TRACKS;
		unsigned int count = (unsigned int)rand() % 5;

		open[i] = !open[i];
		fixture_set(f, ids[i], open[i] ? GATE_RECORD : GATE_OFF,
			open[i] ? track_of(i) : TRACK_REF_NONE, 0, 0);
		give(f, count);
		for (unsigned int k = 0; k < TRACKS; k++)
			expected[k] += open[k] ? count : 0;
		(void)fixture_written(f, track_of(0));
	}
	for (unsigned int k = 0; k < TRACKS; k++)
		assert_int_equal(recorded(f, ids[k]), expected[k]);
	assert_int_equal(fixture_count(f, RX_drop_no_chunk), 0);
	fixture_end(f); /* rule 1 */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_track_gets_every_packet),
		cmocka_unit_test(each_track_has_its_own_gate),
		cmocka_unit_test(a_copy_opens_when_the_queue_is_clear),
		cmocka_unit_test(copies_come_and_go),
		cmocka_unit_test(places_of_copies_are_used_again),
		cmocka_unit_test(copies_outlive_the_stream),
		cmocka_unit_test(all_or_none),
		cmocka_unit_test(every_packet_is_in_the_sums),
	};

	fixture_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
