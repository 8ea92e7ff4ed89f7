/* Files of any length are what was appended, in whatever pieces, and so is their hash. */
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

#include "storage/bulk_file.h"

#define MIB (1UL << 20)

static void expect_content(const char *path, const uint8_t *data, size_t bytes)
{
	uint8_t *read_back = malloc(bytes + 1);
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	assert_non_null(read_back);
	assert_int_equal(fread(read_back, 1, bytes + 1, file), bytes);
	assert_memory_equal(read_back, data, bytes);
	fclose(file);
	free(read_back);
}

static void write_and_compare(const char *path, const uint8_t *data, size_t bytes, size_t piece)
{
	char sha256[DIGEST_TEXT_BYTES];
	char expected[DIGEST_TEXT_BYTES];
	struct bulk_file *f;
	uint64_t length;

	assert_int_equal(bulk_file_create(&f, path), 0);
	for (size_t at = 0; at < bytes; at += piece)
		assert_int_equal(
			bulk_file_append(f, data + at, bytes - at < piece ? bytes - at : piece), 0);
	assert_int_equal(bulk_file_end(f, true, &length, sha256), 0);
	bulk_file_close(f);
	assert_int_equal(length, bytes);
	assert_int_equal(digest_sha256(data, bytes, expected), 0);
	assert_string_equal(sha256, expected);
	expect_content(path, data, bytes);
}

static void any_length_in_any_pieces(void **state)
{
	static const size_t lengths[] = {
		0, 1, 44, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, 2 * MIB + 4096, 3 * MIB + 12345};
	static const size_t pieces[] = {4 * MIB, 777777, 65536, 44100};
	char path[] = "/var/tmp/legtap-bulk-XXXXXX";
	uint8_t *data = malloc(4 * MIB);

	assert_non_null(data);
	close(mkstemp(path));
	for (size_t i = 0; i < 4 * MIB; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 13);
	/* The longest first: each must be cut to nothing before it is written. */
	for (size_t i = sizeof(lengths) / sizeof(lengths[0]); i-- > 0;)
		for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++)
			write_and_compare(path, data, lengths[i], pieces[k]);
	unlink(path);
	free(data);
}

static void a_path_that_cannot_be_is_an_error(void **state)
{
	struct bulk_file *f;

	assert_int_equal(bulk_file_create(&f, "/var/tmp/no-such-folder/file"), -ENOENT);
	bulk_file_close(NULL);
}

static void a_full_disk_is_an_error(void **state)
{
	char sha256[DIGEST_TEXT_BYTES];
	struct bulk_file *f;
	uint64_t length;

	assert_int_equal(bulk_file_create(&f, "/dev/full"), 0);
	assert_int_equal(bulk_file_append(f, "audio", 5), 0);
	assert_int_equal(bulk_file_end(f, false, &length, sha256), -ENOSPC);
	bulk_file_close(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_length_in_any_pieces),
		cmocka_unit_test(a_path_that_cannot_be_is_an_error),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
