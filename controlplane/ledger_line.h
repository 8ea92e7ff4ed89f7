/* One line of the ledger, between bytes and a structure (docs/ledger.md). Pure functions; any
 * thread. */
#ifndef LEGTAP_CONTROLPLANE_LEDGER_LINE_H
#define LEGTAP_CONTROLPLANE_LEDGER_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/errmsg.h"
#include "common/uuid.h"
#include "controlplane/decimal.h"
#include "controlplane/ledger.h"

#define LEDGER_LINE_BYTES 4096 /* the longest line, its newline included */
#define LEDGER_FIRST_PREV_HASH "0000000000000000000000000000000000000000000000000000000000000000"

/* What an account's usage costs, as it was when the usage began. */
struct tariff {
	struct decimal rate_per_minute;
	char currency[8];
	unsigned int currency_digits;
	unsigned int rounding_seconds;
	unsigned int minimum_seconds;
};

struct ledger_line {
	uint64_t seq;
	char prev_hash[DIGEST_TEXT_BYTES];
	char hash[DIGEST_TEXT_BYTES];
	int64_t time_ms;
	enum ledger_type type;
	char account[64];
	struct uuid transaction_id;
	struct uuid call_id;
	struct uuid recording_id;
	struct tariff tariff;		/* start */
	uint64_t duration_ms;		/* stop */
	char reason[64];		/* stop */
	char sha256[DIGEST_TEXT_BYTES]; /* delivered */
	uint64_t bytes;			/* delivered */
};

/* "start", "stop", "delivered". */
const char *ledger_type_name(enum ledger_type type);

/* Writes the line with its newline, not ended by NUL, and fills line->hash. Its length, or -ENOMEM.
 */
int ledger_line_format(struct ledger_line *line, char out[LEDGER_LINE_BYTES]);

/* Reads a line (without its newline) and compares its hash. 0, or -EBADMSG with what is wrong
 * about it. */
int ledger_line_parse(const char *text, size_t bytes, struct ledger_line *line, struct errmsg *e);

#endif
