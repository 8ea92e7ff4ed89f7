#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/utf8.h"

static void sequences_are_judged(void **state)
{
	static const char *const good[] = {"", "abc", "\xc3\xa4", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"};
	/* alone, overlong, surrogate, beyond, cut, no lead */
	static const char *const bad[] = {"\x80", "\xff", "\xc0\xaf", "\xe0\x80\xaf",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xf0\x9f\x98", "a\xbf"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
}

static void only_what_is_wrong_is_replaced(void **state)
{
	char text[] = "a\xc3\xa4\xff\xe2\x82z\xf0\x9f\x98\x80\xc3";

	utf8_repair(text, strlen(text));
	assert_string_equal(text, "a\xc3\xa4???z\xf0\x9f\x98\x80?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_are_judged),
		cmocka_unit_test(only_what_is_wrong_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
