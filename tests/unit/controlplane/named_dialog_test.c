#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/named_dialog.h"

static void expect(const char *value, const char *call_id, const char *to_tag, const char *from_tag)
{
	struct named_dialog d;

	assert_int_equal(named_dialog_parse(&d, value), 0);
	assert_string_equal(d.call_id, call_id);
	assert_string_equal(d.to_tag, to_tag);
	assert_string_equal(d.from_tag, from_tag);
}

/* RFC 3891, 6.1 and 3; RFC 3911, 7.1. */
static void what_the_rfcs_have(void **state)
{
	expect("98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", "98732@sip.example.com",
		"ff87ff", "r33th4x0r");
	expect("12adf2f34456gs5;to-tag=12345;from-tag=54321", "12adf2f34456gs5", "12345", "54321");
	expect("87134@192.0.2.23;to-tag=24796;from-tag=0", "87134@192.0.2.23", "24796", "0");
	expect("425928@bobster.example.org;to-tag=7743;from-tag=6472;early-only",
		"425928@bobster.example.org", "7743", "6472");
}

static void white_space_and_other_parameters(void **state)
{
	expect(" a@b ;\tTo-Tag = x ; foo=bar;from-TAG\t=y ", "a@b", "x", "y");
	expect("a;;to-tag=x;=;from-tag==y;", "a", "x", "=y");
}

static void what_is_missing_or_there_twice(void **state)
{
	static const char *const broken[] = {"", ";", " ", "a", "a;to-tag=x", "a;from-tag=y",
		";to-tag=x;from-tag=y", " ;to-tag=x;from-tag=y", "a;to-tag=;from-tag=y",
		"a;to-tag= ;from-tag=y", "a;to-tag;from-tag=y", "a;to-tag=x;from-tag=y;to-tag=z",
		"a,b to-tag=x"};
	struct named_dialog d;

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(named_dialog_parse(&d, broken[i]), -EBADMSG);
}

/* Cut, it could be another's. */
static void what_is_too_long_is_refused(void **state)
{
	struct named_dialog d;
	char value[LEG_TEXT_BYTES + 64];
	char id[LEG_TEXT_BYTES + 1];

	memset(id, 'i', sizeof(id));
	id[LEG_TEXT_BYTES - 1] = '\0';
	snprintf(value, sizeof(value), "%s;to-tag=x;from-tag=y", id);
	expect(value, id, "x", "y");
	id[LEG_TEXT_BYTES - 1] = 'i';
	id[LEG_TEXT_BYTES] = '\0';
	snprintf(value, sizeof(value), "%s;to-tag=x;from-tag=y", id);
	assert_int_equal(named_dialog_parse(&d, value), -EMSGSIZE);
	snprintf(value, sizeof(value), "a;to-tag=%s;from-tag=y", id);
	assert_int_equal(named_dialog_parse(&d, value), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_rfcs_have),
		cmocka_unit_test(white_space_and_other_parameters),
		cmocka_unit_test(what_is_missing_or_there_twice),
		cmocka_unit_test(what_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
