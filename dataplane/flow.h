/* The key of a flow in the stream table: addresses, ports, encapsulation, rx core, as the bytes
 * stand on the wire. 16 bytes for IPv4, 40 for IPv6. Plain values; any thread. */
#ifndef LEGTAP_DATAPLANE_FLOW_H
#define LEGTAP_DATAPLANE_FLOW_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_hash_crc.h>

#include "common/topology.h"
#include "dataplane/dataplane.h"
#include "dataplane/encapsulation.h"

/* Ports in network order. `scope`: the encapsulation id, and the rx core above it. */
struct flow_key4 {
	uint8_t source[4];
	uint8_t destination[4];
	uint16_t source_port;
	uint16_t destination_port;
	uint32_t scope;
};
static_assert(sizeof(struct flow_key4) == 16, "compared and hashed as two words");

struct flow_key6 {
	uint8_t source[16];
	uint8_t destination[16];
	uint16_t source_port;
	uint16_t destination_port;
	uint32_t scope;
};
static_assert(sizeof(struct flow_key6) == 40, "compared and hashed as five words");

struct flow_key {
	union {
		struct flow_key4 v4;
		struct flow_key6 v6;
	};
	uint8_t version; /* 4 or 6 */
};

static_assert(TOPOLOGY_RX_MAX <= 1U << (32 - ENCAPSULATION_BITS), "an rx core's id fits the scope");

static inline uint32_t flow_scope(uint32_t encapsulation, unsigned int rx)
{
	return encapsulation | (uint32_t)rx << ENCAPSULATION_BITS;
}

/* The i-th word of a key's bytes. */
static inline uint64_t flow_word(const void *key, unsigned int i)
{
	uint64_t word;

	memcpy(&word, (const uint8_t *)key + 8U * i, sizeof(word));
	return word;
}

static inline uint32_t flow_key_hash(const struct flow_key *k)
{
	unsigned int words = k->version == 4 ? 2 : 5;
	uint32_t hash = 0;

	for (unsigned int i = 0; i < words; i++)
		hash = rte_hash_crc_8byte(flow_word(&k->v6, i), hash);
	return hash;
}

static inline bool flow_key4_equal(const struct flow_key4 *a, const struct flow_key4 *b)
{
	return ((flow_word(a, 0) ^ flow_word(b, 0)) | (flow_word(a, 1) ^ flow_word(b, 1))) == 0;
}

static inline bool flow_key6_equal(const struct flow_key6 *a, const struct flow_key6 *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The key of a flow. 0, or -EINVAL when its addresses are of two families or of none, its rx core
 * or its encapsulation out of range. */
int flow_key_of(const struct flow *flow, struct flow_key *out);

/* A key's two ends. */
struct netaddr flow_key_source(const struct flow_key *k);
struct netaddr flow_key_destination(const struct flow_key *k);

#endif
