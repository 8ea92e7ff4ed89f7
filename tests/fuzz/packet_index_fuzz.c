/* A track of hostile RTP, from index to positions: the input is a codec's clock in kHz (an octet),
 * then packets, each an arrival step in units of 100 us (2 octets), a length (1 octet), and octets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/codec_use.h"
#include "storage/overlap.h"
#include "storage/reception.h"
#include "storage/redundancy.h"
#include "storage/report_anchor.h"
#include "storage/timeline.h"

static size_t make_chunk(uint8_t *out, size_t room, const uint8_t *data, size_t size)
{
	struct chunk_header *h = (struct chunk_header *)out;
	size_t used = sizeof(*h);
	int64_t at_us = 0;

	*h = (struct chunk_header){.base_ns = 1000000000ULL};
	while (size >= 3) {
		struct chunk_frame *frame = (struct chunk_frame *)(out + used);
		size_t length = data[2] < size - 3 ? data[2] : size - 3;

		if (used + chunk_frame_bytes((uint32_t)length) > room || at_us > INT32_MAX / 2)
			break;
		at_us += (int16_t)(data[0] << 8 | data[1]) * 100;
		*frame = (struct chunk_frame){(int32_t)at_us, (uint16_t)length, 0};
		memcpy(frame + 1, data + 3, length);
		used += chunk_frame_bytes((uint32_t)length);
		h->frames++;
		data += 3 + length;
		size -= 3 + length;
	}
	h->used_bytes = (uint32_t)used;
	return used;
}

#define CHUNK_BYTES (1UL << 17)

static void render(const struct journal *journal, uint8_t *chunk)
{
	struct payload_reader reader = {.fd = -1, .window = chunk, .held = CHUNK_BYTES};
	struct packet_index index;
	struct rtp_streams streams = {0};
	struct timeline timeline = {0};
	struct reception *receptions = NULL;
	struct codec_uses uses = {0};
	struct reception_window window = {.to_ns = UINT64_MAX, .rate_hz = 8000};

	if (packet_index_init(&index, journal, TRACK_INCOMING) == 0 &&
		packet_index_add(&index, (const struct chunk_header *)chunk, 0) == 0) {
		packet_index_by_arrival(&index);
		if (rtp_streams_find(&streams, &index) == 0 &&
			overlap_split(&streams, &index, &reader) == 0 &&
			timeline_place(&timeline, &index, &streams) == 0 &&
			report_anchor_correct(&timeline, &index, &streams) == 0) {
			timeline_first_ns(&timeline, &index, &window.start_ns);
			timeline_position(
				&timeline, &index, &streams, window.start_ns, window.rate_hz);
			if (redundancy_fill(&index, window.rate_hz) != 0)
				abort();
			if (reception_count(&receptions, &streams, &index, &window) == 0 &&
				codec_uses_find(&uses, &index, &streams, 0, UINT64_MAX) == 0)
				packet_index_by_position(&index);
		}
		codec_uses_free(&uses);
		free(receptions);
		timeline_free(&timeline);
		rtp_streams_free(&streams);
	}
	packet_index_free(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(64) uint8_t chunk[CHUNK_BYTES];
	struct codec codecs[] = {{96, 1, 8000, "PCMU", ""}, {101, 1, 8000, "TELEPHONE-EVENT", ""},
		{100, 1, 8000, "RED", ""}};
	struct journal_codecs map = {TRACK_INCOMING, 0, 3, codecs};
	struct journal_pause pause = {1500000000ULL, 2500000000ULL};
	struct journal journal = {.codecs_count = 1,
		.codecs = &map,
		.pause_count = 1,
		.pauses = &pause,
		.paused_packets = {3}};

	if (size == 0)
		return 0;
	codecs[0].clock_hz = data[0] * 1000U;
	make_chunk(chunk, sizeof(chunk), data + 1, size - 1);
	render(&journal, chunk);
	return 0;
}
