/* The mixdown: tracks side by side, pauses laid over them, into a WAV. INCOMING is left, OUTGOING
 * right; one track alone is mono. Owned by the finisher that makes it. */
#ifndef LEGTAP_STORAGE_MIXDOWN_H
#define LEGTAP_STORAGE_MIXDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "storage/gap.h"
#include "storage/recorded_track.h"
#include "storage/wav.h"

struct mixdown {
	struct recorded_track *tracks; /* TRACK_COUNT; in the order of position */
	unsigned int mask;	       /* of those that are recorded */
	bool conceal;		       /* lost audio; the tracks' `concealed` tell where */
	struct wav_format format;
	const struct span *pauses; /* samples, not cut to the file; in the order of time */
	size_t pause_count;
	uint32_t tone_hz;
	uint32_t tone_ms; /* at each end of a pause, at most half of it; 0: none */
	int32_t tone_level_dbm0;
};

/* Writes the file whole (storage/wav.h). 0 or -errno with a message. Blocking. */
int mixdown_write(
	struct mixdown *mix, const char *path, bool sync, struct wav_result *out, struct errmsg *e);

#endif
