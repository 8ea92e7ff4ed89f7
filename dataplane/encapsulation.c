#include "dataplane/encapsulation.h"

#include <stdio.h>

#define VALUE_BITS 24
#define VALUE_MASK ((1U << VALUE_BITS) - 1)
#define VLAN_BITS 12
#define VLAN_MASK ((1U << VLAN_BITS) - 1)

enum kind { KIND_NONE, KIND_VLAN, KIND_TWO_VLANS, KIND_MANY_VLANS };

static uint32_t make(enum kind kind, uint32_t value)
{
	return (uint32_t)kind << VALUE_BITS | (value & VALUE_MASK);
}

/* The finalizer of MurmurHash3: every bit of the input moves every bit of the result. */
static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x85ebca6bU;
	x ^= x >> 13;
	x *= 0xc2b2ae35U;
	return x ^ x >> 16;
}

uint32_t encapsulation_push_vlan(uint32_t id, uint16_t vlan)
{
	uint32_t value = id & VALUE_MASK;

	vlan &= VLAN_MASK;
	if (vlan == 0)
		return id;
	switch (id >> VALUE_BITS) {
	case KIND_NONE:
		return make(KIND_VLAN, vlan);
	case KIND_VLAN:
		return make(KIND_TWO_VLANS, value << VLAN_BITS | vlan);
	default:
		return make(KIND_MANY_VLANS, mix(mix(value) + vlan));
	}
}

char *encapsulation_format(uint32_t id, char *buf, size_t size)
{
	uint32_t value = id & VALUE_MASK;

	switch (id >> VALUE_BITS) {
	case KIND_NONE:
		snprintf(buf, size, "%s", "");
		break;
	case KIND_VLAN:
		snprintf(buf, size, "vlan %u", value);
		break;
	case KIND_TWO_VLANS:
		snprintf(buf, size, "vlan %u.%u", value >> VLAN_BITS, value & VLAN_MASK);
		break;
	default:
		snprintf(buf, size, "vlans #%06x", value);
	}
	return buf;
}
