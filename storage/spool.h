/* The spool: the folder on the local disk where recordings live until they are delivered.
 *
 *   <spool.path>/lock                              one legtapd a spool; holds its process id
 *   <spool.path>/<run>.<writer>.checkpoint         (storage/checkpoint.h)
 *   <spool.path>/recordings/<recording>.journal    (storage/journal.h)
 *   <spool.path>/recordings/<recording>.incoming.track, .outgoing.track (storage/track_file.h)
 *   <spool.path>/recordings/<recording>.wav, .json
 *
 * A spool is made by the control thread; its fields are read-only after. Functions on files block;
 * they are for helpers, finishers, and for the start. */
#ifndef LEGTAP_STORAGE_SPOOL_H
#define LEGTAP_STORAGE_SPOOL_H

#include <limits.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "common/uuid.h"

enum spool_file {
	SPOOL_INCOMING, /* the same order as enum track */
	SPOOL_OUTGOING,
	SPOOL_JOURNAL,
	SPOOL_WAV,
	SPOOL_SIDECAR,
	SPOOL_FILE_COUNT
};

#define SPOOL_NAME_BYTES 64

struct spool {
	char path[PATH_MAX];
	char recordings[PATH_MAX]; /* the folder of recordings */
	int folder_fd;		   /* of path */
	int recordings_fd;
	int lock_fd;
};

/* Makes the folders that are not there (mode 0700: audio is private) and takes the lock. 0 or
 * -errno with a message that names the path; -EBUSY when another process has the lock, which the
 * message names. Waits for the last writes of one that was killed, 10 s at most. */
int spool_open(struct spool *spool, const char *path, struct errmsg *e);
void spool_close(struct spool *spool);

/* The name of a recording's file in the folder of recordings. Returns buf. */
char *spool_file_name(
	const struct uuid *recording, enum spool_file file, char buf[SPOOL_NAME_BYTES]);

/* The same with its folder. 0, or -ENAMETOOLONG. */
int spool_file_path(
	const char *folder, const struct uuid *recording, enum spool_file file, char buf[PATH_MAX]);

/* What a name in the folder of recordings stands for. 0, or -EINVAL: none of ours. */
int spool_parse_name(const char *name, struct uuid *recording, enum spool_file *file);

/* Removes all files of a recording, its journal last, so that what a crash leaves half removed is
 * still known. Files that are not there are no error. 0 or -errno of the first that failed. */
int spool_remove(const struct spool *spool, const struct uuid *recording);

/* Bytes that can still be written: statvfs(3) of the folder, for unprivileged users. 0 or -errno.
 */
int spool_free_bytes(const struct spool *spool, uint64_t *free_bytes);

#endif
