#include "controlplane/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORBIDDEN_MODE (S_IRWXO | S_IWGRP | S_IXGRP)

static int check_mode(int fd, const char *path, struct errmsg *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return errmsg_set(e, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return errmsg_set(e, -EINVAL, "%s is no regular file", path);
	if (st.st_mode & FORBIDDEN_MODE)
		return errmsg_set(e, -EPERM,
			"%s has mode %04o and holds secrets: chmod 0640, or 0600, %s", path,
			st.st_mode & 07777, path);
	return 0;
}

static int read_all(int fd, char *text, size_t *bytes)
{
	ssize_t got = 1;

	*bytes = 0;
	while (got > 0 && *bytes < SECRET_FILE_BYTES_MAX) {
		got = read(fd, text + *bytes, SECRET_FILE_BYTES_MAX - *bytes);
		if (got < 0)
			return -errno;
		*bytes += (size_t)got;
	}
	return *bytes < SECRET_FILE_BYTES_MAX ? 0 : -EFBIG;
}

static int read_checked(int fd, const char *path, char **out, size_t *bytes, struct errmsg *e)
{
	char *text;
	int err = check_mode(fd, path, e);

	if (err != 0)
		return err;
	text = malloc(SECRET_FILE_BYTES_MAX);
	err = text ? read_all(fd, text, bytes) : -ENOMEM;
	if (err != 0) {
		secret_file_free(text);
		return errmsg_set(e, err, "cannot read %s: %s", path, strerror(-err));
	}
	*out = text;
	return 0;
}

int secret_file_read(const char *path, char **out, size_t *bytes, struct errmsg *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err;

	*out = NULL;
	if (fd < 0)
		return errmsg_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	err = read_checked(fd, path, out, bytes, e);
	close(fd);
	return err;
}

void secret_file_free(char *text)
{
	if (text)
		explicit_bzero(text, SECRET_FILE_BYTES_MAX);
	free(text);
}
