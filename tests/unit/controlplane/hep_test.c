/* HEPv3: what is read of a message, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "controlplane/hep.h"
#include "hep_frame.h"

static struct hep_frame frame;
static struct hep_message message;

/* From memory of just its size, so that a sanitizer sees what reads beyond. */
static int parse(const void *data, size_t bytes)
{
	void *copy = malloc(bytes ? bytes : 1);
	int err;

	memcpy(copy, data, bytes);
	err = hep_parse(&message, copy, bytes);
	free(copy);
	return err;
}

static void assert_address(const struct netaddr *a, const char *wanted)
{
	char text[NETADDR_TEXT_BYTES];

	assert_string_equal(netaddr_format(a, text), wanted);
}

static void reads_what_siptrace_sends(void **state)
{
	hep_frame_sip(
		&frame, "192.0.2.10", "192.0.2.20", "OPTIONS sip:a SIP/2.0\r\n\r\n", "secret");
	assert_int_equal(hep_parse(&message, frame.data, frame.bytes), 0);
	assert_address(&message.source, "192.0.2.10:5060");
	assert_address(&message.destination, "192.0.2.20:5060");
	assert_int_equal(message.protocol, 17);
	assert_int_equal(message.payload_type, HEP_SIP);
	assert_int_equal(message.time_s, 1764000000);
	assert_int_equal(message.time_us, 123456);
	assert_int_equal(message.agent, 2001);
	assert_int_equal(message.key_bytes, 6);
	assert_memory_equal(message.key, "secret", 6);
	assert_int_equal(message.payload_bytes, 25);
	assert_memory_equal(message.payload, "OPTIONS sip:a SIP/2.0\r\n\r\n", 25);
	assert_false(message.compressed);
}

static void reads_ipv6_and_vlan(void **state)
{
	uint8_t source[16];
	uint8_t destination[16];

	inet_pton(AF_INET6, "2001:db8::1", source);
	inet_pton(AF_INET6, "2001:db8::2", destination);
	hep_frame_begin(&frame);
	hep_frame_add_number(&frame, 1, 10, 1);
	hep_frame_add_number(&frame, 2, 6, 1);
	hep_frame_add(&frame, 0, 5, source, 16);
	hep_frame_add(&frame, 0, 6, destination, 16);
	hep_frame_add_number(&frame, 7, 5061, 2);
	hep_frame_add_number(&frame, 8, 5060, 2);
	hep_frame_add_number(&frame, 18, 0x2064, 2); /* priority 1 */
	hep_frame_add(&frame, 0, 15, "x", 1);
	assert_int_equal(parse(frame.data, frame.bytes), 0);
	assert_address(&message.source, "[2001:db8::1]:5061");
	assert_address(&message.destination, "[2001:db8::2]:5060");
	assert_int_equal(message.vlan, 100);
	assert_int_equal(message.protocol, 6);
}

static void skips_what_it_does_not_know(void **state)
{
	hep_frame_begin(&frame);
	hep_frame_add(&frame, 0x000a, 3, "other vendor", 12); /* its type 3 is not ours */
	hep_frame_add(&frame, 0, 0x0011, "correlation", 11);
	hep_frame_add(&frame, 0, 0x7fff, "", 0);
	hep_frame_add_head(&frame, "192.0.2.10", 1, "192.0.2.20", 2);
	hep_frame_add(&frame, 0, 15, "x", 1);
	assert_int_equal(parse(frame.data, frame.bytes), 0);
	assert_address(&message.source, "192.0.2.10:1");
}

static void tells_a_compressed_payload(void **state)
{
	hep_frame_begin(&frame);
	hep_frame_add_head(&frame, "192.0.2.10", 1, "192.0.2.20", 2);
	hep_frame_add(&frame, 0, 16, "\x78\x9c", 2);
	assert_int_equal(parse(frame.data, frame.bytes), 0);
	assert_true(message.compressed);
	assert_null(message.payload);
}

static void refuses_every_cut(void **state)
{
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", "x", "secret");
	for (size_t bytes = 0; bytes < frame.bytes; bytes++)
		assert_int_equal(parse(frame.data, bytes), -EBADMSG);
	/* And a message that claims to end there. */
	for (size_t bytes = 6; bytes < frame.bytes; bytes++) {
		frame.data[4] = (uint8_t)(bytes >> 8);
		frame.data[5] = (uint8_t)bytes;
		assert_int_equal(parse(frame.data, bytes), -EBADMSG);
	}
}

static void refuses_wrong_lengths(void **state)
{
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", "x", NULL);
	frame.data[frame.bytes] = 0;
	assert_int_equal(parse(frame.data, frame.bytes + 1), -EBADMSG);
	frame.data[11] = 5; /* the first chunk is shorter than its head */
	assert_int_equal(parse(frame.data, frame.bytes), -EBADMSG);
	frame.data[10] = 0xff; /* and longer than the message */
	assert_int_equal(parse(frame.data, frame.bytes), -EBADMSG);
	hep_frame_begin(&frame);
	hep_frame_add_head(&frame, "192.0.2.10", 1, "192.0.2.20", 2);
	hep_frame_add(&frame, 0, 3, "\1\2\3\4\5", 5); /* an IPv4 address of 5 octets */
	hep_frame_add(&frame, 0, 15, "x", 1);
	assert_int_equal(parse(frame.data, frame.bytes), -EBADMSG);
}

static void refuses_without_address_or_payload(void **state)
{
	hep_frame_begin(&frame);
	hep_frame_add_head(&frame, "192.0.2.10", 1, "192.0.2.20", 2);
	assert_int_equal(parse(frame.data, frame.bytes), -EBADMSG);
	hep_frame_add(&frame, 0, 15, "x", 1);
	assert_int_equal(parse(frame.data, frame.bytes), 0);
	hep_frame_add_number(
		&frame, 1, 10, 1); /* IPv6 after all, of which there are no addresses */
	assert_int_equal(parse(frame.data, frame.bytes), -EBADMSG);
	hep_frame_add_number(&frame, 1, 77, 1);
	assert_int_equal(parse(frame.data, frame.bytes), -EBADMSG);
}

static void length_of_a_stream(void **state)
{
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", "x", NULL);
	for (size_t bytes = 0; bytes < 6; bytes++)
		assert_int_equal(hep_length(frame.data, bytes), 0);
	assert_int_equal(hep_length(frame.data, 6), frame.bytes);
	assert_int_equal(hep_length("HEPX", 4), -EBADMSG);
	assert_int_equal(hep_length("G", 1), -EBADMSG);
	assert_int_equal(hep_length("HEP3\0\5", 6), -EBADMSG);
	assert_int_equal(hep_length("HEP3\xff\xff", 6), 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_siptrace_sends),
		cmocka_unit_test(reads_ipv6_and_vlan),
		cmocka_unit_test(skips_what_it_does_not_know),
		cmocka_unit_test(tells_a_compressed_payload),
		cmocka_unit_test(refuses_every_cut),
		cmocka_unit_test(refuses_wrong_lengths),
		cmocka_unit_test(refuses_without_address_or_payload),
		cmocka_unit_test(length_of_a_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
