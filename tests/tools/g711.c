/* See g711.h. */
#include "g711.h"

/* On the line every second bit of a code is turned over. */
static int16_t decode_a_law(uint8_t code)
{
	int value, segment;

	code ^= 0x55;
	segment = code >> 4 & 7;
	value = 2 * (code & 15) + 1;
	if (segment > 0)
		value = (value + 32) << (segment - 1);
	value *= 8;
	return (int16_t)(code & 0x80 ? value : -value);
}

/* On the line every bit of a code is turned over. */
static int16_t decode_mu_law(uint8_t code)
{
	int value;

	code = (uint8_t)~code;
	value = ((2 * (code & 15) + 33) << (code >> 4 & 7)) - 33;
	value *= 4;
	return (int16_t)(code & 0x80 ? -value : value);
}

void g711_table(bool a_law, int16_t table[256])
{
	for (int code = 0; code < 256; code++)
		table[code] = a_law ? decode_a_law((uint8_t)code) : decode_mu_law((uint8_t)code);
}
