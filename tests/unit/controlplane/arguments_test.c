#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/arguments.h"
#include "controlplane/command.h"

#define WORDS_MAX 16

/* Parses a command line whose words are split by blanks. */
static int parse(const char *line, struct arguments *a, struct errmsg *e)
{
	static char text[512];
	static char program[] = "legtapctl";
	char *argv[WORDS_MAX] = {program};
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return arguments_parse(argc, argv, a, e);
}

static struct arguments good(const char *line)
{
	struct arguments a;
	struct errmsg e = {""};

	if (parse(line, &a, &e) != 0)
		fail_msg("%s: %s", line, e.text);
	return a;
}

static void a_command_alone(void **state)
{
	struct arguments a = good("status");

	assert_string_equal(a.command->name, "status");
	assert_string_equal(a.socket, "/run/legtap/legtap.sock");
	assert_false(a.json);
	assert_null(a.operand);
}

static void options_stand_anywhere(void **state)
{
	static const char *const lines[] = {
		"--socket /s --json start C --track INCOMING --bucket b/p --transaction T",
		"start --track=INCOMING C --json --bucket b/p --transaction T --socket /s",
		"--track INCOMING --bucket b/p --transaction T --json --socket=/s start C"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct arguments a = good(lines[i]);

		assert_string_equal(a.command->name, "start");
		assert_string_equal(a.operand, "C");
		assert_string_equal(a.socket, "/s");
		assert_string_equal(a.track, "INCOMING");
		assert_string_equal(a.bucket, "b/p");
		assert_string_equal(a.transaction, "T");
		assert_true(a.json);
	}
}

/* A SIP Call-ID may begin with a hyphen. */
static void a_call_behind_two_hyphens(void **state)
{
	struct arguments a = good("stop -- -x@192.0.2.1");

	assert_string_equal(a.operand, "-x@192.0.2.1");
}

static void billing_takes_its_options(void **state)
{
	struct arguments a = good("billing --account a --from 2026-01-01 --to 2026-02-01 --csv");

	assert_string_equal(a.account, "a");
	assert_string_equal(a.from, "2026-01-01");
	assert_string_equal(a.to, "2026-02-01");
	assert_true(a.csv);
	a = good("billing --verify --head 1:2 --ledger f");
	assert_true(a.verify);
	assert_string_equal(a.head, "1:2");
	assert_string_equal(a.ledger, "f");
}

static void help_and_version_need_no_command(void **state)
{
	assert_true(good("--help").help);
	assert_true(good("--version").version);
	assert_true(good("billing --help").help);
}

static void bad_usage_is_named(void **state)
{
	static const struct {
		const char *line;
		const char *part; /* of the message */
	} cases[] = {
		{"", "command is missing"},
		{"--json", "command is missing"},
		{"frob", "no command frob"},
		{"stat", "no command stat"},
		{"status x", "unexpected argument x"},
		{"stop", "CALL is missing"},
		{"stop a b", "unexpected argument b"},
		{"recordings a b", "unexpected argument b"},
		{"stop a --track BOTH", "stop takes no --track"},
		{"calls --from 2026-01-01", "calls takes no --from"},
		{"start a --track LEFT", "not LEFT"},
		{"start a --track", "--track needs a value"},
		{"start a --colour red", "no option --colour"},
		{"billing --head 1:2", "--head goes with --verify"},
		{"billing --verify --csv", "whole ledger"},
		{"billing --verify --account a", "whole ledger"},
		{"--json billing --csv", "either --csv or --json"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arguments a;
		struct errmsg e = {""};

		assert_int_equal(parse(cases[i].line, &a, &e), -EINVAL);
		if (!strstr(e.text, cases[i].part))
			fail_msg("\"%s\": %s", cases[i].line, e.text);
	}
}

static void help_names_every_command(void **state)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	arguments_help(out);
	fclose(out);
	for (const struct command *c = commands; c->name; c++) {
		char name[32];

		snprintf(name, sizeof(name), "\n  %s ", c->name);
		assert_non_null(strstr(text, name));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_alone),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(a_call_behind_two_hyphens),
		cmocka_unit_test(billing_takes_its_options),
		cmocka_unit_test(help_and_version_need_no_command),
		cmocka_unit_test(bad_usage_is_named),
		cmocka_unit_test(help_names_every_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
