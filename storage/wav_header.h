/* What stands before and behind the samples of a WAV file, by libsndfile: it writes a file of this
 * format and length, whose samples nobody keeps. So the true header is there before the first
 * sample, and the file can be written and hashed in one go. Pure. */
#ifndef LEGTAP_STORAGE_WAV_HEADER_H
#define LEGTAP_STORAGE_WAV_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "storage/wav.h"

#define WAV_HEADER_MAX 4096U
#define WAV_TRAILER_MAX 64U

struct wav_header {
	size_t bytes;
	size_t trailer_bytes;
	uint8_t data[WAV_HEADER_MAX];
	uint8_t trailer[WAV_TRAILER_MAX];
};

/* 0, or -EIO: *why is libsndfile's word for it. */
int wav_header_make(struct wav_header *h, const struct wav_format *format, const char **why);

#endif
