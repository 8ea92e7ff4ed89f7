/* Any bytes as the start of a SIP message. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dataplane/start_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (start_line_is_sip(data, bytes) && bytes < 8)
		abort();
	return 0;
}
