/* From one rate to another, by libsamplerate: a track of a lower rate beside one of a higher.
 *
 * Samples go in in runs. What comes out stands in step with what went in, though later by the
 * filter's length; resampler_end gets the rest of a run. Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_RESAMPLER_H
#define LEGTAP_STORAGE_RESAMPLER_H

#include <stddef.h>
#include <stdint.h>

/* No output lags by more samples of the output. */
#define RESAMPLER_LAG 4096

struct resampler;

/* 0 or -ENOMEM. */
int resampler_make(struct resampler **out, uint32_t from_hz, uint32_t to_hz);
void resampler_free(struct resampler *r);

/* Takes all of `in`, returns how many samples came of it in *out, valid until the next call.
 * -ENOMEM otherwise. */
int resampler_put(struct resampler *r, const int16_t *in, size_t count, const int16_t **out,
	size_t *out_count);

/* Ends the run: what is still to come of it. */
int resampler_end(struct resampler *r, const int16_t **out, size_t *out_count);

#endif
