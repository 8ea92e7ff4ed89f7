#include "storage/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define L16_RATE_LEAST 8000
#define L16_RATE_MOST 48000
#define L16_CHANNELS_MOST 8

static uint32_t g711_samples(const struct decoder_type *type, const struct decoder_form *form,
	const uint8_t *payload, size_t bytes)
{
	return (uint32_t)bytes;
}

static void g711_decode(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out)
{
	const int16_t *values = g711_values[d->type->law];

	for (size_t i = 0; i < bytes; i++)
		out[i] = values[payload[i]];
}

static const struct decoder_type pcma = {.name = "PCMA",
	.clock_hz = 8000,
	.is_g711 = true,
	.law = G711_ALAW,
	.samples = g711_samples,
	.decode = g711_decode};

static const struct decoder_type pcmu = {.name = "PCMU",
	.clock_hz = 8000,
	.is_g711 = true,
	.law = G711_ULAW,
	.samples = g711_samples,
	.decode = g711_decode};

static bool l16_accept(const struct codec *codec, struct decoder_form *form)
{
	return form->rate_hz >= L16_RATE_LEAST && form->rate_hz <= L16_RATE_MOST &&
	       form->channels <= L16_CHANNELS_MOST;
}

static uint32_t l16_samples(const struct decoder_type *type, const struct decoder_form *form,
	const uint8_t *payload, size_t bytes)
{
	return (uint32_t)(bytes / (2UL * form->channels));
}

/* RFC 3551, 4.5.11: network byte order, channels interleaved; their mean is the track's. */
static void l16_decode(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out)
{
	unsigned int channels = d->form.channels;
	size_t samples = bytes / (2UL * channels);

	for (size_t i = 0; i < samples; i++) {
		int32_t sum = 0;

		for (unsigned int c = 0; c < channels; c++, payload += 2)
			sum += (int16_t)(payload[0] << 8 | payload[1]);
		out[i] = (int16_t)(sum / (int32_t)channels);
	}
}

static const struct decoder_type l16 = {
	.name = "L16", .accept = l16_accept, .samples = l16_samples, .decode = l16_decode};

static const struct decoder_type *const types[] = {
	&pcma,
	&pcmu,
	&l16,
#ifdef LEGTAP_SPANDSP
	&decoder_g722,
	&decoder_gsm,
	&decoder_g726[0],
	&decoder_g726[1],
	&decoder_g726[2],
	&decoder_g726[3],
	&decoder_g726[4],
	&decoder_g726[5],
	&decoder_g726[6],
	&decoder_g726[7],
#endif
#ifdef LEGTAP_OPUS
	&decoder_opus,
#endif
#ifdef LEGTAP_AMR
	&decoder_amr,
	&decoder_amr_wb,
#endif
#ifdef LEGTAP_G729
	&decoder_g729,
#endif
};

const struct decoder_type *decoder_find(const struct codec *codec, struct decoder_form *form)
{
	uint8_t channels = codec->channels > 0 ? codec->channels : 1;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct decoder_type *type = types[i];

		if (strcmp(type->name, codec->name) != 0 ||
			(type->clock_hz != 0 && type->clock_hz != codec->clock_hz))
			continue;
		*form = (struct decoder_form){
			.rate_hz = type->rate_hz ? type->rate_hz : codec->clock_hz,
			.channels = channels};
		if (type->accept ? type->accept(codec, form) : channels == 1)
			return type;
	}
	return NULL;
}

static bool is_here(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i]->name, name) == 0)
			return true;
	return false;
}

const char *decoder_remedy(const struct codec *codec)
{
	static const struct {
		const char *prefix;
		const char *remedy;
	} remedies[] = {
		{"G722", "needs libspandsp when legtap is built (meson -Dspandsp=enabled)"},
		{"GSM", "needs libspandsp when legtap is built (meson -Dspandsp=enabled)"},
		{"G726", "needs libspandsp when legtap is built (meson -Dspandsp=enabled)"},
		{"AAL2-G726", "needs libspandsp when legtap is built (meson -Dspandsp=enabled)"},
		{"OPUS", "needs libopus when legtap is built (meson -Dopus=enabled)"},
		{"AMR", "needs libopencore-amr when legtap is built (meson -Damr=enabled)"},
		{"G729", "needs libbcg729, which is GPL-3, when legtap is built (meson "
			 "-Dgpl_codecs=enabled)"},
		{"ILBC", "no library in Debian decodes it; its packets are kept as received"},
		{"SRTP", "is encrypted, and no key that SDP told opens it; its packets are kept as "
			 "received"},
		{"DTLS-SRTP", "is encrypted with keys that only the two ends have (DTLS); its "
			      "packets are kept as received"},
		{"UNKNOWN", "neither SDP nor RFC 3551 names its payload type"},
	};

	if (is_here(codec->name))
		return "is decoded here, but not with these SDP parameters";
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (strncmp(remedies[i].prefix, codec->name, strlen(remedies[i].prefix)) == 0)
			return remedies[i].remedy;
	return "has no decoder in legtap; its packets are kept as received";
}

int decoder_make(
	struct decoder **out, const struct decoder_type *type, const struct decoder_form *form)
{
	struct decoder *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->type = type;
	d->form = *form;
	err = type->make ? type->make(d) : 0;
	if (err != 0) {
		free(d);
		return err;
	}
	*out = d;
	return 0;
}

void decoder_free(struct decoder *d)
{
	if (d && d->type->release)
		d->type->release(d->state);
	free(d);
}

bool decoder_fmtp_is_set(const char *fmtp, const char *parameter)
{
	size_t length = strlen(parameter);

	while (*fmtp != '\0') {
		fmtp += strspn(fmtp, " ;");
		if (strncasecmp(fmtp, parameter, length) == 0 && fmtp[length] == '=')
			return strtoul(fmtp + length + 1, NULL, 10) != 0;
		fmtp += strcspn(fmtp, ";");
	}
	return false;
}
