#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/line_log.h"

static char path[] = "/tmp/legtap-line-log-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	unlink(path);
	strcpy(path + strlen(path) - 6, "XXXXXX");
	return 0;
}

/* The file's lines are numbers from 0 on, each as long as `width`. */
static void assert_lines(int count, int width)
{
	FILE *f = fopen(path, "r");
	char line[512];
	int found = 0;

	assert_non_null(f);
	for (; fgets(line, sizeof(line), f); found++) {
		assert_int_equal(strlen(line), width + 1);
		assert_int_equal(strtol(line, NULL, 10), found);
	}
	fclose(f);
	assert_int_equal(found, count);
}

static void lines_are_there_in_order(void **state)
{
	struct line_log *log;
	char line[512];

	assert_int_equal(line_log_open(&log, path), 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "%0300d\n", i);
		assert_int_equal(line_log_append(log, line), 0);
	}
	line_log_close(log);
	assert_lines(5000, 300);
}

static void a_poll_writes_what_waits(void **state)
{
	struct line_log *log;

	assert_int_equal(line_log_open(&log, path), 0);
	assert_int_equal(line_log_append(log, "0\n"), 0);
	assert_int_equal(line_log_append(log, "1\n"), 0);
	for (int i = 0; i < 1000; i++) {
		line_log_poll(log);
		usleep(100);
	}
	assert_lines(2, 1);
	line_log_close(log);
}

static void what_was_there_stays(void **state)
{
	struct line_log *log;

	for (int i = 0; i < 3; i++) {
		char line[4] = {(char)('0' + i), '\n'};

		assert_int_equal(line_log_open(&log, path), 0);
		assert_int_equal(line_log_append(log, line), 0);
		line_log_close(log);
	}
	assert_lines(3, 1);
}

static void a_full_disk_is_told(void **state)
{
	struct line_log *log;
	int err = 0;

	assert_int_equal(line_log_open(&log, "/dev/full"), 0);
	for (int i = 0; i < 1000 && err == 0; i++) {
		err = line_log_append(log, "0\n");
		usleep(100);
	}
	assert_int_equal(err, -ENOSPC);
	line_log_close(log);
}

static void no_folder(void **state)
{
	struct line_log *log;

	assert_int_equal(line_log_open(&log, "/nowhere/at/all"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_are_there_in_order, make_file, remove_file),
		cmocka_unit_test_setup_teardown(a_poll_writes_what_waits, make_file, remove_file),
		cmocka_unit_test_setup_teardown(what_was_there_stays, make_file, remove_file),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(no_folder),
	};

	return cmocka_run_group_tests_name("line_log", tests, NULL, NULL);
}
