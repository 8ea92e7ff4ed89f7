/* render.conceal: lost audio made up, and told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coded.h"

#ifdef LEGTAP_OPUS
/* Correlation with the whole recording of the first of two lost packets, and of the second. */
static void opus_losing(bool conceal, const char *fec, double heard[2])
{
	struct codec codec = {PAYLOAD_TYPE, 2, 48000, "OPUS", ""};
	struct coded_ogg ogg = {0};
	const uint8_t *packet;
	char command[512];
	uint8_t *whole;
	struct coded_take t;
	struct heard h;
	size_t bytes;

	free(coded_write_signal(48000));
	snprintf(command, sizeof(command),
		"ffmpeg -y -f s16le -ar 48000 -ac 1 -i signal.raw -c:a libopus -application voip "
		"-b:a 24k -packet_loss 20 -fec %s -f ogg coded && ffmpeg -y -c:a opus -flags2 "
		"+skip_manual -i coded -f s16le -ac 1 reference.raw",
		fec);
	assert_true(coded_run(command));
	ogg.data = coded_read_file("coded", &ogg.bytes);
	coded_begin(&t, &codec);
	t.f.config.conceal = conceal;
	for (unsigned int i = 0; (packet = coded_ogg_next(&ogg, &bytes)); i++) {
		if (i < 2)
			continue;
		if (i == 46 || i == 47) {
			t.sequence++;
			t.timestamp += 960;
			t.at_ns += FIXTURE_SECOND / 50;
		} else {
			coded_add(&t, packet, bytes, 960);
		}
	}
	free(ogg.data);
	coded_finish(&t, &h);
	whole = coded_read_file("reference.raw", &bytes);
	for (int64_t k = 0; k < 2; k++) {
		int64_t at = (44 + k) * 960;

		heard[k] = coded_correlation((int16_t *)(void *)whole + at, h.samples + at, 960, 0);
	}
	free(whole);
	forget(&t.f, &h);
}
#endif

static void opus_conceals_with_its_fec(void **state)
{
#ifdef LEGTAP_OPUS
	double silent[2];
	double with[2];
	double without[2];

	opus_losing(false, "1", silent);
	opus_losing(true, "1", with);
	opus_losing(true, "0", without);
	print_message(
		"opus: concealed %.3f and %.3f, by FEC %.3f\n", without[0], without[1], with[1]);
	assert_true(silent[0] == 0 && silent[1] == 0);
	assert_true(with[0] > 0.5);
	assert_true(with[1] > 0.9);
	assert_true(with[1] > without[1]);
#else
	print_message("built without libopus\n");
	skip();
#endif
}

/* A tone with a packet lost: with render.conceal it goes on, is listed, and what was received stays
 * as it was; without, there is silence and no list. */
static void losses_are_concealed_only_when_asked_for(void **state)
{
	static const uint32_t rates[] = {8000, 16000, 8000};
	static const char *const names[] = {"PCMA", "L16", "L16"};

#ifndef LEGTAP_SPANDSP
	print_message("built without libspandsp\n");
	skip();
#endif
	for (unsigned int k = 0; k < 6; k++) {
		uint32_t rate = rates[k / 2];
		struct codec codec = {PAYLOAD_TYPE, 1, rate, "", ""};
		uint32_t packet = rate / 50;
		int16_t *signal = coded_write_signal(rate);
		const cJSON *list;
		struct coded_take t;
		struct heard h;
		int loudest = 0;

		strcpy(codec.name, names[k / 2]);
		coded_begin(&t, &codec);
		t.f.config.conceal = k % 2;
		t.f.config.encode_g711 = k < 2;
		for (unsigned int i = 0; i < SECONDS * 50; i++) {
			uint8_t payload[640];
			bool coded = k < 2;

			for (unsigned int n = 0; n < packet; n++) {
				int16_t value = signal[packet * i + n];

				if (coded)
					payload[n] = g711_encode(G711_ALAW, value);
				else {
					payload[2 * n] = (uint8_t)(value >> 8);
					payload[2 * n + 1] = (uint8_t)value;
				}
			}
			/* One is lost; eight are, which is too much to invent. */
			if (i == 45 || (i >= 60 && i < 68)) {
				t.sequence++;
				t.timestamp += packet;
				t.at_ns += FIXTURE_SECOND / 50;
			} else {
				coded_add(&t, payload, (coded ? 1 : 2) * packet, packet);
			}
		}
		coded_finish(&t, &h);
		for (int64_t i = 0; i < SECONDS * (int64_t)rate; i++) {
			int64_t at = i / packet;
			int16_t value = signal[i];

			if (at == 45)
				loudest = abs(sample(&h, 0, i)) > loudest ? abs(sample(&h, 0, i))
									  : loudest;
			else if (at >= 60 && at < 68)
				assert_in_range(sample(&h, 0, i) + 8, 0, 16);
			else if (k < 2)
				assert_int_equal(sample(&h, 0, i),
					g711_values[G711_ALAW][g711_encode(G711_ALAW, value)]);
			else
				assert_int_equal(sample(&h, 0, i), value);
		}
		list = cJSON_GetObjectItem(track_json(&h, 0), "concealed");
		if (k % 2) {
			assert_true(loudest > 2000);
			assert_int_equal(cJSON_GetArraySize(list), 1);
			assert_int_equal(number(cJSON_GetArrayItem(list, 0), "start_ms"), 900);
			assert_int_equal(number(cJSON_GetArrayItem(list, 0), "end_ms"), 920);
		} else {
			assert_true(loudest <= 8);
			assert_null(list);
		}
		free(signal);
		forget(&t.f, &h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opus_conceals_with_its_fec),
		cmocka_unit_test(losses_are_concealed_only_when_asked_for),
	};

	return cmocka_run_group_tests(tests, coded_make_folder, coded_remove_folder);
}
