#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/spool.h"

static char root[32];

static int make_root(void **state)
{
	strcpy(root, "/tmp/legtap_spool_XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void folders_are_made_private(void **state)
{
	char path[64];
	struct spool spool;
	struct stat info;
	uint64_t free_bytes = 0;

	snprintf(path, sizeof(path), "%s/a/b", root);
	assert_int_equal(spool_open(&spool, path, NULL), 0);
	assert_int_equal(stat(spool.recordings, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0700);
	assert_int_equal(spool_free_bytes(&spool, &free_bytes), 0);
	assert_true(free_bytes > 0);
	spool_close(&spool);
}

static void an_impossible_path_is_named(void **state)
{
	struct spool spool;
	struct errmsg e;
	int err = spool_open(&spool, "/proc/nowhere/spool", &e);

	assert_true(err < 0);
	assert_non_null(strstr(e.text, "/proc/nowhere/spool"));
}

static void a_second_process_is_told_who_has_it(void **state)
{
	struct spool spool;
	int status;
	pid_t child;

	assert_int_equal(spool_open(&spool, root, NULL), 0);
	child = fork();
	if (child == 0) {
		struct spool other;
		struct errmsg e;
		char pid[32];

		snprintf(pid, sizeof(pid), "spool_test (process %d)", getppid());
		_exit(spool_open(&other, root, &e) == -EBUSY && strstr(e.text, pid) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	spool_close(&spool);
	assert_int_equal(spool_open(&spool, root, NULL), 0);
	spool_close(&spool);
}

static void names_come_back(void **state)
{
	struct uuid id;
	struct uuid other;
	char name[SPOOL_NAME_BYTES];
	enum spool_file file;

	assert_int_equal(uuid_random(&id), 0);
	for (unsigned int i = 0; i < SPOOL_FILE_COUNT; i++) {
		spool_file_name(&id, i, name);
		assert_int_equal(spool_parse_name(name, &other, &file), 0);
		assert_int_equal(file, i);
		assert_true(uuid_equal(&id, &other));
		strcat(name, "x");
		assert_int_equal(spool_parse_name(name, &other, &file), -EINVAL);
	}
	assert_int_equal(spool_parse_name("..", &other, &file), -EINVAL);
	assert_int_equal(
		spool_parse_name("AAAAAAAA-0000-4000-8000-000000000000.wav", &other, &file),
		-EINVAL);
}

static void all_files_of_a_recording_go(void **state)
{
	struct spool spool;
	struct uuid id;
	struct uuid other;
	char name[SPOOL_NAME_BYTES];

	assert_int_equal(spool_open(&spool, root, NULL), 0);
	uuid_random(&id);
	uuid_random(&other);
	for (unsigned int i = 0; i < SPOOL_FILE_COUNT; i++)
		close(openat(spool.recordings_fd, spool_file_name(&id, i, name), O_CREAT | O_WRONLY,
			0600));
	close(openat(spool.recordings_fd, spool_file_name(&other, SPOOL_WAV, name),
		O_CREAT | O_WRONLY, 0600));
	assert_int_equal(spool_remove(&spool, &id), 0);
	for (unsigned int i = 0; i < SPOOL_FILE_COUNT; i++)
		assert_int_not_equal(
			faccessat(spool.recordings_fd, spool_file_name(&id, i, name), F_OK, 0), 0);
	assert_int_equal(
		faccessat(spool.recordings_fd, spool_file_name(&other, SPOOL_WAV, name), F_OK, 0),
		0);
	spool_close(&spool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_are_made_private),
		cmocka_unit_test(an_impossible_path_is_named),
		cmocka_unit_test(a_second_process_is_told_who_has_it),
		cmocka_unit_test(names_come_back),
		cmocka_unit_test(all_files_of_a_recording_go),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
