/* legtapctl's command line: one table of options, one of commands (command.h), from which parser
 * and help come. */
#ifndef LEGTAP_CONTROLPLANE_ARGUMENTS_H
#define LEGTAP_CONTROLPLANE_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/errmsg.h"

#define ARGUMENTS_SOCKET "/run/legtap/legtap.sock" /* admin.socket.path's default */

/* Bits of what a command takes. */
enum option_bit {
	OPTION_TRACK = 1 << 0,
	OPTION_BUCKET = 1 << 1,
	OPTION_TRANSACTION = 1 << 2,
	OPTION_ACCOUNT = 1 << 3,
	OPTION_FROM = 1 << 4,
	OPTION_TO = 1 << 5,
	OPTION_CSV = 1 << 6,
	OPTION_VERIFY = 1 << 7,
	OPTION_HEAD = 1 << 8,
	OPTION_LEDGER = 1 << 9,
	OPTION_AFTER = 1 << 10,
	OPTION_FOLLOW = 1 << 11,
	OPTION_COUNT = 1 << 12,
};

struct command;

/* Texts lie in argv; NULL: not given. */
struct arguments {
	const struct command *command; /* NULL: help or version */
	bool help;
	bool version;
	bool json;
	bool csv;
	bool verify;
	bool follow;
	const char *socket;
	const char *operand; /* CALL or ID */
	const char *track;
	const char *bucket;
	const char *transaction;
	const char *account;
	const char *from;
	const char *to;
	const char *head;
	const char *ledger;
	const char *after;
	const char *count;
};

/* Options may stand before and behind the command; "--" ends them. 0, or -EINVAL with what is wrong
 * (bad usage). argv's order may change. */
int arguments_parse(int argc, char *argv[], struct arguments *out, struct errmsg *e);

/* The text of --help. */
void arguments_help(FILE *out);

#endif
