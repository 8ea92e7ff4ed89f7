/* Who may authenticate by digest: a file as htdigest(1) writes it, a line each of
 * "user:realm:hash", the hash in hex digits: MD5 (32) or SHA-256 (64) of "user:realm:password" (RFC
 * 7616, 3.4.2). '#' begins a comment line. Lines of other realms are passed over. */
#ifndef LEGTAP_CONTROLPLANE_DIGEST_USERS_H
#define LEGTAP_CONTROLPLANE_DIGEST_USERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

#define DIGEST_USERS_MAX 256
#define DIGEST_NAME_BYTES 64
#define DIGEST_HASH_BYTES 32

struct digest_user {
	char name[DIGEST_NAME_BYTES];
	size_t hash_bytes; /* 16: MD5; 32: SHA-256 */
	uint8_t hash[DIGEST_HASH_BYTES];
};

struct digest_users {
	unsigned int count;
	struct digest_user users[DIGEST_USERS_MAX];
};

/* `count` bytes of hex digits, in either case, as bytes. 0 or -EINVAL. */
int digest_hex(const char *text, size_t digits, uint8_t *out);

/* A pure function. 0, or -EINVAL with a message that names the line and holds no secret: not three
 * fields, a hash of another length, a user twice with one algorithm, nobody of the realm. */
int digest_users_parse(const char *text, size_t bytes, const char *realm, struct digest_users *out,
	struct errmsg *e);

/* Reads them from a file that holds secrets (secret_file.h). May block. 0 or -errno with a message.
 */
int digest_users_load(
	const char *path, const char *realm, struct digest_users *out, struct errmsg *e);

/* The user (not ended) with a hash of this length, or NULL. */
const struct digest_user *digest_user_find(
	const struct digest_users *users, const char *name, size_t name_bytes, size_t hash_bytes);

#endif
