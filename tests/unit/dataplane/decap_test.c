#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/decap.h"

/* A frame under construction. */
struct builder {
	uint8_t bytes[2048];
	uint32_t length;
};

static void put(struct builder *b, const void *bytes, uint32_t n)
{
	memcpy(b->bytes + b->length, bytes, n);
	b->length += n;
}

static void put16(struct builder *b, unsigned int value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	put(b, bytes, 2);
}

static void put_ethernet(struct builder *b, unsigned int type)
{
	put(b, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	put16(b, type);
}

static void put_vlan(struct builder *b, unsigned int tci, unsigned int type)
{
	put16(b, tci);
	put16(b, type);
}

/* From 10.0.0.1 to 10.0.0.2. */
static void put_ipv4(struct builder *b, unsigned int option_words, unsigned int fragment,
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

/* From 2001:db8::1 to 2001:db8::2. */
static void put_ipv6(struct builder *b, unsigned int protocol, uint32_t inside)
{
	uint8_t next[2] = {(uint8_t)protocol, 64};

	put(b, "\x60\x00\x00\x00", 4);
	put16(b, inside);
	put(b, next, 2);
	put(b, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	put(b, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
}

static void put_udp(struct builder *b, const char *payload)
{
	put16(b, 5000);
	put16(b, 6000);
	put16(b, 8 + (unsigned int)strlen(payload));
	put16(b, 0);
	put(b, payload, (uint32_t)strlen(payload));
}

#define PAYLOAD "payload"
#define UDP_BYTES (8 + sizeof(PAYLOAD) - 1)

/* Parses the first `captured` bytes in a heap block of just that size, so that a sanitizer sees a
 * read too far. */
static enum decap_verdict parse_cut(const struct builder *b, enum link_type link, uint32_t captured,
	uint32_t wire, struct decap *out)
{
	uint8_t *copy = malloc(captured ? captured : 1);
	struct frame frame = {copy, captured, captured, wire, link};
	enum decap_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, b->bytes, captured);
	memset(out, 0, sizeof(*out));
	verdict = decap_parse(&frame, out);
	free(copy);
	return verdict;
}

static enum decap_verdict parse(const struct builder *b, enum link_type link, struct decap *out)
{
	return parse_cut(b, link, b->length, b->length, out);
}

static void assert_flow(const struct decap *d, const char *source, const char *destination)
{
	char text[NETADDR_TEXT_BYTES];
	struct netaddr from = flow_key_source(&d->key);
	struct netaddr to = flow_key_destination(&d->key);

	assert_string_equal(netaddr_format(&from, text), source);
	assert_string_equal(netaddr_format(&to, text), destination);
}

static void assert_scope(const struct decap *d, const char *expected)
{
	char text[32];
	uint32_t scope = d->key.version == 4 ? d->key.v4.scope : d->key.v6.scope;

	assert_string_equal(encapsulation_format(scope, text, sizeof(text)), expected);
}

static void assert_payload(const struct builder *b, const struct decap *d)
{
	assert_int_equal(d->payload_bytes, sizeof(PAYLOAD) - 1);
	assert_int_equal(d->payload_wire, sizeof(PAYLOAD) - 1);
	assert_memory_equal(b->bytes + d->payload_offset, PAYLOAD, sizeof(PAYLOAD) - 1);
}

static void plain_ipv4(void **state)
{
	struct builder b = {0};
	struct decap d;

	put_ethernet(&b, 0x0800);
	put_ipv4(&b, 0, 0x4000, 17, UDP_BYTES);
	put_udp(&b, PAYLOAD);
	assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_UDP);
	assert_flow(&d, "10.0.0.1:5000", "10.0.0.2:6000");
	assert_scope(&d, "");
	assert_payload(&b, &d);
}

static void ethernet_padding_is_ignored(void **state)
{
	struct builder b = {0};
	struct decap d;

	put_ethernet(&b, 0x0800);
	put_ipv4(&b, 0, 0, 17, UDP_BYTES);
	put_udp(&b, PAYLOAD);
	put(&b, "paddingpadding", 14);
	assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_UDP);
	assert_payload(&b, &d);
}

/* Everything at once: three tags, options, and every length cut. */
static void build_tagged(struct builder *b)
{
	put_ethernet(b, 0x88a8);
	put_vlan(b, 0x6064, 0x8100);
	put_vlan(b, 200, 0x9100);
	put_vlan(b, 300, 0x0800);
	put_ipv4(b, 3, 0, 17, UDP_BYTES);
	put_udp(b, PAYLOAD);
}

static void every_truncation_is_malformed(void **state)
{
	struct builder b = {0};
	struct decap d;

	build_tagged(&b);
	assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_UDP);
	for (uint32_t n = 0; n < b.length; n++)
		assert_int_equal(parse_cut(&b, LINK_ETHERNET, n, n, &d), DECAP_MALFORMED);
}

static void cut_frames_keep_what_there_is(void **state)
{
	struct builder b = {0};
	struct decap d;
	uint32_t headers;

	build_tagged(&b);
	headers = b.length - (uint32_t)(sizeof(PAYLOAD) - 1);
	for (uint32_t n = 0; n < headers; n++)
		assert_int_equal(parse_cut(&b, LINK_ETHERNET, n, b.length, &d), DECAP_MALFORMED);
	for (uint32_t n = headers; n <= b.length; n++) {
		assert_int_equal(parse_cut(&b, LINK_ETHERNET, n, b.length, &d), DECAP_UDP);
		assert_int_equal(d.payload_bytes, n - headers);
		assert_int_equal(d.payload_wire, sizeof(PAYLOAD) - 1);
	}
}

static void vlan_tags_make_the_scope(void **state)
{
	struct builder one = {0};
	struct builder two = {0};
	struct builder priority = {0};
	struct builder three = {0};
	struct decap d;
	uint32_t scope;

	put_ethernet(&one, 0x8100);
	put_vlan(&one, 0xe064, 0x0800);
	put_ipv4(&one, 0, 0, 17, UDP_BYTES);
	put_udp(&one, PAYLOAD);
	assert_int_equal(parse(&one, LINK_ETHERNET, &d), DECAP_UDP);
	assert_scope(&d, "vlan 100");

	put_ethernet(&two, 0x88a8);
	put_vlan(&two, 4095, 0x8100);
	put_vlan(&two, 1, 0x86dd);
	put_ipv6(&two, 17, UDP_BYTES);
	put_udp(&two, PAYLOAD);
	assert_int_equal(parse(&two, LINK_ETHERNET, &d), DECAP_UDP);
	assert_scope(&d, "vlan 4095.1");
	assert_payload(&two, &d);

	put_ethernet(&priority, 0x8100);
	put_vlan(&priority, 0xa000, 0x0800);
	put_ipv4(&priority, 0, 0, 17, UDP_BYTES);
	put_udp(&priority, PAYLOAD);
	assert_int_equal(parse(&priority, LINK_ETHERNET, &d), DECAP_UDP);
	assert_scope(&d, "");

	build_tagged(&three);
	assert_int_equal(parse(&three, LINK_ETHERNET, &d), DECAP_UDP);
	scope = d.key.v4.scope;
	assert_int_equal(scope >> ENCAPSULATION_BITS, 0);
	three.bytes[15] = 101; /* the outermost tag */
	assert_int_equal(parse(&three, LINK_ETHERNET, &d), DECAP_UDP);
	assert_int_not_equal(d.key.v4.scope, scope);
}

static void ipv6_with_extension_headers(void **state)
{
	struct builder b = {0};
	struct decap d;

	put_ethernet(&b, 0x86dd);
	put_ipv6(&b, 0, 8 + 16 + 8 + 12 + UDP_BYTES);
	put(&b, "\x3c\x00\x01\x04\0\0\0\0", 8);			 /* hop-by-hop */
	put(&b, "\x2c\x01\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 16); /* destination options */
	put(&b, "\x33\x00\x00\x00\x12\x34\x56\x78", 8);		 /* an atomic fragment */
	put(&b, "\x11\x01\x00\x00\0\0\0\x01\0\0\0\x02", 12);	 /* authentication */
	put_udp(&b, PAYLOAD);
	assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_UDP);
	assert_flow(&d, "[2001:db8::1]:5000", "[2001:db8::2]:6000");
	assert_payload(&b, &d);
	for (uint32_t n = 0; n < b.length; n++)
		assert_int_equal(parse_cut(&b, LINK_ETHERNET, n, n, &d), DECAP_MALFORMED);
}

static void fragments_are_a_verdict_of_their_own(void **state)
{
	static const unsigned int fields[] = {0x2000, 0x2010, 0x0010, 0x1fff};
	struct builder six = {0};
	struct decap d;

	for (unsigned int i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct builder b = {0};

		put_ethernet(&b, 0x0800);
		put_ipv4(&b, 0, fields[i], 17, UDP_BYTES);
		put_udp(&b, PAYLOAD);
		assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_FRAGMENT);
	}
	put_ethernet(&six, 0x86dd);
	put_ipv6(&six, 44, 8 + UDP_BYTES);
	put(&six, "\x11\x00\x00\x01\x12\x34\x56\x78", 8);
	put_udp(&six, PAYLOAD);
	assert_int_equal(parse(&six, LINK_ETHERNET, &d), DECAP_FRAGMENT);
}

static void other_protocols(void **state)
{
	struct builder tcp = {0};
	struct builder arp = {0};
	struct builder llc = {0};
	struct builder esp = {0};
	struct decap d;

	put_ethernet(&tcp, 0x0800);
	put_ipv4(&tcp, 0, 0, 6, 20);
	put(&tcp, "01234567890123456789", 20);
	assert_int_equal(parse(&tcp, LINK_ETHERNET, &d), DECAP_NOT_UDP);

	put_ethernet(&esp, 0x86dd);
	put_ipv6(&esp, 50, 20);
	put(&esp, "01234567890123456789", 20);
	assert_int_equal(parse(&esp, LINK_ETHERNET, &d), DECAP_NOT_UDP);

	put_ethernet(&arp, 0x0806);
	put(&arp, "0123456789012345678901234567", 28);
	assert_int_equal(parse(&arp, LINK_ETHERNET, &d), DECAP_NOT_IP);

	put_ethernet(&llc, 38);
	put(&llc, "\x42\x42\x03", 3);
	assert_int_equal(parse(&llc, LINK_ETHERNET, &d), DECAP_NOT_IP);
}

static void lengths_that_lie(void **state)
{
	struct builder b = {0};
	struct builder changed;
	struct decap d;
	const uint32_t ip = 14;
	const uint32_t udp = 34;

	put_ethernet(&b, 0x0800);
	put_ipv4(&b, 0, 0, 17, UDP_BYTES);
	put_udp(&b, PAYLOAD);

	changed = b;
	changed.bytes[ip + 3]++; /* total length beyond the frame */
	assert_int_equal(parse(&changed, LINK_ETHERNET, &d), DECAP_MALFORMED);
	changed = b;
	changed.bytes[ip + 3] = 19; /* less than the header */
	assert_int_equal(parse(&changed, LINK_ETHERNET, &d), DECAP_MALFORMED);
	changed = b;
	changed.bytes[ip] = 0x44; /* a header of 16 bytes */
	assert_int_equal(parse(&changed, LINK_ETHERNET, &d), DECAP_MALFORMED);
	changed = b;
	changed.bytes[ip] = 0x65; /* version 6 behind IPv4's EtherType */
	assert_int_equal(parse(&changed, LINK_ETHERNET, &d), DECAP_MALFORMED);
	changed = b;
	changed.bytes[udp + 5]++; /* UDP beyond its IP packet */
	assert_int_equal(parse(&changed, LINK_ETHERNET, &d), DECAP_MALFORMED);
	changed = b;
	changed.bytes[udp + 5] = 7;
	assert_int_equal(parse(&changed, LINK_ETHERNET, &d), DECAP_MALFORMED);
	changed = b;
	changed.bytes[udp + 5] = 8; /* an empty datagram, and IP padding behind it */
	assert_int_equal(parse(&changed, LINK_ETHERNET, &d), DECAP_UDP);
	assert_int_equal(d.payload_bytes, 0);
}

static void links_of_captures(void **state)
{
	static const struct {
		enum link_type link;
		const char *bytes;
		uint32_t length;
	} links[] = {
		{LINK_RAW, "", 0},
		{LINK_SLL, "\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0\x08\x00", 16},
		{LINK_SLL2, "\x08\x00\0\0\0\0\0\x02\0\x01\0\x06\x02\0\0\0\0\x01\0\0", 20},
		{LINK_NULL, "\x02\0\0\0", 4},
		{LINK_NULL, "\0\0\0\x02", 4},
	};
	struct decap d;

	for (unsigned int i = 0; i < sizeof(links) / sizeof(*links); i++) {
		struct builder b = {0};

		put(&b, links[i].bytes, links[i].length);
		put_ipv4(&b, 0, 0, 17, UDP_BYTES);
		put_udp(&b, PAYLOAD);
		assert_int_equal(parse(&b, links[i].link, &d), DECAP_UDP);
		assert_payload(&b, &d);
		for (uint32_t n = 0; n < b.length; n++)
			assert_int_equal(parse_cut(&b, links[i].link, n, n, &d), DECAP_MALFORMED);
	}
}

static void links_of_captures_with_ipv6(void **state)
{
	static const char families[] = {10, 24, 28, 30};
	struct builder raw = {0};
	struct decap d;

	put_ipv6(&raw, 17, UDP_BYTES);
	put_udp(&raw, PAYLOAD);
	assert_int_equal(parse(&raw, LINK_RAW, &d), DECAP_UDP);
	for (unsigned int i = 0; i < sizeof(families); i++) {
		struct builder b = {0};

		put(&b, &families[i], 1);
		put(&b, "\0\0\0", 3);
		put(&b, raw.bytes, raw.length);
		assert_int_equal(parse(&b, LINK_NULL, &d), DECAP_UDP);
		assert_payload(&b, &d);
	}
}

static void endless_tags_end(void **state)
{
	struct builder b = {0};
	struct decap d;

	put_ethernet(&b, 0x8100);
	for (unsigned int i = 0; i < 100; i++)
		put_vlan(&b, i, 0x8100);
	assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_ipv4),
		cmocka_unit_test(ethernet_padding_is_ignored),
		cmocka_unit_test(every_truncation_is_malformed),
		cmocka_unit_test(cut_frames_keep_what_there_is),
		cmocka_unit_test(vlan_tags_make_the_scope),
		cmocka_unit_test(ipv6_with_extension_headers),
		cmocka_unit_test(fragments_are_a_verdict_of_their_own),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(lengths_that_lie),
		cmocka_unit_test(links_of_captures),
		cmocka_unit_test(links_of_captures_with_ipv6),
		cmocka_unit_test(endless_tags_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
