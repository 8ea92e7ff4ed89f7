#include "controlplane/utf8.h"

#include <stdint.h>

/* Bytes of the sequence at `at` (shortest form, no surrogates), 0 when there is none. */
static size_t sequence_bytes(const uint8_t *at, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	uint32_t code = at[0] & (0xffU >> (bytes + 1));

	if (bytes == 1)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4 || bytes > left)
		return 0;
	for (size_t i = 1; i < bytes; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3fU);
	}
	if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return bytes;
}

bool utf8_valid(const char *text, size_t bytes)
{
	size_t sequence;

	for (size_t at = 0; at < bytes; at += sequence) {
		sequence = sequence_bytes((const uint8_t *)text + at, bytes - at);
		if (sequence == 0)
			return false;
	}
	return true;
}

void utf8_repair(char *text, size_t bytes)
{
	size_t sequence;

	for (size_t at = 0; at < bytes; at += sequence ? sequence : 1) {
		sequence = sequence_bytes((const uint8_t *)text + at, bytes - at);
		if (sequence == 0)
			text[at] = '?';
	}
}
