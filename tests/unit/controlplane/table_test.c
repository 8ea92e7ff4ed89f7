#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/table.h"

static void assert_prints(struct table *t, const char *expected)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_int_equal(table_print(t, out), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void columns_are_as_wide_as_their_longest_cell(void **state)
{
	struct table *t = table_create("NAME|>COUNT|LAST");

	table_add(t, "a");
	table_addf(t, "%d", 5);
	table_add(t, "x");
	table_add(t, "longer");
	table_addf(t, "%d", 1234567);
	table_add(t, NULL);
	assert_int_equal(table_rows(t), 2);
	assert_prints(t, "NAME      COUNT  LAST\n"
			 "a             5  x\n"
			 "longer  1234567  -\n");
}

static void a_table_without_rows_has_its_headings(void **state)
{
	struct table *t = table_create("A|B");

	assert_int_equal(table_rows(t), 0);
	assert_prints(t, "A  B\n");
}

static void characters_are_counted_not_bytes(void **state)
{
	struct table *t = table_create("N|X");

	table_add(t, "M\xc3\xbcller");
	table_add(t, "1");
	table_add(t, "Mueller");
	table_add(t, "");
	assert_prints(t, "N        X\n"
			 "M\xc3\xbcller   1\n"
			 "Mueller  -\n");
}

/* ESC, C1's CSI as UTF-8, a lone C1 octet, newline, DEL */
static void nothing_from_outside_moves_the_cursor(void **state)
{
	struct table *t = table_create("X");

	table_add(t, "a\x1b[2J\xc2\x9bz\x9b\n\x7f.");
	assert_prints(t, "X\na?[2J??z???.\n");
}

static void many_rows(void **state)
{
	struct table *t = table_create("N");

	for (int i = 0; i < 1000; i++)
		table_addf(t, "%d", i);
	assert_int_equal(table_rows(t), 1000);
	table_destroy(t);
}

static void no_memory_is_told(void **state)
{
	table_add(NULL, "x");
	assert_int_equal(table_rows(NULL), 0);
	assert_int_equal(table_print(NULL, stdout), -12);
	table_destroy(NULL);
}

static void durations(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {{0, "0:00.0"}, {99, "0:00.0"}, {7250, "0:07.2"}, {59999, "0:59.9"},
		{60000, "1:00.0"}, {3599999, "59:59.9"}, {3600000, "1:00:00.0"},
		{360000000, "100:00:00.0"}};
	char text[TABLE_DURATION_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(table_duration(cases[i].ms, text), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_longest_cell),
		cmocka_unit_test(a_table_without_rows_has_its_headings),
		cmocka_unit_test(characters_are_counted_not_bytes),
		cmocka_unit_test(nothing_from_outside_moves_the_cursor),
		cmocka_unit_test(many_rows),
		cmocka_unit_test(no_memory_is_told),
		cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
