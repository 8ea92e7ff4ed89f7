#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "controlplane/timestamp.h"

/* Unix times by date(1). */
static void times_are_parsed(void **state)
{
	static const struct {
		const char *text;
		int64_t unix_ms;
	} good[] = {
		{"1970-01-01", 0},
		{"2026-11-24", 1795478400000},
		{"2024-02-29", 1709164800000},
		{"2026-11-24T18:57:39Z", 1795546659000},
		{"2026-11-24t18:57:39.1z", 1795546659100},
		{"2026-11-24 18:57:39.123456789Z", 1795546659123},
		{"2026-11-24T19:57:39+01:00", 1795546659000},
		{"2026-11-24T19:57:39 01:00", 1795546659000},
		{"2026-11-24T13:27:39-05:30", 1795546659000},
		{"2016-12-31T23:59:60Z", 1483228800000},
	};
	int64_t unix_ms;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(timestamp_parse(good[i].text, &unix_ms), 0);
		assert_int_equal(unix_ms, good[i].unix_ms);
	}
}

static void wrong_times_are_refused(void **state)
{
	static const char *const bad[] = {"", "2026", "2026-11", "2026-13-01", "2026-00-01",
		"2026-02-29", "2026-04-31", "1969-12-31", "26-11-24", "2026-11-24T", "2026-11-24Z",
		"2026-11-24T18:57Z", "2026-11-24T24:00:00Z", "2026-11-24T18:60:00Z",
		"2026-11-24T18:57:39", "2026-11-24T18:57:39.Z", "2026-11-24T18:57:39+0100",
		"2026-11-24T18:57:39+24:00", "2026-11-24T18:57:39Z ", "2026-11-24T18:57:61Z",
		"1970-01-01T00:00:00+01:00", " 2026-11-24", "2026-11-2x"};
	int64_t unix_ms;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(timestamp_parse(bad[i], &unix_ms), -EINVAL);
}

static void what_is_written_is_read_back(void **state)
{
	static const int64_t times[] = {0, 1, 999, 1795546659123, 253402300799999};
	char text[TIMESTAMP_TEXT_BYTES];
	int64_t unix_ms;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(timestamp_parse(timestamp_format(times[i], text), &unix_ms), 0);
		assert_int_equal(unix_ms, times[i]);
	}
	assert_string_equal(timestamp_format(1795546659123, text), "2026-11-24T18:57:39.123Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_parsed),
		cmocka_unit_test(wrong_times_are_refused),
		cmocka_unit_test(what_is_written_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
