#include "storage/payload_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEFORE_BYTES (PAYLOAD_WINDOW_BYTES / 4) /* streams that alternate lie behind, too */
#define BLOCK_BYTES 4096UL

int payload_reader_init(
	struct payload_reader *r, int fd, uint8_t *window, uint64_t start, size_t held)
{
	memset(r, 0, sizeof(*r));
	r->fd = fd;
	r->start = start;
	r->held = held;
	r->window = window ? window : malloc(PAYLOAD_WINDOW_BYTES);
	return r->window ? 0 : -ENOMEM;
}

void payload_reader_free(struct payload_reader *r)
{
	free(r->window);
	memset(r, 0, sizeof(*r));
}

const uint8_t *payload_read_slow(struct payload_reader *r, uint64_t offset, size_t bytes)
{
	ssize_t got;

	r->start = offset > BEFORE_BYTES ? (offset - BEFORE_BYTES) & ~(BLOCK_BYTES - 1) : 0;
	r->held = 0;
	while (r->held < PAYLOAD_WINDOW_BYTES) {
		got = pread(r->fd, r->window + r->held, PAYLOAD_WINDOW_BYTES - r->held,
			(off_t)(r->start + r->held));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		r->held += (size_t)got;
	}
	if (offset + bytes <= r->start + r->held)
		return r->window + (offset - r->start);
	if (r->error == 0)
		r->error = got < 0 ? -errno : -ENODATA;
	return NULL;
}
