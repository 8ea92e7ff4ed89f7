/* What a host must answer so that others can send to its addresses: ARP (RFC 826), neighbour
 * solicitations (RFC 4861) and echo requests (RFC 792, RFC 4443); and what it says of itself
 * unasked (RFC 5227, 2.3; RFC 4861, 7.2.6).
 *
 * Frames are Ethernet with at most two VLAN tags, which the answer keeps. What is fragmented or
 * behind IPv6 extension headers is not answered, and of IPv4 no option comes back. Pure functions
 * of a frame in to a frame out; any thread. */
#ifndef LEGTAP_DATAPLANE_NEIGHBOUR_H
#define LEGTAP_DATAPLANE_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/netaddr.h"
#include "dataplane/dataplane.h"

#define NEIGHBOUR_MAC_BYTES 6
#define NEIGHBOUR_FRAME_BYTES 2048 /* the longest answer; an echo that needs more is ignored */

/* The addresses that are answered for; their ports mean nothing. */
struct neighbour_addresses {
	unsigned int count;
	struct netaddr list[DATAPLANE_OWN_MAX];
};

/* Who answers. */
struct neighbour_self {
	uint8_t mac[NEIGHBOUR_MAC_BYTES];
	const struct neighbour_addresses *addresses;
};

struct neighbour_frame {
	uint32_t count; /* bytes; 0: there is none */
	uint8_t bytes[NEIGHBOUR_FRAME_BYTES];
};

enum neighbour_verdict {
	NEIGHBOUR_ARP,	     /* an answer to ARP */
	NEIGHBOUR_SOLICITED, /* an answer to a neighbour solicitation */
	NEIGHBOUR_ECHO,	     /* an answer to ping */
	NEIGHBOUR_IGNORED,   /* not for us, though it may have seemed so: to another MAC address */
	NEIGHBOUR_MALFORMED, /* lengths, checksums or addresses that cannot be */
	NEIGHBOUR_CONFLICT,  /* another host says by ARP that it has one of the addresses */
};

/* Whether a frame may want an answer for one of the addresses: cheap, and sure only of a no. Reads
 * no byte beyond `readable`. */
bool neighbour_concerns(
	const struct neighbour_addresses *a, const uint8_t *frame, uint32_t readable);

/* Makes the answer to a frame of `bytes` bytes. With the first three verdicts there is one. */
enum neighbour_verdict neighbour_answer(const struct neighbour_self *self, const uint8_t *frame,
	uint32_t bytes, struct neighbour_frame *out);

/* Makes the frame that tells all hosts of an address: an ARP announcement, or an unsolicited
 * neighbour advertisement. Without VLAN tag. */
void neighbour_announce(const struct neighbour_self *self, const struct netaddr *address,
	struct neighbour_frame *out);

#endif
