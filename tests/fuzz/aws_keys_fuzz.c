#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "controlplane/aws_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct aws_keys keys;
	struct errmsg e;

	if (aws_keys_parse((const char *)data, size, &keys, &e) == 0) {
		assert(keys.count >= 1 && keys.count <= AWS_KEYS_MAX);
		for (unsigned int i = 0; i < keys.count; i++)
			assert(aws_key_find(&keys, keys.keys[i].id, strlen(keys.keys[i].id)) ==
				&keys.keys[i]);
	}
	return 0;
}
