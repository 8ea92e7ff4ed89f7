#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/rtp.h"

/* Checks a copy in a heap block of just `readable` bytes. */
static enum rtp_verdict check_cut(const uint8_t *bytes, uint32_t readable, uint32_t length)
{
	uint8_t *copy = malloc(readable ? readable : 1);
	enum rtp_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, bytes, readable);
	verdict = rtp_check(copy, readable, length);
	free(copy);
	return verdict;
}

static enum rtp_verdict check(const uint8_t *bytes, uint32_t length)
{
	return check_cut(bytes, length, length);
}

static void make(uint8_t packet[64], uint8_t first, uint8_t second)
{
	memset(packet, 0, 64);
	packet[0] = first;
	packet[1] = second;
	memcpy(packet + 8, "\x12\x34\x56\x78", 4);
}

static void plain_media(void **state)
{
	uint8_t p[64];

	make(p, 0x80, 8);
	assert_int_equal(check(p, 64), RTP_MEDIA);
	assert_int_equal(rtp_ssrc(p), 0x12345678);
	make(p, 0x80, 0x80 | 127);
	assert_int_equal(check(p, 12), RTP_MEDIA);
	for (uint32_t n = 0; n < 12; n++)
		assert_int_equal(check(p, n), RTP_NEITHER);
}

static void sources_must_fit(void **state)
{
	uint8_t p[64];

	make(p, 0x83, 0);
	for (uint32_t n = 0; n <= 64; n++)
		assert_int_equal(check(p, n), n < 24 ? RTP_NEITHER : RTP_MEDIA);
}

static void extension_must_fit(void **state)
{
	uint8_t p[64];

	make(p, 0x91, 0);
	p[12 + 4 + 3] = 2;
	for (uint32_t n = 0; n <= 64; n++)
		assert_int_equal(check(p, n), n < 16 + 4 + 8 ? RTP_NEITHER : RTP_MEDIA);
}

/* With the P bit, in SRTP, the last octet is anything (RFC 3711, 3.1). */
static void the_last_octet_tells_nothing(void **state)
{
	uint8_t p[64];

	make(p, 0xa0, 0);
	for (unsigned int last = 0; last < 256; last++) {
		p[63] = (uint8_t)last;
		assert_int_equal(check(p, 64), RTP_MEDIA);
		assert_int_equal(check_cut(p, 40, 64), RTP_MEDIA);
	}
	assert_int_equal(check(p, 11), RTP_NEITHER);
	make(p, 0xa0, 200);
	p[3] = 15;
	assert_int_equal(check(p, 64), RTP_CONTROL);
	make(p, 0x20, 0); /* STUN, DTLS */
	assert_int_equal(check(p, 64), RTP_NEITHER);
}

static void control_by_its_types(void **state)
{
	uint8_t p[64];

	for (unsigned int type = 0; type < 256; type++) {
		make(p, 0x80, (uint8_t)type);
		p[3] = 6;
		assert_int_equal(
			check(p, 28), type >= 192 && type <= 223 ? RTP_CONTROL : RTP_MEDIA);
	}
	make(p, 0x80, 200);
	p[3] = 7;
	assert_int_equal(check(p, 28), RTP_NEITHER);
	assert_int_equal(check(p, 32), RTP_CONTROL);
	assert_int_equal(check(p, 3), RTP_NEITHER);
}

/* RFC 7983: STUN 0-3, ZRTP 16-19, DTLS 20-63, TURN 64-79; RTP 128-191. */
static void first_octet_of_others(void **state)
{
	uint8_t p[64];

	for (unsigned int first = 0; first < 256; first++) {
		make(p, (uint8_t)first, 0);
		p[63] = 1;
		if (first < 128 || first > 191)
			assert_int_equal(check(p, 64), RTP_NEITHER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_media),
		cmocka_unit_test(sources_must_fit),
		cmocka_unit_test(extension_must_fit),
		cmocka_unit_test(the_last_octet_tells_nothing),
		cmocka_unit_test(control_by_its_types),
		cmocka_unit_test(first_octet_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
