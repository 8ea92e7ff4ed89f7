#include "dataplane/neighbour.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/decap_layer.h"

#define TYPE_ARP 0x0806
#define TAGS_MAX 2
#define LINK_BYTES 14U
#define ARP_BYTES 28U
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define IPV4_BYTES 20U
#define IPV6_BYTES 40U
#define ICMP_BYTES 8U
#define SOLICITATION_BYTES 24U
#define ADVERTISEMENT_BYTES 32U /* with the option for the target's MAC address */
#define LEAST_BYTES 60U		/* of a frame, without its checksum */

#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_REQUEST 8
#define ICMP6_ECHO_REQUEST 128
#define ICMP6_ECHO_REPLY 129
#define ICMP6_SOLICITATION 135
#define ICMP6_ADVERTISEMENT 136
#define ADVERTISEMENT_SOLICITED 0x40
#define ADVERTISEMENT_OVERRIDE 0x20
#define OPTION_SOURCE_MAC 1
#define OPTION_TARGET_MAC 2

static const uint8_t every_host[NEIGHBOUR_MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
static const uint8_t all_nodes_mac[NEIGHBOUR_MAC_BYTES] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t unspecified[16];
/* Ethernet, IPv4, and the lengths of their addresses. */
static const uint8_t arp_kinds[6] = {0, 1, TYPE_IPV4 >> 8, TYPE_IPV4 & 0xff, 6, 4};

/* --- Reading --- */

/* A frame behind its link header. */
struct view {
	const uint8_t *frame;
	const uint8_t *p; /* of `type` */
	uint32_t left;	  /* bytes from p on */
	uint16_t type;
};

static bool open_link(struct view *v, const uint8_t *frame, uint32_t bytes)
{
	uint32_t at = LINK_BYTES;

	if (bytes < at)
		return false;
	for (unsigned int tags = 0; layer_of_type(be16(frame + at - 2)) == LAYER_VLAN; tags++) {
		if (tags == TAGS_MAX || bytes < at + 4)
			return false;
		at += 4;
	}
	*v = (struct view){frame, frame + at, bytes - at, be16(frame + at - 2)};
	return true;
}

static bool is_ours(const struct neighbour_addresses *a, uint8_t family, const uint8_t *ip)
{
	for (unsigned int i = 0; i < a->count; i++)
		if (a->list[i].family == family &&
			memcmp(a->list[i].ip, ip, family == 4 ? 4 : 16) == 0)
			return true;
	return false;
}

/* ff02::1:ffXX:XXXX, with the last 24 bits of the address (RFC 4291, 2.7.1). */
static bool is_solicited_node(const uint8_t *group, const uint8_t *ip)
{
	static const uint8_t prefix[13] = {0xff, 0x02, [11] = 1, [12] = 0xff};

	return memcmp(group, prefix, sizeof(prefix)) == 0 && memcmp(group + 13, ip + 13, 3) == 0;
}

static bool is_ours_or_solicited(const struct neighbour_addresses *a, const uint8_t *ip)
{
	if (is_ours(a, 6, ip))
		return true;
	for (unsigned int i = 0; i < a->count; i++)
		if (a->list[i].family == 6 && is_solicited_node(ip, a->list[i].ip))
			return true;
	return false;
}

static bool is_group(const uint8_t *mac)
{
	return mac[0] & 1;
}

static bool is_mac(const uint8_t *mac, const uint8_t *other)
{
	return memcmp(mac, other, NEIGHBOUR_MAC_BYTES) == 0;
}

static bool concerns_ipv4(const struct neighbour_addresses *a, const struct view *v)
{
	uint32_t header_bytes = (v->p[0] & 0x0fU) * 4U;

	return v->left > header_bytes && v->p[9] == IPPROTO_ICMP && is_ours(a, 4, v->p + 16) &&
	       (be16(v->p + 6) & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) == 0 &&
	       v->p[header_bytes] == ICMP_ECHO_REQUEST;
}

bool neighbour_concerns(
	const struct neighbour_addresses *a, const uint8_t *frame, uint32_t readable)
{
	struct view v;

	if (!open_link(&v, frame, readable))
		return false;
	switch (v.type) {
	case TYPE_ARP:
		return v.left >= ARP_BYTES && be16(v.p + 6) == ARP_REQUEST &&
		       is_ours(a, 4, v.p + 24);
	case TYPE_IPV4:
		return v.left > IPV4_BYTES && concerns_ipv4(a, &v);
	case TYPE_IPV6:
		return v.left > IPV6_BYTES && v.p[6] == IPPROTO_ICMPV6 &&
		       (v.p[IPV6_BYTES] == ICMP6_SOLICITATION ||
			       v.p[IPV6_BYTES] == ICMP6_ECHO_REQUEST) &&
		       is_ours_or_solicited(a, v.p + 24);
	default:
		return false;
	}
}

/* --- Checksums (RFC 1071) --- */

static uint32_t sum(const uint8_t *bytes, uint32_t count, uint32_t so_far)
{
	for (; count > 1; count -= 2, bytes += 2)
		so_far += be16(bytes);
	return count ? so_far + (uint32_t)(bytes[0] << 8) : so_far;
}

static uint16_t fold(uint32_t so_far)
{
	while (so_far >> 16)
		so_far = (so_far & 0xffff) + (so_far >> 16);
	return (uint16_t)so_far;
}

/* Of the pseudo-header (RFC 8200, 8.1) and the `count` bytes behind an IPv6 header. */
static uint16_t sum_ipv6(const uint8_t *ip, uint32_t count)
{
	return fold(sum(ip + IPV6_BYTES, count, sum(ip + 8, 32, count + IPPROTO_ICMPV6)));
}

/* --- Writing --- */

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* The link header of an answer, with the tags of the frame in. Returns where the rest goes,
 * which is `count` bytes long; NULL when that has no room. */
static uint8_t *begin(const struct neighbour_self *self, const struct view *v, const uint8_t *to,
	uint32_t count, struct neighbour_frame *out)
{
	uint32_t link = (uint32_t)(v->p - v->frame);

	if (count > sizeof(out->bytes) - link)
		return NULL;
	memcpy(out->bytes, v->frame, link);
	memcpy(out->bytes, to, NEIGHBOUR_MAC_BYTES);
	memcpy(out->bytes + 6, self->mac, NEIGHBOUR_MAC_BYTES);
	out->count = link + count;
	if (out->count < LEAST_BYTES) {
		memset(out->bytes + out->count, 0, LEAST_BYTES - out->count);
		out->count = LEAST_BYTES;
	}
	return out->bytes + link;
}

/* Of the addresses, p has the sender's and the target's. */
static void put_arp(uint8_t *p, uint16_t operation)
{
	memcpy(p, arp_kinds, sizeof(arp_kinds));
	put16(p + 6, operation);
}

static void put_ipv6(
	uint8_t *p, const uint8_t *from, const uint8_t *to, uint32_t payload, uint8_t hops)
{
	memset(p, 0, 8);
	p[0] = 0x60;
	put16(p + 4, payload);
	p[6] = IPPROTO_ICMPV6;
	p[7] = hops;
	memcpy(p + 8, from, 16);
	memcpy(p + 24, to, 16);
}

static void seal_ipv6(uint8_t *p, uint32_t payload)
{
	put16(p + IPV6_BYTES + 2, 0);
	put16(p + IPV6_BYTES + 2, (uint16_t)~sum_ipv6(p, payload));
}

/* An advertisement of `target` to `to` (RFC 4861, 4.4). */
static void put_advertisement(uint8_t *p, const struct neighbour_self *self, const uint8_t *target,
	const uint8_t *to, uint8_t flags)
{
	uint8_t *icmp = p + IPV6_BYTES;

	put_ipv6(p, target, to, ADVERTISEMENT_BYTES, 255);
	memset(icmp, 0, 8);
	icmp[0] = ICMP6_ADVERTISEMENT;
	icmp[4] = flags;
	memcpy(icmp + 8, target, 16);
	icmp[24] = OPTION_TARGET_MAC;
	icmp[25] = 1; /* in units of 8 bytes */
	memcpy(icmp + 26, self->mac, NEIGHBOUR_MAC_BYTES);
	seal_ipv6(p, ADVERTISEMENT_BYTES);
}

/* --- ARP --- */

static enum neighbour_verdict answer_arp(
	const struct neighbour_self *self, const struct view *v, struct neighbour_frame *out)
{
	const uint8_t *sender = v->p + 8;
	uint8_t *p;

	if (v->left < ARP_BYTES || memcmp(v->p, arp_kinds, sizeof(arp_kinds)) != 0 ||
		is_group(sender))
		return NEIGHBOUR_MALFORMED;
	if (be16(v->p + 6) != ARP_REQUEST || !is_ours(self->addresses, 4, v->p + 24) ||
		is_mac(sender, self->mac) ||
		!(is_mac(v->frame, every_host) || is_mac(v->frame, self->mac)))
		return NEIGHBOUR_IGNORED;
	if (is_ours(self->addresses, 4, v->p + 14))
		return NEIGHBOUR_CONFLICT;
	p = begin(self, v, sender, ARP_BYTES, out);
	if (!p)
		return NEIGHBOUR_IGNORED;
	put_arp(p, ARP_REPLY);
	memcpy(p + 8, self->mac, NEIGHBOUR_MAC_BYTES);
	memcpy(p + 14, v->p + 24, 4);
	memcpy(p + 18, sender, 10); /* MAC address and IPv4 address */
	return NEIGHBOUR_ARP;
}

/* --- Ping --- */

/* Who asked: one host, and not ourselves. */
static bool is_host_ipv4(const struct neighbour_self *self, const uint8_t *ip)
{
	return ip[0] != 0 && ip[0] != 127 && ip[0] < 224 && !is_ours(self->addresses, 4, ip);
}

static enum neighbour_verdict answer_ipv4(
	const struct neighbour_self *self, const struct view *v, struct neighbour_frame *out)
{
	uint32_t header_bytes = v->left >= IPV4_BYTES ? (v->p[0] & 0x0fU) * 4U : 0;
	uint32_t total = v->left >= IPV4_BYTES ? be16(v->p + 2) : 0;
	const uint8_t *icmp = v->p + header_bytes;
	uint8_t *p;

	if (header_bytes < IPV4_BYTES || v->p[0] >> 4 != 4 || total > v->left ||
		total < header_bytes + ICMP_BYTES || fold(sum(v->p, header_bytes, 0)) != 0xffff)
		return NEIGHBOUR_MALFORMED;
	if (!neighbour_concerns(self->addresses, v->frame, (uint32_t)(v->p - v->frame) + total) ||
		!is_mac(v->frame, self->mac) || is_group(v->frame + 6))
		return NEIGHBOUR_IGNORED;
	total -= header_bytes;
	if (icmp[1] != 0 || fold(sum(icmp, total, 0)) != 0xffff || !is_host_ipv4(self, v->p + 12))
		return NEIGHBOUR_MALFORMED;
	p = begin(self, v, v->frame + 6, IPV4_BYTES + total, out);
	if (!p)
		return NEIGHBOUR_IGNORED;
	memset(p, 0, IPV4_BYTES);
	p[0] = 0x45;
	p[1] = v->p[1];
	put16(p + 2, IPV4_BYTES + total);
	p[6] = 0x40; /* not to be fragmented, so its id may be 0 (RFC 6864) */
	p[8] = 64;
	p[9] = IPPROTO_ICMP;
	memcpy(p + 12, v->p + 16, 4);
	memcpy(p + 16, v->p + 12, 4);
	put16(p + 10, (uint16_t)~fold(sum(p, IPV4_BYTES, 0)));
	memcpy(p + IPV4_BYTES, icmp, total);
	p[IPV4_BYTES] = ICMP_ECHO_REPLY;
	put16(p + IPV4_BYTES + 2, 0);
	put16(p + IPV4_BYTES + 2, (uint16_t)~fold(sum(p + IPV4_BYTES, total, 0)));
	return NEIGHBOUR_ECHO;
}

static enum neighbour_verdict answer_echo_ipv6(const struct neighbour_self *self,
	const struct view *v, uint32_t payload, struct neighbour_frame *out)
{
	uint8_t *p;

	if (!is_ours(self->addresses, 6, v->p + 24) || !is_mac(v->frame, self->mac))
		return NEIGHBOUR_IGNORED;
	if (payload < ICMP_BYTES || memcmp(v->p + 8, unspecified, sizeof(unspecified)) == 0)
		return NEIGHBOUR_MALFORMED;
	p = begin(self, v, v->frame + 6, IPV6_BYTES + payload, out);
	if (!p)
		return NEIGHBOUR_IGNORED;
	put_ipv6(p, v->p + 24, v->p + 8, payload, 64);
	memcpy(p + IPV6_BYTES, v->p + IPV6_BYTES, payload);
	p[IPV6_BYTES] = ICMP6_ECHO_REPLY;
	seal_ipv6(p, payload);
	return NEIGHBOUR_ECHO;
}

/* --- Neighbour discovery --- */

/* The options of a solicitation (RFC 4861, 4.6): false when one has no length or is not whole. *mac
 * becomes that of its source, or NULL. */
static bool read_options(const uint8_t *at, uint32_t bytes, const uint8_t **mac)
{
	*mac = NULL;
	while (bytes > 0) {
		uint32_t length = bytes >= 8 ? at[1] * 8U : 0;

		if (length == 0 || length > bytes)
			return false;
		if (at[0] == OPTION_SOURCE_MAC)
			*mac = at + 2;
		at += length;
		bytes -= length;
	}
	return true;
}

/* RFC 4861, 7.1.1 and 7.2.4. */
static enum neighbour_verdict answer_solicitation(const struct neighbour_self *self,
	const struct view *v, uint32_t payload, struct neighbour_frame *out)
{
	const uint8_t *icmp = v->p + IPV6_BYTES;
	const uint8_t *target = icmp + 8;
	bool nameless = memcmp(v->p + 8, unspecified, sizeof(unspecified)) == 0;
	const uint8_t *mac;
	uint8_t *p;

	if (payload < SOLICITATION_BYTES || v->p[7] != 255 || target[0] == 0xff ||
		!read_options(icmp + SOLICITATION_BYTES, payload - SOLICITATION_BYTES, &mac))
		return NEIGHBOUR_MALFORMED;
	/* Who has no address yet asks whether another one has it (RFC 4862, 5.4). */
	if (nameless && (mac || v->p[24] != 0xff))
		return NEIGHBOUR_MALFORMED;
	if (!is_ours(self->addresses, 6, target) ||
		!(is_mac(v->frame, self->mac) || (v->frame[0] == 0x33 && v->frame[1] == 0x33)))
		return NEIGHBOUR_IGNORED;
	if (!mac)
		mac = v->frame + 6;
	if (is_group(mac))
		return NEIGHBOUR_MALFORMED;
	p = begin(self, v, nameless ? all_nodes_mac : mac, IPV6_BYTES + ADVERTISEMENT_BYTES, out);
	if (!p)
		return NEIGHBOUR_IGNORED;
	put_advertisement(p, self, target, nameless ? all_nodes : v->p + 8,
		nameless ? ADVERTISEMENT_OVERRIDE
			 : ADVERTISEMENT_OVERRIDE | ADVERTISEMENT_SOLICITED);
	return NEIGHBOUR_SOLICITED;
}

static enum neighbour_verdict answer_ipv6(
	const struct neighbour_self *self, const struct view *v, struct neighbour_frame *out)
{
	uint32_t payload = v->left >= IPV6_BYTES ? be16(v->p + 4) : 0;

	if (payload < 4 || payload > v->left - IPV6_BYTES || v->p[0] >> 4 != 6)
		return NEIGHBOUR_MALFORMED;
	if (!neighbour_concerns(self->addresses, v->frame,
		    (uint32_t)(v->p - v->frame) + IPV6_BYTES + payload) ||
		is_ours(self->addresses, 6, v->p + 8))
		return NEIGHBOUR_IGNORED;
	if (v->p[8] == 0xff || is_group(v->frame + 6) || v->p[IPV6_BYTES + 1] != 0 ||
		sum_ipv6(v->p, payload) != 0xffff)
		return NEIGHBOUR_MALFORMED;
	return v->p[IPV6_BYTES] == ICMP6_SOLICITATION ? answer_solicitation(self, v, payload, out)
						      : answer_echo_ipv6(self, v, payload, out);
}

/* --- All of it --- */

enum neighbour_verdict neighbour_answer(const struct neighbour_self *self, const uint8_t *frame,
	uint32_t bytes, struct neighbour_frame *out)
{
	struct view v;

	out->count = 0;
	if (!open_link(&v, frame, bytes))
		return NEIGHBOUR_MALFORMED;
	switch (v.type) {
	case TYPE_ARP:
		return answer_arp(self, &v, out);
	case TYPE_IPV4:
		return answer_ipv4(self, &v, out);
	case TYPE_IPV6:
		return answer_ipv6(self, &v, out);
	default:
		return NEIGHBOUR_IGNORED;
	}
}

void neighbour_announce(const struct neighbour_self *self, const struct netaddr *address,
	struct neighbour_frame *out)
{
	uint8_t link[LINK_BYTES] = {0};
	struct view v = {.frame = link, .p = link + LINK_BYTES};
	uint8_t *p;

	put16(link + 12, address->family == 4 ? TYPE_ARP : TYPE_IPV6);
	if (address->family == 6) {
		p = begin(self, &v, all_nodes_mac, IPV6_BYTES + ADVERTISEMENT_BYTES, out);
		put_advertisement(p, self, address->ip, all_nodes, ADVERTISEMENT_OVERRIDE);
		return;
	}
	p = begin(self, &v, every_host, ARP_BYTES, out);
	memset(p, 0, ARP_BYTES);
	put_arp(p, ARP_REQUEST);
	memcpy(p + 8, self->mac, NEIGHBOUR_MAC_BYTES);
	memcpy(p + 14, address->ip, 4);
	memcpy(p + 24, address->ip, 4);
}
