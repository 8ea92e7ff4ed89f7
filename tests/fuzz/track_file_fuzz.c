/* One chunk. The checksum is put right, so that what lies behind it is reached. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/track_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned int sum; /* so that the reads are not left out */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + !size); /* no byte more: what is read beyond it shows */
	struct chunk_header *h = (struct chunk_header *)copy;
	struct track_frames frames;
	struct track_frame frame;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (size >= sizeof(*h) && h->used_bytes >= sizeof(*h) && h->used_bytes <= size)
		h->crc32c = track_chunk_crc32c(h);
	if (track_chunk_check(copy, size, size >= sizeof(*h) ? h->file_id : 0) == 0) {
		track_frames_begin(&frames, h);
		while (track_frames_next(&frames, &frame))
			for (uint16_t i = 0; i < frame.length; i++)
				sum += frame.packet[i];
	}
	free(copy);
	return 0;
}
