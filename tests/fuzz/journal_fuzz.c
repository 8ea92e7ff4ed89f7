#include <stddef.h>
#include <stdint.h>

#include "storage/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal j;

	(void)journal_decode((const char *)data, size, &j, NULL);
	journal_free(&j);
	return 0;
}
