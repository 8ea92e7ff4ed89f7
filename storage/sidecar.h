/* The sidecar: the JSON object that tells of a recording (docs/formats.md), the same that
 * recordings.jsonl and the admin API show, but for `state`.
 *
 * Equal input makes equal bytes: keys in a fixed order, numbers with fixed decimals. */
#ifndef LEGTAP_STORAGE_SIDECAR_H
#define LEGTAP_STORAGE_SIDECAR_H

#include <stddef.h>
#include <stdint.h>

#include "storage/gap.h"
#include "storage/journal.h"
#include "storage/recorded_track.h"
#include "storage/wav.h"

/* What the sidecar is made of. */
struct sidecar {
	const struct journal *journal;
	bool bucket_folders; /* `file` names the bucket, too */
	bool conceal;	     /* render.conceal: tracks tell what was concealed */
	const char *failure; /* NULL, or why there is no file: then the next three mean nothing */
	struct wav_format format;
	const char *sha256;
	uint64_t bytes;
	uint64_t start_ns;
	uint64_t duration_ms;
	const struct span *pauses; /* ms after the start */
	size_t pause_count;
	const struct recorded_track *tracks;  /* TRACK_COUNT; those of info.tracks are told of */
	const struct span *gaps[TRACK_COUNT]; /* samples at format.rate_hz */
	size_t gap_count[TRACK_COUNT];
};

/* The object without a newline, the caller's to free. NULL: no memory. */
char *sidecar_format(const struct sidecar *s);

#endif
