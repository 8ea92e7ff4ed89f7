/* The loop over layers, and those of them that every packet has. */
#include <netinet/in.h>

#include "dataplane/decap_layer.h"

/* A link header of `bytes` bytes with the EtherType at `type_at`. */
static inline enum layer after_link(struct parser *p, uint32_t bytes, uint32_t type_at)
{
	const uint8_t *h = header(p, bytes);

	if (unlikely(!h))
		return done(p, DECAP_MALFORMED);
	p->at += bytes;
	return after_link_type(p, be16(h + type_at));
}

/* BSD's loopback: an address family in the byte order of whoever captured, each system with its own
 * number for IPv6. */
static enum layer after_null(struct parser *p)
{
	const uint8_t *h = header(p, 4);

	if (!h)
		return done(p, DECAP_MALFORMED);
	p->at += 4;
	switch (h[0] | h[1] | h[2] | h[3]) {
	case 2:
		return LAYER_IPV4;
	case 10:
	case 24:
	case 28:
	case 30:
		return LAYER_IPV6;
	default:
		return done(p, DECAP_NOT_IP);
	}
}

/* An IP packet out of an encapsulation that is gone. */
static enum layer after_inner(struct parser *p)
{
	const uint8_t *h = header(p, LINK_INNER_BYTES);

	if (!h)
		return done(p, DECAP_MALFORMED);
	p->encapsulation = be32(h) & ((1U << ENCAPSULATION_BITS) - 1);
	p->at += LINK_INNER_BYTES;
	return after_nibble(p);
}

static inline enum layer parse_link(struct parser *p)
{
	switch (p->link) {
	case LINK_ETHERNET:
		return after_link(p, 14, 12);
	case LINK_SLL:
		return after_link(p, 16, 14);
	case LINK_SLL2:
		return after_link(p, 20, 0);
	case LINK_RAW:
		return after_nibble(p);
	case LINK_NULL:
		return after_null(p);
	case LINK_INNER:
		return after_inner(p);
	}
	return done(p, DECAP_NOT_IP);
}

static enum layer parse_vlan(struct parser *p)
{
	const uint8_t *h = header(p, 4);

	if (!h)
		return done(p, DECAP_MALFORMED);
	p->encapsulation = encapsulation_push_vlan(p->encapsulation, be16(h) & 0x0fff);
	p->at += 4;
	return after_link_type(p, be16(h + 2));
}

/* The layer that an IP protocol names; LAYER_DONE: none. */
static inline enum layer layer_of_protocol(uint8_t protocol, uint8_t version)
{
	switch (protocol) {
	case IPPROTO_UDP:
		return LAYER_UDP;
	case IPPROTO_TCP:
		return LAYER_TCP;
	case IPPROTO_IPIP:
		return LAYER_IPV4;
	case IPPROTO_IPV6:
		return LAYER_IPV6;
	case IPPROTO_GRE:
		return LAYER_GRE;
	case IPPROTO_MPLS:
		return LAYER_MPLS;
	case PROTOCOL_ETHERIP:
		return LAYER_ETHERIP;
	case PROTOCOL_L2TP:
		return LAYER_OTHER_TUNNEL;
	case IPPROTO_AH:
		return LAYER_EXTENSION;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_DSTOPTS:
		return version == 6 ? LAYER_EXTENSION : LAYER_DONE;
	default:
		return LAYER_DONE;
	}
}

static inline enum layer after_protocol(struct parser *p, uint8_t protocol)
{
	enum layer layer = layer_of_protocol(protocol, p->out->key.version);

	p->protocol = protocol;
	return layer == LAYER_DONE ? done(p, DECAP_NOT_UDP) : layer;
}

/* A fragment, whose header stands at p->at, of a packet of `protocol`: of those that nobody looks
 * into none is wanted. */
static enum layer after_fragment(struct parser *p, uint8_t protocol)
{
	struct decap *out = p->out;
	uint32_t captured = p->captured - p->at;
	enum layer layer = layer_of_protocol(protocol, out->key.version);

	if (layer == LAYER_DONE)
		return done(p, DECAP_NOT_UDP);
	if (layer == LAYER_OTHER_TUNNEL)
		return done(p, DECAP_UNKNOWN_TUNNEL);
	if (out->key.version == 4)
		out->key.v4.scope = p->encapsulation;
	else
		out->key.v6.scope = p->encapsulation;
	out->payload_offset = p->at;
	out->payload_wire = p->end - p->at;
	out->payload_bytes = out->payload_wire < captured ? out->payload_wire : captured;
	return done(p, DECAP_FRAGMENT);
}

static inline enum layer parse_ipv4(struct parser *p)
{
	const uint8_t *h = header(p, 20);
	uint32_t header_bytes;
	uint32_t total;

	if (unlikely(!h || h[0] >> 4 != 4))
		return done(p, DECAP_MALFORMED);
	header_bytes = (h[0] & 0x0fU) * 4U;
	total = be16(h + 2);
	if (unlikely(header_bytes < 20 || total < header_bytes || total > p->end - p->at ||
		     !header(p, header_bytes)))
		return done(p, DECAP_MALFORMED);
	p->out->key.version = 4;
	memcpy(p->out->key.v4.source, h + 12, 4);
	memcpy(p->out->key.v4.destination, h + 16, 4);
	p->end = p->at + total;
	if (unlikely(be16(h + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)))
		return after_fragment(p, h[9]);
	p->at += header_bytes;
	return likely(h[9] == IPPROTO_UDP) ? LAYER_UDP : after_protocol(p, h[9]);
}

static enum layer parse_ipv6(struct parser *p)
{
	const uint8_t *h = header(p, 40);

	if (!h || h[0] >> 4 != 6 || be16(h + 4) > p->end - p->at - 40)
		return done(p, DECAP_MALFORMED);
	p->out->key.version = 6;
	memcpy(p->out->key.v6.source, h + 8, 16);
	memcpy(p->out->key.v6.destination, h + 24, 16);
	p->at += 40;
	p->end = p->at + be16(h + 4);
	return after_protocol(p, h[6]);
}

static uint32_t extension_bytes(uint8_t protocol, uint8_t length)
{
	switch (protocol) {
	case IPPROTO_FRAGMENT:
		return 8;
	case IPPROTO_AH: /* RFC 4302, section 2.2: in units of 4, less 2 */
		return (length + 2U) * 4U;
	default:
		return (length + 1U) * 8U;
	}
}

static enum layer parse_extension(struct parser *p)
{
	const uint8_t *h = header(p, 8);
	uint32_t bytes;

	if (!h)
		return done(p, DECAP_MALFORMED);
	bytes = extension_bytes(p->protocol, h[1]);
	/* A fragment header on a whole packet is legal: an atomic fragment, RFC 6946. */
	if (p->protocol == IPPROTO_FRAGMENT && (be16(h + 2) & 0xfff9))
		return after_fragment(p, h[0]);
	if (!header(p, bytes))
		return done(p, DECAP_MALFORMED);
	p->at += bytes;
	return after_protocol(p, h[0]);
}

/* They stand at the beginning of UDP's header and of TCP's. */
static inline void set_ports(struct parser *p, const uint8_t *h)
{
	struct flow_key *key = &p->out->key;

	if (likely(key->version == 4)) {
		memcpy(&key->v4.source_port, h, 4); /* and the destination's */
		key->v4.scope = p->encapsulation;
	} else {
		memcpy(&key->v6.source_port, h, 4);
		key->v6.scope = p->encapsulation;
	}
}

static inline enum layer parse_udp(struct parser *p)
{
	const uint8_t *h = header(p, 8);
	uint32_t length;
	uint32_t captured;

	if (unlikely(!h))
		return done(p, DECAP_MALFORMED);
	length = be16(h + 4);
	if (unlikely(length < 8 || length > p->end - p->at))
		return done(p, DECAP_MALFORMED);
	set_ports(p, h);
	p->at += 8;
	if (unlikely(is_tunnel_port(be16(h + 2))) && length >= 16 && header(p, 8)) {
		enum layer inside = decap_tunnel_in_udp(h + 8, be16(h + 2));

		if (inside != LAYER_UDP) {
			p->end = p->at + length - 8;
			return inside;
		}
	}
	p->out->payload_offset = p->at;
	p->out->payload_wire = length - 8;
	captured = p->captured - p->at;
	p->out->payload_bytes = length - 8 < captured ? length - 8 : captured;
	return done(p, DECAP_UDP);
}

static inline enum layer parse_tcp(struct parser *p)
{
	const uint8_t *h = header(p, 20);
	uint32_t length = p->end - p->at;
	uint32_t captured;

	if (!h || (h[12] >> 4) * 4U < 20 || (h[12] >> 4) * 4U > length)
		return done(p, DECAP_MALFORMED);
	set_ports(p, h);
	captured = p->captured - p->at;
	p->out->payload_offset = p->at;
	p->out->payload_wire = length;
	p->out->payload_bytes = length < captured ? length : captured;
	return done(p, DECAP_TCP);
}

/* A copy: the parser whose address goes nowhere stays in registers. */
static inline enum layer parse_tunnel(struct parser *p, enum layer layer)
{
	struct parser copy = *p;

	layer = decap_tunnel(&copy, layer);
	*p = copy;
	return layer;
}

static inline enum layer parse_layer(struct parser *p, enum layer layer)
{
	switch (layer) {
	case LAYER_LINK:
		return parse_link(p);
	case LAYER_VLAN:
		return parse_vlan(p);
	case LAYER_IPV4:
		return parse_ipv4(p);
	case LAYER_IPV6:
		return parse_ipv6(p);
	case LAYER_EXTENSION:
		return parse_extension(p);
	case LAYER_UDP:
		return parse_udp(p);
	case LAYER_TCP:
		return parse_tcp(p);
	default:
		return parse_tunnel(p, layer);
	}
}

enum decap_verdict decap_parse(const struct frame *frame, struct decap *out)
{
	struct parser p = {
		.bytes = frame->bytes,
		.end = frame->wire > frame->captured ? frame->wire : frame->captured,
		.readable = frame->readable,
		.captured = frame->captured,
		.encapsulation = ENCAPSULATION_NONE,
		.link = frame->link,
		.out = out,
	};
	unsigned int depth = 4;
	enum layer layer = parse_link(&p);

	/* The way of nearly every packet: straight on. */
	if (layer == LAYER_VLAN)
		layer = parse_vlan(&p);
	if (likely(layer == LAYER_IPV4))
		layer = parse_ipv4(&p);
	if (likely(layer == LAYER_UDP))
		layer = parse_udp(&p);
	for (; layer != LAYER_DONE; depth++) {
		if (depth == DECAP_LAYERS_MAX)
			return out->verdict = DECAP_TOO_DEEP;
		layer = parse_layer(&p, layer);
	}
	return out->verdict;
}
