/* G.711 (ITU-T): both laws' codes and their 16-bit values. Any thread. */
#ifndef LEGTAP_STORAGE_G711_H
#define LEGTAP_STORAGE_G711_H

#include <stdint.h>

enum g711_law { G711_ULAW, G711_ALAW, G711_LAW_COUNT };

/* The value of each code, scaled to 16 bits: 14-bit mu-law by 4, 13-bit A-law by 8. */
extern const int16_t g711_values[G711_LAW_COUNT][256];

/* The code of silence as encoders send it: plus zero, or the smallest positive value. */
static inline uint8_t g711_silence(enum g711_law law)
{
	return law == G711_ULAW ? 0xff : 0xd5;
}

/* The code whose value is nearest. */
uint8_t g711_encode(enum g711_law law, int16_t value);

#endif
