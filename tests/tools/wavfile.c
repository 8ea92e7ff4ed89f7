/* See wavfile.h. */
#include "wavfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "g711.h"

#define FORMAT_PCM 1
#define FORMAT_A_LAW 6
#define FORMAT_MU_LAW 7
#define FORMAT_EXTENSIBLE 0xfffe

struct bytes {
	uint8_t *data;
	size_t count;
};

/* All of a file; NULL or what is wrong. */
static const char *slurp(struct bytes *b, const char *path)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (!f)
		return strerror(errno);
	if (fstat(fileno(f), &st) < 0 || !(b->data = malloc((size_t)st.st_size + 1))) {
		fclose(f);
		return strerror(errno);
	}
	b->count = fread(b->data, 1, (size_t)st.st_size, f);
	fclose(f);
	return b->count == (size_t)st.st_size ? NULL : "cannot be read to its end";
}

static uint32_t le(const uint8_t *p, int bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* The body of a chunk. */
static bool find_chunk(const struct bytes *file, const char id[4], struct bytes *body)
{
	size_t at = 12;

	while (file->count - at >= 8 && at <= file->count) {
		uint32_t bytes = le(file->data + at + 4, 4);

		if (bytes > file->count - at - 8)
			return false;
		if (memcmp(file->data + at, id, 4) == 0) {
			*body = (struct bytes){file->data + at + 8, bytes};
			return true;
		}
		at += 8 + bytes + (bytes & 1);
		if (at > file->count)
			return false;
	}
	return false;
}

static const char *take_samples(struct wavfile *w, uint32_t format, const struct bytes *data)
{
	size_t sample_bytes = format == FORMAT_PCM ? 2 : 1;
	size_t count = data->count / sample_bytes;
	int16_t table[256];

	if (data->count % (sample_bytes * w->channels))
		return "its data is not a whole number of frames";
	w->frames = count / w->channels;
	w->samples = malloc(count * sizeof(*w->samples) + 1);
	if (!w->samples)
		return "no memory";
	g711_table(format == FORMAT_A_LAW, table);
	for (size_t i = 0; i < count; i++)
		w->samples[i] = format == FORMAT_PCM ? (int16_t)le(data->data + 2 * i, 2)
						     : table[data->data[i]];
	return NULL;
}

static const char *parse(struct wavfile *w, const struct bytes *file)
{
	struct bytes fmt, data;
	uint32_t format, bits;

	if (file->count < 12 || memcmp(file->data, "RIFF", 4) != 0 ||
		memcmp(file->data + 8, "WAVE", 4) != 0)
		return "is not a RIFF WAVE file";
	if (le(file->data + 4, 4) != file->count - 8)
		return "has not the length that its header says";
	if (!find_chunk(file, "fmt ", &fmt) || fmt.count < 16 || !find_chunk(file, "data", &data))
		return "lacks its fmt or data chunk";
	format = le(fmt.data, 2);
	bits = le(fmt.data + 14, 2);
	if (format == FORMAT_EXTENSIBLE && fmt.count >= 26)
		format = le(fmt.data + 24, 2);
	w->channels = le(fmt.data + 2, 2);
	w->rate = le(fmt.data + 4, 4);
	if (w->channels < 1 || w->channels > 2)
		return "has neither one channel nor two";
	if ((format == FORMAT_PCM && bits == 16) ||
		((format == FORMAT_A_LAW || format == FORMAT_MU_LAW) && bits == 8))
		return take_samples(w, format, &data);
	return "is neither 16-bit PCM nor G.711";
}

const char *wavfile_read(struct wavfile *w, const char *path)
{
	struct bytes file = {0};
	const char *wrong;

	*w = (struct wavfile){0};
	wrong = slurp(&file, path);
	if (!wrong)
		wrong = parse(w, &file);
	free(file.data);
	return wrong;
}

void wavfile_free(struct wavfile *w)
{
	free(w->samples);
	*w = (struct wavfile){0};
}
