/* The track file: what one track of a recording received, as it came (docs/formats.md).
 *
 *   chunk | chunk | … | (zeros, while the file is sized ahead)
 *
 * Each chunk begins at a multiple of 4096 and takes header.stored_bytes, a multiple of 4096
 * (common/chunk.h); all of one file bear its file_id and are numbered from 0. There is no file
 * header: a file whose every other block is gone still gives what is in one. Chunks of several
 * streams (RTP flows) stand in the order in which writers got them: frames of one stream in the
 * order of their arrival, streams against each other not.
 *
 * A reader takes whole chunks and no others. At one that is damaged it goes on at the next multiple
 * of 4096, and counts. Pure functions but for the reader of a file; any thread. */
#ifndef LEGTAP_STORAGE_TRACK_FILE_H
#define LEGTAP_STORAGE_TRACK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/chunk.h"
#include "common/errmsg.h"
#include "common/uuid.h"
#include "storage/storage.h"

/* The file_id of a track of a recording: made from their names, never 0. */
uint64_t track_file_id(const struct uuid *recording, enum track track);

/* CRC32C (RFC 3720, B.4) of the chunk's used_bytes, its own field taken as zero. The buffer holds
 * at least used_bytes. */
uint32_t track_chunk_crc32c(const struct chunk_header *chunk);

/* Whether a whole chunk of file `file_id` begins at data (aligned to 8), of which `bytes` are
 * there: header and stored_bytes within them, checksum, frames that fill used_bytes exactly. 0;
 * -EBADMSG when not; -ENODATA when its 4096 bytes are all zero: nothing was written there;
 * -EPROTONOSUPPORT for a whole header of another version or with unknown flags; -EMSGSIZE when the
 * header is good but the chunk goes beyond `bytes`. */
int track_chunk_check(const uint8_t *data, size_t bytes, uint64_t file_id);

/* The frames of a chunk that was checked. */
struct track_frames {
	const uint8_t *at;
	const uint8_t *end;
	uint64_t base_ns;
};

struct track_frame {
	uint64_t arrival_ns;   /* recording clock */
	const uint8_t *packet; /* RTP, from its first octet; in the chunk */
	uint16_t length;
	bool sealed; /* SRTP that no key opened */
};

void track_frames_begin(struct track_frames *f, const struct chunk_header *chunk);
/* The next frame, or false at the end. */
bool track_frames_next(struct track_frames *f, struct track_frame *out);

/* What a reader met. */
struct track_file_stats {
	uint64_t chunks;
	uint64_t frames;
	uint64_t missing_chunks; /* gaps in the numbers of the chunks that were found */
	uint64_t damaged_bytes;	 /* skipped in blocks that are not zero and no whole chunk */
	uint64_t end_bytes;	 /* end of the last whole chunk */
};

struct track_file;

/* Opens `<folder>/<recording>.<track>.track` for reading from its start. 0 or -errno of open(2)
 * (-ENOENT: there is none), with a message. */
int track_file_open(struct track_file **out, const char *folder, const struct uuid *recording,
	enum track track, struct errmsg *e);

/* The same of an open file (not taken over) with a known file_id. 0 or -ENOMEM. */
int track_file_attach(struct track_file **out, int fd, uint64_t file_id);

/* The next whole chunk, valid until the next call. 1, 0 at the end, -errno when reading fails. */
int track_file_next(struct track_file *f, const struct chunk_header **out);

/* What was read last, for who reads parts of the file again: TRACK_FILE_WINDOW_BYTES of memory for
 * the caller to free, `held` of them the file's from `start` on. Only track_file_close may follow.
 */
#define TRACK_FILE_WINDOW_BYTES (16UL * CHUNK_BYTES_MAX)
uint8_t *track_file_take_window(struct track_file *f, uint64_t *start, size_t *held);

const struct track_file_stats *track_file_stats(const struct track_file *f);
void track_file_close(struct track_file *f);

#endif
