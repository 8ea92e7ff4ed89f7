/* Decoders: from an RTP payload to samples. One table lists all that there are (decoder.c); what is
 * not in it is undecodable, and is named in the sidecar, never guessed.
 *
 * A decoder belongs to one stream and is fed its packets in order. Owned by the finisher that made
 * it. */
#ifndef LEGTAP_STORAGE_DECODER_H
#define LEGTAP_STORAGE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/g711.h"
#include "storage/storage.h"

struct decoder;

struct decoder_type {
	const char *name; /* as registered for SDP, upper case */
	uint32_t rate_hz; /* of the samples; the RTP clock may be another */
	bool is_g711;	  /* its payload may stand in a file as it is */
	enum g711_law law;
	/* Samples that a payload makes; 0 when it is malformed. */
	uint32_t (*samples)(const uint8_t *payload, size_t bytes);
	/* 0 or -ENOMEM. */
	int (*make)(struct decoder **out, const struct decoder_type *type);
	/* Decodes one payload to the samples that `samples` promised; out has room for them. */
	void (*decode)(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out);
};

/* What decodes a codec; NULL: nothing here does. */
const struct decoder_type *decoder_find(const struct codec *codec);

struct decoder {
	const struct decoder_type *type;
	const void *table;
};

void decoder_free(struct decoder *d);

#endif
