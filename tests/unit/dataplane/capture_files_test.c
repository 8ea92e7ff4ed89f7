/* The capture reader against what capinfos(1) says of captures made by others. They lie in the
 * folder that LEGTAP_CAPTURES or else the first argument names; without it, or without capinfos,
 * there is nothing to test and the program says so (exit status 77). */
#include <glob.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/capture.h"

#define NS_PER_S 1000000000ULL
#define EXIT_SKIPPED 77

/* What capinfos prints for an option. */
static bool capinfos(const char *option, const char *path, char *value, size_t bytes)
{
	char command[512];
	FILE *p;
	bool read;

	snprintf(command, sizeof(command), "capinfos -T -r -M -S %s '%s' 2>/dev/null | cut -f 2",
		option, path);
	p = popen(command, "r");
	assert_non_null(p);
	read = fgets(value, (int)bytes, p) != NULL;
	pclose(p);
	value[strcspn(value, "\n")] = '\0';
	return read;
}

/* "1556828112.311980" or with nine decimals; capinfos cuts what it does not print. */
static uint64_t time_from_text(const char *text)
{
	char *point;
	uint64_t ns = strtoull(text, &point, 10) * NS_PER_S;
	uint64_t unit = NS_PER_S / 10;

	assert_int_equal(*point, '.');
	for (const char *p = point + 1; *p; p++, unit /= 10)
		ns += (uint64_t)(*p - '0') * unit;
	return ns;
}

static void capture_reads_as_capinfos_sees_it(void **state)
{
	const char *path = *state;
	struct errmsg e;
	struct capture *c;
	struct capture_record r;
	struct capture_stats stats;
	char packets[64], first[64], last[64];

	assert_true(capinfos("-c", path, packets, sizeof(packets)));
	assert_true(capinfos("-a", path, first, sizeof(first)));
	assert_true(capinfos("-e", path, last, sizeof(last)));
	if (capture_open(&c, path, &e) < 0)
		fail_msg("%s", e.text);
	while (capture_next(c, &r) == 1)
		;
	capture_stats_of(c, &stats);
	print_message("%s: %" PRIu64 " packets, %s\n", path, stats.packets, stats.warning);
	assert_string_equal(stats.warning, "");
	assert_int_equal(stats.packets, strtoull(packets, NULL, 10));
	assert_int_equal(stats.first_ns, time_from_text(first));
	assert_int_equal(stats.last_ns, time_from_text(last));
	capture_close(c);
}

static int skip_all(const char *why)
{
	printf("skipped: %s\n", why);
	return EXIT_SKIPPED;
}

int main(int argc, char **argv)
{
	const char *folder = getenv("LEGTAP_CAPTURES");
	struct CMUnitTest *tests;
	char pattern[512];
	glob_t found;
	int failed;

	if (!folder)
		folder = argc > 1 ? argv[1] : ".";
	snprintf(pattern, sizeof(pattern), "%s/*.pcap*", folder);
	if (glob(pattern, 0, NULL, &found) != 0)
		return skip_all("no captures made by others (LEGTAP_CAPTURES names their folder)");
	if (system("capinfos --version >/dev/null 2>&1") != 0)
		return skip_all("capinfos (Debian: wireshark-common) is not installed");
	tests = calloc(found.gl_pathc, sizeof(*tests));
	for (size_t i = 0; i < found.gl_pathc; i++)
		tests[i] = (struct CMUnitTest){.name = strrchr(found.gl_pathv[i], '/') + 1,
			.test_func = capture_reads_as_capinfos_sees_it,
			.initial_state = found.gl_pathv[i]};
	failed = _cmocka_run_group_tests("captures by others", tests, found.gl_pathc, NULL, NULL);
	free(tests);
	globfree(&found);
	return failed;
}
