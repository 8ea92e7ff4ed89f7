/* Any bytes as the payloads of every codec: the first chooses codec and parameters; then packets,
 * each behind an octet with its length. What a decoder writes must be what it promised. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/decoder.h"

#define GUARD 0x5aa5
#define SAMPLES_MAX 65536

static const struct codec codecs[] = {
	{0, 1, 8000, "PCMU", ""},
	{0, 1, 8000, "PCMA", ""},
	{0, 1, 44100, "L16", ""},
	{0, 3, 8000, "L16", ""},
	{0, 1, 8000, "G722", ""},
	{0, 1, 8000, "GSM", ""},
	{0, 1, 8000, "G726-16", ""},
	{0, 1, 8000, "G726-24", ""},
	{0, 1, 8000, "AAL2-G726-32", ""},
	{0, 1, 8000, "AAL2-G726-40", ""},
	{0, 2, 48000, "OPUS", ""},
	{0, 1, 8000, "AMR", ""},
	{0, 1, 8000, "AMR", "octet-align=1"},
	{0, 1, 16000, "AMR-WB", ""},
	{0, 1, 16000, "AMR-WB", "mode-set=1; octet-align=1"},
	{0, 1, 8000, "G729", ""},
};

static int16_t out[SAMPLES_MAX + 1];

static void feed(struct decoder *d, const uint8_t *payload, size_t bytes)
{
	uint32_t samples = d->type->samples(d->type, &d->form, payload, bytes);

	if (samples == 0 || samples > SAMPLES_MAX)
		return;
	out[samples] = GUARD;
	d->type->decode(d, payload, bytes, out);
	if (out[samples] != GUARD)
		abort();
}

static void lose(struct decoder *d, const uint8_t *next, size_t bytes, size_t samples)
{
	if (!d->type->conceal)
		return;
	out[samples] = GUARD;
	d->type->conceal(d, next, bytes, samples, out);
	if (out[samples] != GUARD)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const struct decoder_type *type;
	struct decoder_form form;
	struct decoder *d;

	if (bytes < 1)
		return 0;
	type = decoder_find(&codecs[data[0] % (sizeof(codecs) / sizeof(codecs[0]))], &form);
	if (!type || decoder_make(&d, type, &form) != 0)
		return 0;
	data++;
	bytes--;
	while (bytes > 0) {
		size_t length = *data < bytes ? *data : bytes - 1;
		uint8_t *exact = malloc(length + 1); /* so that a sanitizer sees its end */

		if (!exact)
			break;
		memcpy(exact, data + 1, length);
		if (length % 16 == 7)
			lose(d, exact, length, 20UL * length);
		feed(d, exact, length);
		free(exact);
		data += 1 + length;
		bytes -= 1 + length;
	}
	decoder_free(d);
	return 0;
}
