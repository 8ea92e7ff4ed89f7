/* From the bytes of a frame to its UDP payload and the flow that it is of.
 *
 * Link layers: Ethernet (II), and those of captures (link.h). Then VLAN tags (IEEE 802.1Q, 802.1ad,
 * and 0x9100), IPv4 (RFC 791, with options), IPv6 (RFC 8200, with the extension headers that leave
 * the payload in the clear), UDP (RFC 768). Among and around them, in any order, what mirrors wrap
 * packets in: MPLS (RFC 3032; IP or an Ethernet pseudowire, RFC 4448, below; in IP and in UDP,
 * too), PPPoE sessions (RFC 2516), GRE (RFC 2784, 2890), NVGRE (RFC 7637), ERSPAN I, II and III,
 * VXLAN (RFC 7348) and VXLAN-GPE, GENEVE (RFC 8926), IP in IP (RFC 2003, 2473, 4213), EtherIP (RFC
 * 3378), VN-tag, E-tag (IEEE 802.1BR), LLC with SNAP (RFC 1042). L2TP, GTP-U, TZSP, PPTP's GRE, NSH
 * and Cisco's CMD are told, not followed. At most DECAP_LAYERS_MAX headers. Every length is checked
 * against the one around it, and against what was captured; padding behind the IP packet is
 * ignored. A pure function; any thread. */
#ifndef LEGTAP_DATAPLANE_DECAP_H
#define LEGTAP_DATAPLANE_DECAP_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/flow.h"
#include "dataplane/link.h"

/* Headers in one another; a stack of MPLS labels counts as one, of at most as many labels. */
#define DECAP_LAYERS_MAX 24

enum decap_verdict {
	DECAP_UDP,
	DECAP_TCP,
	DECAP_NOT_UDP,	      /* IP, but neither UDP nor TCP */
	DECAP_NOT_IP,	      /* neither IP nor a known way around it */
	DECAP_FRAGMENT,	      /* a piece of an IP packet that may become one of the first two */
	DECAP_UNKNOWN_TUNNEL, /* a tunnel with something in it that is not known */
	DECAP_TOO_DEEP,	      /* more headers in one another than DECAP_LAYERS_MAX */
	DECAP_MALFORMED,      /* a header contradicts a length, or is not whole */
};

struct frame {
	const uint8_t *bytes;
	uint32_t readable; /* bytes that may be read: the first segment of an mbuf */
	uint32_t captured; /* bytes that there are, in all segments */
	uint32_t wire;	   /* bytes that the frame had; more than captured: it was cut */
	enum link_type link;
};

struct decap {
	struct flow_key key; /* with DECAP_UDP and DECAP_TCP; the rx core in its scope is 0. With
				DECAP_FRAGMENT all but the ports */
	/* With these three. Of TCP the header is a part of the payload: at least 20 bytes of it are
	 * readable, and say how long it is. Of a fragment the payload begins with the header that
	 * says which one it is, IPv4's or IPv6's fragment header (RFC 8200, 4.5): whole, and
	 * readable. */
	uint32_t payload_offset; /* from the frame's first byte */
	uint32_t payload_bytes;	 /* that were captured */
	uint32_t payload_wire;	 /* that were sent: more when the frame was cut */
	enum decap_verdict verdict;
};

/* Returns out->verdict. Reads no byte beyond frame->readable. */
enum decap_verdict decap_parse(const struct frame *frame, struct decap *out);

#endif
