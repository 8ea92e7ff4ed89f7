#include <stddef.h>
#include <stdint.h>

#include "storage/telephone_event.h"
#include "storage/tone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct telephone_event event;
	struct tone tone;
	int16_t samples[64];

	if (telephone_event_parse(data, size, &event) == 0 &&
		tone_dtmf(event.event, event.volume, &tone))
		tone_fill(&tone, event.duration, 64, 8000, samples);
	return 0;
}
