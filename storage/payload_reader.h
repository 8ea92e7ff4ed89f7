/* Payloads from a track file: a window of it slides along, for packets that stand near each other.
 * Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_PAYLOAD_READER_H
#define LEGTAP_STORAGE_PAYLOAD_READER_H

#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_WINDOW_BYTES (1UL << 20)

struct payload_reader {
	int fd; /* not taken over */
	uint8_t *window;
	uint64_t start;
	size_t held;
	int error; /* -errno of the first read that failed, or -ENODATA: the file became shorter */
};

/* What is in the window already is not read again: `held` bytes of the file from `start` on. Takes
 * over the window, of PAYLOAD_WINDOW_BYTES, or makes one for NULL. 0 or -ENOMEM. */
int payload_reader_init(
	struct payload_reader *r, int fd, uint8_t *window, uint64_t start, size_t held);
void payload_reader_free(struct payload_reader *r);

/* Up to 65,535 bytes at an offset; valid until the next call. NULL: r->error tells why. */
const uint8_t *payload_read_slow(struct payload_reader *r, uint64_t offset, size_t bytes);

static inline const uint8_t *payload_read(struct payload_reader *r, uint64_t offset, size_t bytes)
{
	if (offset >= r->start && offset + bytes <= r->start + r->held)
		return r->window + (offset - r->start);
	return payload_read_slow(r, offset, bytes);
}

#endif
