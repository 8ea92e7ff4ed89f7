/* What the two halves of the frame parser share: decap.c has the layers that every packet has, and
 * decap_tunnel.c those of mirrors that wrap what they send. A layer checks itself, narrows what is
 * left for the ones inside it, and names the next. Pure functions; any thread. */
#ifndef LEGTAP_DATAPLANE_DECAP_LAYER_H
#define LEGTAP_DATAPLANE_DECAP_LAYER_H

#include <rte_branch_prediction.h>

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

/* IANA's numbers; Linux had another for VXLAN before there was one. */
#define PORT_VXLAN 4789
#define PORT_VXLAN_OLD 8472
#define PORT_GENEVE 6081
#define PORT_MPLS 6635

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
	LAYER_DONE, /* the verdict is in */
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

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static inline bool is_tunnel_port(uint16_t port)
{
	return port == PORT_VXLAN || port == PORT_GENEVE || port == PORT_VXLAN_OLD ||
	       port == PORT_MPLS;
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
	default:
		return LAYER_DONE;
	}
}

static inline enum layer after_type(struct parser *p, uint16_t type, enum decap_verdict otherwise)
{
	enum layer layer = layer_of_type(type);

	return layer == LAYER_DONE ? done(p, otherwise) : layer;
}

/* LAYER_ETHERNET to LAYER_GENEVE. */
enum layer decap_tunnel(struct parser *p, enum layer layer);

/* The layer in a UDP payload to one of the ports above, by its first 8 bytes: a tunnel's when it
 * looks like one, else LAYER_UDP. */
enum layer decap_tunnel_in_udp(const uint8_t *payload, uint16_t port);

#endif
