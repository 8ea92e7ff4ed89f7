/* Several sources of one party of a track: those that speak at the same time are added up, those
 * that take the place of each other, or are the same one, are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heard.h"
#include "storage/overlap.h"

#define FIRST 1U /* SSRCs */
#define SECOND 2U
#define THIRD 3U

/* A packet at its own time. */
static void say(struct fixture *f, unsigned int stream, uint32_t ssrc, uint16_t i)
{
	fixture_audio(f, stream, AT(20UL * i), ssrc, i, 160U * i, 0);
}

static void expect_sum(const struct heard *h, int64_t from, int64_t to, uint32_t a, uint32_t b)
{
	for (int64_t at = from; at < to; at++)
		assert_int_equal(sample(h, 0, at), clipped(octet(a, at) + (b ? octet(b, at) : 0)));
}

/* Two m= lines in one direction: two flows. */
static void flows_that_speak_at_once_are_added_up(void **state)
{
	struct recording_window w = window(4000);
	unsigned int other;
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	f.config.encode_g711 = true; /* which cannot be, for codes cannot be added up */
	other = fixture_stream(&f, TRACK_INCOMING, 5, 4711);
	for (uint16_t i = 0; i < 200; i++) {
		say(&f, 0, FIRST, i);
		say(&f, other, SECOND, i);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.format & SF_FORMAT_SUBMASK, SF_FORMAT_PCM_16);
	expect_sum(&h, 0, 200L * PACKET, FIRST, SECOND);
	forget(&f, &h);
}

/* An SSRC is of one RTP session: two m= lines may bear the same (RFC 3550, 8). */
static void flows_of_one_ssrc_that_say_different_things_are_added_up(void **state)
{
	struct recording_window w = window(4000);
	unsigned int other;
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	other = fixture_stream(&f, TRACK_INCOMING, 5, 4711);
	for (uint16_t i = 0; i < 200; i++) {
		say(&f, 0, FIRST, i);
		fixture_audio(&f, other, AT(20UL * i), FIRST, (uint16_t)(i + 1000), 160U * i, 0);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	for (int64_t at = 0; at < 200L * PACKET; at++)
		assert_int_equal(sample(&h, 0, at),
			clipped(octet(FIRST, at) + octet(FIRST, at + 1000L * PACKET)));
	forget(&f, &h);
}

static void sources_of_one_flow_that_speak_at_once_are_added_up(void **state)
{
	struct recording_window w = window(4000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 200; i++) {
		say(&f, 0, FIRST, i);
		say(&f, 0, SECOND, i);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	expect_sum(&h, 0, 200L * PACKET, FIRST, SECOND);
	forget(&f, &h);
}

/* A mirror that shows packets before and after a box that rewrites addresses, or addresses and
 * SSRC: once is enough. */
static void what_comes_by_two_ways_is_heard_once(void **state)
{
	struct recording_window w = window(4000);
	unsigned int other;
	unsigned int third;
	struct fixture f;
	struct heard h;
	uint8_t payload[PACKET];

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	other = fixture_stream(&f, TRACK_INCOMING, 5, 4711);
	third = fixture_stream(&f, TRACK_INCOMING, 6, 4712);
	for (uint16_t i = 0; i < 200; i++) {
		struct fixture_rtp again = {.arrival_ns = AT(20UL * i),
			.ssrc = THIRD,
			.timestamp = 4711 + 160U * i,
			.sequence = (uint16_t)(100 + i),
			.payload = payload,
			.payload_bytes = PACKET};

		say(&f, 0, FIRST, i);
		say(&f, other, FIRST, i);
		for (unsigned int k = 0; k < PACKET; k++)
			payload[k] = fixture_byte(FIRST, i, k);
		fixture_add(&f, third, &again);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "streams")), 3);
	expect_sum(&h, 0, 200L * PACKET, FIRST, 0);
	forget(&f, &h);
}

/* Silence says nothing of who it is: the SSRC does. */
static void silence_by_two_ways_does_not_make_two(void **state)
{
	struct recording_window w = window(124000);
	uint8_t silence[PACKET];
	unsigned int other;
	struct fixture f;
	struct heard h;

	memset(silence, 0xff, sizeof(silence));
	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	other = fixture_stream(&f, TRACK_INCOMING, 5, 4711);
	for (uint16_t i = 0; i < 6000; i++) {
		struct fixture_rtp quiet = {.arrival_ns = AT(20UL * i),
			.ssrc = FIRST,
			.timestamp = 160U * i,
			.sequence = i,
			.payload = silence,
			.payload_bytes = PACKET};

		fixture_add(&f, 0, &quiet);
		fixture_add(&f, other, &quiet);
	}
	for (uint16_t i = 6000; i < 6200; i++) {
		say(&f, 0, FIRST, i);
		say(&f, other, FIRST, i);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	expect_sum(&h, 6000L * PACKET, 6200L * PACKET, FIRST, 0);
	forget(&f, &h);
}

/* Just below the limit: one of them is heard, never both. The newer one stands a packet later, so
 * that it covers nothing of the one before. */
static void a_change_with_packets_under_way_is_no_overlap(void **state)
{
	const uint16_t both = OVERLAP_LEAST_MS / 20 - 10;
	struct recording_window w = window(8000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 400; i++) {
		if (i < 100 + both)
			say(&f, 0, FIRST, i);
		if (i >= 100)
			say(&f, 0, SECOND, i);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	expect_sum(&h, 0, 100L * PACKET, FIRST, 0);
	for (int64_t at = 100L * PACKET; at < (100L + both) * PACKET; at++)
		assert_true(sample(&h, 0, at) == octet(FIRST, at) ||
			    sample(&h, 0, at) == octet(SECOND, at - PACKET));
	for (int64_t at = (101L + both) * PACKET; at < 400L * PACKET; at++)
		assert_int_equal(sample(&h, 0, at), octet(SECOND, at - PACKET));
	forget(&f, &h);
}

/* One of two changes its SSRC, the other goes on. */
static void who_changes_beside_another_keeps_its_part(void **state)
{
	struct recording_window w = window(8000);
	unsigned int other;
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	other = fixture_stream(&f, TRACK_INCOMING, 5, 4711);
	for (uint16_t i = 0; i < 400; i++) {
		say(&f, 0, FIRST, i);
		say(&f, other, i < 200 ? SECOND : THIRD, i);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	expect_sum(&h, 0, 200L * PACKET, FIRST, SECOND);
	expect_sum(&h, 200L * PACKET, 400L * PACKET, FIRST, THIRD);
	forget(&f, &h);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_that_speak_at_once_are_added_up),
		cmocka_unit_test(flows_of_one_ssrc_that_say_different_things_are_added_up),
		cmocka_unit_test(sources_of_one_flow_that_speak_at_once_are_added_up),
		cmocka_unit_test(what_comes_by_two_ways_is_heard_once),
		cmocka_unit_test(silence_by_two_ways_does_not_make_two),
		cmocka_unit_test(a_change_with_packets_under_way_is_no_overlap),
		cmocka_unit_test(who_changes_beside_another_keeps_its_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
