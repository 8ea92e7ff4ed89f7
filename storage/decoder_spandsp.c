/* G.722, GSM full rate and G.726, by spandsp. */
#include "storage/decoder.h"

#include <errno.h>
/* Not spandsp.h: its g711.h has our names. */
#include <spandsp/telephony.h>
#include <spandsp/g722.h>
#include <spandsp/g726.h>
#include <spandsp/gsm0610.h>

#define GSM_FRAME_BYTES 33
#define GSM_FRAME_SAMPLES 160
#define G722_BIT_RATE 64000
#define G726_GROUP 8 /* codes that fill whole octets, at any rate */

static uint32_t g722_samples(const struct decoder_type *type, const struct decoder_form *form,
	const uint8_t *payload, size_t bytes)
{
	return (uint32_t)(2 * bytes);
}

static int g722_make(struct decoder *d)
{
	d->state = g722_decode_init(NULL, G722_BIT_RATE, 0);
	return d->state ? 0 : -ENOMEM;
}

static void g722_to_samples(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out)
{
	g722_decode(d->state, out, payload, (int)bytes);
}

static void g722_release(void *state)
{
	g722_decode_free(state);
}

/* RFC 3551, 4.5.2: its clock says 8,000 by an old mistake. */
const struct decoder_type decoder_g722 = {.name = "G722",
	.clock_hz = 8000,
	.rate_hz = 16000,
	.samples = g722_samples,
	.make = g722_make,
	.decode = g722_to_samples,
	.release = g722_release};

static uint32_t gsm_samples(const struct decoder_type *type, const struct decoder_form *form,
	const uint8_t *payload, size_t bytes)
{
	return bytes % GSM_FRAME_BYTES == 0
		       ? (uint32_t)(bytes / GSM_FRAME_BYTES * GSM_FRAME_SAMPLES)
		       : 0;
}

static int gsm_make(struct decoder *d)
{
	d->state = gsm0610_init(NULL, GSM0610_PACKING_VOIP);
	return d->state ? 0 : -ENOMEM;
}

static void gsm_to_samples(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out)
{
	gsm0610_decode(d->state, out, payload, (int)bytes);
}

static void gsm_release(void *state)
{
	gsm0610_free(state);
}

const struct decoder_type decoder_gsm = {.name = "GSM",
	.clock_hz = 8000,
	.samples = gsm_samples,
	.make = gsm_make,
	.decode = gsm_to_samples,
	.release = gsm_release};

/* Whole groups only: what is left of a payload is padding, and must not shift the next one. */
static size_t whole_bytes(const struct decoder_type *type, size_t bytes)
{
	return type->bits % 2 ? bytes - bytes % type->bits : bytes;
}

static uint32_t adpcm_samples(const struct decoder_type *type, const struct decoder_form *form,
	const uint8_t *payload, size_t bytes)
{
	return (uint32_t)(whole_bytes(type, bytes) * G726_GROUP / type->bits);
}

static int adpcm_make(struct decoder *d)
{
	d->state = g726_init(NULL, d->type->bits * 8000, G726_ENCODING_LINEAR,
		d->type->big_endian ? G726_PACKING_LEFT : G726_PACKING_RIGHT);
	return d->state ? 0 : -ENOMEM;
}

static void adpcm_to_samples(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out)
{
	g726_decode(d->state, out, payload, (int)whole_bytes(d->type, bytes));
}

static void adpcm_release(void *state)
{
	g726_free(state);
}

/* RFC 3551, 4.5.4: codes begin at the lower end of an octet; those of ITU-T I.366.2 (AAL2) at the
 * upper. */
#define G726(text, code_bits, upper) \
	{ \
		.name = (text), .clock_hz = 8000, .bits = (code_bits), .big_endian = (upper), \
		.samples = adpcm_samples, .make = adpcm_make, .decode = adpcm_to_samples, \
		.release = adpcm_release \
	}

const struct decoder_type decoder_g726[DECODER_G726_COUNT] = {
	G726("G726-16", 2, false),
	G726("G726-24", 3, false),
	G726("G726-32", 4, false),
	G726("G726-40", 5, false),
	G726("AAL2-G726-16", 2, true),
	G726("AAL2-G726-24", 3, true),
	G726("AAL2-G726-32", 4, true),
	G726("AAL2-G726-40", 5, true),
};
