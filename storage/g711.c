#include "storage/g711.h"

/* Mu-law: the code is sent inverted; sign, 3 bits of segment, 4 of step, biased by 33 (of 14 bits,
 * 132 here). */
#define ULAW_BIAS 132
#define ULAW_STEP(c) ((((~(c)&0x0f) << 3) + ULAW_BIAS) << ((~(c)&0x70) >> 4))
#define ULAW(c) ((c)&0x80 ? ULAW_STEP(c) - ULAW_BIAS : ULAW_BIAS - ULAW_STEP(c))

/* A-law: every other bit is sent inverted. */
#define ALAW_SEGMENT(c) ((((c) ^ 0x55) & 0x70) >> 4)
#define ALAW_STEP(c) (((((c) ^ 0x55) & 0x0f) << 4) + 8)
#define ALAW_UPPER(c) (ALAW_SEGMENT(c) > 0)
#define ALAW_MAGNITUDE(c) \
	((ALAW_STEP(c) + ALAW_UPPER(c) * 0x100) << (ALAW_SEGMENT(c) - ALAW_UPPER(c)))
#define ALAW(c) (((c) ^ 0x55) & 0x80 ? ALAW_MAGNITUDE(c) : -ALAW_MAGNITUDE(c))

#define FOUR(f, n) f(n), f((n) + 1), f((n) + 2), f((n) + 3)
#define SIXTEEN(f, n) FOUR(f, n), FOUR(f, (n) + 4), FOUR(f, (n) + 8), FOUR(f, (n) + 12)
#define SIXTY_FOUR(f, n) \
	SIXTEEN(f, n), SIXTEEN(f, (n) + 16), SIXTEEN(f, (n) + 32), SIXTEEN(f, (n) + 48)
#define ALL(f) SIXTY_FOUR(f, 0), SIXTY_FOUR(f, 64), SIXTY_FOUR(f, 128), SIXTY_FOUR(f, 192)

const int16_t g711_values[G711_LAW_COUNT][256] = {
	[G711_ULAW] = {ALL(ULAW)},
	[G711_ALAW] = {ALL(ALAW)},
};

/* Within one sign, codes grow or fall with the value: a search by halves for the nearest. */
uint8_t g711_encode(enum g711_law law, int16_t value)
{
	const int16_t *values = g711_values[law];
	unsigned int toggle = law == G711_ULAW ? 0x7f : 0x55;
	unsigned int sign = value < 0 ? 0 : 0x80;
	int magnitude = value < 0 ? -value : value;
	unsigned int low = 0;
	unsigned int high = 127;

	while (low < high) {
		unsigned int middle = (low + high) / 2;
		int here = values[0x80 | (middle ^ toggle)];
		int next = values[0x80 | ((middle + 1) ^ toggle)];

		if (2 * magnitude > here + next)
			low = middle + 1;
		else
			high = middle;
	}
	return (uint8_t)(sign | (low ^ toggle));
}
