/* Each codec from end to end: a known signal encoded by somebody else's encoder (ffmpeg's, sox's;
 * of G.729 bcg729's own, for there is no other), recorded as RTP, rendered, and compared with what
 * ffmpeg decodes from the same bits, or with the signal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#ifdef LEGTAP_G729
#include <bcg729/encoder.h>
#endif
#ifdef LEGTAP_SPANDSP
#include <spandsp/telephony.h>
#include <spandsp/g726.h>
#endif
#ifdef WITH_AMRWBENC
#include <vo-amrwbenc/enc_if.h>
#endif

#include "coded.h"
#include "storage/amr_payload.h"

/* Codes of one size per packet, from a file. */
static void record_file(const struct codec *codec, const char *name, size_t packet_bytes,
	uint32_t ticks, struct coded_take *t, struct heard *h)
{
	size_t bytes;
	uint8_t *data = coded_read_file(name, &bytes);

	coded_begin(t, codec);
	for (size_t at = 0; at < bytes; at += packet_bytes)
		coded_add(
			t, data + at, at + packet_bytes < bytes ? packet_bytes : bytes - at, ticks);
	free(data);
	coded_finish(t, h);
}

static void through_ffmpeg(const struct codec *codec, uint32_t rate_hz, const char *encode,
	const char *decode, size_t packet_bytes, uint32_t ticks, double least)
{
	char command[512];
	struct coded_take t;
	struct heard h;

	free(coded_write_signal(rate_hz));
	snprintf(command, sizeof(command),
		"ffmpeg -y -f s16le -ar %u -ac 1 -i signal.raw %s coded && "
		"ffmpeg -y %s -i coded -f s16le -ac 1 reference.raw",
		rate_hz, encode, decode);
	assert_true(coded_run(command));
	record_file(codec, "coded", packet_bytes, ticks, &t, &h);
	coded_compare(&h, "reference.raw", rate_hz, least);
	forget(&t.f, &h);
}

static void g722_is_what_ffmpeg_decodes(void **state)
{
	struct codec codec = {PAYLOAD_TYPE, 1, 8000, "G722", ""};

#ifndef LEGTAP_SPANDSP
	print_message("built without libspandsp\n");
	skip();
#endif
	through_ffmpeg(&codec, 16000, "-c:a g722 -f g722", "-f g722", 160, 160, 0.9999);
	through_ffmpeg(&codec, 16000, "-c:a g722 -f g722", "-f g722", 480, 480, 0.9999);
}

static void gsm_is_what_ffmpeg_decodes(void **state)
{
	struct codec codec = {PAYLOAD_TYPE, 1, 8000, "GSM", ""};

#ifndef LEGTAP_SPANDSP
	print_message("built without libspandsp\n");
	skip();
#endif
	through_ffmpeg(&codec, 8000, "-c:a libgsm -f gsm", "-f gsm", 66, 320, 1);
}

static void g726_is_what_ffmpeg_decodes_in_both_packings(void **state)
{
	char encode[128];
	char decode[128];

#ifndef LEGTAP_SPANDSP
	print_message("built without libspandsp\n");
	skip();
#endif
	for (unsigned int bits = 2; bits <= 4; bits++)
		for (unsigned int little = 0; little < 2; little++) {
			struct codec codec = {PAYLOAD_TYPE, 1, 8000, "", ""};

			snprintf(codec.name, sizeof(codec.name), "%sG726-%u", little ? "" : "AAL2-",
				8 * bits);
			snprintf(encode, sizeof(encode), "-c:a g726%s -b:a %uk -f g726%s",
				little ? "le" : "", 8 * bits, little ? "le" : "");
			snprintf(decode, sizeof(decode), "-f g726%s -code_size %u -ar 8000",
				little ? "le" : "", bits);
			through_ffmpeg(&codec, 8000, encode, decode, 20UL * bits, 160, 0.99);
		}
}

/* ffmpeg's 40 kbit/s is its own: libsndfile, which has Sun's code, reads spandsp's and not
 * ffmpeg's. So the signal is the reference. */
static void g726_40_is_the_signal(void **state)
{
#ifdef LEGTAP_SPANDSP
	static uint8_t coded[SECONDS * 5000];

	for (unsigned int little = 0; little < 2; little++) {
		struct codec codec = {PAYLOAD_TYPE, 1, 8000, "AAL2-G726-40", ""};
		g726_state_t *encoder = g726_init(NULL, 40000, G726_ENCODING_LINEAR,
			little ? G726_PACKING_RIGHT : G726_PACKING_LEFT);
		int16_t *signal = coded_write_signal(8000);
		struct coded_take t;
		struct heard h;

		if (little)
			strcpy(codec.name, "G726-40");
		assert_int_equal(
			g726_encode(encoder, coded, signal, SECONDS * 8000), sizeof(coded));
		g726_free(encoder);
		free(signal);
		coded_write_file("coded", coded, sizeof(coded));
		record_file(&codec, "coded", 100, 160, &t, &h);
		coded_compare(&h, "signal.raw", 8000, 0.999);
		forget(&t.f, &h);
	}
#else
	print_message("built without libspandsp\n");
	skip();
#endif
}

static void l16_is_the_samples_in_network_order(void **state)
{
	static const uint32_t rates[] = {8000, 16000, 44100, 48000};

	for (unsigned int i = 0; i < 4; i++) {
		struct codec codec = {PAYLOAD_TYPE, 1, rates[i], "L16", ""};

		through_ffmpeg(&codec, rates[i], "-c:a pcm_s16be -f s16be", "-f s16be -ar 8000",
			2UL * rates[i] / 100, rates[i] / 100, 1);
	}
}

static void channels_of_l16_become_one(void **state)
{
	struct codec codec = {PAYLOAD_TYPE, 2, 8000, "L16", ""};
	static const uint8_t frame[] = {0x10, 0x00, 0xf0, 0x02}; /* 4096, -4094 */
	uint8_t payload[80 * sizeof(frame)];
	struct coded_take t;
	struct heard h;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = frame[i % sizeof(frame)];
	coded_begin(&t, &codec);
	coded_add(&t, payload, sizeof(payload), 80);
	coded_finish(&t, &h);
	for (int64_t i = 0; i < 80; i++)
		assert_int_equal(sample(&h, 0, i), 1);
	expect_silence(&h, 0, 80, 400);
	forget(&t.f, &h);
}

#ifdef LEGTAP_OPUS
static void opus_by(const char *options, uint32_t ticks)
{
	struct codec codec = {PAYLOAD_TYPE, 2, 48000, "OPUS", "useinbandfec=1"};
	struct coded_ogg ogg = {0};
	const uint8_t *packet;
	char command[512];
	struct coded_take t;
	struct heard h;
	size_t bytes;

	free(coded_write_signal(48000));
	snprintf(command, sizeof(command),
		"ffmpeg -y -f s16le -ar 48000 -ac 1 -i signal.raw -c:a libopus -b:a 48k %s -f ogg "
		"coded && ffmpeg -y -c:a opus -flags2 +skip_manual -i coded -f s16le -ac 1 "
		"reference.raw",
		options);
	assert_true(coded_run(command));
	ogg.data = coded_read_file("coded", &ogg.bytes);
	coded_begin(&t, &codec);
	for (unsigned int i = 0; (packet = coded_ogg_next(&ogg, &bytes)); i++)
		if (i >= 2) /* OpusHead, OpusTags */
			coded_add(&t, packet, bytes, ticks);
	free(ogg.data);
	coded_finish(&t, &h);
	coded_compare(&h, "reference.raw", 48000, 0.99);
	forget(&t.f, &h);
}
#endif

static void opus_is_what_ffmpeg_decodes(void **state)
{
#ifdef LEGTAP_OPUS
	opus_by("-frame_duration 20", 960);
	opus_by("-frame_duration 60 -application voip", 2880);
	opus_by("-frame_duration 10 -ac 2", 480);
#else
	print_message("built without libopus\n");
	skip();
#endif
}

#ifdef LEGTAP_AMR
/* Bits of frames, packed bandwidth-efficient (RFC 4867, 4.3). */
static size_t pack_efficient(uint8_t *out, const uint8_t *frame, unsigned int bits)
{
	size_t at = 10;

	memset(out, 0, 64);
	out[0] = (uint8_t)(0xf0 | (frame[0] >> 3 & 0x0f) >> 1); /* no request; no more; type */
	out[1] = (uint8_t)((frame[0] >> 3 & 1) << 7 | 0x40);	/* good */
	for (unsigned int i = 0; i < bits; i++, at++)
		if (frame[1 + i / 8] >> (7 - i % 8) & 1)
			out[at / 8] |= (uint8_t)(0x80 >> at % 8);
	return (at + 7) / 8;
}

/* A file of frames, "coded", of the signal. false: no encoder here. Debian's sox has none for
 * AMR-WB. */
static bool encode_amr(bool wideband, int mode)
{
	char command[128];

	if (!wideband) {
		free(coded_write_signal(8000));
		snprintf(command, sizeof(command),
			"sox -t raw -r 8000 -e signed -b 16 -c 1 signal.raw -t amr-nb -C %d coded",
			mode);
		return coded_run(command);
	}
#ifdef WITH_AMRWBENC
	static uint8_t coded[9 + SECONDS * 50 * 64] = "#!AMR-WB\n";
	int16_t *signal = coded_write_signal(16000);
	void *encoder = E_IF_init();
	size_t at = 9;

	for (size_t i = 0; i < SECONDS * 50UL; i++)
		at += (size_t)E_IF_encode(encoder, mode, signal + 320 * i, coded + at, 0);
	E_IF_exit(encoder);
	free(signal);
	coded_write_file("coded", coded, at);
	return true;
#else
	print_message("AMR-WB is not tested: libvo-amrwbenc-dev is not there\n");
	return false;
#endif
}

static void amr_by(bool wideband, bool octet_aligned, int mode)
{
	static const uint16_t narrow[] = {95, 103, 118, 134, 148, 159, 204, 244};
	static const uint16_t wide[] = {132, 177, 253, 285, 317, 365, 397, 461, 477};
	uint32_t rate_hz = wideband ? 16000 : 8000;
	struct codec codec = {PAYLOAD_TYPE, 1, rate_hz, "", ""};
	size_t at = wideband ? 9 : 6; /* the file's magic number */
	char command[512];
	uint8_t *data;
	size_t bytes;
	struct coded_take t;
	struct heard h;

	strcpy(codec.name, wideband ? "AMR-WB" : "AMR");
	strcpy(codec.fmtp, octet_aligned ? "mode-change-period=2; octet-align=1" : "");
	snprintf(command, sizeof(command),
		"sox -t amr-%s coded -t raw -e signed -b 16 reference.raw", wideband ? "wb" : "nb");
	if (!encode_amr(wideband, mode)) {
		assert_true(wideband);
		return;
	}
	assert_true(coded_run(command));
	data = coded_read_file("coded", &bytes);
	coded_begin(&t, &codec);
	while (at < bytes) {
		unsigned int bits = (wideband ? wide : narrow)[data[at] >> 3 & 0x0f];
		size_t length = 1 + (bits + 7) / 8;
		uint8_t payload[80];

		payload[0] = 0xf0;
		memcpy(payload + 1, data + at, length);
		if (octet_aligned)
			coded_add(&t, payload, 1 + length, rate_hz / 50);
		else
			coded_add(&t, payload, pack_efficient(payload, data + at, bits),
				rate_hz / 50);
		at += length;
	}
	free(data);
	coded_finish(&t, &h);
	coded_compare(&h, "reference.raw", rate_hz, 1);
	forget(&t.f, &h);
}
#endif

static void amr_is_what_sox_decodes_in_both_formats(void **state)
{
#ifdef LEGTAP_AMR
	for (unsigned int aligned = 0; aligned < 2; aligned++) {
		amr_by(false, aligned, 7);
		amr_by(false, aligned, 2);
		amr_by(true, aligned, 2);
		amr_by(true, aligned, 8);
	}
#else
	print_message("built without libopencore-amr\n");
	skip();
#endif
}

static void an_amr_payload_that_lies_is_malformed(void **state)
{
	static const uint8_t cut[] = {0xf0, 0x3c, 1, 2, 3};
	static const uint8_t reserved[] = {0xf0, 0x64, 1, 2, 3};
	static const uint8_t endless[] = {0xf0, 0xbc, 0xbc, 0xbc};
	static const uint8_t nothing[] = {0xf0, 0x7c};
	static const uint8_t silence[] = {0xf0, 0xc4, 0x7c, 1, 2, 3, 4, 5};
	struct amr_frame frames[AMR_FRAMES_MAX];

	assert_int_equal(amr_payload_count(false, true, cut, sizeof(cut)), 0);
	assert_int_equal(amr_payload_count(false, true, reserved, sizeof(reserved)), 0);
	assert_int_equal(amr_payload_count(false, true, endless, sizeof(endless)), 0);
	assert_int_equal(amr_payload_count(false, true, nothing, 0), 0);
	assert_int_equal(amr_payload_unpack(false, true, nothing, sizeof(nothing), frames), 1);
	assert_false(frames[0].is_speech);
	assert_int_equal(amr_payload_unpack(false, true, silence, sizeof(silence), frames), 2);
	assert_int_equal(frames[0].octets[0], 0x44);
	assert_int_equal(frames[0].octets[5], 4); /* the 39 bits end before the last */
	assert_false(frames[0].is_speech);
}

static void g729_is_what_ffmpeg_decodes(void **state)
{
#ifdef LEGTAP_G729
	struct codec codec = {PAYLOAD_TYPE, 1, 8000, "G729", "annexb=no"};
	bcg729EncoderChannelContextStruct *encoder = initBcg729EncoderChannel(0);
	static uint8_t coded[SECONDS * 1000];
	int16_t *signal = coded_write_signal(8000);
	struct coded_take t;
	struct heard h;

	for (size_t i = 0; i < SECONDS * 100UL; i++) {
		uint8_t length;

		bcg729Encoder(encoder, signal + 80 * i, coded + 10 * i, &length);
		assert_int_equal(length, 10);
	}
	closeBcg729EncoderChannel(encoder);
	free(signal);
	coded_write_file("coded", coded, sizeof(coded));
	assert_true(coded_run("ffmpeg -y -f g729 -i coded -f s16le reference.raw"));
	record_file(&codec, "coded", 20, 160, &t, &h);
	coded_compare(&h, "reference.raw", 8000, 0.99);
	forget(&t.f, &h);
#else
	print_message("built without libbcg729 (-Dgpl_codecs=enabled)\n");
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g722_is_what_ffmpeg_decodes),
		cmocka_unit_test(gsm_is_what_ffmpeg_decodes),
		cmocka_unit_test(g726_is_what_ffmpeg_decodes_in_both_packings),
		cmocka_unit_test(g726_40_is_the_signal),
		cmocka_unit_test(l16_is_the_samples_in_network_order),
		cmocka_unit_test(channels_of_l16_become_one),
		cmocka_unit_test(opus_is_what_ffmpeg_decodes),
		cmocka_unit_test(amr_is_what_sox_decodes_in_both_formats),
		cmocka_unit_test(an_amr_payload_that_lies_is_malformed),
		cmocka_unit_test(g729_is_what_ffmpeg_decodes),
	};

	return cmocka_run_group_tests(tests, coded_make_folder, coded_remove_folder);
}
