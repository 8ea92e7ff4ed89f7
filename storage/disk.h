/* A writer's way to the disk: its io_uring (io_uring(7)).
 *
 * Made and used by the writer thread alone (SINGLE_ISSUER). A chunk that is given to it is on its
 * way until `done` is called for it: short writes go on, interrupted ones are tried again. It knows
 * nothing of tracks and files. */
#ifndef LEGTAP_STORAGE_DISK_H
#define LEGTAP_STORAGE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include <liburing.h>

#include "common/chunk.h"
#include "common/errmsg.h"

/* A write on its way. */
struct disk_write {
	struct chunk *chunk;
	int fd;
	uint32_t bytes;
	uint32_t done;
	uint32_t retries;
	uint32_t next_free;
};

/* err: 0 or -errno. retries: how often the write had to go on. */
typedef void disk_done_h(void *arg, struct chunk *chunk, int err, unsigned int retries);

struct disk {
	struct io_uring ring;
	const struct chunk_pool *pool;
	bool fixed;    /* the chunks are registered as buffers */
	int fixed_err; /* why not */
	bool deferred; /* DEFER_TASKRUN */
	bool holds;    /* a file, by disk_hold */
	uint32_t depth;
	uint32_t in_flight;
	uint32_t unsubmitted;
	uint32_t first_free;
	struct disk_write *writes;
	uint64_t submits;
	disk_done_h *done;
	void *arg;
};

/* depth: writes in flight at most. Where the kernel has no DEFER_TASKRUN or refuses to register the
 * chunks, it goes on without. 0, or -errno with a message that tells what to do when
 * there is no io_uring at all. */
int disk_open(struct disk *d, const struct chunk_pool *pool, uint32_t depth, disk_done_h *done,
	void *arg, struct errmsg *e);
/* Has the descriptor's file held open until the last write has ended, even one that is under way
 * when the process is killed: such a write still reaches the disk, later. 0 or -errno. */
int disk_hold(struct disk *d, int fd);
/* Nothing may be in flight. */
void disk_close(struct disk *d);

static inline bool disk_is_full(const struct disk *d)
{
	return d->in_flight == d->depth;
}

/* Starts writing the chunk's first `bytes` bytes at chunk->file_offset. Not when the disk is full.
 */
void disk_write(struct disk *d, struct chunk *chunk, int fd, uint32_t bytes);

/* Submits what was started, and calls `done` for what has come to an end. wait_ns: sleeps so long
 * at most, until half of what is in flight has; 0: does not sleep. Returns the number done. */
unsigned int disk_turn(struct disk *d, uint64_t wait_ns);

#endif
