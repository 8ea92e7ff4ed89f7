/* Frames that scapy made, and what is answered. Checksums are recomputed here in another way: as a
 * 64-bit number modulo 0xffff. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/neighbour.h"

#define IP 14
#define ICMP (IP + 20)
#define ICMP6 (IP + 40)
#define FRAME_MAX 128

static const uint8_t mac[] = {2, 0, 0, 0, 0, 0x41};
static const uint8_t peer[] = {2, 0, 0, 0, 0, 0x20};

static const uint8_t arp[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00,
	0x20, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00,
	0x00, 0x20, 0xc0, 0x00, 0x02, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x02,
	0x29, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00};

static const uint8_t arp_probe[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00,
	0x00, 0x20, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00,
	0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00,
	0x02, 0x29};

static const uint8_t arp_vlan[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00, 0x00,
	0x20, 0x88, 0xa8, 0x00, 0x09, 0x81, 0x00, 0xa0, 0x07, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00,
	0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x20, 0xc0, 0x00, 0x02, 0x14, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x02, 0x29};

static const uint8_t arp_conflict[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00, 0x00,
	0x00, 0x20, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00,
	0x00, 0x00, 0x20, 0xc0, 0x00, 0x02, 0x29, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00,
	0x02, 0x29};

static const uint8_t ping[] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x41, 0x02, 0x00, 0x00, 0x00, 0x00,
	0x20, 0x08, 0x00, 0x45, 0x28, 0x00, 0x23, 0x00, 0x4d, 0x00, 0x00, 0x09, 0x01, 0x2d, 0x28,
	0xc0, 0x00, 0x02, 0x14, 0xc0, 0x00, 0x02, 0x29, 0x08, 0x00, 0x8f, 0x7c, 0x12, 0x34, 0x00,
	0x05, 0x6c, 0x65, 0x67, 0x74, 0x61, 0x70, 0x21};

static const uint8_t ping_options[] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x41, 0x02, 0x00, 0x00, 0x00,
	0x00, 0x20, 0x08, 0x00, 0x46, 0x00, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01, 0xf3,
	0x9c, 0xc0, 0x00, 0x02, 0x14, 0xc0, 0x00, 0x02, 0x29, 0x01, 0x01, 0x01, 0x01, 0x08, 0x00,
	0xf7, 0xfd, 0x00, 0x01, 0x00, 0x01};

static const uint8_t ping6[] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x41, 0x02, 0x00, 0x00, 0x00, 0x00,
	0x20, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, 0x00, 0x0f, 0x3a, 0x40, 0x20, 0x01, 0x0d, 0xb8,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x20, 0x01, 0x0d,
	0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x41, 0x80, 0x00,
	0xbb, 0x5f, 0x12, 0x34, 0x00, 0x05, 0x6c, 0x65, 0x67, 0x74, 0x61, 0x70, 0x21};

static const uint8_t solicit[] = {0x33, 0x33, 0xff, 0x00, 0x00, 0x41, 0x02, 0x00, 0x00, 0x00, 0x00,
	0x20, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x3a, 0xff, 0x20, 0x01, 0x0d, 0xb8,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0xff, 0x02, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xff, 0x00, 0x00, 0x41, 0x87, 0x00,
	0x1b, 0x6b, 0x00, 0x00, 0x00, 0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x41, 0x01, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x20};

static const uint8_t solicit_unicast[] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x41, 0x02, 0x00, 0x00,
	0x00, 0x00, 0x20, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, 0x00, 0x18, 0x3a, 0xff, 0x20, 0x01,
	0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x20,
	0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x41,
	0x87, 0x00, 0xee, 0xdf, 0x00, 0x00, 0x00, 0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x41};

static const uint8_t solicit_dad[] = {0x33, 0x33, 0xff, 0x00, 0x00, 0x41, 0x02, 0x00, 0x00, 0x00,
	0x00, 0x20, 0x86, 0xdd, 0x60, 0x00, 0x00, 0x00, 0x00, 0x18, 0x3a, 0xff, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0x02,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xff, 0x00, 0x00, 0x41, 0x87,
	0x00, 0x4c, 0x6d, 0x00, 0x00, 0x00, 0x00, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x41};

static struct neighbour_addresses addresses;
static struct neighbour_self self;
static struct neighbour_frame out;

static int setup(void **state)
{
	static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x41};

	addresses.count = 2;
	addresses.list[0] = netaddr_from_ipv4("\xc0\x00\x02\x29", 0);
	addresses.list[1] = netaddr_from_ipv6(ipv6, 0);
	memcpy(self.mac, mac, sizeof(mac));
	self.addresses = &addresses;
	return 0;
}

static uint64_t words(const uint8_t *bytes, uint32_t count)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < count; i++)
		total += (uint64_t)bytes[i] << (i % 2 ? 0 : 8);
	return total;
}

static void right_checksum(uint64_t total)
{
	assert_true(total > 0);
	assert_int_equal(total % 0xffff, 0);
}

static void right_checksum_ipv6(const uint8_t *ip)
{
	uint32_t payload = (uint32_t)(ip[4] << 8 | ip[5]);

	right_checksum(words(ip + 8, 32) + payload + 58 + words(ip + 40, payload));
}

static void is_sent_to(const uint8_t *to)
{
	assert_memory_equal(out.bytes, to, 6);
	assert_memory_equal(out.bytes + 6, mac, 6);
	assert_true(out.count >= 60);
}

#define ANSWER(frame) neighbour_answer(&self, frame, sizeof(frame), &out)

/* What comes of a frame with one byte changed. */
static enum neighbour_verdict changed(
	const uint8_t *frame, uint32_t bytes, uint32_t at, uint8_t value)
{
	uint8_t copy[FRAME_MAX];

	assert_true(bytes <= sizeof(copy) && at < bytes);
	memcpy(copy, frame, bytes);
	assert_int_not_equal(copy[at], value);
	copy[at] = value;
	return neighbour_answer(&self, copy, bytes, &out);
}

static void arp_is_answered(void **state)
{
	assert_true(neighbour_concerns(&addresses, arp, sizeof(arp)));
	assert_int_equal(ANSWER(arp), NEIGHBOUR_ARP);
	is_sent_to(peer);
	assert_memory_equal(out.bytes + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02", 10);
	assert_memory_equal(out.bytes + 22, mac, 6);
	assert_memory_equal(out.bytes + 28, "\xc0\x00\x02\x29", 4);
	assert_memory_equal(out.bytes + 32, peer, 6);
	assert_memory_equal(out.bytes + 38, "\xc0\x00\x02\x14", 4);
	assert_int_equal(ANSWER(arp_probe), NEIGHBOUR_ARP);
	assert_memory_equal(out.bytes + 38, "\0\0\0\0", 4);
}

static void tags_are_kept(void **state)
{
	assert_true(neighbour_concerns(&addresses, arp_vlan, sizeof(arp_vlan)));
	assert_int_equal(ANSWER(arp_vlan), NEIGHBOUR_ARP);
	is_sent_to(peer);
	assert_memory_equal(out.bytes + 12, arp_vlan + 12, 10);
	assert_int_equal(out.bytes[29], 2); /* a reply */
}

static void arp_of_others_is_not(void **state)
{
	uint8_t other[sizeof(arp)];

	assert_int_equal(changed(arp, sizeof(arp), 41, 0x28), NEIGHBOUR_IGNORED);
	memcpy(other, arp, sizeof(arp));
	other[41] = 0x28;
	assert_false(neighbour_concerns(&addresses, other, sizeof(other)));
	assert_int_equal(changed(arp, sizeof(arp), 21, 2), NEIGHBOUR_IGNORED); /* a reply */
	assert_int_equal(changed(arp, sizeof(arp), 0, 2), NEIGHBOUR_IGNORED);  /* another MAC */
	assert_int_equal(changed(arp, sizeof(arp), 22, 3), NEIGHBOUR_MALFORMED);
	assert_int_equal(changed(arp, sizeof(arp), 18, 8), NEIGHBOUR_MALFORMED);
	assert_int_equal(ANSWER(arp_conflict), NEIGHBOUR_CONFLICT);
	assert_int_equal(neighbour_answer(&self, arp, 41, &out), NEIGHBOUR_MALFORMED);
	assert_int_equal(out.count, 0);
}

static void ping_is_answered(void **state)
{
	assert_true(neighbour_concerns(&addresses, ping, sizeof(ping)));
	assert_int_equal(ANSWER(ping), NEIGHBOUR_ECHO);
	is_sent_to(peer);
	assert_int_equal(out.bytes[IP], 0x45);
	assert_int_equal(out.bytes[IP + 1], 0x28);
	assert_int_equal(out.bytes[IP + 3], 35);
	assert_int_equal(out.bytes[IP + 8], 64);
	assert_memory_equal(out.bytes + IP + 12, "\xc0\x00\x02\x29\xc0\x00\x02\x14", 8);
	right_checksum(words(out.bytes + IP, 20));
	assert_int_equal(out.bytes[ICMP], 0);
	assert_memory_equal(out.bytes + ICMP + 4, "\x12\x34\x00\x05legtap!", 11);
	right_checksum(words(out.bytes + ICMP, 15));
	assert_int_equal(ANSWER(ping_options), NEIGHBOUR_ECHO);
	assert_int_equal(out.bytes[IP], 0x45);
	right_checksum(words(out.bytes + IP, 20));
	right_checksum(words(out.bytes + ICMP, 8));
}

static void a_bad_ping_is_not(void **state)
{
	assert_int_equal(changed(ping, sizeof(ping), 5, 0x42), NEIGHBOUR_IGNORED); /* MAC */
	for (uint32_t at = IP; at < IP + 20; at++)
		assert_true(changed(ping, sizeof(ping), at, ping[at] ^ 1) > NEIGHBOUR_ECHO);
	for (uint32_t at = ICMP; at < sizeof(ping); at++)
		assert_true(changed(ping, sizeof(ping), at, ping[at] ^ 1) > NEIGHBOUR_ECHO);
	assert_int_equal(
		neighbour_answer(&self, ping, sizeof(ping) - 1, &out), NEIGHBOUR_MALFORMED);
	for (uint32_t bytes = 0; bytes < sizeof(ping); bytes++)
		assert_true(neighbour_answer(&self, ping, bytes, &out) > NEIGHBOUR_ECHO);
	assert_int_equal(out.count, 0);
}

static void ping_by_ipv6_is_answered(void **state)
{
	assert_true(neighbour_concerns(&addresses, ping6, sizeof(ping6)));
	assert_int_equal(ANSWER(ping6), NEIGHBOUR_ECHO);
	is_sent_to(peer);
	assert_memory_equal(out.bytes + IP + 8, ping6 + IP + 24, 16);
	assert_memory_equal(out.bytes + IP + 24, ping6 + IP + 8, 16);
	assert_int_equal(out.bytes[ICMP6], 129);
	assert_memory_equal(out.bytes + ICMP6 + 4, "\x12\x34\x00\x05legtap!", 11);
	right_checksum_ipv6(out.bytes + IP);
	for (uint32_t at = IP + 8; at < sizeof(ping6); at++)
		assert_true(changed(ping6, sizeof(ping6), at, ping6[at] ^ 1) > NEIGHBOUR_ECHO);
}

static void advertises(uint8_t flags)
{
	assert_int_equal(out.bytes[IP + 7], 255);
	assert_memory_equal(out.bytes + IP + 8, addresses.list[1].ip, 16);
	assert_int_equal(out.bytes[ICMP6], 136);
	assert_int_equal(out.bytes[ICMP6 + 4], flags);
	assert_memory_equal(out.bytes + ICMP6 + 8, addresses.list[1].ip, 16);
	assert_memory_equal(out.bytes + ICMP6 + 24, "\x02\x01", 2);
	assert_memory_equal(out.bytes + ICMP6 + 26, mac, 6);
	right_checksum_ipv6(out.bytes + IP);
}

static void solicitations_are_answered(void **state)
{
	assert_true(neighbour_concerns(&addresses, solicit, sizeof(solicit)));
	assert_int_equal(ANSWER(solicit), NEIGHBOUR_SOLICITED);
	is_sent_to(peer);
	assert_memory_equal(out.bytes + IP + 24, solicit + IP + 8, 16);
	advertises(0x60);
	assert_int_equal(ANSWER(solicit_unicast), NEIGHBOUR_SOLICITED);
	is_sent_to(peer);
	advertises(0x60);
	assert_int_equal(ANSWER(solicit_dad), NEIGHBOUR_SOLICITED);
	is_sent_to((const uint8_t *)"\x33\x33\0\0\0\1");
	assert_memory_equal(out.bytes + IP + 24, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	advertises(0x20);
}

static void a_bad_solicitation_is_not(void **state)
{
	for (uint32_t at = ICMP6; at < sizeof(solicit); at++)
		assert_true(changed(solicit, sizeof(solicit), at, solicit[at] ^ 1) >
			    NEIGHBOUR_SOLICITED);
	/* Behind a router: its hop limit is no longer 255. */
	assert_int_equal(changed(solicit, sizeof(solicit), IP + 7, 254), NEIGHBOUR_MALFORMED);
	for (uint32_t bytes = 0; bytes < sizeof(solicit); bytes++)
		assert_true(neighbour_answer(&self, solicit, bytes, &out) > NEIGHBOUR_SOLICITED);
}

static void addresses_are_announced(void **state)
{
	neighbour_announce(&self, &addresses.list[0], &out);
	is_sent_to((const uint8_t *)"\xff\xff\xff\xff\xff\xff");
	assert_memory_equal(out.bytes + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
	assert_memory_equal(out.bytes + 22, mac, 6);
	assert_memory_equal(out.bytes + 28, "\xc0\x00\x02\x29\0\0\0\0\0\0\xc0\x00\x02\x29", 14);
	neighbour_announce(&self, &addresses.list[1], &out);
	is_sent_to((const uint8_t *)"\x33\x33\0\0\0\1");
	assert_int_equal(out.count, 86);
	advertises(0x20);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_is_answered),
		cmocka_unit_test(tags_are_kept),
		cmocka_unit_test(arp_of_others_is_not),
		cmocka_unit_test(ping_is_answered),
		cmocka_unit_test(a_bad_ping_is_not),
		cmocka_unit_test(ping_by_ipv6_is_answered),
		cmocka_unit_test(solicitations_are_answered),
		cmocka_unit_test(a_bad_solicitation_is_not),
		cmocka_unit_test(addresses_are_announced),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
