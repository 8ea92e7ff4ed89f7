/* Clocks that drift: each second of each track bears a pulse, which must stand where it was sent by
 * the clock of the recorder, within half a packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heard.h"

#define LOUD 16000
#define TONE 4000 /* beside the pulse: no silence */
#define PACKETS_PER_PULSE 50
#define HALF_PACKET_MS 10

/* One track of a test. */
struct sender {
	unsigned int stream;
	double ppm; /* its clock is fast */
	uint64_t seconds;
	uint8_t payload_type; /* 0 and 8, or 97: L16 at 8 kHz */
	uint64_t jitter_ns;
	uint32_t loss; /* every so many'th packet is missing; 0: none */
	int16_t tone;
};

static uint64_t sent_ns(const struct sender *s, uint64_t packet)
{
	return (uint64_t)((double)packet * 20e6 / (1 + s->ppm / 1e6));
}

static size_t fill(const struct sender *s, uint64_t packet, uint8_t payload[320])
{
	for (unsigned int i = 0; i < PACKET; i++) {
		int16_t value = packet % PACKETS_PER_PULSE == 0 && i == 0 ? LOUD : s->tone;

		if (s->payload_type == 97) {
			payload[2 * i] = (uint8_t)(value >> 8);
			payload[2 * i + 1] = (uint8_t)value;
		} else {
			payload[i] =
				g711_encode(s->payload_type == 8 ? G711_ALAW : G711_ULAW, value);
		}
	}
	return s->payload_type == 97 ? 320 : 160;
}

static void send(struct fixture *f, const struct sender *s)
{
	uint64_t last_ns = 0;
	uint32_t x = 11;

	for (uint64_t i = 0; sent_ns(s, i) < s->seconds * FIXTURE_SECOND; i++) {
		uint64_t arrival_ns = sent_ns(s, i);
		uint8_t payload[320];
		struct fixture_rtp rtp = {.ssrc = s->stream + 1,
			.timestamp = (uint32_t)(PACKET * i),
			.sequence = (uint16_t)i,
			.payload_type = s->payload_type,
			.payload = payload};

		x = x * 1103515245 + 12345;
		if (s->jitter_ns)
			arrival_ns += (x >> 8) % s->jitter_ns;
		last_ns = arrival_ns > last_ns ? arrival_ns : last_ns;
		if (s->loss && i % s->loss == s->loss - 1)
			continue;
		rtp.arrival_ns = FIXTURE_START + last_ns;
		rtp.payload_bytes = (uint16_t)fill(s, i, payload);
		fixture_add(f, s->stream, &rtp);
	}
}

static void record(struct heard *h, struct fixture *f, const struct sender *senders,
	unsigned int count, bool coded, const struct codec *codecs, unsigned int codec_count)
{
	struct recording_window w = window(senders[0].seconds * 1000);

	fixture_begin(f, count == 2 ? TRACKS_BOTH : TRACK_BIT(TRACK_INCOMING));
	f->config.encode_g711 = coded;
	for (enum track track = TRACK_INCOMING; codec_count > 0 && track < count; track++)
		fixture_line(f, journal_line_codecs(track, FIXTURE_START, codecs, codec_count));
	for (unsigned int i = 0; i < count; i++)
		send(f, &senders[i]);
	fixture_end(f, &w);
	hear(f, h);
	assert_false(h->result.failed);
}

static bool is_sent(const struct sender *s, uint64_t packet)
{
	return !s->loss || packet % s->loss != s->loss - 1;
}

/* Expects the pulses where they were sent, and no second changed by more than one sample in 80. */
static void expect_pulses(const struct heard *h, int channel, const struct sender *s)
{
	int64_t rate = h->info.samplerate;
	int64_t reach = HALF_PACKET_MS * rate / 1000 + 3 * rate / 8000 +
			(int64_t)(s->jitter_ns / 2 * (uint64_t)rate / FIXTURE_SECOND);
	int64_t before = -1;

	/* The anchor may cut the first sample of all. */
	for (uint64_t i = PACKETS_PER_PULSE;
		sent_ns(s, i) + FIXTURE_SECOND < s->seconds * FIXTURE_SECOND;
		i += PACKETS_PER_PULSE) {
		int64_t due = (int64_t)(sent_ns(s, i) * (uint64_t)rate / FIXTURE_SECOND);
		int64_t found = -1;
		int16_t loudest = LOUD / 2;

		if (!is_sent(s, i))
			continue;
		for (int64_t at = due - 3 * reach; at <= due + 3 * reach; at++)
			if (at >= 0 && sample(h, channel, at) > loudest) {
				loudest = sample(h, channel, at);
				found = at;
			}
		assert_true(found >= 0);
		assert_true(labs(found - due) <= reach);
		if (before >= 0 && !s->loss)
			assert_true(labs(found - before - rate) <= rate / 80 + rate / 8000);
		before = s->loss ? -1 : found;
	}
}

static double changed(const struct heard *h, int track, const char *name)
{
	return number(stream_json(h, track, 0), name);
}

static void an_hour_of_200_ppm_stays_aligned(void **state)
{
	struct sender senders[] = {{0, 200, 3600, 0, 0, 0, TONE}, {1, -200, 3600, 8, 0, 0, TONE}};
	struct fixture f;
	struct heard h;

	record(&h, &f, senders, 2, false, NULL, 0);
	expect_pulses(&h, 0, &senders[0]);
	expect_pulses(&h, 1, &senders[1]);
	/* 3600 s * 8000 Hz * 200 ppm, up to half a packet */
	assert_in_range(changed(&h, 0, "samples_removed"), 5760 - 90, 5760 + 10);
	assert_int_equal(changed(&h, 0, "samples_added"), 0);
	assert_in_range(changed(&h, 1, "samples_added"), 5760 - 90, 5760 + 10);
	assert_int_equal(changed(&h, 1, "samples_removed"), 0);
	assert_float_equal(changed(&h, 0, "clock_ppm"), 200, 1);
	assert_float_equal(changed(&h, 1, "clock_ppm"), -200, 1);
	forget(&f, &h);
}

static void much_drift_through_jitter_stays_aligned(void **state)
{
	struct sender senders[] = {
		{0, 2000, 60, 0, 4000000, 0, TONE}, {1, -2000, 60, 0, 4000000, 0, TONE}};
	struct fixture f;
	struct heard h;

	for (unsigned int coded = 0; coded < 2; coded++) {
		record(&h, &f, senders, 2, coded, NULL, 0);
		if (!coded)
			expect_pulses(&h, 0, &senders[0]);
		if (!coded)
			expect_pulses(&h, 1, &senders[1]);
		assert_in_range(changed(&h, 0, "samples_removed"), 960 - 120, 960 + 20);
		assert_in_range(changed(&h, 1, "samples_added"), 960 - 120, 960 + 20);
		forget(&f, &h);
	}
}

/* Timestamps that go on at half the rate are of no clock. */
static void what_no_clock_can_be_is_left_out(void **state)
{
	struct sender senders[] = {{0, -450000, 30, 0, 0, 0, TONE}, {1, 12000, 30, 8, 0, 0, TONE}};
	struct fixture f;
	struct heard h;

	record(&h, &f, senders, 2, false, NULL, 0);
	assert_null(cJSON_GetObjectItem(stream_json(&h, 0, 0), "clock_ppm"));
	assert_float_equal(changed(&h, 1, "clock_ppm"), 12000, 100);
	forget(&f, &h);
}

static void drift_and_two_rates_go_together(void **state)
{
	struct codec codecs[] = {{97, 1, 8000, "L16", ""}, {98, 1, 16000, "L16", ""}};
	struct sender senders[] = {{0, 1000, 120, 97, 0, 0, TONE}, {1, -1000, 120, 97, 0, 0, TONE}};
	struct fixture_rtp fast = {FIXTURE_START, 9, 0, 0, 98, NULL, 320};
	uint8_t payload[320] = {0};
	struct recording_window w = window(120000);
	struct fixture f;
	struct heard h;
	unsigned int third;

	fixture_begin(&f, TRACKS_BOTH);
	fixture_line(&f, journal_line_codecs(TRACK_INCOMING, FIXTURE_START, codecs, 2));
	fixture_line(&f, journal_line_codecs(TRACK_OUTGOING, FIXTURE_START, codecs, 2));
	third = fixture_stream(&f, TRACK_INCOMING, 5, 40000);
	fast.payload = payload;
	fast.arrival_ns = AT(119900);
	fixture_add(&f, third, &fast); /* so that the file has 16 kHz */
	send(&f, &senders[0]);
	send(&f, &senders[1]);
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.samplerate, 16000);
	expect_pulses(&h, 0, &senders[0]);
	expect_pulses(&h, 1, &senders[1]);
	forget(&f, &h);
}

/* Missing packets give the time: what was received stays as it is. */
static void missing_packets_are_corrected_first(void **state)
{
	struct sender sender = {0, 200, 600, 0, 0, 20, TONE};
	struct fixture f;
	struct heard h;
	int64_t at = 0;

	record(&h, &f, &sender, 1, false, NULL, 0);
	expect_pulses(&h, 0, &sender);
	assert_true(changed(&h, 0, "samples_removed") > 800);
	/* Each stretch between two silences is 19 whole packets. */
	while (at + 20 * PACKET < h.info.frames) {
		int64_t from = at;

		while (at < h.info.frames && sample(&h, 0, at) != 0)
			at++;
		if (from > 0 && at < h.info.frames)
			assert_int_equal(at - from, 19 * PACKET);
		while (at < h.info.frames && sample(&h, 0, at) == 0)
			at++;
	}
	forget(&f, &h);
}

static void silent_packets_are_corrected_before_speech(void **state)
{
	struct sender sender = {0, -200, 600, 0, 0, 0, 0};
	struct fixture f;
	struct heard h;

	record(&h, &f, &sender, 1, false, NULL, 0);
	expect_pulses(&h, 0, &sender);
	assert_true(changed(&h, 0, "samples_added") > 800);
	forget(&f, &h);
}

static void without_drift_nothing_is_changed(void **state)
{
	static const uint64_t jitters_ns[] = {0, 5000000, 60000000, 500000000};

	for (unsigned int i = 0; i < 4; i++) {
		struct sender senders[] = {{0, 0, 300, 0, jitters_ns[i], 0, TONE},
			{1, i == 1 ? 20 : 0, 300, 8, jitters_ns[i], 0, 0}};
		struct fixture f;
		struct heard h;

		record(&h, &f, senders, 2, false, NULL, 0);
		for (int track = 0; track < 2; track++) {
			assert_int_equal(changed(&h, track, "samples_added"), 0);
			assert_int_equal(changed(&h, track, "samples_removed"), 0);
		}
		forget(&f, &h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_of_200_ppm_stays_aligned),
		cmocka_unit_test(much_drift_through_jitter_stays_aligned),
		cmocka_unit_test(what_no_clock_can_be_is_left_out),
		cmocka_unit_test(drift_and_two_rates_go_together),
		cmocka_unit_test(missing_packets_are_corrected_first),
		cmocka_unit_test(silent_packets_are_corrected_before_speech),
		cmocka_unit_test(without_drift_nothing_is_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
