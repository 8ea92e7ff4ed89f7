/* Each encapsulation by itself, in others, cut at every byte, and with what can be wrong in it. */
#include "decap_frame.h"

#include <stdlib.h>

#define MAC "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02"

static void mpls_over_ip(void **state)
{
	struct builder four = {0};
	struct builder six = {0};
	struct builder in_ip = {0};

	put_ethernet(&four, 0x8847);
	put(&four, "\x00\x01\x00\x40\x00\x02\x01\x40", 8);
	put_packet(&four);
	assert_read(&four, LINK_ETHERNET, "");

	put_ethernet(&six, 0x8848);
	put(&six, "\x00\x01\x01\x40", 4);
	put_packet6(&six);
	assert_read(&six, LINK_ETHERNET, "");

	put_ethernet(&in_ip, 0x0800);
	put_ipv4(&in_ip, 0, 0, 137, 4 + PACKET_BYTES);
	put(&in_ip, "\x00\x01\x01\x40", 4);
	put_packet(&in_ip);
	assert_read(&in_ip, LINK_ETHERNET, "");
}

static void mpls_pseudowires(void **state)
{
	static const char firsts[] = {0x02, 0x10, 0x48, 0x68, (char)0xfe};
	struct builder word = {0};
	struct builder unknown = {0};

	put_ethernet(&word, 0x8847);
	put(&word, "\x00\x01\x01\x40\0\0\0\x07", 8);
	put_frame(&word);
	assert_read(&word, LINK_ETHERNET, "");

	for (unsigned int i = 0; i < sizeof(firsts); i++) {
		struct builder b = {0};
		struct decap d;

		put_ethernet(&b, 0x8847);
		put(&b, "\x00\x01\x01\x40", 4);
		put_frame(&b);
		b.bytes[18] = (uint8_t)firsts[i]; /* of the MAC address */
		b.bytes[22] = 0xb0;
		assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_UDP);
		assert_payload(&b, &d);
		for (uint32_t n = 0; n < b.length; n++)
			assert_int_not_equal(parse_cut(&b, LINK_ETHERNET, n, n, &d), DECAP_UDP);
	}

	put_ethernet(&unknown, 0x8847);
	put(&unknown, "\x00\x01\x01\x40", 4);
	put(&unknown, "\x10\0\0\x21 an associated channel, say", 30);
	assert_verdict(&unknown, DECAP_UNKNOWN_TUNNEL);
}

static void mpls_in_udp(void **state)
{
	struct builder b = {0};
	struct builder rtp = {0};

	put_ethernet(&b, 0x0800);
	put_ipv4(&b, 0, 0, 17, 12 + PACKET_BYTES);
	put_udp_header(&b, 6635, 4 + PACKET_BYTES);
	put(&b, "\x00\x01\x01\x40", 4);
	put_packet(&b);
	assert_read(&b, LINK_ETHERNET, "");

	put_ethernet(&rtp, 0x0800);
	put_ipv4(&rtp, 0, 0, 17, 8 + 12);
	put_udp_header(&rtp, 6635, 12);
	put(&rtp, "\x80\0\0\x01\0\0\0\x01\0\0\0\x01", 12);
	assert_verdict(&rtp, DECAP_UDP);
}

static void an_endless_stack_of_labels_ends(void **state)
{
	struct builder b = {0};

	put_ethernet(&b, 0x8847);
	for (unsigned int i = 0; i < 100; i++)
		put(&b, "\x00\x01\x00\x40", 4);
	assert_verdict(&b, DECAP_TOO_DEEP);
}

static void pppoe(void **state)
{
	struct builder four = {0};
	struct builder six = {0};
	struct builder control = {0};
	struct builder changed;
	struct decap d;

	put_ethernet(&four, 0x8864);
	put(&four, "\x11\0\x12\x34", 4);
	put16(&four, 2 + PACKET_BYTES);
	put16(&four, 0x0021);
	put_packet(&four);
	assert_read(&four, LINK_ETHERNET, "pppoe 4660");
	changed = four;
	changed.bytes[19]++; /* longer than the frame */
	assert_verdict(&changed, DECAP_MALFORMED);
	changed = four;
	changed.bytes[14] = 0x21; /* of another version */
	assert_verdict(&changed, DECAP_MALFORMED);
	put(&four, "\0\0\0\0", 4); /* padding */
	assert_int_equal(parse(&four, LINK_ETHERNET, &d), DECAP_UDP);
	assert_payload(&four, &d);

	put_ethernet(&six, 0x8864);
	put(&six, "\x11\0\0\x01", 4);
	put16(&six, 1 + 40 + UDP_BYTES);
	put(&six, "\x57", 1); /* the short form of the protocol */
	put_packet6(&six);
	assert_read(&six, LINK_ETHERNET, "pppoe 1");

	put_ethernet(&control, 0x8864);
	put(&control, "\x11\0\0\x01\0\x06\xc0\x21\x09\0\0\x04", 12);
	assert_verdict(&control, DECAP_NOT_IP);
}

static void gre_with_each_of_its_fields(void **state)
{
	static const struct {
		const char *bytes;
		uint32_t length;
		const char *scope;
	} headers[] = {
		{"\0\0\x08\0", 4, ""},
		{"\x80\0\x08\0\x12\x34\0\0", 8, ""},
		{"\x20\0\x08\0\0\0\0\x2a", 8, "key 42"},
		{"\x10\0\x08\0\0\0\0\x01", 8, ""},
		{"\xb0\0\x08\0\x12\x34\0\0\0\0\0\x07\0\0\0\x01", 16, "key 7"},
		{"\x30\0\x08\0\0\xff\xff\xff\0\0\0\x01", 12, "key 16777215"},
	};
	struct builder wide = {0};
	struct builder six = {0};
	struct decap d;
	uint32_t scope;

	for (unsigned int i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct builder b = {0};

		put_gre(&b, headers[i].bytes, headers[i].length, PACKET_BYTES);
		put_packet(&b);
		assert_read(&b, LINK_ETHERNET, headers[i].scope);
	}

	put_gre(&wide, "\x20\0\x08\0\xff\0\0\x01", 8, PACKET_BYTES);
	put_packet(&wide);
	assert_int_equal(parse(&wide, LINK_ETHERNET, &d), DECAP_UDP);
	scope = d.key.v4.scope;
	assert_int_equal(scope >> ENCAPSULATION_BITS, 0);
	wide.bytes[14 + 20 + 4] = 0xfe;
	assert_int_equal(parse(&wide, LINK_ETHERNET, &d), DECAP_UDP);
	assert_int_not_equal(d.key.v4.scope, scope);

	put_ethernet(&six, 0x86dd);
	put_ipv6(&six, 47, 4 + 40 + UDP_BYTES);
	put(&six, "\0\0\x86\xdd", 4);
	put_packet6(&six);
	assert_read(&six, LINK_ETHERNET, "");
}

static void gre_that_is_not_known(void **state)
{
	static const char *const headers[] = {
		"\x30\x01\x88\x0b\0\x08\0\x01", /* PPTP */
		"\x40\0\x08\0\0\0\0\0",		/* source routes */
		"\0\0\x88\x3e\0\0\0\0",		/* WCCP */
		"\x10\0\x88\xbe\0\0\0\0\x30",	/* ERSPAN II of a version there is not */
	};

	for (unsigned int i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		struct builder b = {0};

		put_gre(&b, headers[i], 9, 40);
		put(&b, "0123456789012345678901234567890123456789", 40);
		assert_verdict(&b, DECAP_UNKNOWN_TUNNEL);
	}
}

static void nvgre(void **state)
{
	struct builder b = {0};
	struct builder tap = {0};

	put_gre(&b, "\x20\0\x65\x58\0\x50\x01\x7f", 8, FRAME_BYTES);
	put_frame(&b);
	assert_read(&b, LINK_ETHERNET, "vni 20481");
	b.bytes[14 + 20 + 7] = 0x80; /* another flow of the same network */
	assert_read(&b, LINK_ETHERNET, "vni 20481");

	put_gre(&tap, "\x20\0\x65\x58\0\0\0\x03", 8, FRAME_BYTES);
	put_frame(&tap);
	assert_read(&tap, LINK_ETHERNET, "key 3");
}

static void erspan(void **state)
{
	struct builder one = {0};
	struct builder two = {0};
	struct builder three = {0};
	struct builder platform = {0};
	struct builder other = {0};

	put_gre(&one, "\0\0\x88\xbe", 4, FRAME_BYTES);
	put_frame(&one);
	assert_read(&one, LINK_ETHERNET, "");

	put_gre(&two, "\x10\0\x88\xbe\0\0\0\x01\x10\x64\x00\x05\0\0\0\x02", 16, FRAME_BYTES);
	put_frame(&two);
	assert_read(&two, LINK_ETHERNET, "erspan 5");

	put_gre(&three, "\x10\0\x22\xeb\0\0\0\x01\x20\x64\x03\xff\0\0\0\x02\0\0\0\0", 20,
		FRAME_BYTES);
	put_frame(&three);
	assert_read(&three, LINK_ETHERNET, "erspan 1023");

	put_gre(&platform, "\x10\0\x22\xeb\0\0\0\x01\x20\x64\x00\x01\0\0\0\x02\0\0\0\x01platform",
		28, FRAME_BYTES);
	put_frame(&platform);
	assert_read(&platform, LINK_ETHERNET, "erspan 1");

	put_gre(&other, "\x10\0\x22\xeb\0\0\0\x01\x20\x64\x00\x01\0\0\0\x02\0\0\x04\0", 20,
		FRAME_BYTES);
	put_frame(&other);
	assert_verdict(&other, DECAP_UNKNOWN_TUNNEL);
}

/* What a switch cut before it wrapped it is a cut frame, not a malformed one. */
static void erspan_of_a_cut_frame(void **state)
{
	const uint32_t cut = FRAME_BYTES - 3;
	struct builder b = {0};
	struct builder whole = {0};
	struct decap d;

	put_frame(&whole);
	put_gre(&b, "\x10\0\x88\xbe\0\0\0\x01\x10\x64\x04\x05\0\0\0\x02", 16, cut);
	put(&b, whole.bytes, cut);
	put(&b, "\0\0\0\0", 4); /* padding of the outer frame */
	assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_UDP);
	assert_int_equal(d.payload_wire, strlen(PAYLOAD));
	assert_int_equal(d.payload_bytes, strlen(PAYLOAD) - 3);
	b.bytes[14 + 20 + 8 + 2] = 0;
	assert_verdict(&b, DECAP_MALFORMED);
}

static void vxlan(void **state)
{
	struct builder b = {0};
	struct builder tagged = {0};
	struct builder other = {0};
	struct builder rtp = {0};

	put_vxlan(&b, "\0\x13\x88", FRAME_BYTES);
	put_frame(&b);
	assert_read(&b, LINK_ETHERNET, "vni 5000");
	b.bytes[14 + 20 + 2] = 0x21; /* Linux's old port, 8472 */
	b.bytes[14 + 20 + 3] = 0x18;
	assert_read(&b, LINK_ETHERNET, "vni 5000");

	put_vxlan(&tagged, "\0\x13\x88", 4 + FRAME_BYTES);
	put_ethernet(&tagged, 0x8100);
	put_vlan(&tagged, 100, 0x0800);
	put_packet(&tagged);
	{
		struct decap first;
		struct decap second;

		assert_int_equal(parse(&tagged, LINK_ETHERNET, &first), DECAP_UDP);
		assert_payload(&tagged, &first);
		tagged.bytes[14 + 20 + 16 + 15] = 101;
		assert_int_equal(parse(&tagged, LINK_ETHERNET, &second), DECAP_UDP);
		assert_int_not_equal(first.key.v4.scope, second.key.v4.scope);
		tagged.bytes[14 + 20 + 16 + 15] = 100;
		tagged.bytes[14 + 20 + 8 + 6]++; /* of another network */
		assert_int_equal(parse(&tagged, LINK_ETHERNET, &second), DECAP_UDP);
		assert_int_not_equal(first.key.v4.scope, second.key.v4.scope);
	}

	put_ethernet(&other, 0x0800);
	put_ipv4(&other, 0, 0, 17, 16 + 8);
	put_udp_header(&other, 4789, 16);
	put(&other, "a DNS answer say", 16);
	assert_verdict(&other, DECAP_UDP);

	put_ethernet(&rtp, 0x0800);
	put_ipv4(&rtp, 0, 0, 17, 8 + 12);
	put_udp_header(&rtp, 4789, 12);
	put(&rtp, "\x80\0\0\x01\0\0\0\x01\0\0\0\x01", 12);
	assert_verdict(&rtp, DECAP_UDP);
}

static void geneve(void **state)
{
	struct builder b = {0};
	struct builder bare = {0};
	struct builder unknown = {0};

	put_ethernet(&b, 0x86dd);
	put_ipv6(&b, 17, 8 + 16 + FRAME_BYTES);
	put_udp_header(&b, 6081, 16 + FRAME_BYTES);
	put(&b, "\x02\0\x65\x58\0\0\x2a\0optional", 16);
	put_frame(&b);
	assert_read(&b, LINK_ETHERNET, "vni 42");

	put_ethernet(&bare, 0x0800);
	put_ipv4(&bare, 0, 0, 17, 16 + 40 + UDP_BYTES);
	put_udp_header(&bare, 6081, 8 + 40 + UDP_BYTES);
	put(&bare, "\0\0\x86\xdd\0\0\x2a\0", 8);
	put_packet6(&bare);
	assert_read(&bare, LINK_ETHERNET, "vni 42");

	put_ethernet(&unknown, 0x0800);
	put_ipv4(&unknown, 0, 0, 17, 16 + 4);
	put_udp_header(&unknown, 6081, 12);
	put(&unknown, "\0\0\x88\x0b\0\0\x2a\0....", 12);
	assert_verdict(&unknown, DECAP_UNKNOWN_TUNNEL);
}

static void ip_in_ip(void **state)
{
	struct builder four_in_four = {0};
	struct builder six_in_four = {0};
	struct builder four_in_six = {0};
	struct builder six_in_six = {0};

	put_ipv4(&four_in_four, 2, 0, 4, PACKET_BYTES);
	put_packet(&four_in_four);
	assert_read(&four_in_four, LINK_RAW, "");
	put_ipv4(&six_in_four, 0, 0, 41, 40 + UDP_BYTES);
	put_packet6(&six_in_four);
	assert_read(&six_in_four, LINK_RAW, "");
	put_ipv6(&four_in_six, 0, 8 + PACKET_BYTES);
	put(&four_in_six, "\x04\0\x01\x04\0\0\0\0", 8);
	put_packet(&four_in_six);
	assert_read(&four_in_six, LINK_RAW, "");
	put_ipv6(&six_in_six, 41, 40 + UDP_BYTES);
	put_packet6(&six_in_six);
	assert_read(&six_in_six, LINK_RAW, "");
}

static void authentication_headers_of_ipv4(void **state)
{
	struct builder b = {0};
	struct builder hops = {0};

	put_ipv4(&b, 0, 0, 51, 12 + UDP_BYTES);
	put(&b, "\x11\x01\0\0\0\0\0\x01\0\0\0\x02", 12);
	put_udp(&b, PAYLOAD);
	assert_read(&b, LINK_RAW, "");

	put_ethernet(&hops, 0x0800); /* no extension of IPv4 */
	put_ipv4(&hops, 0, 0, 0, 8 + UDP_BYTES);
	put(&hops, "\x11\0\x01\x04\0\0\0\0", 8);
	put_udp(&hops, PAYLOAD);
	assert_verdict(&hops, DECAP_NOT_UDP);
}

/* An S-tag around a C-tag around MPLS around a pseudowire around PPPoE around IPv6 around GRE
 * around a frame in VXLAN in GENEVE. */
static void all_in_one_another(void **state)
{
	struct builder inner = {0};
	struct builder b = {0};
	struct decap d;

	put_vxlan(&inner, "\0\x13\x88", FRAME_BYTES);
	put_frame(&inner);

	put_ethernet(&b, 0x88a8);
	put_vlan(&b, 100, 0x8100);
	put_vlan(&b, 200, 0x8847);
	put(&b, "\x00\x01\x01\x40\0\0\0\0", 8);
	put_ethernet(&b, 0x8864);
	put(&b, "\x11\0\0\x05", 4);
	put16(&b, 2 + 40 + 8 + 20 + 16 + inner.length);
	put16(&b, 0x0057);
	put_ipv6(&b, 47, 8 + 20 + 16 + inner.length);
	put(&b, "\x20\0\x08\0\0\0\0\x01", 8);
	put_ipv4(&b, 0, 0, 17, 16 + inner.length);
	put_udp_header(&b, 6081, 8 + inner.length);
	put(&b, "\0\0\x65\x58\0\0\x2a\0", 8);
	put(&b, inner.bytes, inner.length);
	assert_int_equal(parse(&b, LINK_ETHERNET, &d), DECAP_UDP);
	assert_payload(&b, &d);
	assert_flow(&d, "10.0.0.1:5000", "10.0.0.2:6000");
	assert_int_equal(d.key.v4.scope >> ENCAPSULATION_BITS, 0);
	for (uint32_t n = 0; n < b.length; n++)
		assert_int_equal(parse_cut(&b, LINK_ETHERNET, n, n, &d), DECAP_MALFORMED);
}

static void tunnels_without_end_end(void **state)
{
	struct builder b = {0};

	put_ethernet(&b, 0x0800);
	for (unsigned int i = 40; i > 0; i--)
		put_ipv4(&b, 0, 0, 4, i * 20);
	put(&b, "01234567890123456789", 20);
	assert_verdict(&b, DECAP_TOO_DEEP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mpls_over_ip),
		cmocka_unit_test(mpls_pseudowires),
		cmocka_unit_test(mpls_in_udp),
		cmocka_unit_test(an_endless_stack_of_labels_ends),
		cmocka_unit_test(pppoe),
		cmocka_unit_test(gre_with_each_of_its_fields),
		cmocka_unit_test(gre_that_is_not_known),
		cmocka_unit_test(nvgre),
		cmocka_unit_test(erspan),
		cmocka_unit_test(erspan_of_a_cut_frame),
		cmocka_unit_test(vxlan),
		cmocka_unit_test(geneve),
		cmocka_unit_test(ip_in_ip),
		cmocka_unit_test(authentication_headers_of_ipv4),
		cmocka_unit_test(all_in_one_another),
		cmocka_unit_test(tunnels_without_end_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
