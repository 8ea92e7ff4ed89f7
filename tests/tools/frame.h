/* Ethernet frames with VLAN tags, IPv4 or IPv6, UDP; checksums right (RFC 791, 768, 8200). */
#ifndef LEGTAP_TESTS_TOOLS_FRAME_H
#define LEGTAP_TESTS_TOOLS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "callplan.h"

#define FRAME_BYTES_MAX 4096

struct frame {
	size_t bytes;
	uint8_t data[FRAME_BYTES_MAX];
};

/* What all frames of a run have in common. */
struct framing {
	uint32_t vlan_count;
	const uint16_t *vlans;
	uint16_t ip_id; /* of the next IPv4 packet */
};

/* Appends to a frame; what does not fit ends the program. */
void frame_put(struct frame *f, const void *data, size_t bytes);

/* Wraps a UDP payload. */
void frame_udp(struct frame *f, struct framing *framing, const struct endpoint *source,
	const struct endpoint *destination, const void *payload, size_t bytes);

#endif
