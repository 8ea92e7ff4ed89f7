#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording_fixture.h"
#include "storage/directory.h"

static char folder[64];

static int set_up(void **state)
{
	strcpy(folder, "/tmp/legtap-directory-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf -- '%s'", folder);
	return system(command);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void expect_file(const char *path, const char *text)
{
	size_t bytes;
	char *data = fixture_read(path, &bytes);

	assert_string_equal(data, text);
	free(data);
}

static void a_file_arrives_under_its_key(void **state)
{
	char source[128];
	char out[128];
	char path[160];
	char part[168];
	struct stat info;

	snprintf(source, sizeof(source), "%s/source", folder);
	snprintf(out, sizeof(out), "%s/out", folder);
	snprintf(path, sizeof(path), "%s/bucket/2026/01/02/a.wav", out);
	snprintf(part, sizeof(part), "%s.part", path);
	write_file(source, "one");
	assert_int_equal(directory_put(out, "bucket/2026/01/02/a.wav", source, NULL), 0);
	expect_file(path, "one");
	unlink(source);
	expect_file(path, "one");
	write_file(source, "two");
	assert_int_equal(directory_put(out, "bucket/2026/01/02/a.wav", source, NULL), 0);
	expect_file(path, "two");
	assert_int_equal(stat(part, &info), -1);
}

static void a_file_of_another_file_system_is_copied(void **state)
{
	char source[] = "/dev/shm/legtap-directory-XXXXXX";
	char path[128];
	struct stat here;
	struct stat there;
	int fd = mkstemp(source);

	if (fd < 0 || fstat(fd, &here) != 0 || stat(folder, &there) != 0 ||
		here.st_dev == there.st_dev) {
		print_message("no second file system at /dev/shm\n");
		skip();
	}
	close(fd);
	write_file(source, "from afar");
	assert_int_equal(directory_put(folder, "a.wav", source, NULL), 0);
	snprintf(path, sizeof(path), "%s/a.wav", folder);
	expect_file(path, "from afar");
	unlink(source);
}

static void keys_cannot_leave_the_directory(void **state)
{
	static const char *const bad[] = {
		"", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", ".", "./a", "a/."};
	struct errmsg e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(directory_check_key(bad[i], &e), -EINVAL);
		assert_int_equal(directory_put(folder, bad[i], "/dev/null", &e), -EINVAL);
	}
	assert_int_equal(directory_check_key("..a/b../.c/...", NULL), 0);
}

static void what_cannot_be_written_is_named(void **state)
{
	char source[128];
	char blocked[128];
	struct errmsg e;

	snprintf(source, sizeof(source), "%s/source", folder);
	snprintf(blocked, sizeof(blocked), "%s/file", folder);
	write_file(source, "x");
	write_file(blocked, "no folder");
	assert_int_equal(directory_put(blocked, "a/b.wav", source, &e), -ENOTDIR);
	assert_non_null(strstr(e.text, blocked));
	assert_int_equal(directory_put(folder, "b.wav", "/nonexistent/file", &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_arrives_under_its_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_file_of_another_file_system_is_copied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_cannot_leave_the_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_written_is_named, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
