/* SHA-256 (FIPS 180-4) by OpenSSL, in hex. Any thread. */
#ifndef LEGTAP_COMMON_DIGEST_H
#define LEGTAP_COMMON_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_TEXT_BYTES 65

/* Of memory. 0 or -ENOMEM. */
int digest_sha256(const void *data, size_t bytes, char out[DIGEST_TEXT_BYTES]);

/* Piece by piece. digest_begin: 0 or -ENOMEM; digest_end frees d. */
struct digest;
int digest_begin(struct digest **out);
void digest_feed(struct digest *d, const void *data, size_t bytes);
void digest_end(struct digest *d, char out[DIGEST_TEXT_BYTES]);

/* Of a file from its start; *bytes (may be NULL) gets its length. 0 or -errno of open(2) or
 * read(2). */
int digest_sha256_file(const char *path, char out[DIGEST_TEXT_BYTES], uint64_t *bytes);

#endif
