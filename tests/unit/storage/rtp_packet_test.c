#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "storage/rtp_packet.h"

static void header_extension_csrcs_and_padding_are_no_payload(void **state)
{
	static const uint8_t whole[] = {0xb2, 0xe0, 0x12, 0x34, 0x00, 0x01, 0x02, 0x03, 0xde, 0xad,
		0xbe, 0xef, 1, 1, 1, 1, 2, 2, 2, 2, 0xbe, 0xde, 0x00, 0x01, 9, 9, 9, 9, 0x55, 0x66,
		0x77, 0x00, 0x02};
	struct rtp_packet rtp;

	assert_int_equal(rtp_packet_parse(whole, sizeof(whole), &rtp), 0);
	assert_int_equal(rtp.payload_type, 96);
	assert_int_equal(rtp.sequence, 0x1234);
	assert_int_equal(rtp.timestamp, 0x00010203);
	assert_int_equal(rtp.ssrc, 0xdeadbeef);
	assert_int_equal(rtp.payload_offset, 28);
	assert_int_equal(rtp.payload_bytes, 3);
	for (size_t cut = 0; cut < 28; cut++)
		assert_int_equal(rtp_packet_parse(whole, cut, &rtp), -EBADMSG);
}

static void what_contradicts_itself_is_none(void **state)
{
	uint8_t packet[16] = {0x80};
	struct rtp_packet rtp;

	assert_int_equal(rtp_packet_parse(packet, 12, &rtp), 0);
	assert_int_equal(rtp.payload_bytes, 0);
	packet[0] = 0xa0; /* padding of none, of too many, of all */
	assert_int_equal(rtp_packet_parse(packet, 16, &rtp), -EBADMSG);
	packet[15] = 5;
	assert_int_equal(rtp_packet_parse(packet, 16, &rtp), -EBADMSG);
	assert_int_equal(rtp_packet_parse(packet, 12, &rtp), -EBADMSG);
	packet[15] = 4;
	assert_int_equal(rtp_packet_parse(packet, 16, &rtp), 0);
	packet[0] = 0x40;
	assert_int_equal(rtp_packet_parse(packet, 16, &rtp), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_extension_csrcs_and_padding_are_no_payload),
		cmocka_unit_test(what_contradicts_itself_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
