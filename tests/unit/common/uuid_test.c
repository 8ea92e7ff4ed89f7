#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/uuid.h"

static void names_are_stable(void **state)
{
	/* Reference: python3 -c 'import uuid;
	 * print(uuid.uuid5(uuid.UUID("6c1f5d0e-934b-4e0a-9a57-2dc480e1763b"),
	 * "site\0call\0tag\0caller"))' */
	const char *const parts[] = {"site", "call", "tag", "caller"};
	char text[UUID_TEXT_BYTES];
	struct uuid u;

	uuid_named(&u, parts, 4);
	assert_string_equal(uuid_format(&u, text), "1ef348d1-906c-50de-96bd-108866acd84f");
}

static void parts_do_not_run_together(void **state)
{
	const char *const one[] = {"ab", "c"};
	const char *const other[] = {"a", "bc"};
	struct uuid u;
	struct uuid v;

	uuid_named(&u, one, 2);
	uuid_named(&v, other, 2);
	assert_false(uuid_equal(&u, &v));
}

static void text_survives(void **state)
{
	char text[UUID_TEXT_BYTES];
	struct uuid u;
	struct uuid v;

	assert_int_equal(uuid_random(&u), 0);
	assert_int_equal(uuid_parse(uuid_format(&u, text), &v), 0);
	assert_true(uuid_equal(&u, &v));
	assert_int_equal(text[14], '4');
	text[13] = 'x';
	assert_int_not_equal(uuid_parse(text, &v), 0);
	assert_int_not_equal(uuid_parse("", &v), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_stable),
		cmocka_unit_test(parts_do_not_run_together),
		cmocka_unit_test(text_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
