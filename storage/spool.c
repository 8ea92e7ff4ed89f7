#include "storage/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define LOCK_PAUSE_NS 10000000
#define LOCK_PAUSES 1000 /* 10 s */

static const char *const suffixes[SPOOL_FILE_COUNT] = {
	[SPOOL_INCOMING] = ".incoming.track",
	[SPOOL_OUTGOING] = ".outgoing.track",
	[SPOOL_JOURNAL] = ".journal",
	[SPOOL_WAV] = ".wav",
	[SPOOL_SIDECAR] = ".json",
};

/* mkdir -p. */
static int make_folders(const char *path)
{
	char part[PATH_MAX];
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, length + 1);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(part, 0700) != 0 && errno != EEXIST ? -errno : 0;
}

static int open_folder(const char *path, struct errmsg *e)
{
	int err = make_folders(path);
	int fd;

	if (err != 0)
		return errmsg_set(e, err, "spool.path: cannot make %s: %s", path, strerror(-err));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errmsg_set(
			e, -errno, "spool.path: cannot open %s: %s", path, strerror(errno));
	return fd;
}

/* "legtapd (process 123)" of the one that holds the lock, as far as it can be known. */
static long holder_pid(int lock_fd)
{
	char text[32] = "";

	if (pread(lock_fd, text, sizeof(text) - 1, 0) < 0)
		return 0;
	return strtol(text, NULL, 10);
}

static void name_holder(int lock_fd, char *buf, size_t size)
{
	long pid = holder_pid(lock_fd);
	char comm_path[64];
	char comm[32] = "a process";
	FILE *file;

	snprintf(comm_path, sizeof(comm_path), "/proc/%ld/comm", pid);
	file = fopen(comm_path, "re");
	if (file) {
		if (fgets(comm, sizeof(comm), file))
			comm[strcspn(comm, "\n")] = '\0';
		fclose(file);
	}
	snprintf(buf, size, "%s (process %ld)", comm, pid);
}

/* In a container the one before had our own number. */
static bool holder_lives(int lock_fd)
{
	long pid = holder_pid(lock_fd);

	return pid != getpid() && (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* A process that was killed has the lock until its last writes have ended: until then its files may
 * grow, and nobody may say what is in them. */
static int lock(int lock_fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	for (unsigned int i = 0; flock(lock_fd, LOCK_EX | LOCK_NB) != 0; i++) {
		int err = errno;

		if (err != EWOULDBLOCK)
			return -err;
		if (i == LOCK_PAUSES || holder_lives(lock_fd))
			return -EBUSY;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int take_lock(struct spool *spool, struct errmsg *e)
{
	char holder[80];
	int err;

	spool->lock_fd = openat(spool->folder_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (spool->lock_fd < 0)
		return errmsg_set(e, -errno, "spool.path: cannot make %s/lock: %s", spool->path,
			strerror(errno));
	err = lock(spool->lock_fd);
	if (err == 0) {
		if (ftruncate(spool->lock_fd, 0) == 0)
			dprintf(spool->lock_fd, "%ld\n", (long)getpid());
		return 0;
	}
	name_holder(spool->lock_fd, holder, sizeof(holder));
	close(spool->lock_fd);
	if (err == -EBUSY)
		return errmsg_set(e, err, "spool.path: %s is in use by %s: give each its own",
			spool->path, holder);
	return errmsg_set(
		e, err, "spool.path: cannot lock %s/lock: %s", spool->path, strerror(-err));
}

int spool_open(struct spool *spool, const char *path, struct errmsg *e)
{
	int err;

	if (snprintf(spool->path, sizeof(spool->path), "%s", path) >= PATH_MAX - 64)
		return errmsg_set(e, -ENAMETOOLONG, "spool.path is too long");
	snprintf(spool->recordings, sizeof(spool->recordings), "%.*s/recordings", PATH_MAX - 64,
		path);
	spool->folder_fd = open_folder(path, e);
	if (spool->folder_fd < 0)
		return spool->folder_fd;
	err = take_lock(spool, e);
	if (err != 0)
		goto close_folder;
	spool->recordings_fd = open_folder(spool->recordings, e);
	if (spool->recordings_fd >= 0)
		return 0;
	err = spool->recordings_fd;
	close(spool->lock_fd);

close_folder:
	close(spool->folder_fd);
	return err;
}

void spool_close(struct spool *spool)
{
	close(spool->recordings_fd);
	close(spool->lock_fd);
	close(spool->folder_fd);
}

char *spool_file_name(
	const struct uuid *recording, enum spool_file file, char buf[SPOOL_NAME_BYTES])
{
	char id[UUID_TEXT_BYTES];

	snprintf(buf, SPOOL_NAME_BYTES, "%s%s", uuid_format(recording, id), suffixes[file]);
	return buf;
}

int spool_file_path(
	const char *folder, const struct uuid *recording, enum spool_file file, char buf[PATH_MAX])
{
	char name[SPOOL_NAME_BYTES];
	int length =
		snprintf(buf, PATH_MAX, "%s/%s", folder, spool_file_name(recording, file, name));

	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int spool_parse_name(const char *name, struct uuid *recording, enum spool_file *file)
{
	char id[UUID_TEXT_BYTES];
	char again[SPOOL_NAME_BYTES];

	if (strlen(name) < UUID_TEXT_BYTES)
		return -EINVAL;
	memcpy(id, name, UUID_TEXT_BYTES - 1);
	id[UUID_TEXT_BYTES - 1] = '\0';
	if (uuid_parse(id, recording) != 0)
		return -EINVAL;
	for (unsigned int i = 0; i < SPOOL_FILE_COUNT; i++) {
		/* The whole name, so that upper case letters in it are none of ours. */
		if (strcmp(spool_file_name(recording, i, again), name) == 0) {
			*file = i;
			return 0;
		}
	}
	return -EINVAL;
}

int spool_remove(const struct spool *spool, const struct uuid *recording)
{
	static const enum spool_file order[SPOOL_FILE_COUNT] = {
		SPOOL_INCOMING, SPOOL_OUTGOING, SPOOL_WAV, SPOOL_SIDECAR, SPOOL_JOURNAL};
	char name[SPOOL_NAME_BYTES];

	for (unsigned int i = 0; i < SPOOL_FILE_COUNT; i++) {
		spool_file_name(recording, order[i], name);
		if (unlinkat(spool->recordings_fd, name, 0) != 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int spool_free_bytes(const struct spool *spool, uint64_t *free_bytes)
{
	struct statvfs info;

	if (fstatvfs(spool->recordings_fd, &info) != 0)
		return -errno;
	*free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
	return 0;
}
