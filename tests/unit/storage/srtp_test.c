/* Opening SRTP: key derivation against the RFCs' vectors, packets that libsrtp2 has made, and what
 * is no packet of the key. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <srtp2/srtp.h>

#include "storage/rtp_packet.h"
#include "storage/srtp.h"

#define PACKET_BYTES 200
#define ROOM (PACKET_BYTES + 64)

static void assert_hex(const uint8_t *data, size_t bytes, const char *expected)
{
	char text[128];

	for (size_t i = 0; i < bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	assert_string_equal(text, expected);
}

static struct srtp_key key_of(enum crypto_suite suite, const char *hex)
{
	struct srtp_key key = {.tag = 1, .suite = (uint8_t)suite};

	for (size_t i = 0; hex[2 * i]; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		key.secret[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return key;
}

static struct srtp_key random_key(enum crypto_suite suite)
{
	struct srtp_key key = {.tag = 1, .suite = (uint8_t)suite};
	const struct crypto_suite_info *info = crypto_suite_info(suite);

	for (unsigned int i = 0; i < info->key_bytes + info->salt_bytes; i++)
		key.secret[i] = (uint8_t)rand();
	return key;
}

/* RFC 3711, B.3 */
static void session_keys_of_rfc_3711(void **state)
{
	struct srtp_key key = key_of(CRYPTO_AES_CM_128_HMAC_SHA1_80,
		"e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
	uint8_t out[32];

	assert_int_equal(srtp_derive(&key, SRTP_LABEL_ENCRYPTION, 0, out, 16), 0);
	assert_hex(out, 16, "c61e7a93744f39ee10734afe3ff7a087");
	assert_int_equal(srtp_derive(&key, SRTP_LABEL_SALT, 0, out, 14), 0);
	assert_hex(out, 14, "30cbbc08863d8c85d49db34a9ae1");
	assert_int_equal(srtp_derive(&key, SRTP_LABEL_AUTHENTICATION, 0, out, 20), 0);
	assert_hex(out, 20, "cebe321f6ff7716b6fd4ab49af256a156d38baa4");
}

/* RFC 6188, 7.2 and 7.4 */
static void session_keys_of_rfc_6188(void **state)
{
	struct srtp_key key = key_of(CRYPTO_AES_256_CM_HMAC_SHA1_80,
		"f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6"
		"3b04803de51ee7c96423ab5b78d2");
	uint8_t out[32];

	assert_int_equal(srtp_derive(&key, SRTP_LABEL_ENCRYPTION, 0, out, 32), 0);
	assert_hex(out, 32, "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
	assert_int_equal(srtp_derive(&key, SRTP_LABEL_SALT, 0, out, 14), 0);
	assert_hex(out, 14, "fa31791685ca444a9e07c6c64e93");
	assert_int_equal(srtp_derive(&key, SRTP_LABEL_AUTHENTICATION, 0, out, 20), 0);
	assert_hex(out, 20, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
	key = key_of(CRYPTO_AES_192_CM_HMAC_SHA1_80,
		"73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1"
		"c8522f3acd4ce86d5add78edbb11");
	assert_int_equal(srtp_derive(&key, SRTP_LABEL_ENCRYPTION, 0, out, 24), 0);
	assert_hex(out, 24, "31874736a8f1143870c26e4857d8a5b2c4a354407faadabb");
	assert_int_equal(srtp_derive(&key, SRTP_LABEL_SALT, 0, out, 14), 0);
	assert_hex(out, 14, "2372b82d639b6d8503a47adc0a6c");
	assert_int_equal(srtp_derive(&key, SRTP_LABEL_AUTHENTICATION, 0, out, 20), 0);
	assert_hex(out, 20, "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb");
}

/* The packet by which libsrtp validates itself: AES_CM_128_HMAC_SHA1_80, index 0x1234. */
static void a_whole_packet(void **state)
{
	struct srtp_key key = key_of(CRYPTO_AES_CM_128_HMAC_SHA1_80,
		"e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6");
	uint8_t packet[] = {0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe,
		0x4e, 0x55, 0xdc, 0x4c, 0xe7, 0x99, 0x78, 0xd8, 0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d,
		0x24, 0x02, 0xb7, 0x8d, 0x6a, 0xcc, 0x99, 0xea, 0x17, 0x9b, 0x8d, 0xbb};
	uint16_t bytes = sizeof(packet);
	struct srtp_context *c;

	assert_int_equal(srtp_context_make(&c, &key), 0);
	assert_int_equal(srtp_context_open(c, packet, &bytes, 12, 0x1234), 0);
	assert_int_equal(bytes, 28);
	for (unsigned int i = 12; i < 28; i++)
		assert_int_equal(packet[i], 0xab);
	srtp_context_free(c);
}

/* --- libsrtp2 as the sender --- */

static void set_policy(srtp_crypto_policy_t *p, enum crypto_suite suite)
{
	static void (*const setters[CRYPTO_SUITES])(srtp_crypto_policy_t *) = {
		[CRYPTO_AES_CM_128_HMAC_SHA1_80] = srtp_crypto_policy_set_rtp_default,
		[CRYPTO_AES_CM_128_HMAC_SHA1_32] = srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
		[CRYPTO_AES_192_CM_HMAC_SHA1_80] = srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80,
		[CRYPTO_AES_192_CM_HMAC_SHA1_32] = srtp_crypto_policy_set_aes_cm_192_hmac_sha1_32,
		[CRYPTO_AES_256_CM_HMAC_SHA1_80] = srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
		[CRYPTO_AES_256_CM_HMAC_SHA1_32] = srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
		[CRYPTO_AEAD_AES_128_GCM] = srtp_crypto_policy_set_aes_gcm_128_16_auth,
		[CRYPTO_AEAD_AES_256_GCM] = srtp_crypto_policy_set_aes_gcm_256_16_auth,
	};

	setters[suite](p);
}

struct sender {
	srtp_t srtp;
	struct srtp_key key;
	uint8_t mki[SRTP_MKI_BYTES_MAX];
};

static void sender_init(struct sender *s, const struct srtp_key *key)
{
	srtp_policy_t policy = {.ssrc.type = ssrc_any_outbound, .window_size = 128};
	srtp_master_key_t master = {0};
	srtp_master_key_t *masters[] = {&master};

	memset(s, 0, sizeof(*s));
	s->key = *key;
	master.key = s->key.secret;
	master.mki_id = s->mki;
	set_policy(&policy.rtp, (enum crypto_suite)key->suite);
	set_policy(&policy.rtcp, (enum crypto_suite)key->suite);
	if (key->unencrypted && key->unauthenticated)
		policy.rtp.sec_serv = sec_serv_none;
	else if (key->unencrypted)
		policy.rtp.sec_serv = sec_serv_auth;
	else if (key->unauthenticated)
		policy.rtp.sec_serv = sec_serv_conf;
	if (key->mki_bytes) {
		for (unsigned int i = 0; i < 8 && i < key->mki_bytes; i++)
			s->mki[key->mki_bytes - 1 - i] = (uint8_t)(key->mki >> 8 * i);
		master.mki_size = key->mki_bytes;
		policy.keys = masters;
		policy.num_master_keys = 1;
	} else {
		policy.key = s->key.secret;
	}
	assert_int_equal(srtp_create(&s->srtp, &policy), srtp_err_status_ok);
}

static bool is_aes_192(enum crypto_suite suite)
{
	return suite == CRYPTO_AES_192_CM_HMAC_SHA1_80 || suite == CRYPTO_AES_192_CM_HMAC_SHA1_32;
}

/* The n-th packet, from sequence 65000 on: in clear, then as the sender sends it. Header extensions
 * and CSRCs in some. The bytes sent. */
static uint16_t make(struct sender *s, unsigned int n, uint8_t plain[ROOM], uint16_t *plain_bytes,
	uint16_t *header, uint8_t sent[ROOM])
{
	uint16_t sequence = (uint16_t)(65000 + n);
	struct rtp_packet rtp;
	int bytes = (int)(PACKET_BYTES - n % 100);

	for (int i = 0; i < bytes; i++)
		plain[i] = (uint8_t)rand();
	plain[0] = (uint8_t)(0x80 | (n % 3 == 1 ? 0x10 : 0) | (n % 5 == 1 ? 2 : 0));
	plain[1] = 0;
	plain[2] = (uint8_t)(sequence >> 8);
	plain[3] = (uint8_t)sequence;
	memcpy(plain + 8, "\x11\x22\x33\x44", 4);
	if (plain[0] & 0x10) {
		memset(plain + 12 + (plain[0] & 15) * 4, 0, 4);
		plain[12 + (plain[0] & 15) * 4 + 3] = 2;
	}
	*plain_bytes = (uint16_t)bytes;
	assert_int_equal(rtp_packet_parse_header(plain, (size_t)bytes, &rtp), 0);
	*header = rtp.payload_offset;
	memcpy(sent, plain, (size_t)bytes);
	assert_int_equal(srtp_protect_mki(s->srtp, sent, &bytes, s->key.mki_bytes > 0, 0),
		srtp_err_status_ok);
	return (uint16_t)bytes;
}

/* Which of two ways this libsrtp2 derives by (its issue 763) is found by trying. */
static bool derives_as_256(struct srtp_key key)
{
	uint8_t plain[ROOM], sent[ROOM];
	uint16_t plain_bytes, header;
	struct srtp_context *c;
	struct sender s;
	uint16_t bytes;
	int err;

	sender_init(&s, &key);
	bytes = make(&s, 0, plain, &plain_bytes, &header, sent);
	key.derived_as_256 = true;
	assert_int_equal(srtp_context_make(&c, &key), 0);
	err = srtp_context_open(c, sent, &bytes, header, 65000);
	srtp_context_free(c);
	srtp_dealloc(s.srtp);
	return err == 0;
}

static void open_what_libsrtp2_makes(const struct srtp_key *key)
{
	struct srtp_context *c;
	struct sender s;

	sender_init(&s, key);
	assert_int_equal(srtp_context_make(&c, key), 0);
	for (unsigned int n = 0; n < 2000; n++) {
		uint8_t plain[ROOM], sent[ROOM], wrong[ROOM];
		uint16_t plain_bytes, header;
		uint16_t bytes = make(&s, n, plain, &plain_bytes, &header, sent);
		uint16_t wrong_bytes = bytes;
		uint64_t index = 65000U + n;

		memcpy(wrong, sent, bytes);
		wrong[n % bytes] ^= 0x10;
		if (!key->unauthenticated) {
			uint8_t before[ROOM];

			memcpy(before, wrong, bytes);
			assert_int_equal(
				srtp_context_open(c, wrong, &wrong_bytes, header, index), -EBADMSG);
			assert_int_equal(wrong_bytes, bytes);
			assert_memory_equal(wrong, before, bytes);
			memcpy(wrong, sent, bytes);
			assert_int_equal(
				srtp_context_open(c, wrong, &wrong_bytes, header, index + 0x10000),
				-EBADMSG);
			assert_memory_equal(wrong, sent, bytes);
		}
		/* Twice: what is repeated opens like the first. */
		for (unsigned int i = 0; i < 2; i++) {
			uint8_t opened[ROOM];
			uint16_t opened_bytes = bytes;

			memcpy(opened, sent, bytes);
			assert_int_equal(
				srtp_context_open(c, opened, &opened_bytes, header, index), 0);
			assert_int_equal(opened_bytes, plain_bytes);
			assert_memory_equal(opened, plain, plain_bytes);
		}
	}
	srtp_context_free(c);
	srtp_dealloc(s.srtp);
}

static void every_suite(void **state)
{
	for (unsigned int i = 0; i < CRYPTO_SUITES; i++) {
		struct srtp_key key = random_key((enum crypto_suite)i);

		key.derived_as_256 = is_aes_192((enum crypto_suite)i) && derives_as_256(key);
		open_what_libsrtp2_makes(&key);
		key.mki_bytes = (uint8_t)(1 + i % 12);
		key.mki = i + 1;
		open_what_libsrtp2_makes(&key);
	}
}

static void without_encryption_or_authentication(void **state)
{
	for (unsigned int i = 1; i < 4; i++) {
		struct srtp_key key = random_key(CRYPTO_AES_CM_128_HMAC_SHA1_32);

		key.unencrypted = i & 1;
		key.unauthenticated = i & 2;
		open_what_libsrtp2_makes(&key);
	}
}

/* Cut to any length it is never read beyond its end, and never opens. */
static void what_is_cut_does_not_open(void **state)
{
	for (unsigned int i = 0; i < CRYPTO_SUITES; i++) {
		struct srtp_key key = random_key((enum crypto_suite)i);
		uint8_t plain[ROOM], sent[ROOM];
		uint16_t plain_bytes, header;
		struct srtp_context *c;
		struct sender s;
		uint16_t bytes;

		key.mki_bytes = 4;
		sender_init(&s, &key);
		assert_int_equal(srtp_context_make(&c, &key), 0);
		bytes = make(&s, 0, plain, &plain_bytes, &header, sent);
		for (uint16_t n = header; n < bytes; n++) {
			uint8_t *copy = malloc(n);
			uint16_t copied = n;

			memcpy(copy, sent, n);
			assert_int_equal(
				srtp_context_open(c, copy, &copied, header, 65000), -EBADMSG);
			free(copy);
		}
		srtp_context_free(c);
		srtp_dealloc(s.srtp);
	}
}

static int start(void **state)
{
	srand(1);
	return srtp_init() == srtp_err_status_ok ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_keys_of_rfc_3711),
		cmocka_unit_test(session_keys_of_rfc_6188),
		cmocka_unit_test(a_whole_packet),
		cmocka_unit_test(every_suite),
		cmocka_unit_test(without_encryption_or_authentication),
		cmocka_unit_test(what_is_cut_does_not_open),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
