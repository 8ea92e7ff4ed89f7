/* A WAV file, its header by libsndfile: 16-bit PCM, or G.711 codes as they are (formats 6 and 7);
 * RF64 where it would pass 4 GiB. Equal input makes equal bytes: nothing in it tells when or where.
 *
 * It grows under a temporary name and gets its own when it is whole. Owned by the finisher that
 * made it. Blocking. */
#ifndef LEGTAP_STORAGE_WAV_H
#define LEGTAP_STORAGE_WAV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/errmsg.h"
#include "storage/g711.h"

struct wav_format {
	uint32_t rate_hz;
	unsigned int channels; /* 1 or 2 */
	bool coded;	       /* G.711 codes of `law`; else int16_t */
	enum g711_law law;
	uint64_t frames; /* that will be written, not one more or less */
};

/* What became of it. */
struct wav_result {
	uint64_t bytes;
	char sha256[DIGEST_TEXT_BYTES];
};

struct wav;

/* Begins <path>.part. 0 or -errno with a message. */
int wav_create(
	struct wav **out, const char *path, const struct wav_format *format, struct errmsg *e);

/* Appends interleaved samples of the format's kind. 0 or -errno with a message. */
int wav_write(struct wav *w, const void *samples, size_t frames, struct errmsg *e);

/* Ends the file, gives it its name, and tells its length and SHA-256; with `sync`, file and name
 * are on the disk when it returns. 0 or -errno with a message. Frees w in either case. */
int wav_finish(struct wav *w, bool sync, struct wav_result *out, struct errmsg *e);

/* Removes what was written. wav_abandon(NULL) is legal. */
void wav_abandon(struct wav *w);

/* Of one sample of each channel. */
size_t wav_frame_bytes(const struct wav_format *format);

/* "pcm16", "ulaw", "alaw". */
const char *wav_encoding_name(const struct wav_format *format);

#endif
