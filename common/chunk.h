/* The chunk: all that passes between dataplane and storage, and the unit of the track file
 * (docs/formats.md).
 *
 * A chunk is a buffer of chunk_pool.chunk_bytes. An rx core fills it with frames of one stream,
 * hands it to the writer of the stream's track, gets it back empty. The buffer begins with the
 * header as it stands on disk; the descriptor beside it never leaves memory.
 *
 *   buffer:  struct chunk_header | frame | frame | …           (used_bytes)     | zeros to a
 * multiple of 4096 frame:   struct chunk_frame  | the RTP packet, from its first octet         |
 * zeros to a multiple of 4
 *
 * The whole RTP packet is kept, so that SSRC, CSRC, extension, padding, and what SRTP
 * authenticates, need no room of their own, and no decision of the rx core is final. */
#ifndef LEGTAP_COMMON_CHUNK_H
#define LEGTAP_COMMON_CHUNK_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

#define CHUNK_MAGIC 0x4b43544cU /* "LTCK", little-endian */
#define CHUNK_VERSION 1
#define CHUNK_ALIGN 4096U /* of files, offsets and lengths: direct I/O */
#define CHUNK_BYTES_MIN 4096U
#define CHUNK_BYTES_MAX 65536U

/* On disk, little-endian. Who writes a field: (rx) or (writer). */
struct chunk_header {
	uint32_t magic;	       /* rx */
	uint16_t version;      /* rx */
	uint16_t flags;	       /* none defined; readers refuse others */
	uint32_t crc32c;       /* writer; of used_bytes bytes with this field zero */
	uint32_t used_bytes;   /* rx; header and frames */
	uint32_t stored_bytes; /* writer; used_bytes up to a multiple of CHUNK_ALIGN */
	uint32_t frames;       /* rx */
	uint64_t base_ns;      /* rx; arrival of the first frame, recording clock */
	uint64_t file_id;  /* writer; of the track file: a stale chunk in reused blocks is not taken
			      for one */
	uint32_t sequence; /* writer; 0, 1, 2, … in its file */
	uint32_t stream;   /* rx; ordinal of the stream in its recording, as the journal names it */
	uint8_t reserved[16]; /* zero */
};
static_assert(sizeof(struct chunk_header) == 64, "a disk format");

struct chunk_frame {
	int32_t arrival_us; /* after base_ns (a frame given back late may be before it) */
	uint16_t length;    /* of the RTP packet */
	uint16_t flags;	    /* CHUNK_FRAME_*; readers refuse others */
};
static_assert(sizeof(struct chunk_frame) == 8, "a disk format");

#define CHUNK_FRAME_SEALED 1U /* writer; SRTP as it was received: no key opened it */

/* Bytes that a packet takes in a chunk. */
static inline uint32_t chunk_frame_bytes(uint32_t packet_bytes)
{
	return (uint32_t)((sizeof(struct chunk_frame) + packet_bytes + 3U) & ~3U);
}

/* Which track a chunk is of: a slot in the tables of storage, and the slot's generation, so that a
 * reference to a track that is gone is known as such. 0: none. */
typedef uint32_t track_ref;
#define TRACK_SLOT_BITS 20
#define TRACK_SLOTS_MAX ((1U << TRACK_SLOT_BITS) - 1)
#define TRACK_REF_NONE 0U

static inline track_ref track_ref_make(uint32_t slot, uint32_t generation)
{
	return (slot + 1) | generation << TRACK_SLOT_BITS;
}

static inline uint32_t track_ref_slot(track_ref ref)
{
	return (ref & TRACK_SLOTS_MAX) - 1;
}

static inline uint32_t track_ref_generation(track_ref ref)
{
	return ref >> TRACK_SLOT_BITS;
}

/* In memory, beside the buffer. Owned by the thread that holds the chunk: its rx core until it is
 * handed over, the writer until it comes back. */
struct chunk {
	uint8_t *data;	    /* the buffer; fixed */
	uint32_t index;	    /* in the pool; fixed */
	uint16_t rx;	    /* the rx core it belongs to; fixed */
	uint16_t piece;	    /* index of the piece (registered buffer) it lies in; fixed */
	track_ref track;    /* rx */
	uint32_t stream;    /* rx; index of the stream that fills it, for the rx core's own use */
	uint32_t used;	    /* rx; bytes, mirrors header.used_bytes at hand-over */
	uint32_t frames;    /* rx */
	uint64_t opened_ns; /* rx */
	uint32_t next;	    /* owner: a list by index, UINT32_MAX ends it */
	uint32_t previous;
	uint64_t file_offset; /* writer */
	uint32_t epoch;	      /* writer; in which of its two rounds the chunk was taken */
	uint32_t ordinal;     /* rx; header.stream, until the header is written at hand-over */
} __attribute__((aligned(64)));
static_assert(sizeof(struct chunk) == 64, "one line");

#define CHUNK_NONE UINT32_MAX

static inline struct chunk_header *chunk_header_of(const struct chunk *c)
{
	return (struct chunk_header *)c->data;
}

#define CHUNK_PIECE_BYTES (1UL << 30) /* io_uring registers at most 1 GiB a buffer */
#define CHUNK_PIECES_MAX 64

struct chunk_piece {
	uint8_t *base;
	size_t bytes;
};

/* All chunks of the process. Made before the threads start; read-only after. */
struct chunk_pool {
	uint32_t chunk_bytes; /* a power of two from CHUNK_BYTES_MIN to CHUNK_BYTES_MAX */
	uint32_t count;	      /* chunks; those of rx core r are [r * per_rx, (r + 1) * per_rx) */
	uint32_t per_rx;
	struct chunk *chunks; /* mapped as the pieces are */
	unsigned int piece_count;
	struct chunk_piece pieces[CHUNK_PIECES_MAX];
	bool huge; /* on huge pages */
};

/* The chunk size for so many tracks in so much memory: two chunks a track, a power of two in
 * bounds. */
uint32_t chunk_bytes_for(uint64_t memory_bytes, uint32_t tracks);

/* Maps memory_bytes (on huge pages where the host has them free, else on ordinary ones) and cuts it
 * into chunks, in equal shares for rx_count rx cores. 0, -EINVAL, or -ENOMEM with a message. */
int chunk_pool_create(struct chunk_pool *pool, uint64_t memory_bytes, uint32_t chunk_bytes,
	unsigned int rx_count, struct errmsg *e);
void chunk_pool_destroy(struct chunk_pool *pool);

#endif
