/* Decoders: from an RTP payload to samples. One table lists all that there are (decoder.c); what is
 * not in it is undecodable, and is named in the sidecar, never guessed.
 *
 * A decoder belongs to one stream and is fed its packets in order. What a sender did not send
 * (discontinuous transmission, comfort noise) is silence. Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_DECODER_H
#define LEGTAP_STORAGE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/g711.h"
#include "storage/storage.h"

struct decoder;
struct decoder_type;

/* What SDP says of how a codec's payloads are made. */
struct decoder_form {
	uint32_t rate_hz;   /* of the samples; the RTP clock may be another */
	uint8_t channels;   /* in the payload; samples are always of one */
	bool octet_aligned; /* AMR (RFC 4867) */
};

struct decoder_type {
	const char *name;  /* as registered for SDP, upper case */
	uint32_t clock_hz; /* of RTP; 0: any */
	uint32_t rate_hz;  /* of the samples; 0: the clock's */
	bool is_g711;	   /* its payload may stand in a file as it is */
	enum g711_law law;
	uint8_t bits;	 /* of a code (G.726) */
	bool big_endian; /* G.726: codes begin at the octet's upper end (AAL2) */
	/* Completes a form that has rate and channels; false: this form of it is not decoded. */
	bool (*accept)(const struct codec *codec, struct decoder_form *form);
	/* Samples that a payload makes, which may be many: the caller bounds them; 0 when it is
	 * malformed. */
	uint32_t (*samples)(const struct decoder_type *type, const struct decoder_form *form,
		const uint8_t *payload, size_t bytes);
	/* Fills in d->state. 0 or -ENOMEM. */
	int (*make)(struct decoder *d);
	/* Decodes one payload to the samples that `samples` promised; out has room for them. */
	void (*decode)(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out);
	/* Invents `samples` samples of lost audio before the payload `next`. NULL: the codec has no
	 * means of its own (storage/concealer stands in). */
	void (*conceal)(struct decoder *d, const uint8_t *next, size_t next_bytes, size_t samples,
		int16_t *out);
	void (*release)(void *state);
};

/* What decodes a codec, and *form; NULL: nothing here does. */
const struct decoder_type *decoder_find(const struct codec *codec, struct decoder_form *form);

/* What a codec that decoder_find does not know would need. */
const char *decoder_remedy(const struct codec *codec);

struct decoder {
	const struct decoder_type *type;
	struct decoder_form form;
	void *state;
};

/* 0 or -ENOMEM. */
int decoder_make(
	struct decoder **out, const struct decoder_type *type, const struct decoder_form *form);

/* decoder_free(NULL) is legal. */
void decoder_free(struct decoder *d);

/* Whether an fmtp text ("a=1; b=2") has the parameter with a value other than 0. */
bool decoder_fmtp_is_set(const char *fmtp, const char *parameter);

/* The kinds that a library brings: entries of the table. */
extern const struct decoder_type decoder_g722;
extern const struct decoder_type decoder_gsm;
extern const struct decoder_type decoder_g726[];
#define DECODER_G726_COUNT 8
extern const struct decoder_type decoder_opus;
extern const struct decoder_type decoder_amr;
extern const struct decoder_type decoder_amr_wb;
extern const struct decoder_type decoder_g729;

#endif
