/* The access keys that requests of AWS SDKs are checked against (admin.aws.keys_file). The file has
 * the format of ~/.aws/credentials, so that a client may use the same one: each section is a key.
 * Read once, at start; read-only after that. */
#ifndef LEGTAP_CONTROLPLANE_AWS_KEYS_H
#define LEGTAP_CONTROLPLANE_AWS_KEYS_H

#include <stddef.h>

#include "common/errmsg.h"

#define AWS_KEYS_MAX 64
#define AWS_KEY_BYTES 129 /* the service's ids have at most 128 characters */

struct aws_key {
	char id[AWS_KEY_BYTES];
	char secret[AWS_KEY_BYTES];
};

struct aws_keys {
	unsigned int count;
	struct aws_key keys[AWS_KEYS_MAX];
};

/* Parses such a file: lines "name = value" in sections "[name]"; '#' and ';' begin comment lines;
 * unknown names are passed over. A pure function. 0, or -EINVAL with a message that names the line
 * and holds no secret: half a key, an id twice, a session token, no key at all. */
int aws_keys_parse(const char *text, size_t bytes, struct aws_keys *out, struct errmsg *e);

/* Reads them from a file, which others must be unable to read, and group and others to write. May
 * block. 0 or -errno with a message. */
int aws_keys_load(const char *path, struct aws_keys *out, struct errmsg *e);

/* The key with this id (id_bytes long), or NULL. */
const struct aws_key *aws_key_find(const struct aws_keys *keys, const char *id, size_t id_bytes);

#endif
