/* Rendering: a closed recording's journal and track files become its WAV and its sidecar.
 *
 * Called by finisher threads, one recording at a time each. Blocking. */
#ifndef LEGTAP_STORAGE_RENDER_H
#define LEGTAP_STORAGE_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/uuid.h"
#include "storage/storage.h"

struct render_result {
	uint64_t start_ns;
	uint64_t duration_ms;
	uint64_t bytes; /* of the WAV */
	char sha256[DIGEST_TEXT_BYTES];
	bool failed;	  /* no file can be made, now or later: `failure` tells why */
	bool undecodable; /* a track had packets that no decoder could take */
	char failure[TEXT_BYTES];
	char *json; /* the sidecar's object; the caller frees */
};

/* Reads `<id>.journal` and the track files in recordings_folder, writes `<id>.wav` and `<id>.json`
 * beside them, synced. What an earlier attempt left is replaced. 0: *out is filled. -errno: it
 * cannot be done now (the disk is full, no memory, I/O error), `failure` tells why, and it is tried
 * again later. */
int render_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct render_result *out);

#endif
