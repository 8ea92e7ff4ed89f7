/* Usages as the ledger tells them: a recording's start, stop and delivery, each once and in this
 * order. One thread at a time.
 *
 *   unknown ──start── open ──stop── undelivered ──delivered── delivered
 *
 * Of a delivered usage only the recording's id is kept, so that nothing is ever billed twice: about
 * 32 bytes each. */
#ifndef LEGTAP_CONTROLPLANE_USAGE_H
#define LEGTAP_CONTROLPLANE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/ledger_line.h"

struct usages;

struct usage {
	struct uuid recording_id;
	struct uuid transaction_id;
	struct uuid call_id;
	char account[64];
	struct tariff tariff;
	int64_t start_ms;
	bool stopped;
	int64_t stop_ms; /* stopped */
	uint64_t duration_ms;
};

int usages_create(struct usages **out);
void usages_destroy(struct usages *u);

/* Whether the entry may follow what is known: 0; -EEXIST when it came before, -ENOENT when what
 * must come before it did not. The message names the recording. */
int usages_check(const struct usages *u, const struct ledger_line *line, struct errmsg *e);

/* Checks, and takes the entry in. 0, those errors, or -ENOMEM. */
int usages_apply(struct usages *u, const struct ledger_line *line, struct errmsg *e);

/* An open or undelivered usage, or NULL. Valid until the next usages_apply. */
const struct usage *usages_find(const struct usages *u, const struct uuid *recording_id);
bool usages_is_delivered(const struct usages *u, const struct uuid *recording_id);

/* Open and undelivered ones, by index below usages_count; NULL for an index not in use. */
size_t usages_count(const struct usages *u);
const struct usage *usages_at(const struct usages *u, size_t index);

#endif
