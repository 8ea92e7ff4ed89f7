/* Any bytes as a UDP payload: the first says how much of it was cut. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dataplane/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	enum rtp_verdict verdict;

	if (bytes < 1)
		return 0;
	verdict = rtp_check(data + 1, (uint32_t)bytes - 1, (uint32_t)bytes - 1 + data[0]);
	if (verdict == RTP_MEDIA && bytes - 1 < RTP_HEADER_BYTES)
		abort();
	return 0;
}
