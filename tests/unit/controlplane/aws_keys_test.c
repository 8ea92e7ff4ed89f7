#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/aws_keys.h"

#define KEY(id, secret) "aws_access_key_id = " id "\naws_secret_access_key = " secret "\n"

static struct aws_keys keys;

static int parse(const char *text, struct errmsg *e)
{
	return aws_keys_parse(text, strlen(text), &keys, e);
}

static void each_section_is_a_key(void **state)
{
	assert_int_equal(parse("# ours\r\n[default]\r\n" KEY("AKID1",
				       "a/b+c=") "\n"
						 "[agent desk]\n  "
						 "aws_secret_access_key=two\n;no\nregion = here\n"
						 "aws_access_key_id=AKID2",
				 NULL),
		0);
	assert_int_equal(keys.count, 2);
	assert_string_equal(aws_key_find(&keys, "AKID1", 5)->secret, "a/b+c=");
	assert_string_equal(aws_key_find(&keys, "AKID2/2015", 5)->secret, "two");
	assert_null(aws_key_find(&keys, "AKID", 4));
	assert_null(aws_key_find(&keys, "AKID12", 6));
	assert_null(aws_key_find(&keys, "", 0));
	assert_int_equal(parse(KEY("AKID", "before any section"), NULL), -EINVAL);
	assert_int_equal(parse(KEY("AKID", "before-any-section"), NULL), 0);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} wrong[] = {
		{"", "no key"},
		{"[default]\nregion = here\n", "no key"},
		{"[a]\naws_access_key_id = A\n[b]\n" KEY("B", "S"), "line 3: the section before"},
		{"aws_secret_access_key = S3CR3T\n", "line 2: the section before"},
		{KEY("A", "S3CR3T") "[b]\n" KEY("A", "S3CR3T"), "line 6: the section before"},
		{KEY("A", "S3CR3T") KEY("B", "S3CR3T"), "line 3: the section has this name"},
		{KEY("A", "S3CR3T") "aws_session_token = S3CR3T\n", "line 3: session tokens"},
		{KEY("A/B", "S3CR3T"), "line 1: an access key id is of"},
		{"S3CR3T\n", "line 1: neither"},
	};
	struct errmsg e;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse(wrong[i].text, &e), -EINVAL);
		if (!strstr(e.text, wrong[i].why))
			fail_msg("\"%s\" does not say \"%s\"", e.text, wrong[i].why);
		assert_null(strstr(e.text, "S3CR3T"));
	}
}

static void lengths_and_numbers_are_bounded(void **state)
{
	char text[AWS_KEYS_MAX * 100 + 200];
	char secret[AWS_KEY_BYTES + 1] = "";
	size_t used = 0;

	memset(secret, 's', AWS_KEY_BYTES - 1);
	snprintf(text, sizeof(text), KEY("A", "%s"), secret);
	assert_int_equal(parse(text, NULL), 0);
	assert_string_equal(keys.keys[0].secret, secret);
	memset(secret, 's', AWS_KEY_BYTES);
	snprintf(text, sizeof(text), KEY("A", "%s"), secret);
	assert_int_equal(parse(text, NULL), -EINVAL);
	for (unsigned int i = 0; i < AWS_KEYS_MAX; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "[]\n" KEY("A%u", "S"), i);
	assert_int_equal(parse(text, NULL), 0);
	assert_int_equal(keys.count, AWS_KEYS_MAX);
	strcpy(text + used, "[]\n" KEY("B", "S"));
	assert_int_equal(parse(text, NULL), -EINVAL);
}

static void a_file_that_others_can_read_is_refused(void **state)
{
	static const struct {
		mode_t mode;
		int err;
	} modes[] = {{0600, 0}, {0640, 0}, {0400, 0}, {0644, -EPERM}, {0660, -EPERM},
		{0602, -EPERM}, {0601, -EPERM}};
	char path[] = "/tmp/aws_keys_XXXXXX";
	int fd = mkstemp(path);
	struct errmsg e;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, KEY("A", "S"), strlen(KEY("A", "S"))), strlen(KEY("A", "S")));
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(fchmod(fd, modes[i].mode), 0);
		assert_int_equal(aws_keys_load(path, &keys, &e), modes[i].err);
		if (modes[i].err)
			assert_non_null(strstr(e.text, "chmod 0640"));
	}
	fchmod(fd, 0600);
	assert_int_equal(ftruncate(fd, 65536), 0);
	assert_int_equal(aws_keys_load(path, &keys, &e), -EFBIG);
	close(fd);
	unlink(path);
	assert_int_equal(aws_keys_load(path, &keys, &e), -ENOENT);
	assert_int_equal(aws_keys_load("/tmp", &keys, &e), -EINVAL);
	assert_non_null(strstr(e.text, "no regular file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_section_is_a_key),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line),
		cmocka_unit_test(lengths_and_numbers_are_bounded),
		cmocka_unit_test(a_file_that_others_can_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
