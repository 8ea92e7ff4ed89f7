/* A track that several parties speak on at once (SIPREC): they are added up, each at its own place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heard.h"

#define FIRST 1U /* SSRCs */
#define SECOND 2U
#define THIRD 3U

/* 56 samples late, so not on the first one's grid; longer than one stretch of the renderer. */
static void parties_are_added_up_each_at_its_own_place(void **state)
{
	const uint16_t packets = 1000;
	struct recording_window w = window(20007);
	unsigned int clips = 0;
	unsigned int other;
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	other = fixture_party(&f, TRACK_INCOMING, 5, 4711, 7);
	for (uint16_t i = 0; i < packets; i++) {
		fixture_audio(&f, 0, AT(20UL * i), FIRST, i, 160U * i, 0);
		fixture_audio(&f, other, AT(20UL * i + 7), SECOND, i, 160U * i + 99, 0);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.frames, 20007 * 8);
	for (int64_t at = 0; at < h.info.frames; at++) {
		int32_t sum =
			(at < packets * PACKET ? octet(FIRST, at) : 0) + octet(SECOND, at - 56);

		assert_int_equal(sample(&h, 0, at), clipped(sum));
		clips += sum != clipped(sum);
	}
	assert_true(clips > 0); /* or saturation was not tried */
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "streams")), 2);
	assert_int_equal(number(track_json(&h, 0), "received"), 2 * packets);
	assert_int_equal(number(track_json(&h, 0), "lost"), 0);
	forget(&f, &h);
}

/* What a mirrored leg has: another SSRC takes the place of the one before. Beside it somebody else
 * goes on. */
static void streams_of_one_party_take_the_place_of_each_other(void **state)
{
	struct recording_window w = window(1000);
	unsigned int again;
	unsigned int other;
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	again = fixture_party(&f, TRACK_INCOMING, 5, 4711, 0);
	other = fixture_party(&f, TRACK_INCOMING, 6, 4712, 1);
	for (uint16_t i = 0; i < 50; i++) {
		if (i < 30)
			fixture_audio(&f, 0, AT(20UL * i), FIRST, i, 160U * i, 0);
		else
			fixture_audio(&f, again, AT(20UL * i), THIRD, i, 160U * i, 0);
		fixture_audio(&f, other, AT(20UL * i), SECOND, i, 160U * i, 0);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	for (int64_t at = 0; at < 50L * PACKET; at++)
		assert_int_equal(sample(&h, 0, at),
			clipped(octet(at < 30L * PACKET ? FIRST : THIRD, at) + octet(SECOND, at)));
	forget(&f, &h);
}

static void codes_that_must_be_mixed_become_samples(void **state)
{
	struct recording_window w = window(100);
	unsigned int other;
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACKS_BOTH);
	f.config.encode_g711 = true;
	other = fixture_party(&f, TRACK_OUTGOING, 5, 4711, 1);
	for (uint16_t i = 0; i < 5; i++) {
		fixture_audio(&f, 0, AT(20UL * i), FIRST, i, 160U * i, 0);
		fixture_audio(&f, 1, AT(20UL * i), SECOND, i, 160U * i, 0);
		fixture_audio(&f, other, AT(20UL * i), THIRD, i, 160U * i, 0);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.format & SF_FORMAT_SUBMASK, SF_FORMAT_PCM_16);
	for (int64_t at = 0; at < 5L * PACKET; at++) {
		assert_int_equal(sample(&h, 0, at), octet(FIRST, at));
		assert_int_equal(sample(&h, 1, at), clipped(octet(SECOND, at) + octet(THIRD, at)));
	}
	forget(&f, &h);
}

/* A pause silences them all. */
static void a_pause_is_laid_over_the_sum(void **state)
{
	struct recording_window w = window(2000);
	unsigned int other;
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	other = fixture_party(&f, TRACK_INCOMING, 5, 4711, 1);
	for (uint16_t i = 0; i < 100; i++) {
		fixture_audio(&f, 0, AT(20UL * i), FIRST, i, 160U * i, 0);
		fixture_audio(&f, other, AT(20UL * i), SECOND, i, 160U * i, 0);
	}
	fixture_line(&f, journal_line_pause(AT(500)));
	fixture_line(&f, journal_line_resume(AT(1500)));
	fixture_end(&f, &w);
	hear(&f, &h);
	for (int64_t at = 0; at < 4000; at++)
		assert_int_equal(sample(&h, 0, at), clipped(octet(FIRST, at) + octet(SECOND, at)));
	expect_silence(&h, 0, 4000 + 1600, 12000 - 1600);
	for (int64_t at = 12000; at < 16000; at++)
		assert_int_equal(sample(&h, 0, at), clipped(octet(FIRST, at) + octet(SECOND, at)));
	forget(&f, &h);
}

/* Nobody is heard on a track of several parties: comfort noise alone. There is nothing to add up.
 */
static void parties_who_are_silent_can_be_no_codes(void **state)
{
	struct recording_window w = window(100);
	unsigned int other;
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACKS_BOTH);
	f.config.encode_g711 = true;
	other = fixture_party(&f, TRACK_OUTGOING, 5, 4711, 1);
	for (uint16_t i = 0; i < 5; i++) {
		fixture_audio(&f, 0, AT(20UL * i), FIRST, i, 160U * i, 0);
		fixture_audio(&f, 1, AT(20UL * i), SECOND, i, 160U * i, 13);
		fixture_audio(&f, other, AT(20UL * i), THIRD, i, 160U * i, 13);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.format & SF_FORMAT_SUBMASK, SF_FORMAT_PCM_16);
	for (int64_t at = 0; at < 5L * PACKET; at++)
		assert_int_equal(sample(&h, 0, at), octet(FIRST, at));
	expect_silence(&h, 1, 0, 5L * PACKET);
	forget(&f, &h);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parties_are_added_up_each_at_its_own_place),
		cmocka_unit_test(streams_of_one_party_take_the_place_of_each_other),
		cmocka_unit_test(codes_that_must_be_mixed_become_samples),
		cmocka_unit_test(a_pause_is_laid_over_the_sum),
		cmocka_unit_test(parties_who_are_silent_can_be_no_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
