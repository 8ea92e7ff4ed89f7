#include "decap_frame.h"

#include <stdlib.h>

#include "dataplane/decap_straight.h"

void put(struct builder *b, const void *bytes, uint32_t n)
{
	memcpy(b->bytes + b->length, bytes, n);
	b->length += n;
}

void put16(struct builder *b, unsigned int value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	put(b, bytes, 2);
}

void put_ethernet(struct builder *b, unsigned int type)
{
	put(b, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	put16(b, type);
}

void put_vlan(struct builder *b, unsigned int tci, unsigned int type)
{
	put16(b, tci);
	put16(b, type);
}

void put_ipv4(struct builder *b, unsigned int option_words, unsigned int fragment,
	unsigned int protocol, uint32_t inside)
{
	uint8_t first[2] = {(uint8_t)(0x45 + option_words), 0};
	uint8_t ttl[2] = {64, (uint8_t)protocol};

	put(b, first, 2);
	put16(b, 20 + option_words * 4 + inside);
	put16(b, 1);
	put16(b, fragment);
	put(b, ttl, 2);
	put16(b, 0);
	put(b, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	for (unsigned int i = 0; i < option_words; i++)
		put(b, "\x01\x01\x01\x01", 4);
}

void put_ipv6(struct builder *b, unsigned int protocol, uint32_t inside)
{
	uint8_t next[2] = {(uint8_t)protocol, 64};

	put(b, "\x60\x00\x00\x00", 4);
	put16(b, inside);
	put(b, next, 2);
	put(b, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	put(b, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
}

void put_udp(struct builder *b, const char *payload)
{
	put16(b, 5000);
	put16(b, 6000);
	put16(b, 8 + (unsigned int)strlen(payload));
	put16(b, 0);
	put(b, payload, (uint32_t)strlen(payload));
}

/* Whoever takes the straight way comes to the same end. */
static void check_straight(const struct frame *frame, const struct decap *d)
{
	struct decap straight = {0};

	if (frame->link != LINK_ETHERNET || frame->wire != frame->captured ||
		!decap_straight(frame->bytes, frame->readable, &straight))
		return;
	assert_int_equal(d->verdict, DECAP_UDP);
	assert_memory_equal(&straight, d, sizeof(*d));
}

enum decap_verdict parse_cut(const struct builder *b, enum link_type link, uint32_t captured,
	uint32_t wire, struct decap *out)
{
	uint8_t *copy = malloc(captured ? captured : 1);
	struct frame frame = {copy, captured, captured, wire, link};
	enum decap_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, b->bytes, captured);
	memset(out, 0, sizeof(*out));
	verdict = decap_parse(&frame, out);
	check_straight(&frame, out);
	free(copy);
	return verdict;
}

enum decap_verdict parse(const struct builder *b, enum link_type link, struct decap *out)
{
	return parse_cut(b, link, b->length, b->length, out);
}

void assert_flow(const struct decap *d, const char *source, const char *destination)
{
	char text[NETADDR_TEXT_BYTES];
	struct netaddr from = flow_key_source(&d->key);
	struct netaddr to = flow_key_destination(&d->key);

	assert_string_equal(netaddr_format(&from, text), source);
	assert_string_equal(netaddr_format(&to, text), destination);
}

void assert_scope(const struct decap *d, const char *expected)
{
	char text[32];
	uint32_t scope = d->key.version == 4 ? d->key.v4.scope : d->key.v6.scope;

	assert_string_equal(encapsulation_format(scope, text, sizeof(text)), expected);
}

void assert_payload(const struct builder *b, const struct decap *d)
{
	assert_int_equal(d->payload_bytes, sizeof(PAYLOAD) - 1);
	assert_int_equal(d->payload_wire, sizeof(PAYLOAD) - 1);
	assert_memory_equal(b->bytes + d->payload_offset, PAYLOAD, sizeof(PAYLOAD) - 1);
}

void put_packet(struct builder *b)
{
	put_ipv4(b, 0, 0, 17, UDP_BYTES);
	put_udp(b, PAYLOAD);
}

void put_packet6(struct builder *b)
{
	put_ipv6(b, 17, UDP_BYTES);
	put_udp(b, PAYLOAD);
}

void put_frame(struct builder *b)
{
	put_ethernet(b, 0x0800);
	put_packet(b);
}

void put_udp_header(struct builder *b, unsigned int port, uint32_t inside)
{
	put16(b, 50000);
	put16(b, port);
	put16(b, 8 + inside);
	put16(b, 0);
}

/* The header of an outer IPv4 packet, and GRE's. */
void put_gre(struct builder *b, const char *gre, uint32_t gre_bytes, uint32_t inside)
{
	put_ethernet(b, 0x0800);
	put_ipv4(b, 0, 0, 47, gre_bytes + inside);
	put(b, gre, gre_bytes);
}

void put_vxlan(struct builder *b, const char *vni, uint32_t inside)
{
	put_ethernet(b, 0x0800);
	put_ipv4(b, 0, 0, 17, 16 + inside);
	put_udp_header(b, 4789, 8 + inside);
	put(b, "\x08\0\0\0", 4);
	put(b, vni, 3);
	put(b, "\0", 1);
}

/* It is read to the payload, in its scope; and every part of it is malformed. */
void assert_read(const struct builder *b, enum link_type link, const char *scope)
{
	struct decap d;

	assert_int_equal(parse(b, link, &d), DECAP_UDP);
	assert_payload(b, &d);
	assert_scope(&d, scope);
	if (d.key.version == 4)
		assert_flow(&d, "10.0.0.1:5000", "10.0.0.2:6000");
	else
		assert_flow(&d, "[2001:db8::1]:5000", "[2001:db8::2]:6000");
	for (uint32_t n = 0; n < b->length; n++)
		assert_int_equal(parse_cut(b, link, n, n, &d), DECAP_MALFORMED);
	for (uint32_t n = b->length - (uint32_t)strlen(PAYLOAD); n < b->length; n++)
		assert_int_equal(parse_cut(b, link, n, b->length, &d), DECAP_UDP);
}

void assert_verdict(const struct builder *b, enum decap_verdict verdict)
{
	struct decap d;

	assert_int_equal(parse(b, LINK_ETHERNET, &d), verdict);
}
