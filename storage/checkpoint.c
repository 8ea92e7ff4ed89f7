#include "storage/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "common/clock.h"

#define SUFFIX ".checkpoint"
#define NAME_BYTES 80
#define TEXT_MOST 512

static void read_boot_id(char *buf, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	buf[0] = '\0';
	if (!file)
		return;
	if (!fgets(buf, (int)size, file))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	fclose(file);
}

static int write_synced(int folder_fd, const char *name, const char *text)
{
	int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t bytes = (ssize_t)strlen(text);
	int err = 0;

	if (fd < 0)
		return -errno;
	errno = ENOSPC;
	if (write(fd, text, (size_t)bytes) != bytes || fdatasync(fd) != 0)
		err = -errno;
	close(fd);
	return err;
}

int checkpoint_write(
	const struct spool *spool, const struct uuid *run, unsigned int writer, uint64_t written_ns)
{
	char id[UUID_TEXT_BYTES];
	char name[NAME_BYTES];
	char temporary[NAME_BYTES + 8];
	char boot_id[64];
	char text[TEXT_MOST];
	int err;

	read_boot_id(boot_id, sizeof(boot_id));
	snprintf(name, sizeof(name), "%s.%u" SUFFIX, uuid_format(run, id), writer);
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	snprintf(text, sizeof(text),
		"{\"version\":%d,\"run\":\"%s\",\"writer\":%u,\"written_ns\":\"%" PRIu64
		"\",\"wall_ns\":\"%" PRId64 "\",\"boot_id\":\"%s\"}\n",
		CHECKPOINT_VERSION, id, writer, written_ns,
		(int64_t)written_ns + clock_wall_offset_ns(), boot_id);
	err = write_synced(spool->folder_fd, temporary, text);
	if (err == 0 && renameat(spool->folder_fd, temporary, spool->folder_fd, name) != 0)
		err = -errno;
	return err;
}

/* Of one file; false when it is not a checkpoint of this version. */
static bool parse(const char *text, size_t bytes, uint64_t *written_ns)
{
	cJSON *o = cJSON_ParseWithLength(text, bytes);
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(o, "version");
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "written_ns"));
	bool good = cJSON_IsNumber(version) && version->valueint == CHECKPOINT_VERSION && value &&
		    value[0] >= '0' && value[0] <= '9';

	if (good)
		*written_ns = strtoull(value, NULL, 10);
	cJSON_Delete(o);
	return good;
}

static bool read_one(int folder_fd, const char *name, uint64_t *written_ns)
{
	int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
	char text[TEXT_MOST];
	ssize_t bytes;

	if (fd < 0)
		return false;
	bytes = read(fd, text, sizeof(text));
	close(fd);
	return bytes > 0 && parse(text, (size_t)bytes, written_ns);
}

/* The run that a name in the spool's folder is a checkpoint of. */
static bool parse_name(const char *name, struct uuid *run)
{
	char id[UUID_TEXT_BYTES];
	size_t length = strlen(name);

	if (length < UUID_TEXT_BYTES + strlen(SUFFIX) || !strstr(name, SUFFIX))
		return false;
	memcpy(id, name, UUID_TEXT_BYTES - 1);
	id[UUID_TEXT_BYTES - 1] = '\0';
	return name[UUID_TEXT_BYTES - 1] == '.' && uuid_parse(id, run) == 0;
}

static DIR *open_folder(const struct spool *spool)
{
	int fd = openat(spool->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (!folder && fd >= 0)
		close(fd);
	return folder;
}

uint64_t checkpoint_read(const struct spool *spool, const struct uuid *run)
{
	DIR *folder = open_folder(spool);
	uint64_t earliest = 0;
	struct dirent *entry;
	struct uuid of;

	while (folder && (entry = readdir(folder))) {
		uint64_t written_ns;

		if (!parse_name(entry->d_name, &of) || !uuid_equal(&of, run) ||
			!read_one(spool->folder_fd, entry->d_name, &written_ns))
			continue;
		if (earliest == 0 || written_ns < earliest)
			earliest = written_ns;
	}
	if (folder)
		closedir(folder);
	return earliest;
}

void checkpoint_remove_others(const struct spool *spool,
	bool (*keep)(const void *arg, const struct uuid *run), const void *arg)
{
	DIR *folder = open_folder(spool);
	struct dirent *entry;
	struct uuid of;

	while (folder && (entry = readdir(folder)))
		if (parse_name(entry->d_name, &of) && !keep(arg, &of))
			unlinkat(spool->folder_fd, entry->d_name, 0);
	if (folder)
		closedir(folder);
}
