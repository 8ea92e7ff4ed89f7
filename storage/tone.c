#include "storage/tone.h"

#include <math.h>

#define EVENTS 16
#define VOLUME_MOST 36
#define TWO_TONES_DB 3.0103 /* each of two tones has half the power */
#define FULL_SCALE 32124.0  /* peak of a G.711 sine at FULL_SCALE_DBM0 */
#define FULL_SCALE_DBM0 3.14

/* 0 to 9, *, #, A to D. */
static const uint16_t low_hz[EVENTS] = {
	941, 697, 697, 697, 770, 770, 770, 852, 852, 852, 941, 941, 697, 770, 852, 941};
static const uint16_t high_hz[EVENTS] = {1336, 1209, 1336, 1477, 1209, 1336, 1477, 1209, 1336, 1477,
	1209, 1477, 1633, 1633, 1633, 1633};

static double peak(double level_dbm0)
{
	double value = FULL_SCALE * pow(10, (level_dbm0 - FULL_SCALE_DBM0) / 20);

	return value < INT16_MAX ? value : INT16_MAX;
}

struct tone tone_single(uint32_t hz, int32_t level_dbm0)
{
	return (struct tone){.hz = {hz, 0}, .level = peak(level_dbm0)};
}

bool tone_dtmf(uint8_t event, uint8_t volume, struct tone *out)
{
	double level_dbm0 = volume < VOLUME_MOST ? -(double)volume : -(double)VOLUME_MOST;

	if (event >= EVENTS)
		return false;
	*out = (struct tone){
		.hz = {low_hz[event], high_hz[event]}, .level = peak(level_dbm0 - TWO_TONES_DB)};
	return true;
}

/* Whole hertz repeat each second, so the phase stays exact however long the tone. */
static double sine(uint32_t hz, uint64_t sample, uint32_t rate_hz)
{
	return sin(2 * M_PI * (double)(hz * sample % rate_hz) / rate_hz);
}

void tone_fill(const struct tone *tone, uint64_t from, size_t count, uint32_t rate_hz, int16_t *out)
{
	for (size_t i = 0; i < count; i++) {
		double value = sine(tone->hz[0], from + i, rate_hz);

		if (tone->hz[1] != 0)
			value += sine(tone->hz[1], from + i, rate_hz);
		out[i] = (int16_t)lrint(tone->level * value);
	}
}
