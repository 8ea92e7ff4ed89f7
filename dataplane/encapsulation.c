#include "dataplane/encapsulation.h"

#include <stdbool.h>
#include <stdio.h>

#define VALUE_BITS 24
#define VALUE_MASK ((1U << VALUE_BITS) - 1)
#define VLAN_BITS 12
#define VLAN_MASK ((1U << VLAN_BITS) - 1)

enum kind {
	KIND_NONE,
	KIND_VLAN,
	KIND_TWO_VLANS,
	KIND_MANY_VLANS,
	KIND_VNI,
	KIND_KEY,
	KIND_WIDE_KEY, /* a digest of a key that is longer than a value */
	KIND_PPPOE,
	KIND_ERSPAN,
	KIND_NESTED, /* a digest */
};

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

/* An identity inside another one is a digest of both. */
static uint32_t push(uint32_t id, enum kind kind, uint32_t value)
{
	if (id == ENCAPSULATION_NONE)
		return make(kind, value);
	return make(KIND_NESTED, mix(mix(id) + make(kind, value)));
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
	case KIND_TWO_VLANS:
	case KIND_MANY_VLANS:
		return make(KIND_MANY_VLANS, mix(mix(value) + vlan));
	default:
		return push(id, KIND_VLAN, vlan);
	}
}

uint32_t encapsulation_push_vni(uint32_t id, uint32_t vni)
{
	return push(id, KIND_VNI, vni);
}

uint32_t encapsulation_push_key(uint32_t id, uint32_t key)
{
	if (key > VALUE_MASK)
		return push(id, KIND_WIDE_KEY, mix(key));
	return push(id, KIND_KEY, key);
}

uint32_t encapsulation_push_pppoe(uint32_t id, uint16_t session)
{
	return push(id, KIND_PPPOE, session);
}

uint32_t encapsulation_push_erspan(uint32_t id, uint16_t session)
{
	return push(id, KIND_ERSPAN, session);
}

static void print_value(enum kind kind, uint32_t value, char *buf, size_t size)
{
	static const struct {
		const char *name;
		bool digest;
	} kinds[] = {
		[KIND_VLAN] = {"vlan", false},
		[KIND_MANY_VLANS] = {"vlans", true},
		[KIND_VNI] = {"vni", false},
		[KIND_KEY] = {"key", false},
		[KIND_WIDE_KEY] = {"key", true},
		[KIND_PPPOE] = {"pppoe", false},
		[KIND_ERSPAN] = {"erspan", false},
		[KIND_NESTED] = {"nested", true},
	};

	if (kinds[kind].digest)
		snprintf(buf, size, "%s #%06x", kinds[kind].name, value);
	else
		snprintf(buf, size, "%s %u", kinds[kind].name, value);
}

char *encapsulation_format(uint32_t id, char *buf, size_t size)
{
	uint32_t value = id & VALUE_MASK;

	enum kind kind = (enum kind)(id >> VALUE_BITS & 0xf);

	if (kind == KIND_NONE)
		snprintf(buf, size, "%s", "");
	else if (kind == KIND_TWO_VLANS)
		snprintf(buf, size, "vlan %u.%u", value >> VLAN_BITS, value & VLAN_MASK);
	else if (kind <= KIND_NESTED)
		print_value(kind, value, buf, size);
	else
		snprintf(buf, size, "#%07x", id);
	return buf;
}
