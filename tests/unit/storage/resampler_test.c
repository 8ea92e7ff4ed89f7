/* Tracks and codecs of a lower rate than the file's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coded.h"

/* The file has the higher rate of two tracks; the lower one stands where it did. */
static void tracks_of_two_rates_stand_side_by_side(void **state)
{
	struct codec codecs[] = {{97, 1, 16000, "L16", ""}, {98, 1, 8000, "L16", ""}};
	struct recording_window w = window(SECONDS * 1000);
	int16_t *slow = coded_write_signal(8000);
	struct fixture f;
	struct heard h;
	int16_t *left;
	int16_t *right;
	double best;

	fixture_begin(&f, TRACKS_BOTH);
	fixture_line(&f, journal_line_codecs(TRACK_INCOMING, FIXTURE_START, codecs, 2));
	fixture_line(&f, journal_line_codecs(TRACK_OUTGOING, FIXTURE_START, codecs, 2));
	for (unsigned int i = 0; i < SECONDS * 50; i++) {
		uint8_t fast[640];
		uint8_t payload[320];
		struct fixture_rtp a = {AT(20UL * i), 1, 320 * i, (uint16_t)i, 97, fast, 640};
		struct fixture_rtp b = {AT(20UL * i), 2, 160 * i, (uint16_t)i, 98, payload, 320};

		for (unsigned int k = 0; k < 160; k++) {
			payload[2 * k] = (uint8_t)(slow[160 * i + k] >> 8);
			payload[2 * k + 1] = (uint8_t)slow[160 * i + k];
		}
		/* The same by the ear at twice the rate: each sample and the mean with the next. */
		for (unsigned int k = 0; k < 320; k++) {
			size_t n = 160 * i + k / 2;
			size_t next = n + 1 < SECONDS * 8000UL ? n + 1 : n;
			int value = k % 2 ? (slow[n] + slow[next]) / 2 : slow[n];

			fast[2 * k] = (uint8_t)(value >> 8);
			fast[2 * k + 1] = (uint8_t)value;
		}
		fixture_add(&f, 0, &a);
		if (i != 60) /* one is lost: a run of the resampler ends, another begins */
			fixture_add(&f, 1, &b);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.samplerate, 16000);
	assert_int_equal(h.info.frames, SECONDS * 16000);
	expect_silence(&h, 1, 60 * 320, 61 * 320);
	left = malloc(SECONDS * 16000 * sizeof(*left));
	right = malloc(SECONDS * 16000 * sizeof(*right));
	for (int64_t i = 0; i < SECONDS * 16000L; i++) {
		bool lost = i / 320 == 60;

		left[i] = lost ? 0 : sample(&h, 0, i);
		right[i] = sample(&h, 1, i);
	}
	assert_int_equal(coded_best_lag(left, right, SECONDS * 16000L, 40, &best), 0);
	print_message("two rates: correlation %.5f\n", best);
	assert_true(best > 0.995);
	/* Across the stretches of the lane and to the very end. */
	for (int64_t from = 0; from + 1600 <= SECONDS * 16000L; from += 1600)
		if (from / 1600 != 12)
			assert_true(coded_correlation(left + from, right + from, 1600, 0) > 0.98);
	free(left);
	free(right);
	free(slow);
	forget(&f, &h);
}

/* A codec of another rate from a re-INVITE on. */
static void a_codec_change_keeps_its_place(void **state)
{
	struct codec codecs[] = {{97, 1, 16000, "L16", ""}, {98, 1, 8000, "L16", ""}};
	struct recording_window w = window(2000);
	uint8_t loud[640];
	struct fixture f;
	struct heard h;

	for (unsigned int i = 0; i < sizeof(loud); i++)
		loud[i] = i % 2 ? 0 : 0x10; /* 4096 */
	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	fixture_line(&f, journal_line_codecs(TRACK_INCOMING, FIXTURE_START, codecs, 2));
	for (unsigned int i = 0; i < 100; i++) {
		bool late = i >= 50;
		uint32_t timestamp = late ? 7000000 + 320 * i : 160 * i;
		struct fixture_rtp rtp = {AT(20UL * i), 1, timestamp, (uint16_t)i, late ? 97 : 98,
			loud, late ? 640 : 320};

		if (i != 20 && i != 70)
			fixture_add(&f, 0, &rtp);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.samplerate, 16000);
	for (int64_t i = 100; i < 31900; i++) {
		int64_t packet = i / 320;
		bool edge = i % 320 < 40 || i % 320 > 280;

		if (packet == 20 || packet == 70)
			assert_int_equal(sample(&h, 0, i), 0);
		else if (packet >= 50 || !edge || (packet > 21 && packet < 49))
			assert_in_range(sample(&h, 0, i), 4000, 4200);
	}
	forget(&f, &h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tracks_of_two_rates_stand_side_by_side),
		cmocka_unit_test(a_codec_change_keeps_its_place),
	};

	return cmocka_run_group_tests(tests, coded_make_folder, coded_remove_folder);
}
