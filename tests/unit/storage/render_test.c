/* The renderer from end to end: recordings made by hand, their WAVs compared sample by sample with
 * audio computed here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "heard.h"

static void both_tracks_stand_side_by_side(void **state)
{
	struct recording_window w = window(2000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACKS_BOTH);
	for (uint16_t i = 0; i < 100; i++)
		fixture_audio(&f, 0, AT(20UL * i), 1, i, 1000 + 160U * i, 0);
	for (uint16_t i = 0; i < 50; i++) /* begins late, in the other law */
		fixture_audio(&f, 1, AT(505 + 20UL * i), 2, i, 160U * i, 8);
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.channels, 2);
	assert_int_equal(h.info.samplerate, 8000);
	assert_int_equal(h.info.frames, 16000);
	for (uint16_t i = 0; i < 100; i++)
		expect_packet(&h, 0, PACKET * i, 1, i, G711_ULAW);
	expect_silence(&h, 1, 0, 4040);
	for (uint16_t i = 0; i < 50; i++)
		expect_packet(&h, 1, 4040 + PACKET * i, 2, i, G711_ALAW);
	expect_silence(&h, 1, 4040 + 8000, 16000);
	assert_int_equal(number(h.json, "duration_ms"), 2000);
	assert_string_equal(
		cJSON_GetObjectItem(h.json, "start")->valuestring, "2026-01-02T03:00:00.000Z");
	assert_string_equal(
		cJSON_GetObjectItem(h.json, "stop")->valuestring, "2026-01-02T03:00:02.000Z");
	assert_string_equal(cJSON_GetObjectItem(h.json, "file")->valuestring,
		"bucket/prefix/2026/01/02/name.wav");
	forget(&f, &h);
}

static void one_track_is_mono(void **state)
{
	struct recording_window w = window(1000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_OUTGOING));
	for (uint16_t i = 0; i < 50; i++)
		fixture_audio(&f, 0, AT(20UL * i), 1, i, 160U * i, 8);
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.channels, 1);
	for (uint16_t i = 0; i < 50; i++)
		expect_packet(&h, 0, PACKET * i, 1, i, G711_ALAW);
	forget(&f, &h);
}

static void nothing_received_is_silence(void **state)
{
	struct recording_window w = window(1234);
	struct fixture f;
	struct heard h;
	char path[256];

	fixture_begin(&f, TRACKS_BOTH);
	fixture_end(&f, &w);
	fixture_path(&f, ".incoming.track", path);
	unlink(path);
	hear(&f, &h);
	assert_int_equal(h.info.frames, 1234 * 8);
	expect_silence(&h, 0, 0, 1234 * 8);
	expect_silence(&h, 1, 0, 1234 * 8);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "gaps")), 1);
	forget(&f, &h);
}

/* Loss, reordering and duplicates over wraps of sequence number and timestamp. */
static void mishaps_are_put_right(void **state)
{
	static const int order[] = {0, 1, 3, 2, 4, 4, 5, 8, 9, 7, 10, 10, 10, 30, 31, 32};
	struct recording_window w = window(1000);
	struct fixture f;
	struct heard h;
	uint64_t at = 0;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (unsigned int i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		int n = order[i];
		uint64_t in_time = 20UL * (unsigned int)n;

		at = in_time > at ? in_time : at + 1;
		fixture_audio(&f, 0, AT(at), 9, (uint16_t)(65531 + n),
			(uint32_t)(4294966800LL + 160LL * n), 0);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	for (unsigned int i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		expect_packet(&h, 0, PACKET * order[i], 9, (uint16_t)(65531 + order[i]), G711_ULAW);
	expect_silence(&h, 0, PACKET * 6, PACKET * 7);
	expect_silence(&h, 0, PACKET * 11, PACKET * 30);
	assert_int_equal(number(track_json(&h, 0), "received"), 16);
	assert_int_equal(number(track_json(&h, 0), "duplicate"), 3);
	assert_int_equal(number(track_json(&h, 0), "reordered"), 2);
	assert_int_equal(number(track_json(&h, 0), "lost"), 20);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "streams")), 1);
	assert_int_equal(
		number(cJSON_GetArrayItem(cJSON_GetObjectItem(track_json(&h, 0), "gaps"), 0),
			"start_ms"),
		220);
	assert_int_equal(
		number(cJSON_GetArrayItem(cJSON_GetObjectItem(track_json(&h, 0), "gaps"), 0),
			"end_ms"),
		600);
	forget(&f, &h);
}

static void a_first_packet_that_comes_second_counts_as_first(void **state)
{
	struct recording_window w = window(100);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	fixture_audio(&f, 0, AT(20), 1, 1, 160, 0);
	fixture_audio(&f, 0, AT(21), 1, 0, 0, 0);
	fixture_audio(&f, 0, AT(40), 1, 2, 320, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(number(track_json(&h, 0), "lost"), 0);
	assert_int_equal(number(track_json(&h, 0), "reordered"), 1);
	expect_packet(&h, 0, 0, 1, 0, G711_ULAW);
	expect_packet(&h, 0, 160, 1, 1, G711_ULAW);
	forget(&f, &h);
}

static void jitter_moves_nothing(void **state)
{
	struct recording_window w = window(11000);
	struct fixture f;
	struct heard h;
	uint32_t x = 1;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 500; i++) {
		x = x * 1103515245 + 12345;
		/* The tenth is the least delayed. */
		fixture_audio(&f, 0, AT(20UL * i + (i == 10 ? 30 : 31 + (x >> 16) % 400)), 1, i,
			160U * i, 0);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 500; i++)
		expect_packet(&h, 0, 240 + PACKET * i, 1, i, G711_ULAW);
	expect_silence(&h, 0, 0, 240);
	assert_int_equal(number(track_json(&h, 0), "lost"), 0);
	forget(&f, &h);
}

static void a_new_ssrc_is_anchored_anew(void **state)
{
	struct recording_window w = window(2000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 40; i++)
		fixture_audio(&f, 0, AT(20UL * i), 1, i, 160U * i, 0);
	for (uint16_t i = 0; i < 40; i++) /* goes on 3 ms early: not a sample of either is lost */
		fixture_audio(&f, 0, AT(797 + 20UL * i), 2, (uint16_t)(i + 5000), 77 + 160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 40; i++)
		expect_packet(&h, 0, PACKET * i, 1, i, G711_ULAW);
	for (uint16_t i = 0; i < 40; i++)
		expect_packet(&h, 0, 6400 + PACKET * i, 2, (uint16_t)(5000 + i), G711_ULAW);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "streams")), 2);
	assert_string_equal(
		cJSON_GetObjectItem(stream_json(&h, 0, 1), "ssrc")->valuestring, "00000002");
	forget(&f, &h);
}

static void a_sequence_restart_is_a_stream_of_its_own(void **state)
{
	struct recording_window w = window(2000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 40; i++)
		fixture_audio(&f, 0, AT(20UL * i), 1, (uint16_t)(30000 + i), 160U * i, 0);
	for (uint16_t i = 0; i < 40; i++)
		fixture_audio(&f, 0, AT(1000 + 20UL * i), 1, i, 4000000 + 160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 40; i++)
		expect_packet(&h, 0, 8000 + PACKET * i, 1, i, G711_ULAW);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "streams")), 2);
	assert_int_equal(number(track_json(&h, 0), "lost"), 0);
	assert_int_equal(number(track_json(&h, 0), "received"), 80);
	forget(&f, &h);
}

static void a_timestamp_jump_is_no_time(void **state)
{
	struct recording_window w = window(3000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 120; i++)
		fixture_audio(&f, 0, AT(20UL * i), 1, i, 160U * i + (i >= 60 ? 900000U : 0), 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 120; i++)
		expect_packet(&h, 0, PACKET * i, 1, i, G711_ULAW);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "streams")), 1);
	forget(&f, &h);
}

static void silence_suppression_is_time(void **state)
{
	struct recording_window w = window(6000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 50; i++)
		fixture_audio(&f, 0, AT(20UL * i), 1, i, 160U * i, 0);
	for (uint16_t i = 50; i < 100; i++) /* three seconds later */
		fixture_audio(&f, 0, AT(3000 + 20UL * i), 1, i, 24000 + 160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 50; i < 100; i++)
		expect_packet(&h, 0, 24000 + PACKET * i, 1, i, G711_ULAW);
	expect_silence(&h, 0, 8000, 32000);
	assert_int_equal(number(track_json(&h, 0), "lost"), 0);
	forget(&f, &h);
}

static void a_timestamp_that_rests_on_hold_is_denied(void **state)
{
	struct recording_window w = window(9000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 100; i++)
		fixture_audio(&f, 0, AT(20UL * i + (i >= 50 ? 5000 : 0)), 1, i, 160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 50; i < 100; i++)
		expect_packet(&h, 0, 40000 + PACKET * i, 1, i, G711_ULAW);
	forget(&f, &h);
}

/* A sequence number that was damaged puts its packet behind others, where a timestamp that was
 * damaged as well would move the track by hours. */
static void damaged_sequences_and_timestamps_move_nothing(void **state)
{
	struct recording_window w = window(2000);
	struct fixture f;
	struct heard h;

	w.start_at_media = true;
	w.stop_at_media = true;
	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 50; i++) {
		uint16_t sequence = i == 34 ? 166 : 100 + i;
		uint32_t flipped = i == 49 ? 1U << 28 : i == 30 ? 1U << 14 : 0;

		if (i == 2 || i == 8 || i == 19 || i == 23 || i == 33)
			continue; /* lost */
		fixture_audio(&f, 0, AT(20UL * i), 1, sequence, (5000 + 160U * i) ^ flipped, 0);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 30; i++)
		if (i != 2 && i != 8 && i != 19 && i != 23)
			expect_packet(&h, 0, PACKET * i, 1, 100 + i, G711_ULAW);
	forget(&f, &h);
}

static void a_stall_that_catches_up_moves_nothing(void **state)
{
	struct recording_window w = window(5000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 200; i++) /* packets 50 to 149 all come at 3 s */
		fixture_audio(
			&f, 0, i >= 50 && i < 150 ? AT(3000) : AT(20UL * i), 1, i, 160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 200; i++)
		expect_packet(&h, 0, PACKET * i, 1, i, G711_ULAW);
	assert_int_equal(number(track_json(&h, 0), "lost"), 0);
	forget(&f, &h);
}

static void another_port_goes_on_with_the_same_clock(void **state)
{
	struct recording_window w = window(2000);
	struct fixture f;
	struct heard h;
	unsigned int other;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	other = fixture_stream(&f, TRACK_INCOMING, 7, 4711);
	for (uint16_t i = 0; i < 100; i++)
		fixture_audio(&f, i < 50 ? 0 : other, AT(20UL * i + (i >= 50 ? 9 : 0)), 1, i,
			160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 100; i++)
		expect_packet(&h, 0, PACKET * i, 1, i, G711_ULAW);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "streams")), 2);
	assert_string_equal(cJSON_GetObjectItem(stream_json(&h, 0, 1), "source")->valuestring,
		"192.0.2.1:4711");
	forget(&f, &h);
}

static void what_lies_outside_the_window_is_cut(void **state)
{
	struct recording_window w = window(0);
	struct fixture f;
	struct heard h;

	w.start_ns = AT(1005);
	w.stop_ns = AT(1990) + 400000; /* rounds down */
	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 150; i++)
		fixture_audio(&f, 0, AT(20UL * i), 1, i, 160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.result.duration_ms, 985);
	assert_int_equal(h.info.frames, 985 * 8);
	for (uint16_t i = 0; i < 150; i++)
		expect_packet(&h, 0, PACKET * i - 8040, 1, i, G711_ULAW);
	assert_int_equal(number(track_json(&h, 0), "received"), 49);
	forget(&f, &h);
}

static void a_window_may_begin_and_end_with_the_media(void **state)
{
	struct recording_window w = {
		.start_at_media = true, .stop_at_media = true, .reason = "capture_end"};
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACKS_BOTH);
	for (uint16_t i = 0; i < 10; i++)
		fixture_audio(&f, 0, AT(20UL * i) + 700000, 1, i, 160U * i, 0);
	for (uint16_t i = 0; i < 10; i++)
		fixture_audio(&f, 1, AT(50 + 20UL * i) + 300000, 2, i, 160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.result.start_ns, FIXTURE_START);
	assert_int_equal(h.result.duration_ms, 251);
	for (uint16_t i = 0; i < 10; i++) {
		expect_packet(&h, 0, 6 + PACKET * i, 1, i, G711_ULAW);
		expect_packet(&h, 1, 402 + PACKET * i, 2, i, G711_ULAW);
	}
	forget(&f, &h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_tracks_stand_side_by_side),
		cmocka_unit_test(one_track_is_mono),
		cmocka_unit_test(nothing_received_is_silence),
		cmocka_unit_test(mishaps_are_put_right),
		cmocka_unit_test(a_first_packet_that_comes_second_counts_as_first),
		cmocka_unit_test(jitter_moves_nothing),
		cmocka_unit_test(a_new_ssrc_is_anchored_anew),
		cmocka_unit_test(a_sequence_restart_is_a_stream_of_its_own),
		cmocka_unit_test(a_timestamp_jump_is_no_time),
		cmocka_unit_test(silence_suppression_is_time),
		cmocka_unit_test(a_timestamp_that_rests_on_hold_is_denied),
		cmocka_unit_test(damaged_sequences_and_timestamps_move_nothing),
		cmocka_unit_test(a_stall_that_catches_up_moves_nothing),
		cmocka_unit_test(another_port_goes_on_with_the_same_clock),
		cmocka_unit_test(what_lies_outside_the_window_is_cut),
		cmocka_unit_test(a_window_may_begin_and_end_with_the_media),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
