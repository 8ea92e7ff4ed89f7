#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/netaddr.h"

static void addresses_survive_text(void **state)
{
	static const char *const good[] = {"10.0.0.1", "2001:db8::1", "::1", "255.255.255.255"};
	char text[NETADDR_TEXT_BYTES];
	struct netaddr a;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(netaddr_parse(good[i], &a), 0);
		assert_string_equal(netaddr_format(&a, text), good[i]);
	}
	a.port = 5060;
	assert_string_equal(netaddr_format(&a, text), "255.255.255.255:5060");
	assert_int_equal(netaddr_parse("[2001:db8::1]", &a), 0);
	a.port = 1;
	assert_string_equal(netaddr_format(&a, text), "[2001:db8::1]:1");
}

static void bad_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "10.0.0", "10.0.0.256", "host", "10.0.0.1:5", "[::1", ":::"};
	struct netaddr a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(netaddr_parse(bad[i], &a), 0);
}

static void ports_go_with_addresses(void **state)
{
	static const char *const good[] = {"10.0.0.1:5060", "[2001:db8::1]:65535"};
	static const char *const bad[] = {"", ":", ":5060", "10.0.0.1",
		"10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:-1", "10.0.0.1: 5", "10.0.0.1:5x",
		"2001:db8::1:5060", "[2001:db8::1]", "host:5060", "[10.0.0.1:5060"};
	char text[NETADDR_TEXT_BYTES];
	struct netaddr a;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(netaddr_parse_port(good[i], &a), 0);
		assert_string_equal(netaddr_format(&a, text), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (netaddr_parse_port(bad[i], &a) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
}

static void prefixes_contain_by_bits(void **state)
{
	struct netprefix p;
	struct netaddr a;

	assert_int_equal(netprefix_parse("10.1.16.0/20", &p), 0);
	netaddr_parse("10.1.31.255", &a);
	assert_true(netprefix_contains(&p, &a));
	netaddr_parse("10.1.32.0", &a);
	assert_false(netprefix_contains(&p, &a));
	netaddr_parse("2001:db8::1", &a);
	assert_false(netprefix_contains(&p, &a));
	assert_int_equal(netprefix_parse("2001:db8::/32", &p), 0);
	assert_true(netprefix_contains(&p, &a));
	assert_int_equal(netprefix_parse("0.0.0.0/0", &p), 0);
	netaddr_parse("8.8.8.8", &a);
	assert_true(netprefix_contains(&p, &a));
	assert_int_not_equal(netprefix_parse("10.0.0.0/33", &p), 0);
	assert_int_not_equal(netprefix_parse("10.0.0.0/", &p), 0);
	assert_int_not_equal(netprefix_parse("10.0.0.0/-1", &p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_survive_text),
		cmocka_unit_test(bad_addresses_are_refused),
		cmocka_unit_test(ports_go_with_addresses),
		cmocka_unit_test(prefixes_contain_by_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
