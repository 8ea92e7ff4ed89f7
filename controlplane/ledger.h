/* The ledger: usage that accounts are billed from, hash-chained, appended and synced (product.md,
 * Billing; docs/ledger.md has the format).
 *
 * One file, ledger.jsonl, one object a line. `hash` is the SHA-256 of the line's bytes without its
 * hash member, which hold `prev_hash`. Appends go to an io_uring of the control thread's own
 * (write, then fdatasync) and are awaited as an event: the control thread never blocks. Control
 * thread. */
#ifndef LEGTAP_CONTROLPLANE_LEDGER_H
#define LEGTAP_CONTROLPLANE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "common/uuid.h"
#include "controlplane/config.h"

struct ledger;

enum ledger_type { LEDGER_START, LEDGER_STOP, LEDGER_DELIVERED };

struct ledger_entry {
	enum ledger_type type;
	int64_t time_ms;		      /* Unix time */
	const struct account_config *account; /* start: its tariff goes into the entry */
	const char *account_id;
	struct uuid transaction_id;
	struct uuid call_id;
	struct uuid recording_id;
	uint64_t duration_ms; /* stop */
	const char *reason;   /* stop */
	const char *sha256;   /* delivered */
	uint64_t bytes;	      /* delivered */
};

/* Opens (makes) folder/ledger.jsonl, takes its lock, verifies the chain, cuts off a last line that
 * a crash left unfinished (and says so), and keeps in memory which recordings are open, stopped,
 * delivered. `sync` = false: --read, which syncs once at the end. 0 or -errno; a broken chain is
 * -EBADMSG with the line and what to do. Blocks. */
int ledger_open(struct ledger **out, const char *folder, bool sync, struct errmsg *e);

/* Waits for what is under way, calling `done` for it. NULL is legal. */
void ledger_close(struct ledger *l);

/* Appends; done(arg, 0) when it is on the disk, done(arg, -errno) when that failed (the ledger then
 * refuses more with that error). Entries become durable in order; several that wait share one sync.
 * An entry that cannot be is refused, and nothing is written: -EEXIST, a second start, stop or
 * delivered of a recording; -ENOENT, a stop without a start or a delivered without a stop. done may
 * be NULL, and is called from ledger_poll or ledger_close only, but for -ENOMEM. The entry is
 * copied. */
typedef void ledger_done_h(void *arg, int err);
void ledger_append(
	struct ledger *l, const struct ledger_entry *entry, ledger_done_h *done, void *arg);

/* For the event loop: readable when ledger_poll has something to do. It calls `done` for what came
 * to an end, and returns how many entries that were. */
int ledger_wake_fd(const struct ledger *l);
unsigned int ledger_poll(struct ledger *l);

/* What the ledger knows of a recording, entries under way included: never billed twice. Of a
 * delivered one only the flags. */
struct ledger_usage {
	bool started;
	bool stopped;
	bool delivered;
	int64_t start_ms;
	char account_id[64]; /* as the start entry names them, for a stop that only the ledger knows
				of */
	struct uuid transaction_id;
	struct uuid call_id;
};
bool ledger_usage_of(
	const struct ledger *l, const struct uuid *recording_id, struct ledger_usage *out);

/* Calls `found` for each recording that has a start and no stop; it may append its stop. */
void ledger_open_usages(const struct ledger *l,
	void (*found)(void *arg, const struct uuid *recording_id, const struct ledger_usage *usage),
	void *arg);

/* The newest synced entry; 0 and 64 zeros when there is none. */
void ledger_head(const struct ledger *l, uint64_t *seq, char hash[65]);

/* The path of the file. */
const char *ledger_path(const struct ledger *l);

#endif
