#include "storage/recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "storage/checkpoint.h"
#include "storage/journal.h"
#include "storage/track_file.h"

#define NS_PER_MS 1000000ULL
#define PACKET_MS 20U	   /* when a chunk does not tell: one packet */
#define PACKET_MS_MOST 60U /* more is a gap, not a packet's length */

/* A sorted list of ids. */
struct id_list {
	size_t count;
	struct uuid *ids;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uuid));
}

static int list_add(struct id_list *list, const struct uuid *id)
{
	struct uuid *ids = list->ids;

	if ((list->count & (list->count - 1)) == 0) {
		ids = reallocarray(ids, list->count ? list->count * 2 : 1, sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		list->ids = ids;
	}
	ids[list->count++] = *id;
	return 0;
}

static bool list_has(const void *arg, const struct uuid *id)
{
	const struct id_list *list = arg;

	return list->count > 0 && bsearch(id, list->ids, list->count, sizeof(*id), compare);
}

static void list_sort(struct id_list *list)
{
	if (list->count > 0)
		qsort(list->ids, list->count, sizeof(*list->ids), compare);
}

/* --- Until when a track has audio --- */

/* The end of the last packet of a chunk: its arrival and its length, which is the usual time from
 * one packet to the next. */
static uint64_t chunk_end_ns(const struct chunk_header *chunk)
{
	struct track_frames frames;
	struct track_frame frame;
	uint64_t first = 0;
	uint64_t last = 0;
	uint64_t packet_ms = 0;

	track_frames_begin(&frames, chunk);
	for (uint32_t i = 0; track_frames_next(&frames, &frame); i++) {
		if (i == 0)
			first = frame.arrival_ns;
		if (frame.arrival_ns > last)
			last = frame.arrival_ns;
	}
	if (chunk->frames > 1 && last > first)
		packet_ms = ((last - first) / (chunk->frames - 1) + NS_PER_MS / 2) / NS_PER_MS;
	if (packet_ms == 0 || packet_ms > PACKET_MS_MOST)
		packet_ms = PACKET_MS;
	return chunk->frames > 0 ? last + packet_ms * NS_PER_MS : 0;
}

/* Where the last that was written ends: what is only sized ahead is a hole to lseek(2), and so is
 * what a full disk did not take. */
static off_t last_data_end(int fd)
{
	off_t end = 0;
	off_t data;

	while ((data = lseek(fd, end, SEEK_DATA)) >= 0) {
		end = lseek(fd, data, SEEK_HOLE);
		if (end < 0)
			return 0;
	}
	return end;
}

/* By the last chunk alone. 0: not found so. */
static uint64_t quick_end_ns(int fd, uint64_t file_id)
{
	off_t end = last_data_end(fd);
	size_t bytes = end < (off_t)CHUNK_BYTES_MAX ? (size_t)end : CHUNK_BYTES_MAX;
	uint8_t *data = aligned_alloc(CHUNK_ALIGN, CHUNK_BYTES_MAX);
	uint64_t end_ns = 0;

	if (data && pread(fd, data, bytes, end - (off_t)bytes) == (ssize_t)bytes) {
		for (size_t n = CHUNK_ALIGN; n <= bytes && end_ns == 0; n += CHUNK_ALIGN) {
			const uint8_t *at = data + bytes - n;
			const struct chunk_header *h = (const struct chunk_header *)at;

			if (track_chunk_check(at, n, file_id) == 0 && h->stored_bytes == n)
				end_ns = chunk_end_ns(h);
		}
	}
	free(data);
	return end_ns;
}

static uint64_t slow_end_ns(int fd, uint64_t file_id)
{
	const struct chunk_header *chunk;
	struct track_file *file;
	uint64_t end_ns = 0;

	if (track_file_attach(&file, fd, file_id) != 0)
		return 0;
	while (track_file_next(file, &chunk) == 1) {
		uint64_t ns = chunk_end_ns(chunk);

		end_ns = ns > end_ns ? ns : end_ns;
	}
	track_file_close(file);
	return end_ns;
}

/* 0: there is no whole chunk. */
static uint64_t track_end_ns(const struct spool *spool, const struct uuid *recording, enum track t)
{
	char name[SPOOL_NAME_BYTES];
	uint64_t file_id = track_file_id(recording, t);
	int fd = openat(spool->recordings_fd, spool_file_name(recording, (enum spool_file)t, name),
		O_RDONLY | O_CLOEXEC);
	uint64_t end_ns;

	if (fd < 0)
		return 0;
	end_ns = quick_end_ns(fd, file_id);
	if (end_ns == 0)
		end_ns = slow_end_ns(fd, file_id);
	close(fd);
	return end_ns;
}

/* --- Journals --- */

static void fill(struct storage_leftover *l, const struct journal *j)
{
	l->info = j->info;
	l->started = j->started;
	l->start_ns = j->start_ns;
	l->closed = j->closed;
	l->window = j->window;
	l->rendered = j->is_rendered && !j->rendered.failed;
	l->delivered = j->delivered;
	memcpy(l->sha256, j->rendered.sha256, sizeof(l->sha256));
	l->bytes = j->rendered.bytes;
	l->paused = j->paused;
}

static void find_end(const struct spool *spool, const struct journal *j, struct storage_leftover *l)
{
	l->checkpoint_ns = checkpoint_read(spool, &j->run);
	for (enum track t = 0; t < TRACK_COUNT; t++) {
		uint64_t end_ns = track_end_ns(spool, &l->info.recording_id, t);

		if (end_ns > l->checkpoint_ns)
			l->checkpoint_ns = end_ns;
	}
}

static void cut_journal(const struct spool *spool, const struct uuid *recording, size_t bytes)
{
	char path[PATH_MAX];
	int err = spool_file_path(spool->recordings, recording, SPOOL_JOURNAL, path);

	if (err == 0 && truncate(path, (off_t)bytes) != 0)
		err = -errno;
	if (err != 0)
		log_error("recovery", "cannot cut %s: %s", path, strerror(-err));
}

/* A journal without a whole line: the crash came before anything was recorded. */
static void remove_empty(const struct spool *spool, const struct uuid *recording)
{
	char id[UUID_TEXT_BYTES];

	if (track_end_ns(spool, recording, TRACK_INCOMING) == 0 &&
		track_end_ns(spool, recording, TRACK_OUTGOING) == 0)
		spool_remove(spool, recording);
	else
		log_error("recovery", "%s/%s.journal is empty: its track files stay as they are",
			spool->recordings, uuid_format(recording, id));
}

/* Whether it can be finished; then *j and *l are filled. */
static bool read_one(const struct spool *spool, const struct uuid *recording, struct journal *j,
	struct storage_leftover *l)
{
	struct errmsg e;
	char id[UUID_TEXT_BYTES];
	int err = journal_read(spool->recordings, recording, j, &e);

	if (j->whole_bytes == 0 && err == -EBADMSG) {
		remove_empty(spool, recording);
		return false;
	}
	if ((err != 0 && err != -EBADMSG) || !uuid_equal(&j->info.recording_id, recording)) {
		log_error("recovery", "%s/%s.journal is left as it is: %s", spool->recordings,
			uuid_format(recording, id), err ? e.text : "it is of another recording");
		return false;
	}
	if (err != 0)
		log_error("recovery", "recording %s: what follows is left out: %s",
			uuid_format(recording, id), e.text);
	cut_journal(spool, recording, j->whole_bytes);
	memset(l, 0, sizeof(*l));
	fill(l, j);
	find_end(spool, j, l);
	return true;
}

static int list_journals(const struct spool *spool, struct id_list *list)
{
	int fd = openat(spool->recordings_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	enum spool_file file;
	struct uuid id;
	int err = 0;

	if (!folder)
		return -errno;
	while (err == 0 && (entry = readdir(folder)))
		if (spool_parse_name(entry->d_name, &id, &file) == 0 && file == SPOOL_JOURNAL)
			err = list_add(list, &id);
	closedir(folder);
	list_sort(list);
	return err;
}

int recovery_scan(const struct spool *spool,
	void (*found)(void *arg, const struct storage_leftover *l), void *arg, struct errmsg *e)
{
	struct id_list journals = {0};
	struct id_list runs = {0};
	int count = 0;
	int err = list_journals(spool, &journals);

	for (size_t i = 0; err == 0 && i < journals.count; i++) {
		struct storage_leftover l;
		struct journal j;

		if (read_one(spool, &journals.ids[i], &j, &l)) {
			count++;
			found(arg, &l);
			err = list_add(&runs, &j.run);
		}
		journal_free(&j);
	}
	list_sort(&runs);
	if (err == 0)
		checkpoint_remove_others(spool, list_has, &runs);
	free(journals.ids);
	free(runs.ids);
	return err == 0 ? count
			: errmsg_set(
				  e, err, "cannot read %s: %s", spool->recordings, strerror(-err));
}
