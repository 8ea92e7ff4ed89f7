/* G.729 with annexes A and B, by bcg729 (GPL-3: a build option). */
#include "storage/decoder.h"

#include <bcg729/decoder.h>
#include <errno.h>
#include <string.h>

#define FRAME_BYTES 10
#define SILENCE_BYTES 2 /* annex B's description of silence, last in a payload */
#define FRAME_SAMPLES 80

/* RFC 3551, 4.5.6. */
static uint32_t g729_samples(const struct decoder_type *type, const struct decoder_form *form,
	const uint8_t *payload, size_t bytes)
{
	size_t rest = bytes % FRAME_BYTES;

	if (rest != 0 && rest != SILENCE_BYTES)
		return 0;
	return (uint32_t)((bytes / FRAME_BYTES + (rest != 0)) * FRAME_SAMPLES);
}

static int g729_make(struct decoder *d)
{
	d->state = initBcg729DecoderChannel();
	return d->state ? 0 : -ENOMEM;
}

static void g729_decode(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out)
{
	for (; bytes >= FRAME_BYTES; bytes -= FRAME_BYTES) {
		bcg729Decoder(d->state, payload, FRAME_BYTES, 0, 0, 0, out);
		payload += FRAME_BYTES;
		out += FRAME_SAMPLES;
	}
	if (bytes == SILENCE_BYTES) {
		bcg729Decoder(d->state, payload, SILENCE_BYTES, 0, 1, 0, out);
		memset(out, 0, FRAME_SAMPLES * sizeof(out[0]));
	}
}

static void g729_conceal(
	struct decoder *d, const uint8_t *next, size_t next_bytes, size_t samples, int16_t *out)
{
	size_t done = 0;

	for (; done + FRAME_SAMPLES <= samples; done += FRAME_SAMPLES)
		bcg729Decoder(d->state, NULL, 0, 1, 0, 0, out + done);
	memset(out + done, 0, (samples - done) * sizeof(out[0]));
}

static void g729_release(void *state)
{
	closeBcg729DecoderChannel(state);
}

const struct decoder_type decoder_g729 = {.name = "G729",
	.clock_hz = 8000,
	.samples = g729_samples,
	.make = g729_make,
	.decode = g729_decode,
	.conceal = g729_conceal,
	.release = g729_release};
