/* Locations: what is accepted never leads out of its bucket, and is accepted again as it was
 * understood. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text)
{
	char bucket[DESTINATION_BUCKET_BYTES];
	char prefix[DESTINATION_KEY_BYTES];
	char again_bucket[DESTINATION_BUCKET_BYTES];
	char again_prefix[DESTINATION_KEY_BYTES];
	char framed[DESTINATION_KEY_BYTES + 2];
	char joined[DESTINATION_BUCKET_BYTES + DESTINATION_KEY_BYTES];
	struct errmsg e = {""};

	if (location_parse(text, bucket, prefix, &e) != 0) {
		if (e.text[0] == '\0')
			abort();
		return;
	}
	snprintf(framed, sizeof(framed), "/%s/", prefix);
	if (strstr(framed, "/../") || strstr(framed, "/./") || strchr(bucket, '/'))
		abort();
	snprintf(joined, sizeof(joined), "%s/%s", bucket, prefix);
	if (location_parse(joined, again_bucket, again_prefix, NULL) != 0 ||
		strcmp(bucket, again_bucket) != 0 || strcmp(prefix, again_prefix) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	check(text);
	free(text);
	return 0;
}
