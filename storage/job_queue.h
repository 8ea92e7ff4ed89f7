/* Jobs of finishers that wait, the one that is due first on top: a binary heap, for a destination
 * that is down for a day leaves a hundred thousand of them.
 *
 * A queue can also be held: nothing in it is begun before. No locks: the caller has one. */
#ifndef LEGTAP_STORAGE_JOB_QUEUE_H
#define LEGTAP_STORAGE_JOB_QUEUE_H

#include <stdint.h>

#include "common/uuid.h"
#include "storage/event.h"

struct job {
	struct uuid recording;
	uint64_t due_ns;   /* not before */
	uint32_t pause_ms; /* the last one; 0: none yet */
	/* What comes of it; allocated beforehand, so that no outcome is ever lost. */
	struct event *rendered;
	struct event *delivered;
};

/* With both events. NULL when out of memory. */
struct job *job_new(const struct uuid *recording);
void job_free(struct job *job);

struct job_queue {
	struct job **heap;
	uint32_t waiting;
	uint32_t room;
	uint32_t count; /* waiting and being done; the caller's */
	uint64_t hold_ns;
	uint32_t hold_ms; /* the last hold; 0: none */
};

/* Makes room for so many jobs. 0 or -ENOMEM. */
int job_queue_reserve(struct job_queue *q, uint32_t jobs);
/* There must be room. */
void job_queue_put(struct job_queue *q, struct job *job);
/* The job that is due first, or NULL when none is due, or the queue is held. */
struct job *job_queue_take(struct job_queue *q, uint64_t now_ns);
/* When there may be something to take; UINT64_MAX: not before something is put. */
uint64_t job_queue_next_ns(const struct job_queue *q);
/* Frees the jobs that wait. */
void job_queue_clear(struct job_queue *q);

#endif
