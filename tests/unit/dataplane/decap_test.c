#include "decap_frame.h"

#include "dataplane/decap_straight.h"

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
		assert_int_equal(d.payload_offset, 14); /* where its IPv4 header is */
		assert_int_equal(d.payload_bytes, 20 + UDP_BYTES);
		assert_memory_equal(d.key.v4.destination, "\x0a\0\0\2", 4);
		assert_int_equal(parse_cut(&b, LINK_ETHERNET, 40, b.length, &d), DECAP_FRAGMENT);
		assert_int_equal(d.payload_bytes, 40 - 14);
		assert_int_equal(d.payload_wire, 20 + UDP_BYTES);
		b.bytes[23] = 1; /* nobody wants ICMP, in pieces or whole */
		assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_NOT_UDP);
	}
	put_ethernet(&six, 0x8100);
	put_vlan(&six, 100, 0x86dd);
	put_ipv6(&six, 0, 16 + UDP_BYTES);
	put(&six, "\x2c\x00\x01\x04\0\0\0\0", 8); /* hop-by-hop */
	put(&six, "\x11\x00\x00\x01\x12\x34\x56\x78", 8);
	put_udp(&six, PAYLOAD);
	assert_int_equal(parse(&six, LINK_ETHERNET, &d), DECAP_FRAGMENT);
	assert_int_equal(d.payload_offset, 18 + 40 + 8); /* where its fragment header is */
	assert_int_equal(d.payload_wire, 8 + UDP_BYTES);
	assert_int_equal(d.key.v6.scope, encapsulation_push_vlan(0, 100));
}

/* An IP packet that stood in VLAN 7, whose frame is gone. */
static void an_inner_packet_says_where_it_stood(void **state)
{
	struct builder b = {0};
	struct decap d;

	put16(&b, encapsulation_push_vlan(0, 7) >> 16 | 0xf000);
	put16(&b, encapsulation_push_vlan(0, 7) & 0xffff);
	put_ipv4(&b, 0, 0, 17, UDP_BYTES);
	put_udp(&b, PAYLOAD);
	assert_int_equal(parse(&b, LINK_INNER, &d), DECAP_UDP);
	assert_scope(&d, "vlan 7");
	assert_payload(&b, &d);
	for (uint32_t n = 0; n < 32; n++)
		assert_int_equal(parse_cut(&b, LINK_INNER, n, b.length, &d), DECAP_MALFORMED);
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
	put(&tcp, "012345678901P3456789", 20);
	assert_int_equal(parse(&tcp, LINK_ETHERNET, &d), DECAP_TCP);
	assert_flow(&d, "10.0.0.1:12337", "10.0.0.2:12851");
	assert_int_equal(d.payload_offset, tcp.length - 20);
	assert_int_equal(d.payload_bytes, 20);
	for (uint32_t n = 0; n < tcp.length; n++)
		assert_int_equal(parse_cut(&tcp, LINK_ETHERNET, n, n, &d), DECAP_MALFORMED);

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

/* What nearly all frames are takes the straight way; parse() checks that it comes to the same end.
 */
static void plain_frames_go_straight(void **state)
{
	for (unsigned int tags = 0; tags <= 2; tags++) {
		struct builder b = {0};
		struct decap d;

		put_ethernet(&b, tags ? 0x8100 : 0x0800);
		for (unsigned int i = 1; i <= tags; i++)
			put_vlan(&b, 100 * i, i < tags ? 0x8100 : 0x0800);
		put_ipv4(&b, 0, 0x4000, 17, UDP_BYTES);
		put_udp(&b, PAYLOAD);
		assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_UDP);
		assert_int_equal(decap_straight(b.bytes, b.length, &d), tags < 2);
	}
}

/* Every byte of the headers in turn takes every value: whatever is made of it, parse() finds both
 * ways of one mind. */
static void straight_and_whole_parser_agree(void **state)
{
	for (unsigned int tagged = 0; tagged < 2; tagged++) {
		struct builder b = {0};
		struct decap d;

		put_ethernet(&b, tagged ? 0x8100 : 0x0800);
		if (tagged)
			put_vlan(&b, 100, 0x0800);
		put_ipv4(&b, 0, 0, 17, UDP_BYTES);
		put_udp(&b, PAYLOAD);
		for (uint32_t at = 12; at < b.length; at++) {
			uint8_t kept = b.bytes[at];

			for (unsigned int value = 0; value < 256; value++) {
				b.bytes[at] = (uint8_t)value;
				(void)parse(&b, LINK_ETHERNET, &d);
			}
			b.bytes[at] = kept;
		}
	}
}

static void endless_tags_end(void **state)
{
	struct builder b = {0};
	struct decap d;

	put_ethernet(&b, 0x8100);
	for (unsigned int i = 0; i < 100; i++)
		put_vlan(&b, i, 0x8100);
	assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_TOO_DEEP);
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
		cmocka_unit_test(an_inner_packet_says_where_it_stood),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(lengths_that_lie),
		cmocka_unit_test(links_of_captures),
		cmocka_unit_test(links_of_captures_with_ipv6),
		cmocka_unit_test(plain_frames_go_straight),
		cmocka_unit_test(straight_and_whole_parser_agree),
		cmocka_unit_test(endless_tags_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
