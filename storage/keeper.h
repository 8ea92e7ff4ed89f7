/* The keeper: a second helper thread, for what takes long and comes by the clock.
 *
 * Every max_age it renews each writer's checkpoint and has the file system of the spool write out
 * what it holds (syncfs(2)); every second it looks at the free space. With `lossless` it does only
 * the last: what a run of --read leaves unfinished is begun anew. */
#ifndef LEGTAP_STORAGE_KEEPER_H
#define LEGTAP_STORAGE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/topology.h"
#include "common/uuid.h"
#include "storage/inbox.h"
#include "storage/spool.h"
#include "storage/writer.h"

struct keeper_setup {
	const struct spool *spool;
	struct uuid run;
	struct writer **writers;
	unsigned int writer_count;
	struct inbox *results; /* EVENT_SPACE */
	uint64_t max_age_ns;
	uint64_t reserve_bytes;
	bool lossless;
};

struct keeper;

/* 0 or -errno. */
int keeper_create(struct keeper **out, const struct keeper_setup *setup);
void keeper_destroy(struct keeper *k);

/* The thread's function; arg is the keeper. */
void keeper_run(struct thread *self, void *arg);
/* Ends its sleep, so that it sees that it is to stop. Any thread. */
void keeper_wake(struct keeper *k);

/* Any thread. */
uint64_t keeper_free_bytes(const struct keeper *k);

#endif
