/* Gaps: stretches of a track's timeline within the recording, over 100 ms, in which nothing was
 * received. Pauses are none. Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_GAP_H
#define LEGTAP_STORAGE_GAP_H

#include <stddef.h>
#include <stdint.h>

#include "storage/recorded_track.h"
#include "storage/span.h"

/* Gaps of a track whose packets are in the order of position, in a file of so many frames; pauses
 * in the order of time. *out is the caller's to free. 0 or -ENOMEM. */
int gaps_find(struct span **out, size_t *count, const struct recorded_track *t,
	const struct span *pauses, size_t pause_count, int64_t frames, uint32_t rate_hz);

#endif
