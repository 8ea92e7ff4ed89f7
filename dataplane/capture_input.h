/* The bytes of a capture as a window that moves forward: a file or a pipe in large reads, or memory
 * as it lies. Not by mmap(2): a file that is cut short meanwhile would end the process. */
#ifndef LEGTAP_DATAPLANE_CAPTURE_INPUT_H
#define LEGTAP_DATAPLANE_CAPTURE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_WINDOW_BYTES (1U << 20) /* how far a reader may look ahead */
/* Of a read: twice as much, so that looking far ahead often does not move much often. */
#define CAPTURE_BUFFER_BYTES (2U << 20)
#define CAPTURE_RECORD_BYTES_MAX (256U << 10) /* of one packet, libpcap's own limit */

struct capture_input {
	const uint8_t *data; /* the next byte; moves at each peek */
	size_t available;    /* in the window from there on */
	uint64_t offset;     /* of data from the start of the file */
	uint8_t *buffer;     /* NULL: memory */
	int fd;
	int error; /* -errno of read(2); ends the input */
	bool ended;
};

/* Takes fd over. 0 or -ENOMEM (fd is then still the caller's). */
int capture_input_file(struct capture_input *in, int fd);

void capture_input_memory(struct capture_input *in, const void *data, size_t bytes);

/* NULL buffer and fd -1 are legal. */
void capture_input_release(struct capture_input *in);

/* Reads on until `want` bytes (at most CAPTURE_WINDOW_BYTES) lie at in->data, or the end comes.
 * Pointers into the window are stale afterwards. Returns in->available. */
size_t capture_input_fill(struct capture_input *in, size_t want);

/* The same, at no cost when they are there. */
static inline size_t capture_input_peek(struct capture_input *in, size_t want)
{
	return in->available >= want ? in->available : capture_input_fill(in, want);
}

/* Moves on by bytes that are in the window. What was there stays readable until the next peek. */
static inline void capture_input_skip(struct capture_input *in, size_t bytes)
{
	in->data += bytes;
	in->available -= bytes;
	in->offset += bytes;
}

static inline uint16_t capture_u16(const uint8_t *p, bool swapped)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap16(v) : v;
}

static inline uint32_t capture_u32(const uint8_t *p, bool swapped)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

#endif
