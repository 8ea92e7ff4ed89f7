#include "controlplane/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "controlplane/command.h"

enum { ALWAYS = 0 };

/* A row with `text` takes a value, one with `flag` none. Rows of ALWAYS go with every command. */
static const struct {
	const char *name;
	unsigned int bit;
	size_t text;
	size_t flag;
	const char *value;
	const char *help;
} rows[] = {
#define TEXT(member) .text = offsetof(struct arguments, member)
#define FLAG(member) .flag = offsetof(struct arguments, member)
	{"socket", ALWAYS, TEXT(socket), .value = "PATH",
		.help = "legtapd's admin socket; default " ARGUMENTS_SOCKET},
	{"json", ALWAYS, FLAG(json), .help = "print the admin API's JSON instead of tables"},
	{"help", ALWAYS, FLAG(help), .help = "print this"},
	{"version", ALWAYS, FLAG(version), .help = "print the version"},
	{"track", OPTION_TRACK, TEXT(track), .value = "TRACK",
		.help = "BOTH (default), INCOMING (from the participant) or OUTGOING"},
	{"bucket", OPTION_BUCKET, TEXT(bucket), .value = "BUCKET[/PREFIX]",
		.help = "where the file goes; default: where its account's go"},
	{"transaction", OPTION_TRANSACTION, TEXT(transaction), .value = "ID",
		.help = "the TransactionId that CALL is of"},
	{"account", OPTION_ACCOUNT, TEXT(account), .value = "ID", .help = "of one account only"},
	{"from", OPTION_FROM, TEXT(from), .value = "TIME",
		.help = "delivered at this time or later: 2026-01-31, or 2026-01-31T08:00:00Z"},
	{"to", OPTION_TO, TEXT(to), .value = "TIME", .help = "delivered before this time"},
	{"csv", OPTION_CSV, FLAG(csv), .help = "the lines as CSV"},
	{"verify", OPTION_VERIFY, FLAG(verify), .help = "check the ledger's chain, price nothing"},
	{"head", OPTION_HEAD, TEXT(head), .value = "SEQ:HASH",
		.help = "with --verify: an entry noted earlier, which must stand in the chain"},
	{"ledger", OPTION_LEDGER, TEXT(ledger), .value = "FILE",
		.help = "work on this ledger.jsonl, without legtapd"},
	{"after", OPTION_AFTER, TEXT(after), .value = "EVENTID",
		.help = "only what came after this event"},
	{"follow", OPTION_FOLLOW, FLAG(follow),
		.help = "go on with what is yet to happen, without end"},
	{"count", OPTION_COUNT, TEXT(count), .value = "N", .help = "end after so many screens"},
#undef TEXT
#undef FLAG
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static void set(struct arguments *a, size_t row, const char *value)
{
	char *base = (char *)a;

	if (rows[row].value)
		memcpy(base + rows[row].text, &value, sizeof(value));
	else
		memcpy(base + rows[row].flag, &(bool){true}, sizeof(bool));
}

/* Options of getopt_long(3); *given: the bits of those that were there. */
static int parse_options(
	int argc, char *argv[], struct arguments *a, unsigned int *given, struct errmsg *e)
{
	struct option options[ROWS + 1] = {0};
	int row;

	for (size_t i = 0; i < ROWS; i++)
		options[i] = (struct option){rows[i].name,
			rows[i].value ? required_argument : no_argument, NULL, (int)i + 1};
	optind = 0; /* begins anew, for tests */
	opterr = 0;
	while ((row = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (row == ':')
			return errmsg_set(e, -EINVAL, "%.100s needs a value", argv[optind - 1]);
		if (row == '?')
			return errmsg_set(
				e, -EINVAL, "there is no option %.100s", argv[optind - 1]);
		set(a, (size_t)row - 1, optarg);
		*given |= rows[row - 1].bit;
	}
	return 0;
}

static int parse_operands(int argc, char *argv[], struct arguments *a, struct errmsg *e)
{
	int count = argc - optind - 1;

	if (count < 0)
		return errmsg_set(e, -EINVAL, "a command is missing");
	a->command = find_command(argv[optind]);
	if (!a->command)
		return errmsg_set(e, -EINVAL, "there is no command %.100s", argv[optind]);
	if (count > 0)
		a->operand = argv[optind + 1];
	if (count > (a->command->operand ? 1 : 0))
		return errmsg_set(e, -EINVAL, "%s: unexpected argument %.100s", a->command->name,
			argv[argc - 1]);
	if (a->command->operand_needed && (!a->operand || !a->operand[0]))
		return errmsg_set(
			e, -EINVAL, "%s: %s is missing", a->command->name, a->command->operand);
	return 0;
}

static int check(const struct arguments *a, unsigned int given, struct errmsg *e)
{
	const char *name = a->command->name;

	for (size_t i = 0; i < ROWS; i++)
		if (given & rows[i].bit & ~a->command->options)
			return errmsg_set(e, -EINVAL, "%s takes no --%s", name, rows[i].name);
	if (a->head && !a->verify)
		return errmsg_set(e, -EINVAL, "%s: --head goes with --verify", name);
	if (a->verify && (a->account || a->from || a->to || a->csv))
		return errmsg_set(e, -EINVAL,
			"%s: --verify checks the whole ledger: no --account, --from, --to, --csv",
			name);
	if (a->csv && a->json)
		return errmsg_set(e, -EINVAL, "%s: either --csv or --json", name);
	if (a->track && strcmp(a->track, "BOTH") != 0 && strcmp(a->track, "INCOMING") != 0 &&
		strcmp(a->track, "OUTGOING") != 0)
		return errmsg_set(e, -EINVAL,
			"%s: --track is BOTH, INCOMING or OUTGOING, not %.100s", name, a->track);
	return 0;
}

int arguments_parse(int argc, char *argv[], struct arguments *out, struct errmsg *e)
{
	unsigned int given = 0;
	int err;

	*out = (struct arguments){.socket = ARGUMENTS_SOCKET};
	err = parse_options(argc, argv, out, &given, e);
	if (err || out->help || out->version)
		return err;
	err = parse_operands(argc, argv, out, e);
	return err ? err : check(out, given, e);
}

static void print_option(FILE *out, size_t row, const char *indent)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", rows[row].name, rows[row].value ? " " : "",
		rows[row].value ? rows[row].value : "");
	fprintf(out, "%s%-*s %s\n", indent, (int)(31 - strlen(indent)), left, rows[row].help);
}

void arguments_help(FILE *out)
{
	fputs("usage: legtapctl [--socket PATH] [--json] COMMAND\n\n", out);
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].bit == ALWAYS)
			print_option(out, i, "  ");
	fputs("\nCommands:\n", out);
	for (const struct command *c = commands; c->name; c++) {
		char left[32];

		snprintf(left, sizeof(left), c->operand && !c->operand_needed ? "%s [%s]" : "%s %s",
			c->name, c->operand ? c->operand : "");
		fprintf(out, "  %-29s %s\n", left, c->help);
		for (size_t i = 0; i < ROWS; i++)
			if (rows[i].bit & c->options)
				print_option(out, i, "    ");
	}
	fputs("\nCALL is a CallId, a SIP Call-ID, or LEG-A or LEG-B with --transaction.\n\n"
	      "Exit status: 0, the thing asked for happened; 1, it did not; 2, bad usage; 3, "
	      "legtapd cannot be\nreached.\n",
		out);
}
