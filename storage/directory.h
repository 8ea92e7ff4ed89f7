/* Delivery to a directory: <directory>/<key>, durable and whole or not there. Blocking. */
#ifndef LEGTAP_STORAGE_DIRECTORY_H
#define LEGTAP_STORAGE_DIRECTORY_H

#include "common/errmsg.h"

/* Whether a key names a file below its directory: no empty, "." or ".." part, not absolute. 0 or
 * -EINVAL with a message. */
int directory_check_key(const char *key, struct errmsg *e);

/* Puts a file at <directory>/<key>; folders are made as needed, what is there is replaced. On the
 * same file system the file is linked, else copied. When it returns 0, file and folders are synced.
 * Else -errno with a message that names the path. */
int directory_put(const char *directory, const char *key, const char *file, struct errmsg *e);

struct delivery_result;
struct storage_config;

/* The same for the configured directory, in which a bucket is a folder. */
int directory_deliver(const struct storage_config *config, const char *bucket, const char *key,
	const char *file, struct delivery_result *out);

#endif
