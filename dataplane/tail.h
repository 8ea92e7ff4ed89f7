/* The end of the chunk that a stream is filling.
 *
 * Audio of many streams comes once to its chunk and is not looked at again by the rx core: written
 * the ordinary way, each line would first be read from memory, and would push streams and buckets
 * out of the cache. So frames are put together in a line beside the stream, its tail, and only
 * lines that are full go to the chunk, past the caches (non-temporal stores). Before the chunk is
 * handed over the tail is closed, and tail_fence orders those stores before the ring's.
 *
 * The rx core's; plain copies where there is no SSSE3. */
#ifndef LEGTAP_DATAPLANE_TAIL_H
#define LEGTAP_DATAPLANE_TAIL_H

#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_memcpy.h>

#include "common/chunk.h"

/* DPDK's least x86 has SSE4.2. */
#if defined(__SSSE3__) && !defined(__SANITIZE_THREAD__)
#define TAIL_PAST_CACHES 1
#include <tmmintrin.h>
#else
#define TAIL_PAST_CACHES 0
#endif

#define TAIL_BYTES 64U

struct tail {
	uint8_t bytes[TAIL_BYTES]; /* those of the chunk from the last whole line on */
} __attribute__((aligned(64)));

/* Where a frame is put together: behind what is in the tail. */
struct tail_scratch {
	uint8_t bytes[CHUNK_BYTES_MAX + 2 * TAIL_BYTES];
} __attribute__((aligned(64)));

/* Copies a line. Both are aligned. */
static inline void tail_write_line(uint8_t *out, const uint8_t *line)
{
#if TAIL_PAST_CACHES
	for (unsigned int i = 0; i < TAIL_BYTES; i += 16)
		_mm_stream_si128((__m128i *)(void *)(out + i),
			_mm_load_si128((const __m128i *)(const void *)(line + i)));
#else
	memcpy(out, line, TAIL_BYTES);
#endif
}

/* Where the payload of a frame goes that is put behind `used` bytes of a chunk. */
static inline uint8_t *tail_begin(struct tail_scratch *scratch, const struct tail *t, uint32_t used)
{
	memcpy(scratch->bytes, t->bytes, TAIL_BYTES);
	return scratch->bytes + used % TAIL_BYTES + sizeof(struct chunk_frame);
}

/* Writes the frame whose payload is there now, and the zeros behind it. chunk: where its buffer
 * begins. Returns how many bytes of it are used then. */
static inline uint32_t tail_append(struct tail_scratch *scratch, struct tail *t, uint8_t *chunk,
	uint32_t used, const struct chunk_frame *frame)
{
	uint32_t at = used % TAIL_BYTES;
	uint32_t end = at + chunk_frame_bytes(frame->length);
	uint8_t *out = chunk + (used - at);
	uint32_t line = 0;

	memcpy(scratch->bytes + at, frame, sizeof(*frame));
	memset(scratch->bytes + at + sizeof(*frame) + frame->length, 0, sizeof(uint32_t));
	for (; line + TAIL_BYTES <= end; line += TAIL_BYTES)
		tail_write_line(out + line, scratch->bytes + line);
	memcpy(t->bytes, scratch->bytes + line, TAIL_BYTES);
	return used - at + end;
}

/* Bytes behind a payload that tail_append_whole may read, and throws away. */
#define TAIL_READ_BEHIND TAIL_BYTES

#if TAIL_PAST_CACHES
static inline __m128i tail_load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void tail_store(uint8_t *p, __m128i block)
{
	_mm_store_si128((__m128i *)(void *)p, block);
}

/* A frame whose payload is of whole units and in one piece. What is put together is stored and
 * loaded in aligned blocks of one size: a load of bytes from two stores that are under way would
 * wait for all stores before them, those past the caches included. The rest goes straight from the
 * packet to the chunk. */
static inline uint32_t tail_append_whole(struct tail *t, uint8_t *chunk, uint32_t used,
	const struct chunk_frame *frame, const uint8_t *payload)
{
	/* Where the frame begins in its first block, in units of 4: that block is of the tail and
	 * of the frame's first 16 bytes; the next is of the payload, but for the fourth place. */
	static const uint8_t shift[32] __attribute__((aligned(16))) = {0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 1, 2, 3, 4, 5,
		6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	static const uint8_t keep[32] __attribute__((aligned(16))) = {0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t head[2 * TAIL_BYTES + 16] __attribute__((aligned(TAIL_BYTES)));
	uint32_t at = used % TAIL_BYTES;
	uint32_t in_block = at % 16;
	uint32_t block = at - in_block;
	uint32_t end = at + (uint32_t)sizeof(*frame) + frame->length;
	const uint8_t *in = payload - sizeof(*frame) - at; /* what lies at a place of the line */
	uint8_t *out = chunk + (used - at);
	uint64_t words[2];
	__m128i first;
	__m128i second;
	uint32_t line = 0;

	memcpy(&words[0], frame, sizeof(*frame));
	memcpy(&words[1], payload, sizeof(words[1]));
	first = _mm_set_epi64x((long long)words[1], (long long)words[0]);
	for (unsigned int i = 0; i < TAIL_BYTES; i += 16)
		tail_store(head + i, tail_load(t->bytes + i));
	second = tail_load(in + block + 16);
	if (unlikely(in_block == 12)) /* its second half is the packet's own header */
		second = _mm_or_si128(_mm_slli_si128(_mm_srli_si128(second, 4), 4),
			_mm_cvtsi32_si128((int)(words[0] >> 32)));
	tail_store(head + block,
		_mm_or_si128(
			_mm_and_si128(tail_load(t->bytes + block), tail_load(keep + 16 - in_block)),
			_mm_shuffle_epi8(first, tail_load(shift + 16 - in_block))));
	tail_store(head + block + 16, second);
	tail_store(head + block + 32, tail_load(in + block + 32));
	tail_store(head + block + 48, tail_load(in + block + 48));
	if (end < TAIL_BYTES) {
		for (unsigned int i = 0; i < TAIL_BYTES; i += 16)
			tail_store(t->bytes + i, tail_load(head + i));
		return used - at + end;
	}
	tail_write_line(out, head);
	for (line = TAIL_BYTES; line + TAIL_BYTES <= end; line += TAIL_BYTES)
		for (unsigned int i = 0; i < TAIL_BYTES; i += 16)
			_mm_stream_si128((__m128i *)(void *)(out + line + i),
				line == TAIL_BYTES && i == 0 && block == 48
					? second
					: tail_load(in + line + i));
	tail_store(t->bytes, line == TAIL_BYTES && block == 48 ? second : tail_load(in + line));
	for (unsigned int i = 16; i < TAIL_BYTES; i += 16)
		tail_store(t->bytes + i, tail_load(in + line + i));
	return used - at + end;
}
#else
static inline uint32_t tail_append_whole(struct tail *t, uint8_t *chunk, uint32_t used,
	const struct chunk_frame *frame, const uint8_t *payload)
{
	return used;
}
#endif

/* Writes what is in the tail, and zeros to the end of its line. */
static inline void tail_close(struct tail *t, uint8_t *chunk, uint32_t used)
{
	uint32_t in = used % TAIL_BYTES;

	if (in == 0)
		return;
	memset(t->bytes + in, 0, TAIL_BYTES - in);
	tail_write_line(chunk + (used - in), t->bytes);
}

/* What was written is seen by whoever sees what is written after. */
static inline void tail_fence(void)
{
#if TAIL_PAST_CACHES
	_mm_sfence();
#endif
}

#endif
