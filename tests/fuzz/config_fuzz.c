/* The configuration: whatever is accepted must be printed as something that is accepted and printed
 * the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *printed(const struct config *c)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	config_print(c, out);
	fclose(out);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct errmsg e = {""};
	struct config c;
	struct config again;
	char *first;
	char *second;

	if (config_defaults(&c) != 0)
		abort();
	if (config_parse(&c, (const char *)data, size, true, &e) != 0) {
		if (e.text[0] == '\0')
			abort();
		config_destroy(&c);
		return 0;
	}
	first = printed(&c);
	if (config_defaults(&again) != 0 ||
		config_parse(&again, first, strlen(first), true, NULL) != 0)
		abort();
	second = printed(&again);
	if (strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	config_destroy(&c);
	config_destroy(&again);
	return 0;
}
