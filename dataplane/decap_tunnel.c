/* The layers of tunnels: what a mirror, or the network below it, wrapped the packets in. None of
 * this is on the path of a packet that is only tagged. */
#include "dataplane/decap_layer.h"

#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING 0x4000
#define GRE_KEY 0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_REST 0x0fff /* recursion, flags and version: zero in RFC 2784 */

#define NVGRE_VSID_MIN 0x1000 /* RFC 7637, section 3.2: lower ones are reserved */

#define ERSPAN_TRUNCATED 0x0400
#define ERSPAN_SESSION 0x03ff
#define ERSPAN_FRAME 0 /* type III says what is in it */
#define ERSPAN_IP 2

#define GPE_VNI 0x08
#define GPE_NEXT 0x04
#define GPE_OAM 0x01

#define MPLS_BOTTOM 0x01
#define ETHERNET_BYTES_MIN 60
#define PPP_IPV4 0x0021
#define PPP_IPV6 0x0057
#define PPP_MPLS 0x0281

/* What a tunnel names by an EtherType; a length is none. */
static enum layer after_tunnel_type(struct parser *p, uint16_t type)
{
	enum layer layer = type == TYPE_ETHERNET ? LAYER_ETHERNET : layer_of_type(type);

	return layer == LAYER_DONE ? done(p, DECAP_UNKNOWN_TUNNEL) : layer;
}

static enum layer parse_ethernet(struct parser *p)
{
	const uint8_t *h = header(p, 14);

	if (!h)
		return done(p, DECAP_MALFORMED);
	p->at += 14;
	return after_link_type(p, be16(h + 12));
}

/* IEEE 802.2 with a SNAP header that names an EtherType (RFC 1042). */
static enum layer parse_llc(struct parser *p)
{
	const uint8_t *h = header(p, 3);

	if (!h)
		return done(p, DECAP_MALFORMED);
	if (h[0] != 0xaa || h[1] != 0xaa || h[2] != 0x03)
		return done(p, DECAP_NOT_IP); /* spanning tree and such */
	if (!header(p, 8))
		return done(p, DECAP_MALFORMED);
	if (h[3] | h[4] | h[5]) /* a maker's own protocol */
		return done(p, DECAP_NOT_IP);
	p->at += 8;
	return layer_of_type(be16(h + 6)) == LAYER_DONE ? done(p, DECAP_NOT_IP)
							: layer_of_type(be16(h + 6));
}

/* A tag that says nothing of whose addresses these are, of `bytes` bytes with the next type. */
static enum layer skip_tag(struct parser *p, uint32_t bytes)
{
	const uint8_t *h = header(p, bytes);

	if (!h)
		return done(p, DECAP_MALFORMED);
	p->at += bytes;
	return after_link_type(p, be16(h + bytes - 2));
}

/* RFC 3378 */
static enum layer parse_etherip(struct parser *p)
{
	const uint8_t *h = header(p, 2);

	if (!h)
		return done(p, DECAP_MALFORMED);
	if (h[0] >> 4 != 3)
		return done(p, DECAP_UNKNOWN_TUNNEL);
	p->at += 2;
	return LAYER_ETHERNET;
}

/* --- MPLS --- */

/* Whether an Ethernet header may stand `skip` bytes on. */
static bool is_ethernet(const struct parser *p, uint32_t skip)
{
	const uint8_t *h = header(p, skip + 14);

	return h && layer_of_type(be16(h + skip + 12)) != LAYER_DONE;
}

/* Whether `bytes` are what is left, but for the padding of the least of frames. */
static bool fills_packet(const struct parser *p, uint32_t bytes)
{
	uint32_t left = p->end - p->at;

	return bytes <= left && left - bytes < ETHERNET_BYTES_MIN;
}

static bool is_ipv4(const struct parser *p)
{
	const uint8_t *h = header(p, 20);

	return !h || ((h[0] & 0x0f) >= 5 && be16(h + 2) >= 20 && fills_packet(p, be16(h + 2)));
}

static bool is_ipv6(const struct parser *p)
{
	const uint8_t *h = header(p, 40);

	return !h || fills_packet(p, 40U + be16(h + 4));
}

/* Nothing in a label stack says what it carries: the first nibble tells IP from a control word (RFC
 * 4385), and a pseudowire without one may begin with any. */
static enum layer below_labels(struct parser *p)
{
	const uint8_t *h = header(p, 1);

	if (!h)
		return done(p, DECAP_MALFORMED);
	if (h[0] >> 4 == 4 && (is_ipv4(p) || !is_ethernet(p, 0)))
		return LAYER_IPV4;
	if (h[0] >> 4 == 6 && (is_ipv6(p) || !is_ethernet(p, 0)))
		return LAYER_IPV6;
	if (!header(p, h[0] >> 4 == 0 ? 18 : 14))
		return done(p, DECAP_MALFORMED);
	if (h[0] >> 4 == 0 && is_ethernet(p, 4)) {
		p->at += 4;
		return LAYER_ETHERNET;
	}
	return is_ethernet(p, 0) ? LAYER_ETHERNET : done(p, DECAP_UNKNOWN_TUNNEL);
}

static enum layer parse_mpls(struct parser *p)
{
	for (unsigned int i = 0; i < DECAP_LAYERS_MAX; i++) {
		const uint8_t *h = header(p, 4);

		if (!h)
			return done(p, DECAP_MALFORMED);
		p->at += 4;
		if (h[2] & MPLS_BOTTOM)
			return below_labels(p);
	}
	return done(p, DECAP_TOO_DEEP);
}

/* --- PPPoE --- */

static enum layer after_ppp(struct parser *p, uint16_t protocol)
{
	switch (protocol) {
	case PPP_IPV4:
		return LAYER_IPV4;
	case PPP_IPV6:
		return LAYER_IPV6;
	case PPP_MPLS:
		return LAYER_MPLS;
	default:
		return done(p, DECAP_NOT_IP); /* LCP and such */
	}
}

/* The protocol of PPP is of one byte when that is odd (RFC 1661, section 6.5). */
static enum layer parse_pppoe(struct parser *p)
{
	const uint8_t *h = header(p, 7);
	uint32_t length;

	if (!h || h[0] != 0x11)
		return done(p, DECAP_MALFORMED);
	length = be16(h + 4);
	if (h[1] != 0 || length == 0 || length > p->end - p->at - 6)
		return done(p, DECAP_MALFORMED);
	p->encapsulation = encapsulation_push_pppoe(p->encapsulation, be16(h + 2));
	p->at += 6;
	p->end = p->at + length;
	if (h[6] & 1) {
		p->at += 1;
		return after_ppp(p, h[6]);
	}
	if (!header(p, 2))
		return done(p, DECAP_MALFORMED);
	p->at += 2;
	return after_ppp(p, be16(h + 6));
}

/* --- GRE and what is in it --- */

/* The switch cut the frame: lengths in it may go beyond the end of the packet, as in a capture that
 * cut it. */
static void forget_end(struct parser *p)
{
	if (p->captured > p->end)
		p->captured = p->end;
	if (p->readable > p->end)
		p->readable = p->end;
	p->end = p->at + UINT16_MAX + 64; /* an IP packet and what is around it */
}

static enum layer parse_erspan_2(struct parser *p)
{
	const uint8_t *h = header(p, 8);

	if (!h)
		return done(p, DECAP_MALFORMED);
	if (h[0] >> 4 != 1)
		return done(p, DECAP_UNKNOWN_TUNNEL);
	p->encapsulation = encapsulation_push_erspan(
		p->encapsulation, (uint16_t)(be16(h + 2) & ERSPAN_SESSION));
	p->at += 8;
	if (be16(h + 2) & ERSPAN_TRUNCATED)
		forget_end(p);
	return LAYER_ETHERNET;
}

static enum layer parse_erspan_3(struct parser *p)
{
	const uint8_t *h = header(p, 12);
	uint32_t bytes;
	uint8_t type;

	if (!h)
		return done(p, DECAP_MALFORMED);
	bytes = 12 + (h[11] & 1U) * 8U; /* with a platform's own part */
	type = h[10] >> 2 & 0x1f;
	if (h[0] >> 4 != 2 || (type != ERSPAN_FRAME && type != ERSPAN_IP))
		return done(p, DECAP_UNKNOWN_TUNNEL);
	if (!header(p, bytes))
		return done(p, DECAP_MALFORMED);
	p->encapsulation = encapsulation_push_erspan(
		p->encapsulation, (uint16_t)(be16(h + 2) & ERSPAN_SESSION));
	p->at += bytes;
	if (be16(h + 2) & ERSPAN_TRUNCATED)
		forget_end(p);
	return type == ERSPAN_IP ? after_nibble(p) : LAYER_ETHERNET;
}

static enum layer after_gre(struct parser *p, uint16_t type, uint16_t flags)
{
	switch (type) {
	case TYPE_ERSPAN: /* type I has no header, and no sequence number in GRE's */
		return flags & GRE_SEQUENCE ? parse_erspan_2(p) : LAYER_ETHERNET;
	case TYPE_ERSPAN_3:
		return parse_erspan_3(p);
	default:
		return after_tunnel_type(p, type);
	}
}

/* NVGRE's key is a virtual network and, in its low byte, a number that differs by flow. */
static void push_key(struct parser *p, uint32_t key, uint16_t type, uint16_t flags)
{
	if (type == TYPE_ETHERNET && flags == GRE_KEY && key >> 8 >= NVGRE_VSID_MIN)
		p->encapsulation = encapsulation_push_vni(p->encapsulation, key >> 8);
	else
		p->encapsulation = encapsulation_push_key(p->encapsulation, key);
}

static enum layer parse_gre(struct parser *p)
{
	const uint8_t *h = header(p, 4);
	uint16_t flags;
	uint32_t key_at;
	uint32_t bytes;

	if (!h)
		return done(p, DECAP_MALFORMED);
	flags = be16(h);
	if (flags & (GRE_ROUTING | GRE_REST))
		return done(p, DECAP_UNKNOWN_TUNNEL);
	key_at = flags & GRE_CHECKSUM ? 8 : 4;
	bytes = key_at + (flags & GRE_KEY ? 4 : 0) + (flags & GRE_SEQUENCE ? 4 : 0);
	if (!header(p, bytes))
		return done(p, DECAP_MALFORMED);
	if (flags & GRE_KEY)
		push_key(p, be32(h + key_at), be16(h + 2), flags);
	p->at += bytes;
	return after_gre(p, be16(h + 2), flags);
}

/* --- In UDP --- */

/* Packets of L2TP (RFC 2661, 3931), GTP-U (3GPP TS 29.281) and TZSP that bear others. */
static bool is_other_tunnel(const uint8_t *h, uint16_t port)
{
	switch (port) {
	case PORT_L2TP:
		return ((h[0] & 0xb4) == 0 && h[1] == 2) || (h[0] == 0 && h[1] == 3);
	case PORT_GTP_U:
		return (h[0] & 0xf8) == 0x30 && h[1] == 0xff;
	case PORT_TZSP:
		return h[0] == 1 && h[1] <= 1;
	default:
		return false;
	}
}

/* RTP to one of these ports begins with binary 10, SIP with a letter. */
enum layer decap_tunnel_in_udp(const uint8_t *h, uint16_t port)
{
	switch (port) {
	case PORT_VXLAN:
	case PORT_VXLAN_OLD: /* flags: a VNI is there; groups (GBP) may be */
		return (h[0] & 0x7f) == 0x08 && h[7] == 0 ? LAYER_VXLAN : LAYER_UDP;
	case PORT_VXLAN_GPE:
		return (h[0] & 0xf0) == 0 && (h[0] & (GPE_VNI | GPE_NEXT)) && h[7] == 0
			       ? LAYER_VXLAN_GPE
			       : LAYER_UDP;
	case PORT_GENEVE:
		return h[0] >> 6 == 0 && (h[1] & 0x3f) == 0 && h[7] == 0 ? LAYER_GENEVE : LAYER_UDP;
	case PORT_MPLS:
		return h[0] >> 6 == 2 ? LAYER_UDP : LAYER_MPLS;
	default:
		return is_other_tunnel(h, port) ? LAYER_OTHER_TUNNEL : LAYER_UDP;
	}
}

static enum layer parse_vxlan(struct parser *p)
{
	const uint8_t *h = header(p, 8);

	if (!h)
		return done(p, DECAP_MALFORMED);
	p->encapsulation = encapsulation_push_vni(p->encapsulation, be32(h + 4) >> 8);
	p->at += 8;
	return LAYER_ETHERNET;
}

static enum layer after_gpe(struct parser *p, uint8_t next)
{
	static const enum layer layers[] = {
		[1] = LAYER_IPV4,
		[2] = LAYER_IPV6,
		[3] = LAYER_ETHERNET,
		[4] = LAYER_OTHER_TUNNEL, /* NSH */
		[5] = LAYER_MPLS,
	};

	return next > 0 && next < sizeof(layers) / sizeof(layers[0])
		       ? layers[next]
		       : done(p, DECAP_UNKNOWN_TUNNEL);
}

/* draft-ietf-nvo3-vxlan-gpe */
static enum layer parse_vxlan_gpe(struct parser *p)
{
	const uint8_t *h = header(p, 8);

	if (!h)
		return done(p, DECAP_MALFORMED);
	if (h[0] & GPE_OAM)
		return done(p, DECAP_UNKNOWN_TUNNEL);
	if (h[0] & GPE_VNI)
		p->encapsulation = encapsulation_push_vni(p->encapsulation, be32(h + 4) >> 8);
	p->at += 8;
	return h[0] & GPE_NEXT ? after_gpe(p, h[3]) : LAYER_ETHERNET;
}

static enum layer parse_geneve(struct parser *p)
{
	const uint8_t *h = header(p, 8);
	uint32_t bytes = h ? 8 + (h[0] & 0x3fU) * 4U : 0;

	if (!h || !header(p, bytes))
		return done(p, DECAP_MALFORMED);
	p->encapsulation = encapsulation_push_vni(p->encapsulation, be32(h + 4) >> 8);
	p->at += bytes;
	return after_tunnel_type(p, be16(h + 2));
}

enum layer decap_tunnel(struct parser *p, enum layer layer)
{
	switch (layer) {
	case LAYER_ETHERNET:
		return parse_ethernet(p);
	case LAYER_MPLS:
		return parse_mpls(p);
	case LAYER_PPPOE:
		return parse_pppoe(p);
	case LAYER_GRE:
		return parse_gre(p);
	case LAYER_VXLAN:
		return parse_vxlan(p);
	case LAYER_GENEVE:
		return parse_geneve(p);
	case LAYER_VXLAN_GPE:
		return parse_vxlan_gpe(p);
	case LAYER_ETHERIP:
		return parse_etherip(p);
	case LAYER_LLC:
		return parse_llc(p);
	case LAYER_VNTAG:
		return skip_tag(p, 6);
	case LAYER_ETAG:
		return skip_tag(p, 8);
	case LAYER_OTHER_TUNNEL:
		return done(p, DECAP_UNKNOWN_TUNNEL);
	default:
		return LAYER_DONE;
	}
}
