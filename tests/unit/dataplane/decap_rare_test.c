/* Encapsulations that few mirrors have: those that are unwrapped, and those that are only counted.
 */
#include "decap_frame.h"

/* The outer packet's headers and `bytes` of a UDP payload to a port. */
static void put_in_udp(
	struct builder *b, unsigned int port, const char *header, uint32_t bytes, uint32_t inside)
{
	put_ethernet(b, 0x0800);
	put_ipv4(b, 0, 0, 17, 8 + bytes + inside);
	put_udp_header(b, port, bytes + inside);
	put(b, header, bytes);
}

static void vxlan_gpe(void **state)
{
	struct builder four = {0};
	struct builder six = {0};
	struct builder frame = {0};
	struct builder plain = {0};
	struct builder labels = {0};
	struct builder nsh = {0};
	struct builder oam = {0};
	struct builder rtp = {0};

	put_in_udp(&four, 4790, "\x0c\0\0\x01\0\0\x2a\0", 8, PACKET_BYTES);
	put_packet(&four);
	assert_read(&four, LINK_ETHERNET, "vni 42");
	put_in_udp(&six, 4790, "\x0c\0\0\x02\0\0\x2a\0", 8, 40 + UDP_BYTES);
	put_packet6(&six);
	assert_read(&six, LINK_ETHERNET, "vni 42");
	put_in_udp(&frame, 4790, "\x04\0\0\x03\0\0\0\0", 8, FRAME_BYTES);
	put_frame(&frame);
	assert_read(&frame, LINK_ETHERNET, "");
	put_in_udp(&plain, 4790, "\x08\0\0\0\0\0\x2a\0", 8, FRAME_BYTES); /* VXLAN's own */
	put_frame(&plain);
	assert_read(&plain, LINK_ETHERNET, "vni 42");
	put_in_udp(&labels, 4790, "\x0c\0\0\x05\0\0\x2a\0\0\x01\x01\x40", 12, PACKET_BYTES);
	put_packet(&labels);
	assert_read(&labels, LINK_ETHERNET, "vni 42");

	put_in_udp(&nsh, 4790, "\x0c\0\0\x04\0\0\x2a\0", 8, FRAME_BYTES);
	put_frame(&nsh);
	assert_verdict(&nsh, DECAP_UNKNOWN_TUNNEL);
	put_in_udp(&oam, 4790, "\x0d\0\0\x01\0\0\x2a\0", 8, PACKET_BYTES);
	put_packet(&oam);
	assert_verdict(&oam, DECAP_UNKNOWN_TUNNEL);
	put_in_udp(&rtp, 4790, "\x80\0\0\x01\0\0\0\x01\0\0\0\x01", 12, 0);
	assert_verdict(&rtp, DECAP_UDP);
}

static void erspan_of_ip(void **state)
{
	struct builder four = {0};
	struct builder six = {0};

	put_gre(&four, "\x10\0\x22\xeb\0\0\0\x01\x20\x64\x00\x01\0\0\0\x02\0\0\x08\0", 20,
		PACKET_BYTES);
	put_packet(&four);
	assert_read(&four, LINK_ETHERNET, "erspan 1");
	put_gre(&six, "\x10\0\x22\xeb\0\0\0\x01\x20\x64\x00\x01\0\0\0\x02\0\0\x08\0", 20,
		40 + UDP_BYTES);
	put_packet6(&six);
	assert_read(&six, LINK_ETHERNET, "erspan 1");
}

static void tags_of_fabrics(void **state)
{
	struct builder vn = {0};
	struct builder e = {0};

	put_ethernet(&vn, 0x8926);
	put(&vn, "\x80\x05\0\x07\x08\0", 6);
	put_packet(&vn);
	assert_read(&vn, LINK_ETHERNET, "");
	put_ethernet(&e, 0x893f);
	put(&e, "\0\0\0\x05\0\0\x81\0", 8);
	put_vlan(&e, 100, 0x0800);
	put_packet(&e);
	assert_read(&e, LINK_ETHERNET, "vlan 100");
}

static void llc_with_snap(void **state)
{
	static const char *const others[] = {"\x42\x42\x03\0\0\0\0\0", /* spanning tree */
		"\xaa\xaa\x03\0\0\x0c\x20\0",			       /* a maker's: CDP */
		"\xaa\xaa\x03\0\0\0\x80\x9b"};			       /* AppleTalk */
	struct builder b = {0};
	struct builder tagged = {0};

	put_ethernet(&b, 8 + PACKET_BYTES);
	put(&b, "\xaa\xaa\x03\0\0\0\x08\0", 8);
	put_packet(&b);
	assert_read(&b, LINK_ETHERNET, "");
	put_ethernet(&tagged, 0x8100);
	put_vlan(&tagged, 100, 8 + 40 + UDP_BYTES);
	put(&tagged, "\xaa\xaa\x03\0\0\0\x86\xdd", 8);
	put_packet6(&tagged);
	assert_read(&tagged, LINK_ETHERNET, "vlan 100");

	for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct builder other = {0};

		put_ethernet(&other, 8 + PACKET_BYTES);
		put(&other, others[i], 8);
		put_packet(&other);
		assert_verdict(&other, DECAP_NOT_IP);
	}
}

static void ethernet_in_ip(void **state)
{
	struct builder b = {0};
	struct builder later = {0};

	put_ethernet(&b, 0x0800);
	put_ipv4(&b, 0, 0, 97, 2 + FRAME_BYTES);
	put(&b, "\x30\0", 2);
	put_frame(&b);
	assert_read(&b, LINK_ETHERNET, "");
	put_ethernet(&later, 0x86dd);
	put_ipv6(&later, 97, 2 + FRAME_BYTES);
	put(&later, "\x40\0", 2);
	put_frame(&later);
	assert_verdict(&later, DECAP_UNKNOWN_TUNNEL);
}

static void tunnels_that_are_not_followed(void **state)
{
	static const struct {
		unsigned int port;
		const char *header;
	} in_udp[] = {
		{1701, "\0\x02\0\x01\0\x01\xff\x03"}, /* L2TPv2 */
		{1701, "\x40\x02\0\x30\0\x01\0\x01"}, /* with a length */
		{1701, "\0\x03\0\0\0\0\0\x01"},	      /* L2TPv3 */
		{2152, "\x30\xff\0\x30\0\0\0\x01"},   /* GTP-U */
		{2152, "\x34\xff\0\x38\0\0\0\x01"},   /* with an extension */
		{37008, "\x01\0\0\x01\x01\0\0\0"},    /* TZSP */
	};
	static const unsigned int types[] = {0x894f, 0x8909};
	struct builder l2tp = {0};
	struct builder piece = {0};
	struct builder pptp = {0};

	for (unsigned int i = 0; i < sizeof(in_udp) / sizeof(in_udp[0]); i++) {
		struct builder b = {0};
		struct builder rtp = {0};
		struct builder sip = {0};

		put_in_udp(&b, in_udp[i].port, in_udp[i].header, 8, PACKET_BYTES);
		put_packet(&b);
		assert_verdict(&b, DECAP_UNKNOWN_TUNNEL);
		put_in_udp(&rtp, in_udp[i].port, "\x80\x02\0\x01\0\0\0\x01\0\0\0\x01", 12, 0);
		assert_verdict(&rtp, DECAP_UDP);
		put_in_udp(&sip, in_udp[i].port, "BYE sip:a@b SIP/2.0", 19, 0);
		assert_verdict(&sip, DECAP_UDP);
	}
	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct builder b = {0};

		put_ethernet(&b, types[i]);
		put(&b, "\x01\x01\0\x01\0\x05\x08\0", 8);
		put_packet(&b);
		assert_verdict(&b, DECAP_UNKNOWN_TUNNEL);
	}
	put_ethernet(&l2tp, 0x0800);
	put_ipv4(&l2tp, 0, 0, 115, 4 + FRAME_BYTES);
	put(&l2tp, "\0\0\0\x01", 4);
	put_frame(&l2tp);
	assert_verdict(&l2tp, DECAP_UNKNOWN_TUNNEL);
	put_ethernet(&piece, 0x0800);
	put_ipv4(&piece, 0, 0x2000, 115, 4 + FRAME_BYTES);
	put(&piece, "\0\0\0\x01", 4);
	put_frame(&piece);
	assert_verdict(&piece, DECAP_UNKNOWN_TUNNEL);
	put_gre(&pptp, "\x30\x01\x88\x0b\0\x02\0\x01\0\0\0\x01", 12, PACKET_BYTES);
	put_packet(&pptp);
	assert_verdict(&pptp, DECAP_UNKNOWN_TUNNEL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vxlan_gpe),
		cmocka_unit_test(erspan_of_ip),
		cmocka_unit_test(tags_of_fabrics),
		cmocka_unit_test(llc_with_snap),
		cmocka_unit_test(ethernet_in_ip),
		cmocka_unit_test(tunnels_that_are_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
