/* Watched streams: the control thread gets what it watches for, whatever the gate; the packets go
 * their way as if nobody looked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "rx_fixture.h"

#define PORT 5000
#define CAPACITY 512
#define TRACK track_ref_make(1, 1)
#define EVENTS 101

#define NONE STREAM_WATCHED_NONE

static const struct stream_watch events_only = {
	.types = {EVENTS, NONE, NONE, NONE, NONE, NONE, NONE, NONE},
	.redundancy = NONE,
	.told = true};
static const struct stream_watch nothing = {
	.types = {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE}, .redundancy = NONE};

/* A telephone event, behind a CSRC and an extension where those are asked for. */
static void give_event(struct fixture *f, uint16_t sequence, bool long_header, uint8_t key)
{
	uint8_t rtp[40] = {
		0x80, EVENTS, (uint8_t)(sequence >> 8), (uint8_t)sequence, 1, 2, 3, 4, 9, 8, 7, 6};
	const uint8_t event[4] = {key, 0x8a, 3, 0x20};
	uint32_t at = 12;

	if (long_header) {
		rtp[0] = 0x91;
		rtp[19] = 1; /* a word of extension */
		at = 24;
	}
	memcpy(rtp + at, event, sizeof(event));
	fixture_give(f, 0, PORT, rtp, at + sizeof(event));
}

static void turn(struct fixture *f)
{
	while (f->queues[0].count > 0)
		rx_turn(f->rx);
	rx_turn(f->rx);
	fixture_poll(f);
}

static void it_gets_what_it_watches_for_and_the_chunk_does_too(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_RECORD, TRACK, 0);
	const struct watched_packet *p = &f->watched[0];
	uint64_t before_ns = clock_now_ns();

	give_event(f, 1, false, 1); /* not yet watched */
	turn(f);
	assert_int_equal(stream_watch(f->d, id, &events_only, f), 0);
	rx_turn(f->rx);
	give_event(f, 0x203, false, 5);
	fixture_give_rtp(f, 0, PORT, 3); /* another type */
	give_event(f, 4, true, 11);
	turn(f);
	assert_int_equal(f->watched_count, 2);
	assert_ptr_equal(f->watchers[0], f);
	assert_true(p->id == id && p->ssrc == 0x09080706 && p->timestamp == 0x01020304);
	assert_int_equal(p->sequence, 0x203);
	assert_int_equal(p->gate, GATE_RECORD);
	assert_memory_equal(p->payload, "\x05\x8a\x03\x20", 4);
	assert_true(p->arrival_ns >= before_ns && p->arrival_ns <= clock_now_ns());
	assert_int_equal(f->watched[1].payload[0], 11);
	assert_int_equal(fixture_count(f, RX_watched), 2);
	assert_int_equal(fixture_count(f, RX_recorded), 4);
	assert_int_equal(stream_watch(f->d, id, &nothing, f), 0);
	rx_turn(f->rx);
	give_event(f, 5, false, 6);
	turn(f);
	assert_int_equal(f->watched_count, 2);
	rx_finish(f->rx);
	assert_int_equal(fixture_written(f, TRACK), 5);
	fixture_end(f);
}

static void while_paused_or_off_it_gets_them_alone(void **state)
{
	static const enum gate gates[] = {GATE_PAUSED, GATE_OFF};

	for (unsigned int i = 0; i < 2; i++) {
		struct fixture *f = fixture_make(10, 8, CAPACITY);
		stream_id id = fixture_add(f, PORT, GATE_RECORD, TRACK, 0);

		assert_int_equal(stream_watch(f->d, id, &events_only, f), 0);
		fixture_set(f, id, gates[i], TRACK, 0, 7);
		rx_turn(f->rx);
		give_event(f, 1, false, 3);
		turn(f);
		assert_int_equal(f->watched_count, 1);
		assert_int_equal(f->watched[0].gate, gates[i]);
		assert_int_equal(fixture_count(f, RX_recorded), 0);
		assert_int_equal(fixture_count(f, i == 0 ? RX_while_paused : RX_not_wanted), 1);
		assert_int_equal(fixture_written(f, TRACK), 0);
		fixture_end(f);
	}
}

/* What was found before a resumption comes before its acknowledgement, and says what it was. */
static void what_came_while_paused_is_told_before_the_resumption(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_PAUSED, TRACK, 0);

	assert_int_equal(stream_watch(f->d, id, &events_only, f), 0);
	rx_turn(f->rx);
	give_event(f, 1, false, 3);
	fixture_set(f, id, GATE_RECORD, TRACK, clock_now_ns(), 7);
	turn(f);
	assert_int_equal(f->watched_count, 1);
	assert_int_equal(f->watched[0].gate, GATE_PAUSED);
	assert_int_equal(fixture_count(f, RX_while_paused), 1);
	fixture_end(f);
}

static void a_full_ring_loses_no_packet_of_the_track(void **state)
{
	struct fixture *f = fixture_make(10, 64, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_PAUSED, TRACK, 0);
	unsigned int room = f->topology.watched_depth;

	assert_int_equal(stream_watch(f->d, id, &events_only, f), 0);
	rx_turn(f->rx);
	for (unsigned int i = 0; i < room + 100; i++) {
		give_event(f, (uint16_t)i, false, 3);
		rx_turn(f->rx);
	}
	assert_int_equal(fixture_count(f, RX_watched), room);
	assert_int_equal(fixture_count(f, RX_watched_lost), 100);
	assert_int_equal(fixture_count(f, RX_while_paused), room + 100);
	for (unsigned int i = 0; f->watched_count < room && i < room; i++)
		fixture_poll(f);
	assert_int_equal(f->watched_count, room);
	fixture_end(f);
}

static void nothing_comes_of_a_stream_that_is_gone(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_OFF, TRACK, 0);

	assert_int_equal(stream_watch(f->d, id, &events_only, f), 0);
	rx_turn(f->rx);
	give_event(f, 1, false, 3);
	rx_turn(f->rx);
	assert_int_equal(fixture_count(f, RX_watched), 1);
	assert_int_equal(stream_remove(f->d, id, 0), 0);
	turn(f);
	assert_int_equal(f->watched_count, 0);
	assert_int_equal(stream_watch(f->d, id, &events_only, f), -ENOENT);
	/* The next user of its place is not watched. */
	rx_turn(f->rx);
	rx_turn(f->rx);
	id = fixture_add(f, PORT, GATE_OFF, TRACK, 0);
	give_event(f, 2, false, 3);
	turn(f);
	assert_int_equal(f->watched_count, 0);
	fixture_end(f);
}

static void what_has_no_room_for_an_event_is_passed_over(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_RECORD, TRACK, 0);
	uint8_t rtp[15] = {0x80, EVENTS};
	uint8_t csrcs[16] = {0x81, EVENTS};

	assert_int_equal(stream_watch(f->d, id, &events_only, f), 0);
	rx_turn(f->rx);
	fixture_give(f, 0, PORT, rtp, sizeof(rtp));
	fixture_give(f, 0, PORT, csrcs, sizeof(csrcs));
	turn(f);
	assert_int_equal(f->watched_count, 0);
	assert_int_equal(fixture_count(f, RX_recorded), 2);
	fixture_end(f);
}

/* --- Digits that an account keeps out of recordings --- */

#define SIGNAL_TYPE 97 /* announced by nobody */
#define RED 100
#define KEYS_MS 1000000ULL

static const struct stream_watch no_events = {
	.types = {EVENTS, NONE, NONE, NONE, NONE, NONE, NONE, NONE},
	.redundancy = RED,
	.withhold = WITHHOLD_EVENTS};
static const struct stream_watch silence = {
	.types = {EVENTS, NONE, NONE, NONE, NONE, NONE, NONE, NONE},
	.redundancy = RED,
	.withhold = WITHHOLD_AUDIO,
	.told = true};

static void give(struct fixture *f, uint8_t type, const char *payload, uint32_t bytes)
{
	uint8_t rtp[60] = {0x80, type, 0, 1, 1, 2, 3, 4, 9, 8, 7, 6};

	memcpy(rtp + 12, payload, bytes);
	fixture_give(f, 0, PORT, rtp, 12 + bytes);
}

static void check_withheld(struct fixture *f, stream_id id, uint32_t withheld, uint32_t recorded)
{
	struct stream_stats stats;

	turn(f);
	assert_int_equal(stream_stats(f->d, id, &stats), 0);
	assert_int_equal(stats.withheld, withheld);
	assert_int_equal(stats.recorded, recorded);
	assert_int_equal(fixture_count(f, RX_withheld), withheld);
	assert_int_equal(fixture_count(f, RX_recorded), recorded);
}

static void withheld_events_reach_no_chunk(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_RECORD, TRACK, 0);

	assert_int_equal(stream_watch(f->d, id, &no_events, f), 0);
	give_event(f, 1, false, 1);
	give_event(f, 2, true, 1);
	fixture_give_rtp(f, 0, PORT, 3);
	check_withheld(f, id, 2, 1);
	give(f, SIGNAL_TYPE, "\x05\x8a\x03\x20", 4);  /* can be nothing else */
	give(f, SIGNAL_TYPE, "\x05\x8a\x03\x20!", 5); /* can */
	give(f, 0, "\x05\x8a\x03\x20", 4);	      /* audio of half a millisecond */
	check_withheld(f, id, 3, 3);
	assert_int_equal(f->watched_count, 0);
	rx_finish(f->rx);
	assert_int_equal(fixture_written(f, TRACK), 3);
	fixture_end(f);
}

static void a_redundant_block_is_an_event_too(void **state)
{
	static const char event_behind_audio[] = "\xe5\x02\x80\x04\x00\x05\x8a\x03\x20zzzz";
	static const char audio_behind_event[] = "\x80\x02\x80\x04\x65zzzz\x05\x8a\x03\x20";
	static const char audio[] = "\x80\x02\x80\x04\x00zzzzyyyyy";
	static const char cut[] = "\xe5\x02";
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_RECORD, TRACK, 0);
	struct stream_watch told = no_events;

	told.told = true;
	assert_int_equal(stream_watch(f->d, id, &told, f), 0);
	give(f, RED, event_behind_audio, sizeof(event_behind_audio) - 1);
	give(f, RED, audio_behind_event, sizeof(audio_behind_event) - 1);
	give(f, RED, audio, sizeof(audio) - 1);
	give(f, RED, cut, sizeof(cut) - 1);
	check_withheld(f, id, 2, 2);
	/* Of the two, one tells of an event in its own time. */
	assert_int_equal(f->watched_count, 1);
	assert_memory_equal(f->watched[0].payload, "\x05\x8a\x03\x20", 4);
	fixture_end(f);
}

static void audio_beside_events_is_silenced(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_RECORD, TRACK, 0);
	struct timespec after = {.tv_nsec = (long)(WITHHOLD_AFTER_NS + 50 * KEYS_MS)};

	assert_int_equal(stream_watch(f->d, id, &silence, f), 0);
	fixture_give_rtp(f, 0, PORT, 1);
	give_event(f, 2, false, 1);
	fixture_give_rtp(f, 0, PORT, 3);
	check_withheld(f, id, 2, 1);
	assert_int_equal(f->watched_count, 1); /* the application gets it */
	nanosleep(&after, NULL);
	fixture_give_rtp(f, 0, PORT, 4);
	check_withheld(f, id, 2, 2);
	fixture_end(f);
}

static void what_a_pause_keeps_out_is_counted_as_such(void **state)
{
	struct fixture *f = fixture_make(10, 8, CAPACITY);
	stream_id id = fixture_add(f, PORT, GATE_PAUSED, TRACK, 0);

	assert_int_equal(stream_watch(f->d, id, &silence, f), 0);
	give_event(f, 1, false, 1);
	fixture_give_rtp(f, 0, PORT, 2);
	check_withheld(f, id, 0, 0);
	assert_int_equal(fixture_count(f, RX_while_paused), 2);
	fixture_end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gets_what_it_watches_for_and_the_chunk_does_too),
		cmocka_unit_test(while_paused_or_off_it_gets_them_alone),
		cmocka_unit_test(what_came_while_paused_is_told_before_the_resumption),
		cmocka_unit_test(a_full_ring_loses_no_packet_of_the_track),
		cmocka_unit_test(nothing_comes_of_a_stream_that_is_gone),
		cmocka_unit_test(what_has_no_room_for_an_event_is_passed_over),
		cmocka_unit_test(withheld_events_reach_no_chunk),
		cmocka_unit_test(a_redundant_block_is_an_event_too),
		cmocka_unit_test(audio_beside_events_is_silenced),
		cmocka_unit_test(what_a_pause_keeps_out_is_counted_as_such),
	};

	fixture_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
