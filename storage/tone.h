/* Tones: DTMF (ITU-T Q.23) and single ones. Pure functions; any thread. */
#ifndef LEGTAP_STORAGE_TONE_H
#define LEGTAP_STORAGE_TONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One or two sines. */
struct tone {
	uint32_t hz[2]; /* hz[1] = 0: one */
	double level;	/* peak of each, in units of a sample */
};

/* A single tone at a level in dBm0 (a G.711 sine at full scale is +3.14). */
struct tone tone_single(uint32_t hz, int32_t level_dbm0);

/* The tone of a DTMF event (RFC 4733, 3.2: 0 to 15) at a power of -volume dBm0; a volume that no
 * receiver must accept (over 36) counts as 36. false: the event has no tone. */
bool tone_dtmf(uint8_t event, uint8_t volume, struct tone *out);

/* Samples `from` to from + count of a tone that began at sample 0. */
void tone_fill(
	const struct tone *tone, uint64_t from, size_t count, uint32_t rate_hz, int16_t *out);

#endif
