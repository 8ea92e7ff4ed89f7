#include "storage/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t g711_samples(const uint8_t *payload, size_t bytes)
{
	return (uint32_t)bytes;
}

static int g711_make(struct decoder **out, const struct decoder_type *type)
{
	struct decoder *d = malloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->type = type;
	d->table = g711_values[type->law];
	*out = d;
	return 0;
}

static void g711_decode(struct decoder *d, const uint8_t *payload, size_t bytes, int16_t *out)
{
	const int16_t *values = d->table;

	for (size_t i = 0; i < bytes; i++)
		out[i] = values[payload[i]];
}

static const struct decoder_type types[] = {
	{"PCMA", 8000, true, G711_ALAW, g711_samples, g711_make, g711_decode},
	{"PCMU", 8000, true, G711_ULAW, g711_samples, g711_make, g711_decode},
};

const struct decoder_type *decoder_find(const struct codec *codec)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, codec->name) == 0 &&
			codec->clock_hz == types[i].rate_hz && codec->channels <= 1)
			return &types[i];
	return NULL;
}

void decoder_free(struct decoder *d)
{
	free(d);
}
