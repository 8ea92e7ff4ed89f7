/* Opus (RFC 6716, RFC 7587), by libopus: always decoded at 48 kHz to one channel. */
#include "storage/decoder.h"

#include <errno.h>
#include <opus/opus.h>
#include <string.h>

#define RATE_HZ 48000
#define PACKET_SAMPLES_MAX 5760 /* 120 ms */
#define FRAME_SAMPLES_LEAST 120 /* 2.5 ms */
#define SILENT_BYTES 2		/* discontinuous transmission: a packet of no more */

/* The rtpmap always says two channels; each packet tells how many it has. */
static bool opus_accept(const struct codec *codec, struct decoder_form *form)
{
	return form->channels <= 2;
}

static uint32_t opus_samples(const struct decoder_type *type, const struct decoder_form *form,
	const uint8_t *payload, size_t bytes)
{
	int samples =
		bytes > 0 ? opus_packet_get_nb_samples(payload, (opus_int32)bytes, RATE_HZ) : 0;

	return samples > 0 && samples <= PACKET_SAMPLES_MAX ? (uint32_t)samples : 0;
}

static int opus_make(struct decoder *d)
{
	int err;

	d->state = opus_decoder_create(RATE_HZ, 1, &err);
	return d->state ? 0 : -ENOMEM;
}

static void opus_to_samples(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out)
{
	uint32_t samples = opus_samples(d->type, &d->form, payload, bytes);
	int got = opus_decode(d->state, payload, (opus_int32)bytes, out, (int)samples, 0);

	if (got < 0 || bytes <= SILENT_BYTES)
		got = 0;
	if ((uint32_t)got < samples)
		memset(out + got, 0, (samples - (uint32_t)got) * sizeof(out[0]));
}

/* The last lost packet may stand in the next one once more (in-band FEC); what is before it comes
 * from the decoder's concealment. */
static void opus_conceal(
	struct decoder *d, const uint8_t *next, size_t next_bytes, size_t samples, int16_t *out)
{
	size_t last = opus_samples(d->type, &d->form, next, next_bytes);
	size_t done = 0;

	memset(out, 0, samples * sizeof(out[0]));
	if (last > samples || last % FRAME_SAMPLES_LEAST != 0)
		last = 0;
	while (samples - last - done >= FRAME_SAMPLES_LEAST) {
		size_t step = samples - last - done;

		step = step < PACKET_SAMPLES_MAX ? step : PACKET_SAMPLES_MAX;
		step -= step % FRAME_SAMPLES_LEAST;
		if (opus_decode(d->state, NULL, 0, out + done, (int)step, 0) < 0)
			return;
		done += step;
	}
	if (last > 0 && opus_decode(d->state, next, (opus_int32)next_bytes, out + samples - last,
				(int)last, 1) < 0)
		memset(out + samples - last, 0, last * sizeof(out[0]));
}

static void opus_release(void *state)
{
	opus_decoder_destroy(state);
}

const struct decoder_type decoder_opus = {.name = "OPUS",
	.clock_hz = 48000,
	.accept = opus_accept,
	.samples = opus_samples,
	.make = opus_make,
	.decode = opus_to_samples,
	.conceal = opus_conceal,
	.release = opus_release};
