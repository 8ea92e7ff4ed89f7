/* Any bytes, as a session description. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct leg_media media;

	if (sdp_parse(&media, (const char *)data, bytes) != 0)
		return 0;
	if (media.address_count > LEG_ADDRESSES_MAX || media.codec_count > LEG_CODECS_MAX)
		abort();
	for (unsigned int i = 0; i < media.codec_count; i++)
		if (media.codecs[i].name[0] == '\0' || media.codecs[i].clock_hz == 0)
			abort();
	return 0;
}
