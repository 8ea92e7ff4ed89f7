#include "storage/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/deliver.h"
#include "storage/durable.h"

#define COPY_BYTES (1UL << 26)

static bool is_plain(const char *part, size_t length)
{
	return length > 0 && !(length == 1 && part[0] == '.') &&
	       !(length == 2 && part[0] == '.' && part[1] == '.');
}

int directory_check_key(const char *key, struct errmsg *e)
{
	const char *part = key;

	for (;;) {
		size_t length = strcspn(part, "/");

		if (!is_plain(part, length))
			return errmsg_set(e, -EINVAL,
				"the key \"%.256s\" leaves its directory or has an empty part",
				key);
		if (part[length] == '\0')
			return 0;
		part += length + 1;
	}
}

/* Makes one folder, and syncs the one that it stands in. */
static int make_folder(const char *path)
{
	char parent[PATH_MAX];
	char *slash;

	if (mkdir(path, 0777) != 0)
		return errno == EEXIST ? 0 : -errno;
	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash)
		return durable_sync_folder(".");
	slash[slash == parent] = '\0';
	return durable_sync_folder(parent);
}

/* Makes the folders that `path` stands in. */
static int make_folders(const char *path)
{
	char folder[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int err;

		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		err = make_folder(folder);
		if (err != 0)
			return err;
	}
	return 0;
}

static int copy(int from, int to)
{
	ssize_t n;

	do {
		n = sendfile(to, from, NULL, COPY_BYTES);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out;
	int err;

	if (in < 0)
		return -errno;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	err = out < 0 ? -errno : copy(in, out);
	if (out >= 0)
		close(out);
	close(in);
	return err;
}

/* The file under a name beside its target, by link or copy. */
static int bring(const char *file, const char *part)
{
	if (unlink(part) != 0 && errno != ENOENT)
		return -errno;
	if (link(file, part) == 0)
		return 0;
	return copy_file(file, part);
}

static int sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

int directory_put(const char *directory, const char *key, const char *file, struct errmsg *e)
{
	char path[PATH_MAX];
	char part[PATH_MAX];
	int err = directory_check_key(key, e);

	if (err != 0)
		return err;
	if (snprintf(path, sizeof(path), "%s/%s", directory, key) >= (int)sizeof(path) ||
		snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
		return errmsg_set(e, -ENAMETOOLONG, "the path of %.128s… is too long", key);
	err = bring(file, part);
	/* Nearly always they are there. */
	if (err == -ENOENT) {
		err = make_folders(path);
		if (err != 0)
			return errmsg_set(
				e, err, "cannot make the folders of %s: %s", path, strerror(-err));
		err = bring(file, part);
	}
	if (err == 0)
		err = sync_file(part);
	if (err == 0)
		return durable_rename(part, path, true, e);
	unlink(part);
	return errmsg_set(e, err, "cannot write %s: %s", path, strerror(-err));
}

int directory_deliver(const struct storage_config *config, const char *bucket, const char *key,
	const char *file, struct delivery_result *out)
{
	char path[DESTINATION_BUCKET_BYTES + DESTINATION_KEY_BYTES + 8];
	struct errmsg e = {0};
	int err;

	snprintf(path, sizeof(path), "%s%s%s", config->bucket_folders ? bucket : "",
		config->bucket_folders ? "/" : "", key);
	err = directory_put(config->directory, path, file, &e);
	if (err != 0)
		snprintf(out->why, sizeof(out->why), "%.*s", TEXT_BYTES - 1, e.text);
	return err;
}
