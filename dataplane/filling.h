/* The chunks that an rx core fills: its free ones, one for each stream that is being recorded, and
 * their way to the writers and back.
 *
 * Owned by the rx core; the counts are read by others. A chunk whose first frame is older than
 * max_age is handed over by a hand that goes round all chunks of the core, a few each turn: no list
 * to keep, and the descriptors are read in the order in which they lie. */
#ifndef LEGTAP_DATAPLANE_FILLING_H
#define LEGTAP_DATAPLANE_FILLING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/chunk.h"
#include "common/counters.h"
#include "common/topology.h"
#include "dataplane/stream_table.h"

#define FILLING_AHEAD 8 /* chunks from the top of the stack whose descriptor is asked for */

struct filling {
	uint8_t *pieces[CHUNK_PIECES_MAX];
	struct chunk *chunks;	 /* all of the process */
	unsigned int chunk_bits; /* log2 of the chunk size */
	unsigned int piece_bits; /* log2 of the chunks in a piece */
	uint32_t first;		 /* the core's own chunks: [first, first + count) */
	uint32_t count;
	uint32_t *spare; /* a stack of free chunks */
	uint32_t spare_count;
	uint32_t busy; /* being filled */
	struct stream_table *table;
	struct topology *topology;
	unsigned int rx;
	uint32_t hand; /* the next chunk whose age is looked at */
	uint64_t hand_ns;
	uint64_t hand_step_ns;
	uint64_t max_age_ns;  /* no frame joins a chunk whose first is older */
	uint64_t hand_age_ns; /* less than max_age by the time that a round takes */
	uint64_t chunks_handed;
	uint64_t frames_handed;
	_Atomic uint32_t shown_available; /* read by control */
	_Atomic uint32_t shown_filling;
	counter handed_over[TOPOLOGY_WRITERS_MAX];
};

/* Takes the chunks of rx core `rx` in the pool. max_age_ns: at most 1000 s. 0 or -ENOMEM. */
int filling_create(struct filling *f, const struct chunk_pool *pool, struct topology *t,
	unsigned int rx, struct stream_table *table, uint64_t max_age_ns);
void filling_destroy(struct filling *f);

/* Bytes of the longest packet that a chunk can hold. */
uint32_t filling_packet_max(const struct filling *f);

/* Opens a chunk for a stream that has none, whose first packet is of `units` units and arrived at
 * arrival_ns. False when no chunk is free. */
bool filling_open(struct filling *f, uint32_t stream, const struct stream_target *target,
	uint32_t units, uint64_t arrival_ns);

/* Hands the chunk of a stream to the writer of its track, if it has one. */
void filling_hand_over(struct filling *f, struct stream *s);

/* Hands over chunks that have come to their age; a bounded number a call. */
void filling_age(struct filling *f, uint64_t now_ns);

/* Hands over every chunk. */
void filling_finish(struct filling *f);

/* When no chunk is free, none is with the writers, and so none will come back: hands over one that
 * is being filled. */
void filling_make_room(struct filling *f);

/* Publishes the counts. */
void filling_show(struct filling *f);

static inline uint8_t *filling_data(const struct filling *f, uint32_t chunk)
{
	uint32_t in_piece = chunk & ((1U << f->piece_bits) - 1);

	return f->pieces[chunk >> f->piece_bits] + ((size_t)in_piece << f->chunk_bits);
}

/* Asks for the lines that opening a chunk, or handing one over, will touch. */
static inline void filling_prefetch_change(const struct filling *f, const struct stream *s)
{
	if (s->chunk != CHUNK_NONE)
		__builtin_prefetch(&f->chunks[s->chunk], 1);
	if (f->spare_count > FILLING_AHEAD)
		__builtin_prefetch(&f->chunks[f->spare[f->spare_count - FILLING_AHEAD]], 1);
}

/* True when a frame of `units` units that arrived at arrival_ns can join the stream's chunk. */
static inline bool filling_fits(
	const struct filling *f, const struct stream *s, uint32_t units, uint64_t arrival_ns)
{
	int64_t after = (int64_t)(arrival_ns - s->base_ns);

	/* chunk_frame.arrival_us has 32 bits. */
	return s->chunk != CHUNK_NONE && s->used + units <= s->limit &&
	       after < (int64_t)f->max_age_ns && after > -2000000000000LL;
}

#endif
