/* Files that are whole or not there: written under another name, synced, renamed, and the folder
 * synced. Any thread; blocking. */
#ifndef LEGTAP_STORAGE_DURABLE_H
#define LEGTAP_STORAGE_DURABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/errmsg.h"

/* rename(2), then fsync(2) of the folder of `to`. 0 or -errno with a message. */
int durable_rename(const char *from, const char *to, bool sync, struct errmsg *e);

/* Replaces a file's contents by way of <path>.part. 0 or -errno with a message. */
int durable_write(const char *path, const void *data, size_t bytes, bool sync, struct errmsg *e);

/* fsync(2) of a folder. 0 or -errno. */
int durable_sync_folder(const char *path);

#endif
