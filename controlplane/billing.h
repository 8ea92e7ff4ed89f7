/* Prices the ledger: lines, totals, verification. Works on the file alone, so that legtapctl can
 * verify a copy. Blocks on the disk, for seconds with millions of entries; any thread but the
 * control thread while calls are live. */
#ifndef LEGTAP_CONTROLPLANE_BILLING_H
#define LEGTAP_CONTROLPLANE_BILLING_H

#include <stdint.h>

#include "common/errmsg.h"

struct cJSON;

struct billing_query {
	const char *account; /* NULL: all */
	int64_t from_ms;     /* of the `delivered` entry; 0: since ever */
	int64_t to_ms;	     /* exclusive; 0: for ever */
};

/* {"lines":[{account, recording_id, transaction_id, call_id, start, stop, delivered, duration_ms,
 * billed_seconds, rate_per_minute, currency, amount}], "totals":[{account, currency, usages,
 * duration_ms, billed_seconds, amount}], "open":n, "undelivered":n, "head":{seq, hash}}. Lines are
 * in the order of delivery, totals by account and currency; amounts and rates are texts. `open` and
 * `undelivered` count the account's usages of all times that are not billable yet. 0, the caller
 * frees *out; -EBADMSG when the chain is broken, -errno, with a message. */
int billing_report(const char *ledger_path, const struct billing_query *query, struct cJSON **out,
	struct errmsg *e);

/* Checks the chain; head ("SEQ:HASH", NULL: none) must stand in it. A last line that is just being
 * written is no entry yet. 0; -EBADMSG with what is wrong and in which line; -EINVAL, the head is
 * no head; -errno. */
int billing_verify(const char *ledger_path, const char *head, struct errmsg *e);

/* The verdict as JSON: {"verified":true,"head":{seq, hash}}, or {"verified":false,"Message":…}. 0,
 * whichever it is: the caller frees *out; -EINVAL, the head is no head; -errno, the ledger could
 * not be read; with a message. */
int billing_verdict(
	const char *ledger_path, const char *head, struct cJSON **out, struct errmsg *e);

/* The report's lines as CSV (RFC 4180), to be freed; NULL without memory. */
char *billing_csv(const struct cJSON *report);

#endif
