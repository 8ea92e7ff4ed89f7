/* See capture_input.h. The window is one buffer: what is left of it moves to its front before each
 * read, which happens once in about a megabyte. */
#include "dataplane/capture_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int capture_input_file(struct capture_input *in, int fd)
{
	*in = (struct capture_input){.fd = fd};
	in->buffer = malloc(CAPTURE_BUFFER_BYTES);
	if (!in->buffer)
		return -ENOMEM;
	in->data = in->buffer;
	/* Advice only: a pipe refuses it. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

void capture_input_memory(struct capture_input *in, const void *data, size_t bytes)
{
	*in = (struct capture_input){.data = data, .available = bytes, .fd = -1, .ended = true};
}

void capture_input_release(struct capture_input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	free(in->buffer);
	in->fd = -1;
	in->buffer = NULL;
}

/* One read(2) into the free end of the window. */
static void read_more(struct capture_input *in)
{
	ssize_t n = read(in->fd, in->buffer + in->available, CAPTURE_BUFFER_BYTES - in->available);

	if (n > 0) {
		in->available += (size_t)n;
		return;
	}
	if (n < 0 && errno == EINTR)
		return;
	in->ended = true;
	if (n < 0)
		in->error = -errno;
}

size_t capture_input_fill(struct capture_input *in, size_t want)
{
	if (in->ended)
		return in->available;
	if (in->data != in->buffer) {
		memmove(in->buffer, in->data, in->available);
		in->data = in->buffer;
	}
	while (!in->ended && in->available < want)
		read_more(in);
	return in->available;
}
