/* Files that hold secrets: keys, credentials. */
#ifndef LEGTAP_CONTROLPLANE_SECRET_FILE_H
#define LEGTAP_CONTROLPLANE_SECRET_FILE_H

#include <stddef.h>

#include "common/errmsg.h"

#define SECRET_FILE_BYTES_MAX 65536

/* Reads a regular file which others must be unable to read, and group and others to write. *out is
 * freed by secret_file_free. May block. 0, or -errno with a message that names the path and what to
 * do. */
int secret_file_read(const char *path, char **out, size_t *bytes, struct errmsg *e);

/* Leaves none of it in memory. NULL is legal. */
void secret_file_free(char *text);

#endif
