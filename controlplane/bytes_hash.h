/* A hash of bytes from outside, for tables in the control thread. Keyed, so that nobody outside can
 * choose ids that fall into one chain; never seen outside, never stored. */
#ifndef LEGTAP_CONTROLPLANE_BYTES_HASH_H
#define LEGTAP_CONTROLPLANE_BYTES_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t bytes_hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* `key`: random, or another hash, so that hashes of several texts can be chained. */
static inline uint64_t bytes_hash(uint64_t key, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint64_t h = key ^ bytes_hash_mix(bytes + 0x9e3779b97f4a7c15ULL, 0xd6e8feb86659fd93ULL);
	uint64_t word;

	for (; bytes >= 8; at += 8, bytes -= 8) {
		memcpy(&word, at, 8);
		h = bytes_hash_mix(h ^ word, 0xa0761d6478bd642fULL ^ key);
	}
	word = 0;
	memcpy(&word, at, bytes);
	return bytes_hash_mix(h ^ word, 0xe7037ed1a0b428dbULL ^ key);
}

static inline uint64_t text_hash(uint64_t key, const char *text)
{
	return bytes_hash(key, text, strlen(text));
}

#endif
