/* The way of nearly every packet through the frame parser, straight on: Ethernet, at most one VLAN
 * tag, IPv4 without options, UDP to no tunnel's port, all of it whole and in one segment. It knows
 * no verdict but DECAP_UDP, and then says what decap_parse would; of all else it says nothing. A
 * pure function; any thread. */
#ifndef LEGTAP_DATAPLANE_DECAP_STRAIGHT_H
#define LEGTAP_DATAPLANE_DECAP_STRAIGHT_H

#include <netinet/in.h>

#include "dataplane/decap_layer.h"

#define STRAIGHT_LINK_BYTES 14U
#define STRAIGHT_HEADER_BYTES (STRAIGHT_LINK_BYTES + 20U + 8U)

/* Ports of tunnels and fragments are left to decap_parse. `ip`: 28 bytes may be read; `bytes`: as
 * many there are. */
static inline bool decap_is_straight(const uint8_t *ip, uint32_t bytes)
{
	uint32_t total = be16(ip + 2);
	uint32_t length = be16(ip + 24);

	return ip[0] == 0x45 && ip[9] == IPPROTO_UDP &&
	       (be16(ip + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) == 0 && total <= bytes &&
	       length >= 8 && length + 20 <= total && !is_tunnel_port(be16(ip + 22));
}

/* frame: `bytes` bytes, all readable. True: out is filled. */
static inline bool decap_straight(const uint8_t *frame, uint32_t bytes, struct decap *out)
{
	uint32_t encapsulation = ENCAPSULATION_NONE;
	uint32_t at = STRAIGHT_LINK_BYTES;
	const uint8_t *ip;

	if (unlikely(bytes < STRAIGHT_HEADER_BYTES + 4))
		return false;
	if (unlikely(be16(frame + 12) == TYPE_VLAN)) {
		encapsulation =
			encapsulation_push_vlan(ENCAPSULATION_NONE, be16(frame + 14) & 0x0fff);
		at += 4;
	}
	ip = frame + at;
	if (unlikely(be16(ip - 2) != TYPE_IPV4 || !decap_is_straight(ip, bytes - at)))
		return false;
	out->key.version = 4;
	memcpy(&out->key.v4, ip + 12, 12); /* addresses and ports, as they stand in both */
	out->key.v4.scope = encapsulation;
	out->payload_offset = at + 28;
	out->payload_bytes = be16(ip + 24) - 8U;
	out->payload_wire = out->payload_bytes;
	out->verdict = DECAP_UDP;
	return true;
}

#endif
