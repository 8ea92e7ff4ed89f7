#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/g711.h"

/* All 256 codes, decoded by a program that is not ours. */
static void decode_by(const char *command, const char *file)
{
	FILE *out = fopen(file, "w");
	char line[256];

	assert_non_null(out);
	for (int code = 0; code < 256; code++)
		fputc(code, out);
	fclose(out);
	snprintf(line, sizeof(line), "f=%s; %s </dev/null", file, command);
	if (system(line) != 0) {
		print_message("cannot run: %s\n", line);
		skip();
	}
}

static void check(enum g711_law law, const char *command)
{
	char file[] = "/tmp/legtap-g711-XXXXXX";
	char decoded[64];
	int16_t values[256];
	int fd = mkstemp(file);
	FILE *in;

	assert_true(fd >= 0);
	close(fd);
	decode_by(command, file);
	snprintf(decoded, sizeof(decoded), "%s.raw", file);
	in = fopen(decoded, "r");
	assert_non_null(in);
	assert_int_equal(fread(values, sizeof(values[0]), 256, in), 256);
	fclose(in);
	for (int code = 0; code < 256; code++)
		assert_int_equal(g711_values[law][code], values[code]);
	unlink(file);
	unlink(decoded);
}

static void mu_law_is_what_sox_decodes(void **state)
{
	check(G711_ULAW, "sox -t ul -r 8000 -c 1 $f -t raw -e signed -b 16 -L $f.raw");
}

static void a_law_is_what_sox_decodes(void **state)
{
	check(G711_ALAW, "sox -t al -r 8000 -c 1 $f -t raw -e signed -b 16 -L $f.raw");
}

static void mu_law_is_what_ffmpeg_decodes(void **state)
{
	check(G711_ULAW, "ffmpeg -v error -f mulaw -ar 8000 -ac 1 -i $f -f s16le $f.raw");
}

static void a_law_is_what_ffmpeg_decodes(void **state)
{
	check(G711_ALAW, "ffmpeg -v error -f alaw -ar 8000 -ac 1 -i $f -f s16le $f.raw");
}

static int distance(enum g711_law law, uint8_t code, int value)
{
	return abs(g711_values[law][code] - value);
}

static void encoding_finds_the_nearest_value(void **state)
{
	for (enum g711_law law = 0; law < G711_LAW_COUNT; law++)
		for (int value = INT16_MIN; value <= INT16_MAX; value += 7) {
			int best = INT32_MAX;

			for (int code = 0; code < 256; code++)
				if (distance(law, (uint8_t)code, value) < best)
					best = distance(law, (uint8_t)code, value);
			assert_int_equal(
				distance(law, g711_encode(law, (int16_t)value), value), best);
		}
}

static void silence_is_silent(void **state)
{
	assert_int_equal(g711_values[G711_ULAW][g711_silence(G711_ULAW)], 0);
	assert_int_equal(g711_values[G711_ALAW][g711_silence(G711_ALAW)], 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mu_law_is_what_sox_decodes),
		cmocka_unit_test(a_law_is_what_sox_decodes),
		cmocka_unit_test(mu_law_is_what_ffmpeg_decodes),
		cmocka_unit_test(a_law_is_what_ffmpeg_decodes),
		cmocka_unit_test(encoding_finds_the_nearest_value),
		cmocka_unit_test(silence_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
