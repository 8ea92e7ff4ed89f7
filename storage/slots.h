/* Track slots, and the recordings that hold them: from storage_open to the end of storage_close.
 *
 * The control thread owns it. `refs` alone is read by writers: a reference stands there from before
 * any rx core can know it until its slot is free again. A slot that is freed waits behind all other
 * free ones, so that a stale reference is not met by its slot's next generation soon. */
#ifndef LEGTAP_STORAGE_SLOTS_H
#define LEGTAP_STORAGE_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/uuid.h"
#include "storage/storage.h"

/* A recording that is open or being closed. */
struct slots_recording {
	struct uuid id;
	track_ref refs[TRACK_COUNT];
	bool ending; /* to be closed or removed: the answer is awaited */
	bool finish; /* and then it is to be finished */
	bool remove; /* and then removed */
	struct slots_recording *next;
};

struct slots {
	uint32_t count;
	uint32_t free_count;
	uint32_t first; /* of the free ones, a ring of count */
	uint32_t *free;
	uint16_t *generations;
	_Atomic track_ref *refs;
	uint32_t bucket_count;
	struct slots_recording **buckets;
};

/* 0 or -ENOMEM. */
int slots_create(struct slots *s, uint32_t count);
void slots_destroy(struct slots *s);

/* A slot for each track of the mask. 0, -EEXIST, -ENOSPC or -ENOMEM. */
int slots_take(struct slots *s, const struct uuid *recording, unsigned int tracks,
	struct slots_recording **out);
struct slots_recording *slots_find(const struct slots *s, const struct uuid *recording);
/* Frees its slots, and itself. */
void slots_release(struct slots *s, struct slots_recording *r);

#endif
