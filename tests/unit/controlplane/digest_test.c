/* Digest authentication against answers that are computed here by libre's MD5, as RFC 2617, 3.2.2
 * has it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <re.h>

#include "controlplane/config.h"
#include "controlplane/digest.h"

/* RFC 2617, 3.5: the user's name and realm have these hashes of "Circle Of Life". */
#define USER "Mufasa"
#define REALM "testrealm@host.com"
#define USERS USER ":" REALM ":939e7578ed9e3c518a452acee763bce9\n"

static struct digest *digest;
static struct netaddr client;
static char nonce[64];

static int setup(void **state)
{
	struct digest_users *users = malloc(sizeof(*users));
	struct errmsg e;

	assert_int_equal(digest_users_parse(USERS, strlen(USERS), REALM, users, &e), 0);
	assert_int_equal(digest_create(&digest, REALM, DIGEST_MD5, users), 0);
	netaddr_parse("192.0.2.20", &client);
	return 0;
}

static int teardown(void **state)
{
	digest_destroy(digest);
	return 0;
}

static void take_challenge(uint64_t now_s)
{
	char text[DIGEST_CHALLENGE_BYTES];

	digest_challenge(digest, &client, now_s, false, text);
	assert_int_equal(sscanf(strstr(text, "nonce="), "nonce=\"%63[^\"]", nonce), 1);
}

static void hex(const uint8_t md5[16], char out[33])
{
	for (unsigned int i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", md5[i]);
}

static enum digest_verdict answer(uint64_t now_s, const char *password, unsigned int nc)
{
	uint8_t md5[16];
	char a1[33];
	char a2[33];
	char response[33];
	char value[512];

	assert_int_equal(md5_printf(md5, "%s:%s:%s", USER, REALM, password), 0);
	hex(md5, a1);
	assert_int_equal(md5_printf(md5, "INVITE:sip:a@b"), 0);
	hex(md5, a2);
	assert_int_equal(md5_printf(md5, "%s:%s:%08x:0a4f113b:auth:%s", a1, nonce, nc, a2), 0);
	hex(md5, response);
	snprintf(value, sizeof(value),
		"Digest username=\"" USER "\", realm=\"" REALM "\", nonce=\"%s\", uri=\"sip:a@b\", "
		"qop=auth, nc=%08x, cnonce=\"0a4f113b\", response=\"%s\"",
		nonce, nc, response);
	return digest_check(digest, &client, now_s, "INVITE", 6, value, strlen(value));
}

static void an_nc_counts_once(void **state)
{
	take_challenge(100);
	assert_int_equal(answer(100, "Circle Of Life", 1), DIGEST_FITS);
	assert_int_equal(answer(101, "Circle Of Life", 1), DIGEST_STALE);
	assert_int_equal(answer(101, "Circle Of Life", 7), DIGEST_FITS);
	assert_int_equal(answer(101, "Circle Of Life", 6), DIGEST_STALE);
	assert_int_equal(answer(101, "Circle Of Life", 0), DIGEST_WRONG);
	assert_int_equal(answer(101, "Circle of Life", 8), DIGEST_WRONG);
}

static void a_nonce_grows_old(void **state)
{
	take_challenge(100);
	assert_int_equal(answer(100 + DIGEST_LIFETIME_S, "Circle Of Life", 1), DIGEST_FITS);
	assert_int_equal(answer(101 + DIGEST_LIFETIME_S, "Circle Of Life", 2), DIGEST_STALE);
}

static void a_nonce_is_overtaken(void **state)
{
	char text[DIGEST_CHALLENGE_BYTES];

	take_challenge(100);
	for (unsigned int i = 1; i < DIGEST_NONCES; i++)
		digest_challenge(digest, &client, 100, false, text);
	assert_int_equal(answer(100, "Circle Of Life", 1), DIGEST_FITS);
	digest_challenge(digest, &client, 100, true, text);
	assert_non_null(strstr(text, "stale=true"));
	assert_int_equal(answer(100, "Circle Of Life", 2), DIGEST_STALE);
}

static void a_nonce_is_of_one_client(void **state)
{
	take_challenge(100);
	netaddr_parse("192.0.2.21", &client);
	assert_int_equal(answer(100, "Circle Of Life", 1), DIGEST_STALE);
	snprintf(nonce, sizeof(nonce), "dcd98b7102dd2f0e8b11d0f600bfb0c093");
	assert_int_equal(answer(100, "Circle Of Life", 1), DIGEST_STALE);
}

static void what_is_no_answer(void **state)
{
	static const char *const values[] = {"", "Basic abc", "Digest realm=\"" REALM "\"",
		"Digest username=\"" USER
		"\", realm=\"other\", nonce=\"1\", uri=\"u\", response=\"1\", qop=auth, "
		"nc=00000001, cnonce=\"c\"",
		"Digest username=\"" USER "\", realm=\"" REALM
		"\", nonce=\"1\", uri=\"u\", response=\"1\""};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(
			digest_check(digest, &client, 1, "INVITE", 6, values[i], strlen(values[i])),
			DIGEST_MISSING);
}

static int parse(const char *text, struct errmsg *e)
{
	static struct digest_users users;
	int err = digest_users_parse(text, strlen(text), REALM, &users, e);

	return err ? err : (int)users.count;
}

static void users_are_lines(void **state)
{
	struct errmsg e = {""};

	assert_int_equal(
		parse("# ours\r\n\n" USERS "other:realm:939e7578ed9e3c518a452acee763bce9\n" USER
		      ":" REALM ":0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef",
			&e),
		2);
	assert_int_equal(parse("", &e), -EINVAL);
	assert_non_null(strstr(e.text, "nobody of the realm"));
	assert_int_equal(parse(USERS USERS, &e), -EINVAL);
	assert_non_null(strstr(e.text, "line 2"));
	assert_int_equal(parse("a:" REALM ":secret\n", &e), -EINVAL);
	assert_null(strstr(e.text, "secret"));
	assert_int_equal(parse(":" REALM ":939e7578ed9e3c518a452acee763bce9\n", &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_nc_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_nonce_grows_old, setup, teardown),
		cmocka_unit_test_setup_teardown(a_nonce_is_overtaken, setup, teardown),
		cmocka_unit_test_setup_teardown(a_nonce_is_of_one_client, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_answer, setup, teardown),
		cmocka_unit_test(users_are_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
