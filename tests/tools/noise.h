/* The audio of generated calls: for each stream a sequence of G.711 codes in which every value
 * occurs and no stretch repeats, so that a sample that stands one place off, or in another stream,
 * is seen. */
#ifndef LEGTAP_TESTS_TOOLS_NOISE_H
#define LEGTAP_TESTS_TOOLS_NOISE_H

#include <stdint.h>
#include <string.h>

/* SplitMix64 (Steele, Lea, Flood 2014): every 64-bit value to another one. */
static inline uint64_t noise_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* A stream's key. direction: 0 INCOMING, 1 OUTGOING. */
static inline uint64_t noise_key(uint64_t seed, uint32_t call, uint32_t leg, uint32_t direction)
{
	return noise_mix(noise_mix(noise_mix(noise_mix(seed) + call) + leg) + direction);
}

/* The codes of `count` samples from sample `first` on. */
static inline void noise_codes(uint64_t key, uint64_t first, uint8_t *codes, uint32_t count)
{
	uint32_t done = 0;

	while (done < count) {
		uint64_t word = noise_mix(key ^ (first + done) / 8);
		uint32_t skip = (uint32_t)((first + done) % 8);
		uint32_t n = 8 - skip < count - done ? 8 - skip : count - done;

		for (uint32_t i = 0; i < n; i++)
			codes[done + i] = (uint8_t)(word >> (skip + i) * 8);
		done += n;
	}
}

#endif
