#include "storage/wav_header.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sndfile.h>

#define SAMPLES_AT_ONCE (1UL << 20)

/* Where libsndfile believes that it writes. */
struct paper {
	struct wav_header *header;
	sf_count_t at;
	sf_count_t end;
	sf_count_t samples_at; /* the header's end; 0 while it is not known */
	sf_count_t samples_end;
	bool too_long;
};

static sf_count_t paper_length(void *arg)
{
	const struct paper *p = arg;

	return p->end;
}

static sf_count_t paper_seek(sf_count_t offset, int whence, void *arg)
{
	struct paper *p = arg;

	p->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? p->at + offset : p->end + offset;
	return p->at;
}

static sf_count_t paper_tell(void *arg)
{
	const struct paper *p = arg;

	return p->at;
}

static sf_count_t paper_read(void *data, sf_count_t bytes, void *arg)
{
	return 0;
}

static void keep(struct paper *p, uint8_t *to, size_t room, size_t *used, const void *data,
	sf_count_t at, sf_count_t bytes)
{
	if ((size_t)(at + bytes) > room) {
		p->too_long = true;
		return;
	}
	memcpy(to + at, data, (size_t)bytes);
	if ((size_t)(at + bytes) > *used)
		*used = (size_t)(at + bytes);
}

static sf_count_t paper_write(const void *data, sf_count_t bytes, void *arg)
{
	struct paper *p = arg;
	struct wav_header *h = p->header;

	if (p->samples_at == 0 || p->at < p->samples_at)
		keep(p, h->data, sizeof(h->data), &h->bytes, data, p->at, bytes);
	else if (p->at >= p->samples_end)
		keep(p, h->trailer, sizeof(h->trailer), &h->trailer_bytes, data,
			p->at - p->samples_end, bytes);
	p->at += bytes;
	if (p->at > p->end)
		p->end = p->at;
	return bytes;
}

static int sndfile_format(const struct wav_format *format)
{
	bool large = format->frames > (UINT32_MAX - WAV_HEADER_MAX) / wav_frame_bytes(format);
	int container = large ? SF_FORMAT_RF64 : SF_FORMAT_WAV;

	if (!format->coded)
		return container | SF_FORMAT_PCM_16;
	return container | (format->law == G711_ULAW ? SF_FORMAT_ULAW : SF_FORMAT_ALAW);
}

static bool write_samples(SNDFILE *file, sf_count_t left)
{
	static const uint8_t samples[SAMPLES_AT_ONCE];

	while (left > 0) {
		sf_count_t n =
			left < (sf_count_t)sizeof(samples) ? left : (sf_count_t)sizeof(samples);

		if (sf_write_raw(file, samples, n) != n)
			return false;
		left -= n;
	}
	return true;
}

int wav_header_make(struct wav_header *h, const struct wav_format *format, const char **why)
{
	SF_VIRTUAL_IO io = {.get_filelen = paper_length,
		.seek = paper_seek,
		.read = paper_read,
		.write = paper_write,
		.tell = paper_tell};
	SF_INFO info = {.samplerate = (int)format->rate_hz,
		.channels = (int)format->channels,
		.format = sndfile_format(format)};
	sf_count_t bytes = (sf_count_t)(format->frames * wav_frame_bytes(format));
	struct paper paper = {.header = h};
	SNDFILE *file;
	bool done;

	h->bytes = 0;
	h->trailer_bytes = 0;
	file = sf_open_virtual(&io, SFM_WRITE, &info, &paper);
	if (!file) {
		*why = sf_strerror(NULL);
		return -EIO;
	}
	paper.samples_at = paper.end;
	paper.samples_end = paper.end + bytes;
	done = write_samples(file, bytes);
	done = sf_close(file) == 0 && done && !paper.too_long &&
	       (sf_count_t)h->bytes == paper.samples_at;
	*why = "the header is not what was expected";
	return done ? 0 : -EIO;
}
