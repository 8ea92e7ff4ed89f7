/* A lane: the stretch of a track's timeline that is being rendered, and room beyond its end for the
 * packet that reaches over it.
 *
 * Samples are 16-bit, or G.711 codes when the file is to hold the received bytes. Positions are
 * relative to the stretch; what lies outside is cut. Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_LANE_H
#define LEGTAP_STORAGE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/g711.h"

#define LANE_SAMPLES 131072 /* of the stretch */
#define LANE_AHEAD \
	8192 /* packets that begin this far beyond the end are put already, so \
		that what reaches back from them finds its place */
#define LANE_BEYOND (65536 + LANE_AHEAD) /* no packet makes more than the first */

struct lane {
	bool coded; /* one octet a sample, of `law`; else int16_t */
	enum g711_law law;
	size_t sample_bytes;
	uint8_t *data;
};

/* 0 or -ENOMEM. */
int lane_init(struct lane *lane, bool coded, enum g711_law law);
void lane_free(struct lane *lane);

/* Steps to the next stretch: what lay beyond the end now begins it; the rest is silence. */
void lane_next(struct lane *lane);

/* Silence from `from` to before `to`. */
void lane_silence(struct lane *lane, int64_t from, int64_t to);

/* Puts samples, which are of the lane's kind (`put`) or 16-bit ones (`put_pcm`). */
void lane_put(struct lane *lane, int64_t at, const void *samples, size_t count);
void lane_put_pcm(struct lane *lane, int64_t at, const int16_t *samples, size_t count);

static inline const int16_t *lane_pcm(const struct lane *lane)
{
	return (const int16_t *)(const void *)lane->data;
}

#endif
