/* UUIDs (RFC 9562): random ones, and names (version 5). Plain values; any thread. */
#ifndef LEGTAP_COMMON_UUID_H
#define LEGTAP_COMMON_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_BYTES 37

struct uuid {
	uint8_t bytes[16];
};

/* Version 4. 0 or -EIO when the system has no randomness to give. */
int uuid_random(struct uuid *out);

/* Version 5 (SHA-1) in legtap's own name space, of `count` strings joined by NUL bytes: two boxes
 * that see the same strings make the same id. NULL strings count as empty. */
void uuid_named(struct uuid *out, const char *const parts[], size_t count);

bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_nil(const struct uuid *a);
uint32_t uuid_hash(const struct uuid *a);

/* Lower case, with dashes. Returns buf. */
char *uuid_format(const struct uuid *u, char buf[UUID_TEXT_BYTES]);

/* Parses 36 characters with dashes, either case. 0 or -EINVAL. */
int uuid_parse(const char *text, struct uuid *out);

#endif
