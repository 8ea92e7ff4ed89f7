/* What is laid over and beside the audio: pauses, events, received bytes, codecs that nothing
 * decodes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "heard.h"

static void add_steady_audio(struct fixture *f, unsigned int stream, uint32_t ssrc, uint16_t from,
	uint16_t to, uint8_t payload_type)
{
	for (uint16_t i = from; i < to; i++)
		fixture_audio(f, stream, AT(20UL * i), ssrc, i, 160U * i, payload_type);
}

/* Power of one frequency in a stretch, against all of its power: 1 for a pure sine (Goertzel). */
static double share(const struct heard *h, int channel, int64_t from, int64_t to, double hz)
{
	double w = 2 * M_PI * hz / h->info.samplerate;
	double s1 = 0;
	double s2 = 0;
	double all = 0;

	for (int64_t at = from; at < to; at++) {
		double v = sample(h, channel, at);
		double s0 = v + 2 * cos(w) * s1 - s2;

		s2 = s1;
		s1 = s0;
		all += v * v;
	}
	return 2 * (s1 * s1 + s2 * s2 - 2 * cos(w) * s1 * s2) / all / (double)(to - from);
}

static void a_pause_is_silence_between_tones(void **state)
{
	struct recording_window w = window(5000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACKS_BOTH);
	add_steady_audio(&f, 0, 1, 0, 50, 0);
	add_steady_audio(&f, 1, 2, 0, 50, 0);
	fixture_line(&f, journal_line_pause(AT(990)));
	fixture_line(&f, journal_line_resume(AT(3005)));
	add_steady_audio(&f, 0, 1, 151, 250, 0);
	add_steady_audio(&f, 1, 2, 151, 250, 0);
	fixture_line(&f, journal_line_paused_packets(TRACK_INCOMING, 101));
	fixture_line(&f, journal_line_paused_packets(TRACK_OUTGOING, 100));
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.frames, 40000);
	for (int channel = 0; channel < 2; channel++) {
		uint32_t ssrc = channel == 0 ? 1 : 2;

		for (uint16_t i = 0; i < 49; i++)
			expect_packet(&h, channel, PACKET * i, ssrc, i, G711_ULAW);
		for (int i = 0; i < 80; i++) /* the packet that the pause cuts */
			assert_int_equal(sample(&h, channel, 7840 + i),
				g711_values[G711_ULAW][fixture_byte(ssrc, 49, (unsigned int)i)]);
		assert_true(share(&h, channel, 7920, 9520, 440) > 0.999);
		expect_silence(&h, channel, 9520, 24040 - 1600);
		assert_true(share(&h, channel, 24040 - 1600, 24040, 440) > 0.999);
		for (uint16_t i = 151; i < 250; i++)
			expect_packet(&h, channel, PACKET * i, ssrc, i, G711_ULAW);
	}
	assert_int_equal(number(track_json(&h, 0), "while_paused"), 101);
	assert_int_equal(number(track_json(&h, 0), "lost"), 0);
	assert_int_equal(number(track_json(&h, 1), "lost"), 1);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "gaps")), 0);
	assert_int_equal(
		number(cJSON_GetArrayItem(cJSON_GetObjectItem(h.json, "pauses"), 0), "start_ms"),
		990);
	assert_int_equal(
		number(cJSON_GetArrayItem(cJSON_GetObjectItem(h.json, "pauses"), 0), "end_ms"),
		3005);
	forget(&f, &h);
}

static void a_short_pause_has_half_a_tone_at_each_end(void **state)
{
	struct recording_window w = window(1000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	add_steady_audio(&f, 0, 1, 0, 50, 0);
	fixture_line(&f, journal_line_pause(AT(500)));
	fixture_line(&f, journal_line_resume(AT(600)));
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_true(share(&h, 0, 4000, 4400, 440) > 0.999);
	assert_true(share(&h, 0, 4400, 4800, 440) > 0.999);
	expect_packet(&h, 0, 4800, 1, 30, G711_ULAW);
	expect_packet(&h, 0, 4000 - PACKET, 1, 24, G711_ULAW);
	forget(&f, &h);
}

/* Of a list [Pause, Resume]: it may last no sample, and was acknowledged all the same. So was one
 * just before the stop, in what rounding to milliseconds cuts off. */
static void a_pause_of_no_length_is_listed(void **state)
{
	struct recording_window w = window(1000);
	const cJSON *pauses;
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	add_steady_audio(&f, 0, 1, 0, 50, 0);
	fixture_line(&f, journal_line_pause(AT(500)));
	fixture_line(&f, journal_line_resume(AT(500) + 1000));
	fixture_line(&f, journal_line_pause(AT(1000) + 300000));
	fixture_line(&f, journal_line_resume(AT(1000) + 300000));
	fixture_line(&f, journal_line_pause(AT(1001))); /* after the end */
	w.stop_ns += 400000;
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 50; i++)
		expect_packet(&h, 0, i * PACKET, 1, i, G711_ULAW);
	pauses = cJSON_GetObjectItem(h.json, "pauses");
	assert_int_equal(cJSON_GetArraySize(pauses), 2);
	assert_int_equal(number(cJSON_GetArrayItem(pauses, 0), "start_ms"), 500);
	assert_int_equal(number(cJSON_GetArrayItem(pauses, 0), "end_ms"), 500);
	assert_int_equal(number(cJSON_GetArrayItem(pauses, 1), "start_ms"), 1000);
	assert_int_equal(number(cJSON_GetArrayItem(pauses, 1), "end_ms"), 1000);
	forget(&f, &h);
}

/* Also: a pause that nothing ends, longer than a stretch of the renderer. */
static void a_pause_may_last_to_the_end(void **state)
{
	struct recording_window w = window(60000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	add_steady_audio(&f, 0, 1, 0, 100, 0);
	fixture_line(&f, journal_line_pause(AT(1000)));
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(h.info.frames, 480000);
	expect_packet(&h, 0, 8000 - PACKET, 1, 49, G711_ULAW);
	assert_true(share(&h, 0, 8000, 9600, 440) > 0.999);
	expect_silence(&h, 0, 9600, 480000);
	forget(&f, &h);
}

static void long_audio_crosses_stretches_whole(void **state)
{
	struct recording_window w = window(50000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	for (uint16_t i = 0; i < 2499; i++) /* 77 samples off any round place */
		fixture_audio(&f, 0, AT(20UL * i) + 9625000, 1, i, 160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 2499; i++)
		expect_packet(&h, 0, 77 + PACKET * i, 1, i, G711_ULAW);
	forget(&f, &h);
}

/* --- Events --- */

static void add_event(struct fixture *f, uint64_t at_ms, uint16_t sequence, uint32_t timestamp,
	uint8_t event, bool end, uint16_t duration)
{
	uint8_t payload[4] = {
		event, (uint8_t)(end << 7 | 10), (uint8_t)(duration >> 8), (uint8_t)duration};
	struct fixture_rtp rtp = {AT(at_ms), 1, timestamp, sequence, 101, payload, 4};

	fixture_add(f, 0, &rtp);
}

static void note_events(struct fixture *f)
{
	static const struct codec codecs[] = {
		{0, 1, 8000, "PCMU", ""}, {101, 1, 8000, "TELEPHONE-EVENT", "0-15"}};

	fixture_line(f, journal_line_codecs(TRACK_INCOMING, FIXTURE_START, codecs, 2));
}

static void expect_digit(
	const struct heard *h, int64_t at, int64_t samples, double low, double high)
{
	assert_true(share(h, 0, at, at + samples, low) > 0.45);
	assert_true(share(h, 0, at, at + samples, high) > 0.45);
}

/* "5" for 100 ms among audio, its end sent three times; "#" whose end is lost. */
static void an_event_is_its_tone_once(void **state)
{
	struct recording_window w = window(2000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	note_events(&f);
	add_steady_audio(&f, 0, 1, 0, 25, 0);
	for (uint16_t i = 0; i < 5; i++)
		add_event(&f, 500 + 20UL * i, (uint16_t)(25 + i), 4000, 5, i == 4,
			(uint16_t)(160 * (i + 1)));
	add_event(&f, 600, 30, 4000, 5, true, 800);
	add_event(&f, 600, 31, 4000, 5, true, 800);
	for (uint16_t i = 0; i < 20; i++)
		fixture_audio(
			&f, 0, AT(620 + 20UL * i), 1, (uint16_t)(32 + i), 4960U + 160U * i, 0);
	for (uint16_t i = 0; i < 4; i++)
		add_event(&f, 1020 + 20UL * i, (uint16_t)(52 + i), 8160, 11, false,
			(uint16_t)(160 * (i + 1)));
	fixture_end(&f, &w);
	hear(&f, &h);
	expect_packet(&h, 0, 3840, 1, 24, G711_ULAW);
	expect_digit(&h, 4000, 800, 770, 1336);
	expect_silence(&h, 0, 4800, 4960);
	expect_packet(&h, 0, 4960, 1, 32, G711_ULAW);
	expect_digit(&h, 8160, 640, 941, 1477);
	expect_silence(&h, 0, 8800, 16000);
	assert_int_equal(number(track_json(&h, 0), "undecodable"), 0);
	assert_int_equal(number(track_json(&h, 0), "lost"), 0);
	forget(&f, &h);
}

/* Events of a source of its own, played with timestamps that have nothing to do with the time. */
static void events_with_foreign_timestamps_stand_at_their_arrival(void **state)
{
	struct recording_window w = window(6000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	note_events(&f);
	for (uint16_t digit = 0; digit < 3; digit++)
		for (uint16_t i = 0; i < 8; i++)
			add_event(&f, 1000 + 700UL * digit + 20UL * i,
				(uint16_t)(7984 + 55 * digit + i), 13280U + 9920U * digit,
				(uint8_t)(1 + digit), i > 4, (uint16_t)(160 * (i < 4 ? i + 1 : 5)));
	fixture_end(&f, &w);
	hear(&f, &h);
	expect_digit(&h, 8000, 800, 697, 1209);
	expect_digit(&h, 8000 + 5600, 800, 697, 1336);
	expect_digit(&h, 8000 + 11200, 800, 697, 1477);
	expect_silence(&h, 0, 8800, 13600);
	forget(&f, &h);
}

/* All sixteen, read back by a decoder that is not ours. */
static void tones_are_what_multimon_decodes(void **state)
{
	struct recording_window w = window(7000);
	char command[512];
	char wav[256];
	char digits[64] = "";
	char digit;
	struct fixture f;
	struct heard h;
	FILE *out;

	if (system("command -v sox >/dev/null && command -v multimon-ng >/dev/null") != 0) {
		print_message("no sox or multimon-ng here\n");
		skip();
	}
	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	note_events(&f);
	for (uint16_t i = 0; i < 16; i++)
		add_event(&f, 200 + 400UL * i, i, 1600U + 3200U * i, (uint8_t)i, true, 1600);
	fixture_end(&f, &w);
	hear(&f, &h);
	fixture_path(&f, ".wav", wav);
	snprintf(command, sizeof(command),
		"sox '%s' -t raw -e signed -b 16 -r 22050 - | multimon-ng -q -t raw -a DTMF -",
		wav);
	out = popen(command, "r");
	assert_non_null(out);
	while (fscanf(out, " DTMF: %c", &digit) == 1)
		strncat(digits, &digit, 1);
	pclose(out);
	assert_string_equal(digits, "0123456789*#ABCD");
	forget(&f, &h);
}

/* --- The received bytes --- */

static void expect_g711_file(struct fixture *f, int format, const char *encoding)
{
	struct heard h;

	f->config.encode_g711 = true;
	hear(f, &h);
	assert_int_equal(h.info.format & SF_FORMAT_SUBMASK, format);
	assert_string_equal(cJSON_GetObjectItem(h.json, "encoding")->valuestring, encoding);
	forget(f, &h);
}

static void g711_may_stand_in_the_file_as_received(void **state)
{
	struct recording_window w = window(2000);
	struct fixture f;
	struct heard h;
	char path[256];
	size_t bytes;
	char *data;

	fixture_begin(&f, TRACKS_BOTH);
	add_steady_audio(&f, 0, 1, 0, 100, 8);
	add_steady_audio(&f, 1, 2, 50, 100, 8);
	fixture_line(&f, journal_line_pause(AT(1500)));
	fixture_line(&f, journal_line_resume(AT(1600)));
	fixture_end(&f, &w);
	f.config.encode_g711 = true;
	hear(&f, &h);
	assert_int_equal(h.info.format & SF_FORMAT_SUBMASK, SF_FORMAT_ALAW);
	fixture_path(&f, ".wav", path);
	data = fixture_read(path, &bytes);
	data += bytes - 2 * 16000UL;
	for (unsigned int at = 0; at < 16000; at++) {
		uint16_t packet = (uint16_t)(at / PACKET);

		if (at >= 12000 && at < 12800)
			continue;
		assert_int_equal((uint8_t)data[2 * at], fixture_byte(1, packet, at % PACKET));
		assert_int_equal((uint8_t)data[2 * at + 1],
			packet < 50 ? 0xd5 : fixture_byte(2, packet, at % PACKET));
	}
	free(data - (bytes - 2 * 16000UL));
	assert_true(share(&h, 0, 12000, 12400, 440) > 0.99);
	forget(&f, &h);
}

static void two_laws_make_a_pcm_file(void **state)
{
	struct recording_window w = window(1000);
	struct fixture f;

	fixture_begin(&f, TRACKS_BOTH);
	add_steady_audio(&f, 0, 1, 0, 50, 0);
	add_steady_audio(&f, 1, 2, 0, 50, 8);
	fixture_end(&f, &w);
	expect_g711_file(&f, SF_FORMAT_PCM_16, "pcm16");
	fixture_begin(&f, TRACKS_BOTH);
	add_steady_audio(&f, 0, 1, 0, 50, 0);
	fixture_end(&f, &w);
	expect_g711_file(&f, SF_FORMAT_ULAW, "ulaw");
}

/* --- What nothing decodes --- */

static void unknown_codecs_never_become_noise(void **state)
{
	static const struct codec codecs[] = {{97, 1, 8000, "ILBC", "mode=20"}};
	struct recording_window w = window(1000);
	struct fixture f;
	struct heard h;
	char path[256];

	fixture_begin(&f, TRACKS_BOTH);
	fixture_line(&f, journal_line_codecs(TRACK_INCOMING, FIXTURE_START, codecs, 1));
	add_steady_audio(&f, 0, 1, 0, 50, 97);
	add_steady_audio(&f, 1, 2, 0, 50, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_false(h.result.failed);
	assert_true(h.result.undecodable);
	expect_silence(&h, 0, 0, 8000);
	expect_packet(&h, 1, 0, 2, 0, G711_ULAW);
	assert_int_equal(number(track_json(&h, 0), "undecodable"), 50);
	assert_string_equal(
		cJSON_GetObjectItem(stream_json(&h, 0, 0), "codec")->valuestring, "ILBC");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "gaps")), 0);
	forget(&f, &h);

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	add_steady_audio(&f, 0, 1, 0, 50, 4);
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_true(h.result.failed);
	assert_non_null(strstr(h.result.failure, "G723"));
	assert_non_null(cJSON_GetObjectItem(h.json, "failure"));
	fixture_path(&f, ".wav", path);
	assert_int_equal(access(path, F_OK), -1);
	forget(&f, &h);
}

static void comfort_noise_is_silence(void **state)
{
	struct recording_window w = window(2000);
	struct fixture f;
	struct heard h;
	uint8_t level = 60;
	struct fixture_rtp noise = {AT(500), 1, 4000, 25, 13, &level, 1};

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	add_steady_audio(&f, 0, 1, 0, 25, 0);
	fixture_add(&f, 0, &noise);
	for (uint16_t i = 26; i < 50; i++)
		fixture_audio(&f, 0, AT(480 + 20UL * i), 1, i, 3840U + 160U * i, 0);
	fixture_end(&f, &w);
	hear(&f, &h);
	expect_silence(&h, 0, 4000, 8000);
	expect_packet(&h, 0, 8000, 1, 26, G711_ULAW);
	assert_int_equal(number(track_json(&h, 0), "undecodable"), 0);
	assert_false(h.result.undecodable);
	forget(&f, &h);
}

static void two_renderings_are_equal(void **state)
{
	struct recording_window w = window(3000);
	struct fixture f;
	struct heard h;
	struct render_result again;
	char path[256];
	char *first;
	char *second;
	size_t first_bytes;
	size_t second_bytes;

	fixture_begin(&f, TRACKS_BOTH);
	add_steady_audio(&f, 0, 1, 0, 100, 0);
	add_steady_audio(&f, 1, 2, 7, 120, 8);
	fixture_end(&f, &w);
	fixture_path(&f, ".wav", path);
	hear(&f, &h);
	first = fixture_read(path, &first_bytes);
	assert_int_equal(render_recording(&f.config, f.folder, &f.info.recording_id, &again), 0);
	second = fixture_read(path, &second_bytes);
	assert_int_equal(first_bytes, second_bytes);
	assert_memory_equal(first, second, first_bytes);
	assert_string_equal(h.result.json, again.json);
	assert_string_equal(h.result.sha256, again.sha256);
	assert_int_equal(h.result.bytes, first_bytes);
	free(first);
	free(second);
	free(again.json);
	forget(&f, &h);
}

/* Video on the audio's ports (RFC 9143), by an SSRC of its own. */
static void bundled_video_is_left_out_by_name(void **state)
{
	const struct codec codecs[] = {{0, 1, 8000, "PCMU", ""}, {97, 1, 90000, "VIDEO H264", ""},
		{98, 1, 90000, "VIDEO RTX", ""}};
	struct recording_window w = window(1000);
	struct fixture f;
	struct heard h;

	fixture_begin(&f, TRACK_BIT(TRACK_INCOMING));
	fixture_line(&f, journal_line_codecs(TRACK_INCOMING, FIXTURE_START, codecs, 3));
	for (uint16_t i = 0; i < 50; i++) {
		fixture_audio(&f, 0, AT(20UL * i), 1, i, 160U * i, 0);
		fixture_audio(&f, 0, AT(20UL * i + 5), 2, i, 1800U * i, 97);
	}
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < 50; i++)
		expect_packet(&h, 0, PACKET * i, 1, i, G711_ULAW);
	assert_false(h.result.undecodable);
	assert_int_equal(number(track_json(&h, 0), "received"), 50);
	assert_int_equal(number(track_json(&h, 0), "undecodable"), 0);
	assert_int_equal(number(track_json(&h, 0), "other_media"), 50);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "streams")), 1);
	assert_int_equal(
		cJSON_GetArraySize(cJSON_GetObjectItem(track_json(&h, 0), "other_media_codecs")),
		1);
	assert_string_equal(
		cJSON_GetArrayItem(cJSON_GetObjectItem(track_json(&h, 0), "other_media_codecs"), 0)
			->valuestring,
		"VIDEO H264");
	forget(&f, &h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pause_is_silence_between_tones),
		cmocka_unit_test(a_short_pause_has_half_a_tone_at_each_end),
		cmocka_unit_test(a_pause_of_no_length_is_listed),
		cmocka_unit_test(a_pause_may_last_to_the_end),
		cmocka_unit_test(long_audio_crosses_stretches_whole),
		cmocka_unit_test(an_event_is_its_tone_once),
		cmocka_unit_test(events_with_foreign_timestamps_stand_at_their_arrival),
		cmocka_unit_test(tones_are_what_multimon_decodes),
		cmocka_unit_test(g711_may_stand_in_the_file_as_received),
		cmocka_unit_test(two_laws_make_a_pcm_file),
		cmocka_unit_test(unknown_codecs_never_become_noise),
		cmocka_unit_test(comfort_noise_is_silence),
		cmocka_unit_test(two_renderings_are_equal),
		cmocka_unit_test(bundled_video_is_left_out_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
