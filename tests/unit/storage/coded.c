#include "coded.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LAG_MS 10

/* One test's folder with its files. */
static char folder[64];

int coded_make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/legtap-codecs-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

int coded_remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf -- '%s'", folder);
	return system(command);
}

/* In the folder. false: the tool cannot do it here. */
bool coded_run(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), "cd '%s' && { %s; } </dev/null >log 2>&1", folder, command);
	return system(line) == 0;
}

uint8_t *coded_read_file(const char *name, size_t *bytes)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return (uint8_t *)fixture_read(path, bytes);
}

void coded_write_file(const char *name, const void *data, size_t bytes)
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
int16_t *coded_write_signal(uint32_t rate_hz)
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
	coded_write_file("signal.raw", signal, count * sizeof(*signal));
	return signal;
}

/* The correlation of two signals at a lag of b. */
double coded_correlation(const int16_t *a, const int16_t *b, int64_t count, int64_t lag)
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
int64_t coded_best_lag(
	const int16_t *a, const int16_t *b, int64_t count, int64_t most, double *best)
{
	int64_t found = 0;

	*best = -1;
	for (int64_t lag = -most; lag <= most; lag++) {
		double here = coded_correlation(a, b, count, lag);

		if (here > *best) {
			*best = here;
			found = lag;
		}
	}
	return found;
}

void coded_begin(struct coded_take *t, const struct codec *codec)
{
	memset(t, 0, sizeof(*t));
	t->clock_hz = codec->clock_hz;
	fixture_begin(&t->f, TRACK_BIT(TRACK_INCOMING));
	fixture_line(&t->f, journal_line_codecs(TRACK_INCOMING, FIXTURE_START, codec, 1));
}

void coded_add(struct coded_take *t, const uint8_t *payload, size_t bytes, uint32_t ticks)
{
	struct fixture_rtp rtp = {FIXTURE_START + t->at_ns, 7, t->timestamp, t->sequence++,
		PAYLOAD_TYPE, payload, (uint16_t)bytes};

	fixture_add(&t->f, 0, &rtp);
	t->timestamp += ticks;
	t->at_ns += (uint64_t)ticks * FIXTURE_SECOND / t->clock_hz;
}

void coded_finish(struct coded_take *t, struct heard *h)
{
	struct recording_window w = window(SECONDS * 1000);

	fixture_end(&t->f, &w);
	hear(&t->f, h);
	assert_false(h->result.failed);
	assert_false(h->result.undecodable);
}

/* Compares what was heard with a reference file of 16-bit samples. `least` 1: sample by sample. */
void coded_compare(const struct heard *h, const char *name, uint32_t rate_hz, double least)
{
	size_t bytes;
	uint8_t *data = coded_read_file(name, &bytes);
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
		lag = coded_best_lag(reference, h->samples, count, LAG_MS * rate_hz / 1000, &best);
		print_message("%s: correlation %.5f at %d samples\n", name, best, (int)lag);
		assert_true(best > least);
		assert_true(labs(lag) <= 2 * (long)rate_hz / 1000);
	}
	free(data);
}

const uint8_t *coded_ogg_next(struct coded_ogg *o, size_t *bytes)
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
