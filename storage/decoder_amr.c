/* AMR and AMR-WB, by opencore-amr. */
#include "storage/decoder.h"

#include <errno.h>
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrwb/dec_if.h>
#include <string.h>

#include "storage/amr_payload.h"

#define FRAMES_PER_SECOND 50

static const uint8_t no_data[AMR_FRAME_BYTES_MAX] = {AMR_NO_DATA << 3 | 0x04};

static bool amr_accept(const struct codec *codec, struct decoder_form *form)
{
	form->octet_aligned = decoder_fmtp_is_set(codec->fmtp, "octet-align");
	return form->channels == 1 && !decoder_fmtp_is_set(codec->fmtp, "crc") &&
	       !decoder_fmtp_is_set(codec->fmtp, "robust-sorting") &&
	       !decoder_fmtp_is_set(codec->fmtp, "interleaving");
}

static bool is_wideband(const struct decoder_type *type)
{
	return type == &decoder_amr_wb;
}

static uint32_t amr_samples(const struct decoder_type *type, const struct decoder_form *form,
	const uint8_t *payload, size_t bytes)
{
	return amr_payload_count(is_wideband(type), form->octet_aligned, payload, bytes) *
	       form->rate_hz / FRAMES_PER_SECOND;
}

static int amr_make(struct decoder *d)
{
	d->state = is_wideband(d->type) ? D_IF_init() : Decoder_Interface_init();
	return d->state ? 0 : -ENOMEM;
}

static void decode_frame(struct decoder *d, const uint8_t *octets, int16_t *out)
{
	if (is_wideband(d->type))
		D_IF_decode(d->state, octets, out, _good_frame);
	else
		Decoder_Interface_Decode(d->state, octets, out, 0);
}

static void amr_decode(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out)
{
	struct amr_frame frames[AMR_FRAMES_MAX];
	unsigned int count = amr_payload_unpack(
		is_wideband(d->type), d->form.octet_aligned, payload, bytes, frames);
	size_t step = d->form.rate_hz / FRAMES_PER_SECOND;

	for (unsigned int i = 0; i < count; i++, out += step) {
		/* The decoder must hear of all frames, but its comfort noise is none of ours. */
		decode_frame(d, frames[i].is_speech ? frames[i].octets : no_data, out);
		if (!frames[i].is_speech)
			memset(out, 0, step * sizeof(out[0]));
	}
}

static void amr_conceal(
	struct decoder *d, const uint8_t *next, size_t next_bytes, size_t samples, int16_t *out)
{
	size_t step = d->form.rate_hz / FRAMES_PER_SECOND;
	size_t done = 0;

	for (; done + step <= samples; done += step)
		decode_frame(d, no_data, out + done);
	memset(out + done, 0, (samples - done) * sizeof(out[0]));
}

static void narrowband_release(void *state)
{
	Decoder_Interface_exit(state);
}

static void wideband_release(void *state)
{
	D_IF_exit(state);
}

const struct decoder_type decoder_amr = {.name = "AMR",
	.clock_hz = 8000,
	.accept = amr_accept,
	.samples = amr_samples,
	.make = amr_make,
	.decode = amr_decode,
	.conceal = amr_conceal,
	.release = narrowband_release};

const struct decoder_type decoder_amr_wb = {.name = "AMR-WB",
	.clock_hz = 16000,
	.accept = amr_accept,
	.samples = amr_samples,
	.make = amr_make,
	.decode = amr_decode,
	.conceal = amr_conceal,
	.release = wideband_release};
