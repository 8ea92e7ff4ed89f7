/* What becomes of a recording after its stop: what ledger and storage say of it, up to its last
 * state (delivered, failed, discarded). Control thread. */
#include "controlplane/recordings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "controlplane/account.h"
#include "controlplane/line_log.h"
#include "controlplane/event_recording.h"
#include "controlplane/recording_json.h"

/* --- The ledger --- */

static void ledger_done(void *arg, int err)
{
	struct recording *rec = arg;

	rec->ledger_pending--;
	if (err) {
		rec->err = err;
		rec->why = "the ledger cannot be written";
		if (rec->state < RECORDING_CLOSING && !(rec->op && rec->op->kind == OP_START)) {
			recording_fail(rec, rec->why, true);
			return;
		}
	}
	recording_advance(rec);
}

static void delivered_done(void *arg, int err)
{
	struct recording *rec = arg;

	rec->ledger_pending--;
	if (err) {
		log_error("recording",
			"%s is delivered but the ledger cannot be written: it stays in the spool, "
			"and "
			"its usage is entered at the next start",
			rec->info.key);
		return;
	}
	storage_remove(rec->owner->control->storage, &rec->info.recording_id);
	recording_finished(rec, RECORDING_DELIVERED);
}

void recording_ledger(struct recording *rec, enum ledger_type type, int64_t time_ms)
{
	struct control *control = rec->owner->control;
	struct ledger_entry entry = {.type = type,
		.time_ms = time_ms,
		.account = account_by_id(control->config, rec->info.account),
		.account_id = rec->info.account,
		.transaction_id = rec->info.transaction_id,
		.call_id = rec->info.call_id,
		.recording_id = rec->info.recording_id,
		.duration_ms = rec->state < RECORDING_DELIVERING ? recording_duration_ms(rec)
								 : rec->duration_ms,
		.reason = rec->window.reason,
		.sha256 = rec->sha256,
		.bytes = rec->bytes};

	rec->ledger_pending++;
	ledger_append(control->ledger, &entry,
		type == LEDGER_DELIVERED ? delivered_done : ledger_done, rec);
}

/* --- What storage says --- */

static void on_opened(void *arg, const struct uuid *id, int err)
{
	struct recording *rec = recording_find(arg, id);

	if (rec)
		recording_opened(rec, err);
}

static void on_closed(void *arg, const struct uuid *id, const struct storage_closed *result)
{
	struct recordings *r = arg;
	struct recording *rec = recording_find(r, id);

	if (!rec || rec->state == RECORDING_FAILED) /* the next start takes it up */
		return;
	if (result->frames_dropped) {
		log_error("recording", "%lu packets of call %s were lost at the spool",
			result->frames_dropped, rec->info.sip_call_id);
		event_spool_loss(rec, result->frames_dropped);
	}
	if (rec->from == FROM_MEDIA && result->frames == 0) {
		recording_discard(rec);
		return;
	}
	rec->state = RECORDING_RENDERING;
	storage_finish(r->control->storage, id);
}

static void on_rendered(void *arg, const struct uuid *id, const struct storage_rendered *result)
{
	struct recording *rec = recording_find(arg, id);

	if (!rec)
		return;
	free(rec->json);
	rec->json = result->json ? strdup(result->json) : NULL;
	rec->start_ns = result->start_ns;
	rec->duration_ms = result->duration_ms;
	rec->bytes = result->bytes;
	rec->undecodable = result->undecodable;
	memcpy(rec->sha256, result->sha256, sizeof(rec->sha256));
	event_recording_shortcomings(rec);
	if (!result->failed) {
		rec->state = RECORDING_DELIVERING;
		event_recording_rendered(rec);
		return;
	}
	recording_set_failure(rec, result->failure);
	log_error("recording", "%s could not be rendered: %s; its tracks stay in the spool",
		rec->info.key, result->failure);
	recording_finished(rec, RECORDING_FAILED);
}

static void forget_refusal(struct recordings *r, const char *bucket)
{
	for (unsigned int i = 0; i < r->refused_count; i++) {
		if (strcmp(r->refused[i].bucket, bucket) == 0) {
			r->refused[i] = r->refused[--r->refused_count];
			return;
		}
	}
}

static void on_delivered(void *arg, const struct uuid *id, const char *sha256, uint64_t bytes)
{
	struct recordings *r = arg;
	struct recording *rec = recording_find(r, id);

	if (!rec)
		return;
	forget_refusal(r, rec->info.bucket);
	text_copy(rec->sha256, sizeof(rec->sha256), sha256);
	rec->bytes = bytes;
	recording_set_failure(rec, NULL);
	if (r->control->read_mode) {
		storage_remove(r->control->storage, id);
		recording_finished(rec, RECORDING_DELIVERED);
		return;
	}
	rec->state = RECORDING_DELIVERING;
	recording_ledger(rec, LEDGER_DELIVERED,
		((int64_t)r->control->now_ns + r->control->wall_offset_ns) / 1000000);
}

static void on_delivery_failed(void *arg, const struct uuid *id, const char *bucket,
	long http_status, const char *why, uint32_t retry_ms)
{
	struct recordings *r = arg;
	struct recording *rec = recording_find(r, id);

	if (!rec)
		return;
	recording_set_failure(rec, why);
	event_delivery_failed(rec, http_status, why, retry_ms);
	log_warning("recording",
		"%s/%s is not delivered: %s; next try in %u ms, the spool keeps it", bucket,
		rec->info.key, why, retry_ms);
	if ((http_status == 403 || http_status == 404) && !recordings_bucket_refused(r, bucket) &&
		r->refused_count < sizeof(r->refused) / sizeof(r->refused[0]))
		text_copy(r->refused[r->refused_count++].bucket, sizeof(r->refused[0].bucket),
			bucket);
}

static void on_space(void *arg, uint64_t free_bytes, uint64_t bytes_per_s)
{
	struct recordings *r = arg;

	if (bytes_per_s)
		log_warning("storage",
			"the spool %s has %lu MiB left: full in %lu s at the present %lu kB/s",
			r->control->config->spool.path, free_bytes >> 20, free_bytes / bytes_per_s,
			bytes_per_s / 1000);
	else
		log_warning("storage", "the spool %s has %lu MiB left",
			r->control->config->spool.path, free_bytes >> 20);
}

void recordings_storage_handlers(struct recordings *r, struct storage_handlers *h)
{
	*h = (struct storage_handlers){.arg = r,
		.opened = on_opened,
		.closed = on_closed,
		.rendered = on_rendered,
		.delivered = on_delivered,
		.delivery_failed = on_delivery_failed,
		.space = on_space};
}

bool recordings_bucket_refused(const struct recordings *r, const char *bucket)
{
	for (unsigned int i = 0; i < r->refused_count; i++)
		if (strcmp(r->refused[i].bucket, bucket) == 0)
			return true;
	return false;
}

/* --- The end of one --- */

void recording_discard(struct recording *rec)
{
	storage_remove(rec->owner->control->storage, &rec->info.recording_id);
	recording_forget(rec);
}

void recording_finished(struct recording *rec, enum recording_state state)
{
	struct recordings *r = rec->owner;
	char *line;
	int err;

	rec->state = state;
	if (rec->counted_unfinished) {
		rec->counted_unfinished = false;
		r->unfinished--;
		r->ended++;
	}
	if (state == RECORDING_FAILED || rec->undecodable)
		r->failures++;
	if (r->control->read_mode)
		return;
	if (state == RECORDING_FAILED)
		event_recording_failed(rec);
	else
		event_recording_delivered(rec);
	line = recording_line(rec);
	err = !line ? -ENOMEM : r->log ? line_log_append(r->log, line) : 0;
	if (err)
		log_error("recording", "cannot append to recordings.jsonl: %s", strerror(-err));
	free(line);
}
