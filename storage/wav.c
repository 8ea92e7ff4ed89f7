#include "storage/wav.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/bulk_file.h"
#include "storage/durable.h"
#include "storage/wav_header.h"

struct wav {
	struct bulk_file *file;
	size_t frame_bytes;
	uint64_t frames_left;
	struct wav_header header;
	char path[PATH_MAX];
	char part[PATH_MAX];
};

size_t wav_frame_bytes(const struct wav_format *format)
{
	return format->channels * (format->coded ? 1U : sizeof(int16_t));
}

const char *wav_encoding_name(const struct wav_format *format)
{
	if (!format->coded)
		return "pcm16";
	return format->law == G711_ULAW ? "ulaw" : "alaw";
}

static int begin(struct wav *w, const struct wav_format *format, struct errmsg *e)
{
	const char *why;
	int err = wav_header_make(&w->header, format, &why);

	if (err != 0)
		return errmsg_set(e, err, "cannot begin %s: %s", w->part, why);
	w->frame_bytes = wav_frame_bytes(format);
	w->frames_left = format->frames;
	err = bulk_file_create(&w->file, w->part);
	if (err == 0)
		err = bulk_file_append(w->file, w->header.data, w->header.bytes);
	if (err != 0)
		return errmsg_set(e, err, "cannot make %s: %s", w->part, strerror(-err));
	return 0;
}

int wav_create(
	struct wav **out, const char *path, const struct wav_format *format, struct errmsg *e)
{
	struct wav *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return errmsg_set(e, -ENOMEM, "no memory to write %s", path);
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
	int err = frames <= w->frames_left
			  ? bulk_file_append(w->file, samples, frames * w->frame_bytes)
			  : -EFBIG;

	if (err != 0)
		return errmsg_set(e, err, "cannot write %s: %s", w->part, strerror(-err));
	w->frames_left -= frames;
	return 0;
}

static int end_part(struct wav *w, bool sync, struct wav_result *out, struct errmsg *e)
{
	int err = w->frames_left == 0
			  ? bulk_file_append(w->file, w->header.trailer, w->header.trailer_bytes)
			  : -EINVAL;

	if (err == 0)
		err = bulk_file_end(w->file, sync, &out->bytes, out->sha256);
	if (err != 0)
		return errmsg_set(e, err, "cannot end %s: %s", w->part, strerror(-err));
	return 0;
}

int wav_finish(struct wav *w, bool sync, struct wav_result *out, struct errmsg *e)
{
	int err = end_part(w, sync, out, e);

	if (err == 0)
		err = durable_rename(w->part, w->path, sync, e);
	if (err != 0) {
		wav_abandon(w);
		return err;
	}
	bulk_file_close(w->file);
	free(w);
	return 0;
}

void wav_abandon(struct wav *w)
{
	if (!w)
		return;
	if (w->file)
		unlink(w->part);
	bulk_file_close(w->file);
	free(w);
}
