/* What an earlier run left: its recordings are finished and delivered, its usages closed
 * (product.md, Billing: never billed for time that was not recorded, never twice). Before the
 * threads start; the control thread. */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "controlplane/ledger.h"
#include "controlplane/recordings.h"

struct recovery {
	struct recordings *recordings;
	unsigned int salvaged;
	unsigned int delivered;
	unsigned int removed;
	unsigned int lost;
};

/* The run that opened it ended before the recording did: it ends where the newest checkpoint
 * stands. */
static void close_cut_short(struct recording *rec, const struct storage_leftover *l)
{
	uint64_t stop_ns = l->checkpoint_ns > l->start_ns ? l->checkpoint_ns : l->start_ns;

	rec->window = (struct recording_window){.start_ns = l->start_ns, .stop_ns = stop_ns};
	strcpy(rec->window.reason, "crash");
	strcpy(rec->window.cut_short, "crash");
	storage_close_leftover(rec->owner->control->storage, &rec->info.recording_id, &rec->window);
}

/* Brings the ledger up to what the spool says. The stop's time is on the clock of the run that
 * recorded. */
static void close_usage(struct recording *rec, const struct ledger_usage *usage)
{
	if (!usage->started)
		recording_ledger(rec, LEDGER_START, recording_wall_ms(rec, rec->start_ns));
	if (!usage->stopped)
		recording_ledger(rec, LEDGER_STOP,
			recording_wall_ms(rec, rec->start_ns) +
				(int64_t)recording_duration_ms(rec));
}

static void take_up(
	struct recovery *v, const struct storage_leftover *l, const struct ledger_usage *usage)
{
	struct recording *rec = recording_adopt(v->recordings, &l->info);

	if (!rec)
		return;
	rec->start_ns = l->start_ns;
	rec->state = RECORDING_RENDERING;
	if (l->closed)
		rec->window = l->window;
	else
		close_cut_short(rec, l);
	close_usage(rec, usage);
	memcpy(rec->sha256, l->sha256, sizeof(rec->sha256));
	rec->bytes = l->bytes;
	if (l->delivered) {
		rec->state = RECORDING_DELIVERING;
		rec->duration_ms = recording_duration_ms(rec);
		recording_ledger(rec, LEDGER_DELIVERED,
			rec->owner->control->wall_offset_ns / 1000000 +
				(int64_t)(rec->owner->control->now_ns / 1000000));
		v->delivered++;
		return;
	}
	storage_finish(rec->owner->control->storage, &rec->info.recording_id);
	v->salvaged++;
}

static void found(void *arg, const struct storage_leftover *l)
{
	struct recovery *v = arg;
	struct control *control = v->recordings->control;
	struct ledger_usage usage = {0};

	ledger_usage_of(control->ledger, &l->info.recording_id, &usage);
	if (usage.delivered || (!l->started && !usage.started)) {
		storage_remove(control->storage, &l->info.recording_id);
		v->removed++;
		return;
	}
	take_up(v, l, &usage);
}

/* A usage whose recording has no journal: nothing was recorded that could be billed. */
static void close_lost(void *arg, const struct uuid *id, const struct ledger_usage *usage)
{
	struct recovery *v = arg;
	struct control *control = v->recordings->control;
	struct ledger_entry entry = {.type = LEDGER_STOP,
		.time_ms = usage->start_ms,
		.account_id = usage->account_id,
		.transaction_id = usage->transaction_id,
		.call_id = usage->call_id,
		.recording_id = *id,
		.reason = "lost"};

	if (recording_find(v->recordings, id))
		return;
	ledger_append(control->ledger, &entry, NULL, NULL);
	v->lost++;
}

int recordings_recover(struct recordings *r, struct errmsg *e)
{
	struct recovery v = {.recordings = r};
	int count = storage_recover(r->control->storage, found, &v, e);

	if (count < 0)
		return count;
	ledger_open_usages(r->control->ledger, close_lost, &v);
	if (count || v.lost)
		log_info("recovery",
			"of an earlier run: %u recordings taken up, %u delivered ones entered in "
			"the ledger, "
			"%u removed, %u usages closed whose recording is gone",
			v.salvaged, v.delivered, v.removed, v.lost);
	return 0;
}
