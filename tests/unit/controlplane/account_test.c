#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "controlplane/account.h"

static void load(struct config *c, const char *text)
{
	struct errmsg e = {""};

	assert_int_equal(config_defaults(c), 0);
	if (config_parse(c, text, strlen(text), true, &e) != 0)
		fail_msg("%s", e.text);
}

static struct leg leg_of(const char *from, const char *to, const char *peer)
{
	struct leg leg = {0};

	leg.from_uri = from;
	leg.to_uri = to;
	snprintf(leg.participant_tag, sizeof(leg.participant_tag), "LEG-A");
	assert_int_equal(netaddr_parse(peer, &leg.peer), 0);
	return leg;
}

static const char *no_header(void *message, const char *name)
{
	return NULL;
}

static const char *tenant_header(void *message, const char *name)
{
	return strcasecmp(name, "X-Tenant") == 0 ? message : NULL;
}

static void matches_accounts_in_order(void **state)
{
	struct config c;
	struct leg berlin = leg_of("sip:+4930123@a.example;user=phone", "sip:bob@b", "192.0.2.1");
	struct leg munich = leg_of("sip:+4989123@a.example", "tel:+49-30-5.5", "192.0.2.1");
	struct leg trunk = leg_of("sip:anonymous@anonymous.invalid", "sip:x@y", "2001:db8::7");
	char tenant[] = "blue-7";

	load(&c, "{\"accounts\":["
		 "{\"id\":\"berlin\",\"match\":{\"caller\":\"+4930*\"}},"
		 "{\"id\":\"called\",\"match\":{\"called\":\"+4930*\"}},"
		 "{\"id\":\"trunk\",\"match\":{\"trunk\":[\"10.0.0.0/8\",\"2001:db8::/32\"]}},"
		 "{\"id\":\"blue\",\"match\":{\"header\":\"X-Tenant\",\"value\":\"blue-?\"}}]}");
	assert_string_equal(account_match(&c, &berlin, no_header, NULL)->id, "berlin");
	assert_string_equal(account_match(&c, &munich, no_header, NULL)->id, "called");
	assert_string_equal(account_match(&c, &trunk, no_header, NULL)->id, "trunk");
	trunk = leg_of("sip:a@b", "sip:x@y", "192.0.2.9");
	assert_string_equal(account_match(&c, &trunk, no_header, NULL)->id, "default");
	assert_string_equal(account_match(&c, &trunk, NULL, NULL)->id, "default");
	assert_string_equal(account_match(&c, &trunk, tenant_header, tenant)->id, "blue");
	tenant[5] = '\0';
	assert_string_equal(account_match(&c, &trunk, tenant_header, tenant)->id, "default");
	assert_null(account_by_id(&c, "nobody"));
	assert_ptr_equal(account_by_id(&c, "default"), &c.accounts[0]);
	config_destroy(&c);
}

/* Whether the rule's caller pattern fits the user part of a URI. */
static bool caller_fits(const char *pattern, const char *uri)
{
	struct config c;
	char text[256];
	struct leg leg = leg_of(uri, "sip:x@y", "192.0.2.1");
	bool fits;

	snprintf(text, sizeof(text), "{\"rules\":[{\"match\":{\"caller\":\"%s\"}}]}", pattern);
	load(&c, text);
	fits = rule_match(&c, &leg) == &c.rules[0];
	config_destroy(&c);
	return fits;
}

static void finds_the_user_part(void **state)
{
	assert_true(caller_fits("+4930123", "sip:+4930123@host;user=phone"));
	assert_true(caller_fits("+4930123", "SIPS:+4930123@host:5061"));
	assert_true(caller_fits("+4930123", "\"Bob\" <sip:+4930123@host>;tag=1"));
	assert_true(caller_fits("+4930123", "sip:+4930123;npdi@host"));
	assert_true(caller_fits("+4930123", "sip:+4930123:secret@host"));
	assert_true(caller_fits("+4930123", "sip:%2B4930123@host"));
	assert_true(caller_fits("+4930123", "tel:+49-(30)-123;phone-context=x"));
	assert_true(caller_fits("+4930123", "<tel:+4930123>"));
	assert_true(caller_fits("bob%", "sip:bob%@host"));
	assert_true(caller_fits("bob%00", "sip:bob%00@host"));
	assert_true(caller_fits("*", "sip:host"));
	assert_false(caller_fits("?*", "sip:host"));
	assert_false(caller_fits("?*", "sip:host;x=bob"));
	assert_false(caller_fits("?*", ""));
	assert_false(caller_fits("4930123", "sip:+4930123@host"));
	assert_false(caller_fits("host", "sip:bob@host"));
}

static void first_fitting_rule_wins(void **state)
{
	struct config c;
	struct leg leg = leg_of("sip:alice@a", "sip:bob@b", "192.0.2.1");

	load(&c, "{\"accounts\":[{\"id\":\"acme\",\"match\":{\"trunk\":[\"192.0.2.0/24\"]}}],"
		 "\"rules\":[{\"match\":{\"leg\":\"LEG-B\"},\"Track\":\"INCOMING\"},"
		 "{\"match\":{\"account\":\"acme\",\"called\":\"bob\"},\"Track\":\"OUTGOING\"},"
		 "{\"match\":{\"account\":\"default\"}}]}");
	assert_ptr_equal(rule_match(&c, &leg), &c.rules[2]);
	leg.account = account_match(&c, &leg, NULL, NULL);
	assert_ptr_equal(rule_match(&c, &leg), &c.rules[1]);
	assert_int_equal(c.rules[1].tracks, TRACK_BIT(TRACK_OUTGOING));
	leg.to_uri = "sip:carol@b";
	assert_null(rule_match(&c, &leg));
	snprintf(leg.participant_tag, sizeof(leg.participant_tag), "LEG-B");
	assert_ptr_equal(rule_match(&c, &leg), &c.rules[0]);
	config_destroy(&c);
}

static void accepts_locations(void **state)
{
	static const struct {
		const char *text;
		const char *bucket;
		const char *prefix;
	} cases[] = {
		{"bucket", "bucket", ""},
		{"bucket/", "bucket", ""},
		{"/bucket//", "bucket", ""},
		{"bucket/a/b", "bucket", "a/b"},
		{"s3://bucket", "bucket", ""},
		{"S3://bucket/a//b/", "bucket", "a/b"},
		{"my.bucket-1/Straße x", "my.bucket-1", "Straße x"},
		{"abc/...", "abc", "..."},
	};
	char bucket[DESTINATION_BUCKET_BYTES];
	char prefix[DESTINATION_KEY_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(location_parse(cases[i].text, bucket, prefix, NULL), 0);
		assert_string_equal(bucket, cases[i].bucket);
		assert_string_equal(prefix, cases[i].prefix);
	}
}

static void refuses_locations_and_shows_the_right_form(void **state)
{
	static const char *const wrong[] = {"", "/", "s3://", "ab", "My-Bucket", "bucket_name",
		"-abc", "abc-", "a..b", ".abc", "192.168.1.1", "arn:aws:s3:::bucket",
		"https://bucket.s3.amazonaws.com/x", "bucket/..", "bucket/a/./b", "bucket/a\nb",
		"../x", "0123456789012345678901234567890123456789012345678901234567890123",
		"bucket name"};
	char bucket[DESTINATION_BUCKET_BYTES];
	char prefix[DESTINATION_KEY_BYTES];
	char longer[900] = "bucket/";
	struct errmsg e;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		e.text[0] = '\0';
		assert_int_equal(location_parse(wrong[i], bucket, prefix, &e), -EINVAL);
		assert_non_null(
			strstr(e.text, "the right form is \"bucket\" or \"bucket/prefix\""));
	}
	memset(longer + 7, 'x', 801);
	assert_int_equal(location_parse(longer, bucket, prefix, &e), -EINVAL);
	longer[7 + 800] = '\0';
	assert_int_equal(location_parse(longer, bucket, prefix, &e), -EINVAL);
	longer[7 + 799] = '\0';
	assert_int_equal(location_parse(longer, bucket, prefix, &e), 0);
}

static void allows_only_listed_buckets(void **state)
{
	struct account_config a = {.location_count = 0};

	assert_true(location_allowed(&a, "any"));
	strcpy(a.locations[a.location_count++], "one");
	strcpy(a.locations[a.location_count++], "two");
	assert_true(location_allowed(&a, "two"));
	assert_false(location_allowed(&a, "any"));
	assert_false(location_allowed(&a, "on"));
}

static void names_objects_as_the_service_does(void **state)
{
	char key[DESTINATION_KEY_BYTES];
	struct uuid transaction;
	struct uuid call;
	char prefix[DESTINATION_KEY_BYTES];

	assert_int_equal(uuid_parse("11111111-2222-3333-4444-555555555555", &transaction), 0);
	assert_int_equal(uuid_parse("66666666-7777-8888-9999-aaaaaaaaaaaa", &call), 0);
	/* date -u -d @1709210096.007 */
	assert_int_equal(object_key(key, "", 1709210096007, &transaction, &call, 1), 0);
	assert_string_equal(key, "Amazon-Chime-SMA-Call-Recordings/2024/02/29/"
				 "2024-02-29-12-34-56-007_11111111-2222-3333-4444-555555555555_"
				 "66666666-7777-8888-9999-aaaaaaaaaaaa.wav");
	assert_int_equal(object_key(key, "a/b", 0, &transaction, &call, 2), 0);
	assert_string_equal(key, "a/b/1970/01/01/1970-01-01-00-00-00-000_"
				 "11111111-2222-3333-4444-555555555555_"
				 "66666666-7777-8888-9999-aaaaaaaaaaaa_2.wav");
	memset(prefix, 'x', sizeof(prefix) - 1);
	prefix[sizeof(prefix) - 1] = '\0';
	assert_int_equal(object_key(key, prefix, 0, &transaction, &call, 1), -ENAMETOOLONG);
	prefix[800] = '\0';
	assert_int_equal(object_key(key, prefix, 0, &transaction, &call, 4000000000U), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_accounts_in_order),
		cmocka_unit_test(finds_the_user_part),
		cmocka_unit_test(first_fitting_rule_wins),
		cmocka_unit_test(accepts_locations),
		cmocka_unit_test(refuses_locations_and_shows_the_right_form),
		cmocka_unit_test(allows_only_listed_buckets),
		cmocka_unit_test(names_objects_as_the_service_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
