#include "storage/wav.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sndfile.h>

#include "storage/durable.h"

#define HEADER_ROOM 4096ULL /* more than any header here */

struct wav {
	int fd;
	SNDFILE *file;
	size_t frame_bytes;
	char path[PATH_MAX];
	char part[PATH_MAX];
};

static size_t frame_bytes(const struct wav_format *format)
{
	return format->channels * (format->coded ? 1U : sizeof(int16_t));
}

static int sndfile_format(const struct wav_format *format)
{
	bool large = format->frames > (UINT32_MAX - HEADER_ROOM) / frame_bytes(format);
	int container = large ? SF_FORMAT_RF64 : SF_FORMAT_WAV;

	if (!format->coded)
		return container | SF_FORMAT_PCM_16;
	return container | (format->law == G711_ULAW ? SF_FORMAT_ULAW : SF_FORMAT_ALAW);
}

const char *wav_encoding_name(const struct wav_format *format)
{
	if (!format->coded)
		return "pcm16";
	return format->law == G711_ULAW ? "ulaw" : "alaw";
}

static int begin(struct wav *w, const struct wav_format *format, struct errmsg *e)
{
	SF_INFO info = {.samplerate = (int)format->rate_hz,
		.channels = (int)format->channels,
		.format = sndfile_format(format)};

	w->frame_bytes = frame_bytes(format);
	w->fd = open(w->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (w->fd < 0)
		return errmsg_set(e, -errno, "cannot make %s: %s", w->part, strerror(errno));
	w->file = sf_open_fd(w->fd, SFM_WRITE, &info, 0);
	if (!w->file)
		return errmsg_set(e, -EIO, "cannot begin %s: %s", w->part, sf_strerror(NULL));
	return 0;
}

int wav_create(
	struct wav **out, const char *path, const struct wav_format *format, struct errmsg *e)
{
	struct wav *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return errmsg_set(e, -ENOMEM, "no memory to write %s", path);
	w->fd = -1;
	if (snprintf(w->path, sizeof(w->path), "%s", path) >= (int)sizeof(w->path) ||
		snprintf(w->part, sizeof(w->part), "%s.part", path) >= (int)sizeof(w->part)) {
		free(w);
		return errmsg_set(e, -ENAMETOOLONG, "the path %.128s… is too long", path);
	}
	err = begin(w, format, e);
	if (err != 0) {
		wav_abandon(w);
		return err;
	}
	*out = w;
	return 0;
}

int wav_write(struct wav *w, const void *samples, size_t frames, struct errmsg *e)
{
	sf_count_t bytes = (sf_count_t)(frames * w->frame_bytes);
	int err;

	errno = 0;
	if (sf_write_raw(w->file, samples, bytes) == bytes)
		return 0;
	err = errno != 0 ? -errno : -ENOSPC;
	return errmsg_set(e, err, "cannot write %s: %s", w->part, strerror(-err));
}

static int close_part(struct wav *w, bool sync, struct errmsg *e)
{
	int err;

	errno = 0;
	err = sf_close(w->file) == 0 ? 0 : errno != 0 ? -errno : -EIO;
	w->file = NULL;
	if (err == 0 && sync && fsync(w->fd) != 0)
		err = -errno;
	if (err != 0)
		errmsg_set(e, err, "cannot end %s: %s", w->part, strerror(-err));
	return err;
}

int wav_finish(struct wav *w, bool sync, struct errmsg *e)
{
	int err = close_part(w, sync, e);

	if (err == 0)
		err = durable_rename(w->part, w->path, sync, e);
	if (err != 0) {
		wav_abandon(w);
		return err;
	}
	close(w->fd);
	free(w);
	return 0;
}

void wav_abandon(struct wav *w)
{
	if (!w)
		return;
	if (w->file)
		sf_close(w->file);
	if (w->fd >= 0) {
		close(w->fd);
		unlink(w->part);
	}
	free(w);
}
