#include "storage/amr_payload.h"

#include <string.h>

#define SIZES 16
#define UNUSED 0xffff
#define MODE_REQUEST_BITS 4

/* Bits of each frame type: 3GPP TS 26.101, table A.1b, and TS 26.201, table 2. */
static const uint16_t narrowband_bits[SIZES] = {95, 103, 118, 134, 148, 159, 204, 244, 39, UNUSED,
	UNUSED, UNUSED, UNUSED, UNUSED, UNUSED, 0};
static const uint16_t wideband_bits[SIZES] = {
	132, 177, 253, 285, 317, 365, 397, 461, 477, 40, UNUSED, UNUSED, UNUSED, UNUSED, 0, 0};
static const uint8_t narrowband_speech = 8; /* types below are speech */
static const uint8_t wideband_speech = 9;

struct bits {
	const uint8_t *from;
	size_t count;
	size_t at;
};

static unsigned int take(struct bits *b, unsigned int count)
{
	unsigned int value = 0;

	while (count-- > 0) {
		unsigned int bit = b->from[b->at / 8] >> (7 - b->at % 8) & 1;

		value = value << 1 | bit;
		b->at++;
	}
	return value;
}

static void align(struct bits *b)
{
	b->at = (b->at + 7) / 8 * 8;
}

/* Reads mode request and table of contents, and checks that what it lists is there; b then stands
 * at the first frame. */
static unsigned int contents(
	bool wideband, bool octet_aligned, struct bits *b, uint8_t headers[AMR_FRAMES_MAX])
{
	const uint16_t *sizes = wideband ? wideband_bits : narrowband_bits;
	unsigned int entry_bits = octet_aligned ? 8 : 6;
	unsigned int count = 0;
	size_t needed = 0;
	bool more = true;

	b->at = octet_aligned ? 8 : MODE_REQUEST_BITS;
	while (more) {
		unsigned int entry;
		unsigned int type;

		if (count == AMR_FRAMES_MAX || b->at + entry_bits > b->count)
			return 0;
		entry = take(b, entry_bits) << (8 - entry_bits);
		more = entry & 0x80;
		type = entry >> 3 & 0x0f;
		if (sizes[type] == UNUSED)
			return 0;
		needed += octet_aligned ? (sizes[type] + 7U) / 8 * 8 : sizes[type];
		headers[count++] = (uint8_t)(entry & 0x7c);
	}
	return b->at + needed <= b->count ? count : 0;
}

unsigned int amr_payload_count(
	bool wideband, bool octet_aligned, const uint8_t *payload, size_t bytes)
{
	struct bits b = {payload, 8 * bytes, 0};
	uint8_t headers[AMR_FRAMES_MAX];

	return contents(wideband, octet_aligned, &b, headers);
}

static void copy(struct bits *b, unsigned int count, uint8_t *out)
{
	for (; count >= 8; count -= 8)
		*out++ = (uint8_t)take(b, 8);
	if (count > 0)
		*out = (uint8_t)(take(b, count) << (8 - count));
}

unsigned int amr_payload_unpack(bool wideband, bool octet_aligned, const uint8_t *payload,
	size_t bytes, struct amr_frame *frames)
{
	const uint16_t *sizes = wideband ? wideband_bits : narrowband_bits;
	uint8_t speech = wideband ? wideband_speech : narrowband_speech;
	struct bits b = {payload, 8 * bytes, 0};
	uint8_t headers[AMR_FRAMES_MAX];
	unsigned int count = contents(wideband, octet_aligned, &b, headers);

	for (unsigned int i = 0; i < count; i++) {
		struct amr_frame *f = &frames[i];
		unsigned int type = headers[i] >> 3;

		memset(f, 0, sizeof(*f));
		f->octets[0] = headers[i];
		f->is_speech = type < speech && (headers[i] & 0x04);
		copy(&b, sizes[type], f->octets + 1);
		if (octet_aligned)
			align(&b);
	}
	return count;
}
