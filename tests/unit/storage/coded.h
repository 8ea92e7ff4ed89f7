/* Coded audio for tests: a signal, files in a folder of the test, recordings made of payloads. */
#ifndef LEGTAP_TESTS_CODED_H
#define LEGTAP_TESTS_CODED_H

#include <stdbool.h>
#include <stdint.h>

#include "heard.h"

#define SECONDS 4
#define PAYLOAD_TYPE 97

/* Set-up and tear-down of the folder. */
int coded_make_folder(void **state);
int coded_remove_folder(void **state);

/* A shell command in the folder. false: it failed (log tells). */
bool coded_run(const char *command);

/* A whole file, the caller's to free. */
uint8_t *coded_read_file(const char *name, size_t *bytes);
void coded_write_file(const char *name, const void *data, size_t bytes);

/* A voice: harmonics of a pitch that glides, loud and soft; mono, 16 bits, SECONDS long; in
 * "signal.raw", too. The caller's to free. */
int16_t *coded_write_signal(uint32_t rate_hz);

/* The correlation of two signals at a lag of b. */
double coded_correlation(const int16_t *a, const int16_t *b, int64_t count, int64_t lag);

/* The lag, in samples, at which two signals agree best. */
int64_t coded_best_lag(
	const int16_t *a, const int16_t *b, int64_t count, int64_t most, double *best);

/* What a packetised codec is recorded as. */
struct coded_take {
	struct fixture f;
	uint64_t at_ns;
	uint32_t timestamp;
	uint16_t sequence;
	uint32_t clock_hz;
};

void coded_begin(struct coded_take *t, const struct codec *codec);
void coded_add(struct coded_take *t, const uint8_t *payload, size_t bytes, uint32_t ticks);
void coded_finish(struct coded_take *t, struct heard *h);

/* Compares what was heard with a file of 16-bit samples: a correlation above `least`, within 2 ms;
 * 1: sample by sample. */
void coded_compare(const struct heard *h, const char *name, uint32_t rate_hz, double least);

/* Ogg (RFC 3533): the next packet, of one segment table each; NULL: no more. */
struct coded_ogg {
	uint8_t *data;
	size_t bytes;
	size_t page;
	unsigned int segment;
	size_t at;
};

const uint8_t *coded_ogg_next(struct coded_ogg *o, size_t *bytes);

#endif
