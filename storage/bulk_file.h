/* A file that is written once, from its begin to its end, and hashed on the way: in large writes
 * past the page cache (open(2), O_DIRECT) where the file system allows it, for nobody will read it
 * soon, and copying it there costs more than making it. Owned by the finisher that made it.
 * Blocking. */
#ifndef LEGTAP_STORAGE_BULK_FILE_H
#define LEGTAP_STORAGE_BULK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"

struct bulk_file;

/* Makes the file, or cuts it to nothing. 0 or -errno. */
int bulk_file_create(struct bulk_file **out, const char *path);

/* 0 or -errno; what was written before an error may be there in part. */
int bulk_file_append(struct bulk_file *f, const void *data, size_t bytes);

/* Writes what is left, and tells length and SHA-256; with `sync`, all of it is on the disk when it
 * returns. 0 or -errno. */
int bulk_file_end(struct bulk_file *f, bool sync, uint64_t *bytes, char sha256[DIGEST_TEXT_BYTES]);

/* Leaves the file as it is. bulk_file_close(NULL) is legal. */
void bulk_file_close(struct bulk_file *f);

#endif
