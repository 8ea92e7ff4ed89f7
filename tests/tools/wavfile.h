/* A WAV file as 16-bit samples: PCM, or G.711 (formats 6 and 7) decoded. */
#ifndef LEGTAP_TESTS_TOOLS_WAVFILE_H
#define LEGTAP_TESTS_TOOLS_WAVFILE_H

#include <stdint.h>

struct wavfile {
	uint32_t channels;
	uint32_t rate;
	uint64_t frames;
	int16_t *samples; /* channels beside one another */
};

/* NULL, or what is wrong with the file (it lives until the next call). */
const char *wavfile_read(struct wavfile *w, const char *path);
void wavfile_free(struct wavfile *w);

#endif
