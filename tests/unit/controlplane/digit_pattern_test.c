#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "controlplane/digit_pattern.h"

static void patterns_match(void **state)
{
	static const struct {
		const char *pattern;
		const char *digits;
		bool matches;
	} cases[] = {
		{"^\\d{2}#$", "11#", true},
		{"^\\d{2}#$", "1#", false},
		{"^[\\d]{4}$", "1234", true},
		{"^[\\d]{4}$", "123", false},
		{"^(?:1|2)$", "2", true},
		{"^(?:1|2)$", "3", false},
		{"^\\*[0-9]+#$", "*5#", true},
		{"^\\*[0-9]+#$", "55#", false},
		{"^[\\*#]$", "*", true},
		{"^[1-5]$", "6", false},
		{"9", "191", true},
		{"^((?:1|2)3)+#?$", "1323#", true},
		{"^((?:1|2)3)+#?$", "1333", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		regex_t regex;
		struct errmsg e;

		assert_int_equal(digit_pattern_compile(&regex, cases[i].pattern, &e), 0);
		if ((regexec(&regex, cases[i].digits, 0, NULL, 0) == 0) != cases[i].matches)
			fail_msg("%s with %s", cases[i].pattern, cases[i].digits);
		regfree(&regex);
	}
}

static void what_asks_for_too_much_is_refused(void **state)
{
	static const char *const patterns[] = {"(", "[", "^\\w$", "\\", "(1)\\1", "1{9999}",
		"((1{100}){100}){100}", "1{18446744073709551617}", "1++++++++++",
		"((((((((((1+)+)+)+)+)+)+)+)+)+",
		"11111111111111111111111111111111111111111111111111111111111111111111111111111111"
		"1111111111111111111111111111111111111111111111111"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		regex_t regex;
		struct errmsg e = {""};

		assert_int_equal(digit_pattern_compile(&regex, patterns[i], &e), -EINVAL);
		assert_non_null(strstr(e.text, "InputDigitsRegex"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match),
		cmocka_unit_test(what_asks_for_too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
