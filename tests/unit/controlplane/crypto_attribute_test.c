/* The a=crypto line: RFC 4568's own examples, what devices send, and what is no such line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/crypto_attribute.h"

static struct srtp_keys keys;

static int parse(const char *value)
{
	memset(&keys, 0, sizeof(keys));
	return crypto_attribute_parse(&keys, value);
}

/* RFC 4568, 4: two keys with lifetime and MKI. */
static void two_keys_of_the_rfc(void **state)
{
	assert_int_equal(parse("1 AES_CM_128_HMAC_SHA1_80 "
			       "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4;"
			       "inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj|2^21|2:4"),
		0);
	assert_int_equal(keys.count, 2);
	assert_int_equal(keys.current, 2);
	assert_int_equal(keys.list[0].tag, 1);
	assert_int_equal(keys.list[0].suite, CRYPTO_AES_CM_128_HMAC_SHA1_80);
	assert_memory_equal(keys.list[0].secret, "wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#", 30);
	assert_int_equal(keys.list[0].lifetime, 1 << 20);
	assert_int_equal(keys.list[0].mki, 1);
	assert_int_equal(keys.list[0].mki_bytes, 4);
	assert_memory_equal(keys.list[1].secret, "70xwPH5@/,L:S1wY\"~='EpgT%(i_Vc", 30);
	assert_int_equal(keys.list[1].lifetime, 1 << 21);
	assert_int_equal(keys.list[1].mki, 2);
}

static void session_parameters(void **state)
{
	assert_int_equal(parse("2 AES_CM_128_HMAC_SHA1_32 "
			       "inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj|1048576 KDR=4 "
			       "UNENCRYPTED_SRTCP WSH=64 -vendor=1 FEC_ORDER=FEC_SRTP"),
		0);
	assert_int_equal(keys.list[0].derivation_packets, 16);
	assert_int_equal(keys.list[0].lifetime, 1048576);
	assert_true(keys.list[0].unencrypted_rtcp);
	assert_false(keys.list[0].unencrypted);
	assert_false(keys.list[0].unauthenticated);
	assert_int_equal(parse("2 AES_CM_128_HMAC_SHA1_32 "
			       "inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj UNENCRYPTED_SRTP "
			       "UNAUTHENTICATED_SRTP"),
		0);
	assert_true(keys.list[0].unencrypted);
	assert_true(keys.list[0].unauthenticated);
}

static void every_suite(void **state)
{
	char base64[65];
	char value[128];

	memset(base64, 'A', sizeof(base64));
	for (unsigned int i = 0; i < CRYPTO_SUITES; i++) {
		const struct crypto_suite_info *suite = crypto_suite_info((enum crypto_suite)i);
		unsigned int digits = ((suite->key_bytes + suite->salt_bytes) * 8U + 5) / 6;

		snprintf(
			value, sizeof(value), "9 %s inline:%.*s", suite->name, (int)digits, base64);
		assert_int_equal(parse(value), 0);
		assert_int_equal(keys.list[0].suite, i);
		snprintf(value, sizeof(value), "9 %s inline:%.*s%s", suite->name, (int)digits,
			base64,
			digits % 4 == 2	  ? "=="
			: digits % 4 == 3 ? "="
					  : "");
		assert_int_equal(parse(value), 0);
		snprintf(value, sizeof(value), "9 %s inline:%.*s", suite->name, (int)digits - 1,
			base64);
		assert_int_equal(parse(value), -EBADMSG);
	}
	assert_int_equal(parse("1 aes_cm_256_hmac_sha1_80 inline:"
			       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="),
		0);
	assert_int_equal(keys.list[0].suite, CRYPTO_AES_256_CM_HMAC_SHA1_80);
}

static void what_is_no_key(void **state)
{
	static const struct {
		const char *value;
		int err;
	} cases[] = {
		{"", -EBADMSG},
		{"1", -EBADMSG},
		{"x AES_CM_128_HMAC_SHA1_80 inline:", -EBADMSG},
		{"1 AES_CM_128_HMAC_SHA1_80", -EBADMSG},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:", -EBADMSG},
		{"1 AES_CM_128_HMAC_SHA1_80 ;", -ENOTSUP},
		{"1 AES_CM_128_HMAC_SHA1_80 uri:https://192.0.2.1/key", -ENOTSUP},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:!!!!dmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj",
			-EBADMSG},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAw==oj",
			-EBADMSG},
		{"1 F8_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", -ENOTSUP},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj NEW=1",
			-ENOTSUP},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj KDR=25",
			-EBADMSG},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^49",
			-EBADMSG},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|256:1",
			-EBADMSG},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|1:129",
			-EBADMSG},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj;"
		 "inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj",
			-EBADMSG},
		{"1 AEAD_AES_128_GCM inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA== "
		 "UNAUTHENTICATED_SRTP",
			-ENOTSUP},
	};
	struct srtp_keys none;

	memset(&none, 0, sizeof(none));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].value), cases[i].err);
		assert_memory_equal(&keys, &none, sizeof(none));
	}
}

static void what_is_printed_is_read(void **state)
{
	static const char line[] = "7 AES_256_CM_HMAC_SHA1_32 inline:"
				   "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywt"
				   "Lg==|4096|77:3 KDR=3 UNENCRYPTED_SRTP";
	struct srtp_keys before;
	char printed[CRYPTO_ATTRIBUTE_BYTES];
	char small[40];

	assert_int_equal(parse(line), 0);
	before = keys;
	assert_true(crypto_attribute_print(&before.list[0], printed, sizeof(printed)) > 0);
	assert_int_equal(strncmp(printed, "a=crypto:", 9), 0);
	assert_string_equal(printed + 9, line);
	assert_int_equal(parse(printed + 9), 0);
	assert_memory_equal(&keys, &before, sizeof(keys));
	assert_int_equal(crypto_attribute_print(&before.list[0], small, sizeof(small)), -ENOSPC);
}

static void newer_keys_go_before_older_ones(void **state)
{
	struct srtp_keys kept = {0};

	for (unsigned int i = 0; i < SRTP_KEYS_MAX + 3; i++) {
		char value[] = "1 AES_CM_128_HMAC_SHA1_80 "
			       "inline:A0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

		value[strlen("1 AES_CM_128_HMAC_SHA1_80 inline:")] = (char)('A' + i);
		assert_int_equal(parse(value), 0);
		assert_true(srtp_keys_take(&kept, &keys));
		assert_false(srtp_keys_take(&kept, &keys));
		assert_int_equal(kept.current, 1);
		assert_int_equal(kept.count, i < SRTP_KEYS_MAX ? i + 1 : SRTP_KEYS_MAX);
		assert_true(srtp_key_equal(&kept.list[0], &keys.list[0]));
	}
	memset(&keys, 0, sizeof(keys));
	assert_true(srtp_keys_take(&kept, &keys));
	assert_int_equal(kept.current, 0);
	assert_int_equal(kept.count, SRTP_KEYS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_keys_of_the_rfc),
		cmocka_unit_test(session_parameters),
		cmocka_unit_test(every_suite),
		cmocka_unit_test(what_is_no_key),
		cmocka_unit_test(what_is_printed_is_read),
		cmocka_unit_test(newer_keys_go_before_older_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
