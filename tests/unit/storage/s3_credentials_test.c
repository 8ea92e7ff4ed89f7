#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/s3_credentials.h"

static int parse(const char *text, struct s3_credentials *c)
{
	return s3_credentials_parse(text, strlen(text), c, NULL);
}

static void the_default_section_counts(void **state)
{
	struct s3_credentials c;

	assert_int_equal(parse("# ours\r\n[other]\naws_access_key_id = X\n"
			       "[default]\r\naws_access_key_id=AKID\r\n"
			       " aws_secret_access_key = a/b+c=\r\n"
			       "region = nowhere\n; note\naws_session_token=tok=en",
				 &c),
		0);
	assert_string_equal(c.access_key, "AKID");
	assert_string_equal(c.secret_key, "a/b+c=");
	assert_string_equal(c.session_token, "tok=en");
	assert_int_equal(parse("[default]\naws_access_key_id = A\naws_secret_access_key = S\n"
			       "[other]\naws_secret_access_key = X\n",
				 &c),
		0);
	assert_string_equal(c.secret_key, "S");
	assert_string_equal(c.session_token, "");
}

static void half_a_pair_is_none(void **state)
{
	char text[400] = "aws_access_key_id = A\naws_secret_access_key = ";
	struct s3_credentials c;

	assert_int_equal(parse("", &c), -EINVAL);
	assert_int_equal(parse("[default]\naws_access_key_id = A\n", &c), -EINVAL);
	memset(text + strlen(text), 'x', 300);
	assert_int_equal(parse(text, &c), -EINVAL);
}

static void the_environment_serves_without_a_file(void **state)
{
	struct s3_credentials c;
	struct errmsg e;

	unsetenv("AWS_SESSION_TOKEN");
	setenv("AWS_ACCESS_KEY_ID", "E", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "F", 1);
	assert_int_equal(s3_credentials_load("", &c, &e), 0);
	assert_string_equal(c.access_key, "E");
	assert_string_equal(c.secret_key, "F");
	unsetenv("AWS_ACCESS_KEY_ID");
	assert_int_equal(s3_credentials_load("", &c, &e), -EINVAL);
	assert_int_equal(s3_credentials_load("/nonexistent", &c, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_section_counts),
		cmocka_unit_test(half_a_pair_is_none),
		cmocka_unit_test(the_environment_serves_without_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
