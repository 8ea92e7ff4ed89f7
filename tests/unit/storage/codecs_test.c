/* Each codec from end to end: a known signal encoded by somebody else's encoder (ffmpeg's, sox's;
 * of G.729 bcg729's own, for there is no other), recorded as RTP, rendered, and compared with what
 * ffmpeg decodes from the same bits, or with the signal. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

#include "heard.h"
#include "storage/amr_payload.h"

#define SECONDS 4
#define PAYLOAD_TYPE 97
#define LAG_MS 10

/* One test's folder with its files. */
static char folder[64];

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/legtap-codecs-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf -- '%s'", folder);
	return system(command);
}

/* In the folder. false: the tool cannot do it here. */
static bool run(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "cd '%s' && { %s; } </dev/null >log 2>&1", folder, command);
	return system(line) == 0;
}

static uint8_t *read_file(const char *name, size_t *bytes)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return (uint8_t *)fixture_read(path, bytes);
}

static void write_file(const char *name, const void *data, size_t bytes)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	fclose(file);
}

/* A voice: harmonics of a pitch that glides, loud and soft; mono, 16 bits. */
static int16_t *write_signal(uint32_t rate_hz)
{
	size_t count = (size_t)SECONDS * rate_hz;
	int16_t *signal = malloc(count * sizeof(*signal));
	double phase = 0;

	for (size_t i = 0; i < count; i++) {
		double t = (double)i / rate_hz;
		double value = 0;

		phase += 2 * M_PI * (130 + 30 * sin(2 * M_PI * 0.7 * t)) / rate_hz;
		for (int k = 1; k <= 12; k++)
			value += sin(k * phase) / k;
		signal[i] = (int16_t)(5000 * value * (0.55 + 0.45 * sin(2 * M_PI * 1.3 * t)));
	}
	write_file("signal.raw", signal, count * sizeof(*signal));
	return signal;
}

/* The correlation of two signals at a lag of b. */
static double correlation(const int16_t *a, const int16_t *b, int64_t count, int64_t lag)
{
	double ab = 0;
	double aa = 0;
	double bb = 0;

	for (int64_t i = 0; i < count; i++) {
		if (i + lag < 0 || i + lag >= count)
			continue;
		ab += (double)a[i] * b[i + lag];
		aa += (double)a[i] * a[i];
		bb += (double)b[i + lag] * b[i + lag];
	}
	return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* The lag, in samples, at which two signals agree best. */
static int64_t best_lag(
	const int16_t *a, const int16_t *b, int64_t count, int64_t most, double *best)
{
	int64_t found = 0;

	*best = -1;
	for (int64_t lag = -most; lag <= most; lag++) {
		double here = correlation(a, b, count, lag);

		if (here > *best) {
			*best = here;
			found = lag;
		}
	}
	return found;
}

/* What a packetised codec is recorded as. */
struct take {
	struct fixture f;
	uint64_t at_ns;
	uint32_t timestamp;
	uint16_t sequence;
	uint32_t clock_hz;
};

static void begin(struct take *t, const struct codec *codec)
{
	memset(t, 0, sizeof(*t));
	t->clock_hz = codec->clock_hz;
	fixture_begin(&t->f, TRACK_BIT(TRACK_INCOMING));
	fixture_line(&t->f, journal_line_codecs(TRACK_INCOMING, FIXTURE_START, codec, 1));
}

static void add(struct take *t, const uint8_t *payload, size_t bytes, uint32_t ticks)
{
	struct fixture_rtp rtp = {FIXTURE_START + t->at_ns, 7, t->timestamp, t->sequence++,
		PAYLOAD_TYPE, payload, (uint16_t)bytes};

	fixture_add(&t->f, 0, &rtp);
	t->timestamp += ticks;
	t->at_ns += (uint64_t)ticks * FIXTURE_SECOND / t->clock_hz;
}

static void finish(struct take *t, struct heard *h)
{
	struct recording_window w = window(SECONDS * 1000);

	fixture_end(&t->f, &w);
	hear(&t->f, h);
	assert_false(h->result.failed);
	assert_false(h->result.undecodable);
}

/* Compares what was heard with a reference file of 16-bit samples. `least` 1: sample by sample. */
static void compare(const struct heard *h, const char *name, uint32_t rate_hz, double least)
{
	size_t bytes;
	uint8_t *data = read_file(name, &bytes);
	const int16_t *reference = (const int16_t *)(void *)data;
	int64_t count = (int64_t)(bytes / 2);
	double best;
	int64_t lag;

	assert_int_equal(h->info.samplerate, rate_hz);
	assert_int_equal(h->info.frames, SECONDS * rate_hz);
	count = count < h->info.frames ? count : h->info.frames;
	assert_true(count > (SECONDS - 1) * (int64_t)rate_hz);
	if (least == 1) {
		for (int64_t i = 0; i < count; i++)
			assert_int_equal(h->samples[i], reference[i]);
	} else {
		lag = best_lag(reference, h->samples, count, LAG_MS * rate_hz / 1000, &best);
		print_message("%s: correlation %.5f at %d samples\n", name, best, (int)lag);
		assert_true(best > least);
		assert_true(labs(lag) <= 2 * (long)rate_hz / 1000);
	}
	free(data);
}

/* Codes of one size per packet, from a file. */
static void record_file(const struct codec *codec, const char *name, size_t packet_bytes,
	uint32_t ticks, struct take *t, struct heard *h)
{
	size_t bytes;
	uint8_t *data = read_file(name, &bytes);

	begin(t, codec);
	for (size_t at = 0; at < bytes; at += packet_bytes)
		add(t, data + at, at + packet_bytes < bytes ? packet_bytes : bytes - at, ticks);
	free(data);
	finish(t, h);
}

static void through_ffmpeg(const struct codec *codec, uint32_t rate_hz, const char *encode,
	const char *decode, size_t packet_bytes, uint32_t ticks, double least)
{
	char command[512];
	struct take t;
	struct heard h;

	free(write_signal(rate_hz));
	snprintf(command, sizeof(command),
		"ffmpeg -y -f s16le -ar %u -ac 1 -i signal.raw %s coded && "
		"ffmpeg -y %s -i coded -f s16le -ac 1 reference.raw",
		rate_hz, encode, decode);
	assert_true(run(command));
	record_file(codec, "coded", packet_bytes, ticks, &t, &h);
	compare(&h, "reference.raw", rate_hz, least);
	forget(&t.f, &h);
}

static void g722_is_what_ffmpeg_decodes(void **state)
{
	struct codec codec = {PAYLOAD_TYPE, 1, 8000, "G722", ""};

#ifndef LEGTAP_SPANDSP
	skip();
#endif
	through_ffmpeg(&codec, 16000, "-c:a g722 -f g722", "-f g722", 160, 160, 0.9999);
	through_ffmpeg(&codec, 16000, "-c:a g722 -f g722", "-f g722", 480, 480, 0.9999);
}

static void gsm_is_what_ffmpeg_decodes(void **state)
{
	struct codec codec = {PAYLOAD_TYPE, 1, 8000, "GSM", ""};

#ifndef LEGTAP_SPANDSP
	skip();
#endif
	through_ffmpeg(&codec, 8000, "-c:a libgsm -f gsm", "-f gsm", 66, 320, 1);
}

static void g726_is_what_ffmpeg_decodes_in_both_packings(void **state)
{
	char encode[128];
	char decode[128];

#ifndef LEGTAP_SPANDSP
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
		int16_t *signal = write_signal(8000);
		struct take t;
		struct heard h;

		if (little)
			strcpy(codec.name, "G726-40");
		assert_int_equal(
			g726_encode(encoder, coded, signal, SECONDS * 8000), sizeof(coded));
		g726_free(encoder);
		free(signal);
		write_file("coded", coded, sizeof(coded));
		record_file(&codec, "coded", 100, 160, &t, &h);
		compare(&h, "signal.raw", 8000, 0.999);
		forget(&t.f, &h);
	}
#else
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
	struct take t;
	struct heard h;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = frame[i % sizeof(frame)];
	begin(&t, &codec);
	add(&t, payload, sizeof(payload), 80);
	finish(&t, &h);
	for (int64_t i = 0; i < 80; i++)
		assert_int_equal(sample(&h, 0, i), 1);
	expect_silence(&h, 0, 80, 400);
	forget(&t.f, &h);
}

#ifdef LEGTAP_OPUS
/* Ogg (RFC 3533): the next packet, of one segment table each; NULL: no more. */
struct ogg {
	uint8_t *data;
	size_t bytes;
	size_t page;
	unsigned int segment;
	size_t at;
};

static const uint8_t *ogg_next(struct ogg *o, size_t *bytes)
{
	for (;;) {
		const uint8_t *page = o->data + o->page;
		unsigned int segments;

		if (o->page + 27 > o->bytes)
			return NULL;
		segments = page[26];
		if (o->segment == 0)
			o->at = o->page + 27 + segments;
		if (o->segment < segments) {
			const uint8_t *packet = o->data + o->at;

			*bytes = 0;
			while (o->segment < segments) {
				uint8_t lace = page[27 + o->segment++];

				*bytes += lace;
				if (lace < 255)
					break;
			}
			o->at += *bytes;
			return packet;
		}
		o->page = o->at;
		o->segment = 0;
	}
}

static void opus_by(const char *options, uint32_t ticks)
{
	struct codec codec = {PAYLOAD_TYPE, 2, 48000, "OPUS", "useinbandfec=1"};
	struct ogg ogg = {0};
	const uint8_t *packet;
	char command[512];
	struct take t;
	struct heard h;
	size_t bytes;

	free(write_signal(48000));
	snprintf(command, sizeof(command),
		"ffmpeg -y -f s16le -ar 48000 -ac 1 -i signal.raw -c:a libopus -b:a 48k %s -f ogg "
		"coded && ffmpeg -y -c:a opus -flags2 +skip_manual -i coded -f s16le -ac 1 "
		"reference.raw",
		options);
	assert_true(run(command));
	ogg.data = read_file("coded", &ogg.bytes);
	begin(&t, &codec);
	for (unsigned int i = 0; (packet = ogg_next(&ogg, &bytes)); i++)
		if (i >= 2) /* OpusHead, OpusTags */
			add(&t, packet, bytes, ticks);
	free(ogg.data);
	finish(&t, &h);
	compare(&h, "reference.raw", 48000, 0.99);
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
		free(write_signal(8000));
		snprintf(command, sizeof(command),
			"sox -t raw -r 8000 -e signed -b 16 -c 1 signal.raw -t amr-nb -C %d coded",
			mode);
		return run(command);
	}
#ifdef WITH_AMRWBENC
	static uint8_t coded[9 + SECONDS * 50 * 64] = "#!AMR-WB\n";
	int16_t *signal = write_signal(16000);
	void *encoder = E_IF_init();
	size_t at = 9;

	for (size_t i = 0; i < SECONDS * 50UL; i++)
		at += (size_t)E_IF_encode(encoder, mode, signal + 320 * i, coded + at, 0);
	E_IF_exit(encoder);
	free(signal);
	write_file("coded", coded, at);
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
	struct take t;
	struct heard h;

	strcpy(codec.name, wideband ? "AMR-WB" : "AMR");
	strcpy(codec.fmtp, octet_aligned ? "mode-change-period=2; octet-align=1" : "");
	snprintf(command, sizeof(command),
		"sox -t amr-%s coded -t raw -e signed -b 16 reference.raw", wideband ? "wb" : "nb");
	if (!encode_amr(wideband, mode)) {
		assert_true(wideband);
		return;
	}
	assert_true(run(command));
	data = read_file("coded", &bytes);
	begin(&t, &codec);
	while (at < bytes) {
		unsigned int bits = (wideband ? wide : narrow)[data[at] >> 3 & 0x0f];
		size_t length = 1 + (bits + 7) / 8;
		uint8_t payload[80];

		payload[0] = 0xf0;
		memcpy(payload + 1, data + at, length);
		if (octet_aligned)
			add(&t, payload, 1 + length, rate_hz / 50);
		else
			add(&t, payload, pack_efficient(payload, data + at, bits), rate_hz / 50);
		at += length;
	}
	free(data);
	finish(&t, &h);
	compare(&h, "reference.raw", rate_hz, 1);
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
	int16_t *signal = write_signal(8000);
	struct take t;
	struct heard h;

	for (size_t i = 0; i < SECONDS * 100UL; i++) {
		uint8_t length;

		bcg729Encoder(encoder, signal + 80 * i, coded + 10 * i, &length);
		assert_int_equal(length, 10);
	}
	closeBcg729EncoderChannel(encoder);
	free(signal);
	write_file("coded", coded, sizeof(coded));
	assert_true(run("ffmpeg -y -f g729 -i coded -f s16le reference.raw"));
	record_file(&codec, "coded", 20, 160, &t, &h);
	compare(&h, "reference.raw", 8000, 0.99);
	forget(&t.f, &h);
#else
	skip();
#endif
}

/* The file has the higher rate of two tracks; the lower one stands where it did. */
static void tracks_of_two_rates_stand_side_by_side(void **state)
{
	struct codec codecs[] = {{97, 1, 16000, "L16", ""}, {98, 1, 8000, "L16", ""}};
	struct recording_window w = window(SECONDS * 1000);
	int16_t *slow = write_signal(8000);
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
	assert_int_equal(best_lag(left, right, SECONDS * 16000L, 40, &best), 0);
	print_message("two rates: correlation %.5f\n", best);
	assert_true(best > 0.995);
	/* Across the stretches of the lane and to the very end. */
	for (int64_t from = 0; from + 1600 <= SECONDS * 16000L; from += 1600)
		if (from / 1600 != 12)
			assert_true(correlation(left + from, right + from, 1600, 0) > 0.98);
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

#ifdef LEGTAP_OPUS
/* Correlation with the whole recording of the first of two lost packets, and of the second. */
static void opus_losing(bool conceal, const char *fec, double heard[2])
{
	struct codec codec = {PAYLOAD_TYPE, 2, 48000, "OPUS", ""};
	struct ogg ogg = {0};
	const uint8_t *packet;
	char command[512];
	uint8_t *whole;
	struct take t;
	struct heard h;
	size_t bytes;

	free(write_signal(48000));
	snprintf(command, sizeof(command),
		"ffmpeg -y -f s16le -ar 48000 -ac 1 -i signal.raw -c:a libopus -application voip "
		"-b:a 24k -packet_loss 20 -fec %s -f ogg coded && ffmpeg -y -c:a opus -flags2 "
		"+skip_manual -i coded -f s16le -ac 1 reference.raw",
		fec);
	assert_true(run(command));
	ogg.data = read_file("coded", &ogg.bytes);
	begin(&t, &codec);
	t.f.config.conceal = conceal;
	for (unsigned int i = 0; (packet = ogg_next(&ogg, &bytes)); i++) {
		if (i < 2)
			continue;
		if (i == 46 || i == 47) {
			t.sequence++;
			t.timestamp += 960;
			t.at_ns += FIXTURE_SECOND / 50;
		} else {
			add(&t, packet, bytes, 960);
		}
	}
	free(ogg.data);
	finish(&t, &h);
	whole = read_file("reference.raw", &bytes);
	for (int64_t k = 0; k < 2; k++) {
		int64_t at = (44 + k) * 960;

		heard[k] = correlation((int16_t *)(void *)whole + at, h.samples + at, 960, 0);
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
	skip();
#endif
	for (unsigned int k = 0; k < 6; k++) {
		uint32_t rate = rates[k / 2];
		struct codec codec = {PAYLOAD_TYPE, 1, rate, "", ""};
		uint32_t packet = rate / 50;
		int16_t *signal = write_signal(rate);
		const cJSON *list;
		struct take t;
		struct heard h;
		int loudest = 0;

		strcpy(codec.name, names[k / 2]);
		begin(&t, &codec);
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
				add(&t, payload, (coded ? 1 : 2) * packet, packet);
			}
		}
		finish(&t, &h);
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
		cmocka_unit_test(tracks_of_two_rates_stand_side_by_side),
		cmocka_unit_test(a_codec_change_keeps_its_place),
		cmocka_unit_test(opus_conceals_with_its_fec),
		cmocka_unit_test(losses_are_concealed_only_when_asked_for),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
