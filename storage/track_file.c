#include "storage/track_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <isa-l/crc.h>

#include "storage/spool.h"

static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "chunks are written as they stand in memory");

uint64_t track_file_id(const struct uuid *recording, enum track track)
{
	char id[UUID_TEXT_BYTES];
	const char *parts[] = {
		"track file", uuid_format(recording, id), tracks_name(TRACK_BIT(track))};
	struct uuid name;
	uint64_t value;

	uuid_named(&name, parts, 3);
	memcpy(&value, name.bytes, sizeof(value));
	return value;
}

uint32_t track_chunk_crc32c(const struct chunk_header *chunk)
{
	struct chunk_header first = *chunk;
	uint32_t crc;

	first.crc32c = 0;
	crc = crc32_iscsi((unsigned char *)&first, sizeof(first), UINT32_MAX);
	return ~crc32_iscsi((unsigned char *)(uintptr_t)(chunk + 1),
		(int)(chunk->used_bytes - sizeof(first)), crc);
}

static bool all_zero(const uint8_t *data, size_t bytes)
{
	return data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0;
}

static bool header_is_sound(const struct chunk_header *h, uint64_t file_id)
{
	return h->used_bytes >= sizeof(*h) && h->used_bytes <= h->stored_bytes &&
	       h->stored_bytes <= CHUNK_BYTES_MAX && h->stored_bytes % CHUNK_ALIGN == 0 &&
	       h->stored_bytes - h->used_bytes < CHUNK_ALIGN && h->file_id == file_id &&
	       all_zero(h->reserved, sizeof(h->reserved));
}

/* Whether the frames fill the chunk exactly, as many as the header says. */
static bool frames_are_sound(const struct chunk_header *h)
{
	const uint8_t *at = (const uint8_t *)(h + 1);
	uint32_t left = h->used_bytes - (uint32_t)sizeof(*h);
	uint32_t count = 0;

	while (left >= sizeof(struct chunk_frame)) {
		const struct chunk_frame *frame = (const struct chunk_frame *)at;
		uint32_t bytes = chunk_frame_bytes(frame->length);

		if ((frame->flags & ~CHUNK_FRAME_SEALED) != 0 || bytes > left)
			return false;
		at += bytes;
		left -= bytes;
		count++;
	}
	return left == 0 && count == h->frames;
}

int track_chunk_check(const uint8_t *data, size_t bytes, uint64_t file_id)
{
	const struct chunk_header *h = (const struct chunk_header *)data;

	if (bytes == 0 || all_zero(data, bytes < CHUNK_ALIGN ? bytes : CHUNK_ALIGN))
		return -ENODATA;
	if (bytes < sizeof(*h) || h->magic != CHUNK_MAGIC)
		return -EBADMSG;
	if (h->version != CHUNK_VERSION || h->flags != 0)
		return -EPROTONOSUPPORT;
	if (!header_is_sound(h, file_id))
		return -EBADMSG;
	if (h->stored_bytes > bytes)
		return -EMSGSIZE;
	if (track_chunk_crc32c(h) != h->crc32c || !frames_are_sound(h))
		return -EBADMSG;
	return 0;
}

void track_frames_begin(struct track_frames *f, const struct chunk_header *chunk)
{
	f->at = (const uint8_t *)(chunk + 1);
	f->end = (const uint8_t *)chunk + chunk->used_bytes;
	f->base_ns = chunk->base_ns;
}

bool track_frames_next(struct track_frames *f, struct track_frame *out)
{
	const struct chunk_frame *frame = (const struct chunk_frame *)f->at;

	if (f->at == f->end)
		return false;
	out->arrival_ns = f->base_ns + (uint64_t)((int64_t)frame->arrival_us * 1000);
	out->packet = (const uint8_t *)(frame + 1);
	out->length = frame->length;
	out->sealed = frame->flags & CHUNK_FRAME_SEALED;
	f->at += chunk_frame_bytes(frame->length);
	return true;
}

/* A window of the file slides over it: [start, start + held) is in the buffer. */
struct track_file {
	int fd;
	bool owns_fd;
	uint64_t file_id;
	uint8_t *buffer;
	uint64_t start;
	size_t held;
	size_t at; /* in the buffer: where the next chunk may begin */
	uint64_t next_sequence;
	bool at_end; /* the buffer holds the end of the file */
	struct track_file_stats stats;
};

int track_file_attach(struct track_file **out, int fd, uint64_t file_id)
{
	struct track_file *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->buffer = aligned_alloc(CHUNK_ALIGN, TRACK_FILE_WINDOW_BYTES);
	if (!f->buffer) {
		free(f);
		return -ENOMEM;
	}
	f->fd = fd;
	f->file_id = file_id;
	*out = f;
	return 0;
}

int track_file_open(struct track_file **out, const char *folder, const struct uuid *recording,
	enum track track, struct errmsg *e)
{
	char path[PATH_MAX];
	int err = spool_file_path(folder, recording, (enum spool_file)track, path);
	int fd;

	if (err != 0)
		return errmsg_set(e, err, "the path of a track file in %.64s is too long", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errmsg_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	err = track_file_attach(out, fd, track_file_id(recording, track));
	if (err != 0) {
		close(fd);
		return errmsg_set(e, err, "no memory to read %s", path);
	}
	(*out)->owns_fd = true;
	return 0;
}

/* Fills the window anew from where the next chunk may begin. 0 or -errno. */
static int slide(struct track_file *f)
{
	ssize_t got;

	memmove(f->buffer, f->buffer + f->at, f->held - f->at);
	f->start += f->at;
	f->held -= f->at;
	f->at = 0;
	while (!f->at_end && f->held < TRACK_FILE_WINDOW_BYTES) {
		got = pread(f->fd, f->buffer + f->held, TRACK_FILE_WINDOW_BYTES - f->held,
			(off_t)(f->start + f->held));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		f->held += (size_t)got;
		f->at_end = got == 0;
	}
	return 0;
}

static void skip_block(struct track_file *f, bool damaged)
{
	size_t left = f->held - f->at;
	size_t bytes = left < CHUNK_ALIGN ? left : CHUNK_ALIGN;

	f->at += bytes;
	if (damaged)
		f->stats.damaged_bytes += bytes;
}

static void take(struct track_file *f, const struct chunk_header *h)
{
	f->at += h->stored_bytes;
	f->stats.missing_chunks += h->sequence - f->next_sequence;
	f->next_sequence = (uint64_t)h->sequence + 1;
	f->stats.chunks++;
	f->stats.frames += h->frames;
	f->stats.end_bytes = f->start + f->at;
}

int track_file_next(struct track_file *f, const struct chunk_header **out)
{
	int err;

	for (;;) {
		const struct chunk_header *h;

		if (f->held - f->at < CHUNK_BYTES_MAX && !f->at_end) {
			err = slide(f);
			if (err != 0)
				return err;
		}
		if (f->at == f->held)
			return 0;
		h = (const struct chunk_header *)(f->buffer + f->at);
		err = track_chunk_check(f->buffer + f->at, f->held - f->at, f->file_id);
		/* Writers number chunks in the order of their offsets. */
		if (err == 0 && h->sequence >= f->next_sequence) {
			take(f, h);
			*out = h;
			return 1;
		}
		skip_block(f, err != -ENODATA);
	}
}

const struct track_file_stats *track_file_stats(const struct track_file *f)
{
	return &f->stats;
}

uint8_t *track_file_take_window(struct track_file *f, uint64_t *start, size_t *held)
{
	uint8_t *window = f->buffer;

	*start = f->start;
	*held = f->held;
	f->buffer = NULL;
	return window;
}

void track_file_close(struct track_file *f)
{
	if (!f)
		return;
	if (f->owns_fd)
		close(f->fd);
	free(f->buffer);
	free(f);
}
