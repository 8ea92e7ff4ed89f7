/* What the two halves of the frame parser share: decap.c has the layers that every packet has, and
 * decap_tunnel.c those of mirrors that wrap what they send. A layer checks itself, narrows what is
 * left for the ones inside it, and names the next. Pure functions; any thread. */
#ifndef LEGTAP_DATAPLANE_DECAP_LAYER_H
#define LEGTAP_DATAPLANE_DECAP_LAYER_H

#include <rte_branch_prediction.h>

#include "common/byte_order.h"
#include "dataplane/decap.h"

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8
#define TYPE_QINQ_OLD 0x9100
#define TYPE_ETHERNET 0x6558 /* Transparent Ethernet Bridging, in GRE and GENEVE */
#define TYPE_MPLS 0x8847
#define TYPE_MPLS_MULTICAST 0x8848
#define TYPE_PPPOE_SESSION 0x8864
#define TYPE_ERSPAN 0x88be   /* types I and II, in GRE */
#define TYPE_ERSPAN_3 0x22eb /* in GRE */
#define TYPE_VNTAG 0x8926    /* Cisco's, of fabric extenders */
#define TYPE_ETAG 0x893f     /* IEEE 802.1BR */
#define TYPE_NSH 0x894f	     /* RFC 8300 */
#define TYPE_CMD 0x8909	     /* Cisco's metadata */
#define LLC_LENGTH_MAX 1500  /* what stands for a type up to here is a length: IEEE 802.3 */

/* IANA's numbers; Linux had another for VXLAN before there was one. */
#define PORT_VXLAN 4789
#define PORT_VXLAN_OLD 8472
#define PORT_VXLAN_GPE 4790
#define PORT_GENEVE 6081
#define PORT_MPLS 6635
#define PORT_L2TP 1701
#define PORT_GTP_U 2152
#define PORT_TZSP 37008

#define PROTOCOL_ETHERIP 97
#define PROTOCOL_L2TP 115

/* Of IPv4's fragment field. */
#define MORE_FRAGMENTS 0x2000
#define FRAGMENT_OFFSET 0x1fff

enum layer {
	LAYER_LINK,
	LAYER_VLAN,
	LAYER_IPV4,
	LAYER_IPV6,
	LAYER_EXTENSION, /* of IPv6, or IPsec's AH */
	LAYER_UDP,
	LAYER_TCP,
	LAYER_ETHERNET, /* inside another packet */
	LAYER_MPLS,
	LAYER_PPPOE,
	LAYER_GRE,
	LAYER_VXLAN,
	LAYER_GENEVE,
	LAYER_VXLAN_GPE,
	LAYER_ETHERIP,
	LAYER_LLC,
	LAYER_VNTAG,
	LAYER_ETAG,
	LAYER_OTHER_TUNNEL, /* one that is known by its number only */
	LAYER_DONE,	    /* the verdict is in */
};

struct parser {
	const uint8_t *bytes;
	uint32_t at;	   /* offset of the next header */
	uint32_t end;	   /* where the innermost length so far says that the packet ends */
	uint32_t readable; /* offset of the first byte that must not be read */
	uint32_t captured;
	uint32_t encapsulation;
	uint8_t protocol; /* the IP protocol at `at` */
	enum link_type link;
	struct decap *out;
};

static inline bool is_tunnel_port(uint16_t port)
{
	/* Each in the place that its own bits 1 to 4 name. */
	static const uint16_t ports[16] = {
		[0] = PORT_GENEVE,
		[2] = PORT_L2TP,
		[4] = PORT_GTP_U,
		[5] = PORT_MPLS,
		[8] = PORT_TZSP,
		[10] = PORT_VXLAN,
		[11] = PORT_VXLAN_GPE,
		[12] = PORT_VXLAN_OLD,
	};

	return ports[port >> 1 & 15] == port;
}

/* The next n bytes, or NULL when the packet or what we have of it ends before. */
static inline const uint8_t *header(const struct parser *p, uint32_t n)
{
	uint32_t end = p->end < p->readable ? p->end : p->readable;

	return end >= p->at && end - p->at >= n ? p->bytes + p->at : NULL;
}

static inline enum layer done(struct parser *p, enum decap_verdict verdict)
{
	p->out->verdict = verdict;
	return LAYER_DONE;
}

/* The layer that an EtherType names; LAYER_DONE: none. */
static inline enum layer layer_of_type(uint16_t type)
{
	switch (type) {
	case TYPE_IPV4:
		return LAYER_IPV4;
	case TYPE_IPV6:
		return LAYER_IPV6;
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_QINQ_OLD:
		return LAYER_VLAN;
	case TYPE_MPLS:
	case TYPE_MPLS_MULTICAST:
		return LAYER_MPLS;
	case TYPE_PPPOE_SESSION:
		return LAYER_PPPOE;
	case TYPE_VNTAG:
		return LAYER_VNTAG;
	case TYPE_ETAG:
		return LAYER_ETAG;
	case TYPE_NSH:
	case TYPE_CMD:
		return LAYER_OTHER_TUNNEL;
	default:
		return LAYER_DONE;
	}
}

/* Behind a link's header, or a tag's: it may be a length. */
static inline enum layer after_link_type(struct parser *p, uint16_t type)
{
	enum layer layer = layer_of_type(type);

	if (likely(layer != LAYER_DONE))
		return layer;
	return type <= LLC_LENGTH_MAX ? LAYER_LLC : done(p, DECAP_NOT_IP);
}

/* IP of whichever version the first nibble says. */
static inline enum layer after_nibble(struct parser *p)
{
	const uint8_t *h = header(p, 1);

	if (!h)
		return done(p, DECAP_MALFORMED);
	switch (*h >> 4) {
	case 4:
		return LAYER_IPV4;
	case 6:
		return LAYER_IPV6;
	default:
		return done(p, DECAP_NOT_IP);
	}
}

/* LAYER_ETHERNET to LAYER_OTHER_TUNNEL. */
enum layer decap_tunnel(struct parser *p, enum layer layer);

/* The layer in a UDP payload to one of the ports above, by its first 8 bytes: a tunnel's when it
 * looks like one, else LAYER_UDP. */
enum layer decap_tunnel_in_udp(const uint8_t *payload, uint16_t port);

#endif
