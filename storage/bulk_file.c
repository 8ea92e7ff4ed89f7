#include "storage/bulk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES (1UL << 20)
#define BLOCK_BYTES 4096UL /* of direct I/O */

struct bulk_file {
	int fd;
	bool direct;
	uint8_t *buffer;
	size_t used;
	uint64_t written;
	struct digest *digest;
};

/* EINVAL: no direct I/O here. */
static int open_file(struct bulk_file *f, const char *path)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;

	f->fd = open(path, flags | O_DIRECT, 0666);
	f->direct = f->fd >= 0;
	if (f->fd < 0 && errno == EINVAL)
		f->fd = open(path, flags, 0666);
	return f->fd < 0 ? -errno : 0;
}

int bulk_file_create(struct bulk_file **out, const char *path)
{
	struct bulk_file *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->fd = -1;
	f->buffer = aligned_alloc(BLOCK_BYTES, BUFFER_BYTES);
	err = f->buffer ? digest_begin(&f->digest) : -ENOMEM;
	if (err == 0)
		err = open_file(f, path);
	if (err != 0) {
		bulk_file_close(f);
		return err;
	}
	*out = f;
	return 0;
}

/* A file system may open for direct I/O and refuse to write so. */
static bool leave_direct(struct bulk_file *f)
{
	if (!f->direct || errno != EINVAL || fcntl(f->fd, F_SETFL, 0) != 0)
		return false;
	f->direct = false;
	return true;
}

static int write_buffer(struct bulk_file *f, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pwrite(f->fd, f->buffer + done, bytes - done, (off_t)f->written);

		if (n < 0 && (errno == EINTR || leave_direct(f)))
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
		f->written += (uint64_t)n;
		/* What is left need not be whole blocks. */
		if (done < bytes && f->direct && fcntl(f->fd, F_SETFL, 0) == 0)
			f->direct = false;
	}
	f->used = 0;
	return 0;
}

int bulk_file_append(struct bulk_file *f, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	digest_feed(f->digest, data, bytes);
	while (bytes > 0) {
		size_t n = BUFFER_BYTES - f->used < bytes ? BUFFER_BYTES - f->used : bytes;

		memcpy(f->buffer + f->used, at, n);
		f->used += n;
		at += n;
		bytes -= n;
		if (f->used == BUFFER_BYTES) {
			int err = write_buffer(f, BUFFER_BYTES);

			if (err != 0)
				return err;
		}
	}
	return 0;
}

/* The last block is written whole, and the file cut to its length. */
static int write_rest(struct bulk_file *f, uint64_t length)
{
	size_t padded = (f->used + BLOCK_BYTES - 1) & ~(BLOCK_BYTES - 1);
	int err;

	if (f->used == 0)
		return 0;
	if (!f->direct)
		return write_buffer(f, f->used);
	memset(f->buffer + f->used, 0, padded - f->used);
	err = write_buffer(f, padded);
	if (err == 0 && f->written > length && ftruncate(f->fd, (off_t)length) != 0)
		err = -errno;
	return err;
}

int bulk_file_end(struct bulk_file *f, bool sync, uint64_t *bytes, char sha256[DIGEST_TEXT_BYTES])
{
	uint64_t length = f->written + f->used;
	int err = write_rest(f, length);

	if (err == 0 && sync && fsync(f->fd) != 0)
		err = -errno;
	digest_end(f->digest, sha256);
	f->digest = NULL;
	*bytes = length;
	return err;
}

void bulk_file_close(struct bulk_file *f)
{
	char unused[DIGEST_TEXT_BYTES];

	if (!f)
		return;
	if (f->digest)
		digest_end(f->digest, unused);
	if (f->fd >= 0)
		close(f->fd);
	free(f->buffer);
	free(f);
}
