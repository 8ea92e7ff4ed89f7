#include "storage/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int durable_sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

static int sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash)
		return durable_sync_folder(".");
	if (slash == path)
		return durable_sync_folder("/");
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	return durable_sync_folder(folder);
}

int durable_rename(const char *from, const char *to, bool sync, struct errmsg *e)
{
	int err = rename(from, to) == 0 ? 0 : -errno;

	if (err == 0 && sync)
		err = sync_folder_of(to);
	if (err != 0)
		errmsg_set(e, err, "cannot give %s its name: %s", to, strerror(-err));
	return err;
}

static int write_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, data, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int durable_write(const char *path, const void *data, size_t bytes, bool sync, struct errmsg *e)
{
	char part[PATH_MAX];
	int err;
	int fd;

	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return errmsg_set(e, -ENAMETOOLONG, "the path %.128s… is too long", path);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return errmsg_set(e, -errno, "cannot make %s: %s", part, strerror(errno));
	err = write_all(fd, data, bytes);
	if (err == 0 && sync && fsync(fd) != 0)
		err = -errno;
	close(fd);
	if (err == 0)
		return durable_rename(part, path, sync, e);
	unlink(part);
	return errmsg_set(e, err, "cannot write %s: %s", part, strerror(-err));
}
