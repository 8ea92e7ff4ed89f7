/* The recording state machine, the only place where a recording changes state. Control thread.
 *
 *   armed ──(leg answered)── recording ⇄ paused ──(action, leg's end)── closing ── rendering ──
 * delivering ── delivered └──(leg refused)── discarded └──────────┴────────────┴── failed
 *
 * Each start, pause, resume and stop is acknowledged (done) only when it is effective on every rx
 * core and, where it costs money, in the synced ledger. */
#ifndef LEGTAP_CONTROLPLANE_RECORDING_H
#define LEGTAP_CONTROLPLANE_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "controlplane/leg.h"
#include "storage/storage.h"

struct cJSON;
struct recordings;

enum recording_state {
	RECORDING_ARMED,
	RECORDING_RUNNING,
	RECORDING_PAUSED,
	RECORDING_CLOSING,
	RECORDING_RENDERING,
	RECORDING_DELIVERING,
	RECORDING_DELIVERED,
	RECORDING_FAILED,
};

/* "recording", "paused", "rendering", … as in recordings.jsonl ("recording" for closing too). */
const char *recording_state_name(enum recording_state s);

/* What came of an action. err: 0, -EINVAL (InvalidActionParameter), -EACCES
 * (NoAccessToDestination), others (SystemException); `why` tells a person. `destination`:
 * "bucket/key" of a start. Called once, perhaps before the starting function returns. */
typedef void recording_done_h(void *arg, int err, const char *why, const char *destination);

/* bucket: "" for the account's default. prefix: "" for Amazon-Chime-SMA-Call-Recordings. */
void recording_start(struct recordings *r, struct leg *leg, unsigned int tracks, const char *bucket,
	const char *prefix, recording_done_h *done, void *arg);
void recording_stop(struct recordings *r, struct leg *leg, recording_done_h *done, void *arg);
void recording_pause(struct recordings *r, struct leg *leg, recording_done_h *done, void *arg);
void recording_resume(struct recordings *r, struct leg *leg, recording_done_h *done, void *arg);

/* Of one, for lists of calls. */
/* Whether it was paused at a time not long ago, or still is. */
bool recording_paused_at(const struct recording *rec, uint64_t at_ns);
enum recording_state recording_state_of(const struct recording *rec);
const struct uuid *recording_id_of(const struct recording *rec);

/* How many there are in a state. */
unsigned int recordings_in_state(const struct recordings *r, enum recording_state s);

/* Appends at most `limit` objects (as recording_to_json makes them), oldest first, to the array
 * `list`: those after the recording whose id is `after` (NULL: from the oldest). *more: there are
 * further ones. 0, or -ENOENT when `after` is not known (any more). */
int recordings_page_to_json(struct recordings *r, const char *after, unsigned int limit,
	struct cJSON *list, bool *more);

/* The object of one recording as product.md says (Files); NULL when unknown. The caller frees. */
struct cJSON *recording_to_json(struct recordings *r, const char *recording_id);

#endif
