/* Checkpoints: until when a run of legtapd is known to have recorded.
 *
 * One small JSON file for each writer, `<spool.path>/<run>.<writer>.checkpoint`, replaced whole
 * every max_age, also in silence. After a crash, usage that was open is closed at the newest. The
 * run's id stands in its journals too, so that the times of two runs are never mixed. Blocking; one
 * thread at a time for each file. */
#ifndef LEGTAP_STORAGE_CHECKPOINT_H
#define LEGTAP_STORAGE_CHECKPOINT_H

#include <stdint.h>

#include "common/uuid.h"
#include "storage/spool.h"

#define CHECKPOINT_VERSION 1

/* written_ns: recording clock; what was handed to the writer before is written,
 * but for chunks that wait for the keys of SRTP. Synced, then
 * renamed into place. 0 or -errno. */
int checkpoint_write(const struct spool *spool, const struct uuid *run, unsigned int writer,
	uint64_t written_ns);

/* The earliest of the checkpoints of a run's writers: by then each of them was at work. 0 when
 * there is none. */
uint64_t checkpoint_read(const struct spool *spool, const struct uuid *run);

/* Removes the checkpoints of all runs but those that `keep` says. */
void checkpoint_remove_others(const struct spool *spool,
	bool (*keep)(const void *arg, const struct uuid *run), const void *arg);

#endif
