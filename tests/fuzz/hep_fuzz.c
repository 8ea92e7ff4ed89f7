/* Any bytes, as a HEPv3 message and as the front of a stream of them. */
#include <stdlib.h>

#include "controlplane/hep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int is_within(const char *at, size_t length, const uint8_t *data, size_t bytes)
{
	const char *begin = (const char *)data;

	return !at || (at >= begin && at + length <= begin + bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct hep_message m;
	int length = hep_length(data, bytes);

	if (length > 0 && (length < HEP_HEAD_BYTES || length > HEP_BYTES_MAX))
		abort();
	if (length > 0 && (size_t)length < bytes)
		bytes = (size_t)length;
	if (hep_parse(&m, data, bytes) != 0)
		return 0;
	if (!is_within(m.payload, m.payload_bytes, data, bytes) ||
		!is_within(m.key, m.key_bytes, data, bytes))
		abort();
	if (!m.source.family || m.source.family != m.destination.family ||
		(!m.payload && !m.compressed))
		abort();
	return 0;
}
