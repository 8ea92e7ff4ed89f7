#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/config.h"
#include "controlplane/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct digest *digest;
	static struct digest_users users;
	const struct netaddr client = {.family = 4};
	struct errmsg e;

	if (!digest) {
		struct digest_users *some = calloc(1, sizeof(*some));

		assert(some && digest_create(&digest, "r", DIGEST_MD5 | DIGEST_SHA256, some) == 0);
		strcpy(some->users[0].name, "u");
		some->users[0].hash_bytes = 16;
		some->count = 1;
		/* cppcheck-suppress memleak ; the digest's */
	}
	if (digest_users_parse((const char *)data, size, "r", &users, &e) == 0)
		assert(users.count >= 1 && users.count <= DIGEST_USERS_MAX);
	(void)digest_check(digest, &client, 1, "INVITE", 6, (const char *)data, size);
	return 0;
}
