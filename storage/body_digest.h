/* The digests that an HTTP PUT names of its body, in one pass over the file. Any thread. */
#ifndef LEGTAP_STORAGE_BODY_DIGEST_H
#define LEGTAP_STORAGE_BODY_DIGEST_H

#include <stdint.h>
#include <stdio.h>

#include "common/digest.h"

struct body_digest {
	char sha256[DIGEST_TEXT_BYTES]; /* hex */
	char md5[32];			/* base64, as Content-MD5 has it (RFC 1864) */
	uint64_t bytes;
};

/* Of an open file from its start; leaves it there again. 0, -ENOMEM, or -errno of reading. */
int body_digest_file(FILE *file, struct body_digest *out);

#endif
