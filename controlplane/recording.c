/* See recording.h for the states. Each action on a recording is an op in its queue: one is under
 * way, and done when the rx cores have acknowledged every gate, storage has its files, and the
 * ledger is synced, as far as it needs these. */
#include "controlplane/recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "controlplane/account.h"
#include "controlplane/event_recording.h"
#include "controlplane/recordings.h"

static const char *const state_names[] = {"armed", "recording", "paused", "recording", "rendering",
	"delivering", "delivered", "failed"};

const char *recording_state_name(enum recording_state s)
{
	return state_names[s];
}

/* An action takes effect now, not when this turn of the loop began: what arrived in between was not
 * yet wanted. */
static uint64_t renew_now_ns(struct control *control)
{
	if (!control->read_mode)
		control->now_ns = clock_now_ns();
	return control->now_ns;
}

/* --- Gates --- */

/* What cannot be sent for want of memory is owed: nothing that waits for it is done until then. A
 * stream that is gone owes nothing. */
void recording_set_gate(struct recording *rec, struct media_stream *s)
{
	struct gate_setting setting = {.gate = rec->gate,
		.track = rec->refs[s->track],
		.ordinal = s->ordinal,
		.open_ns = rec->open_ns};
	int err = stream_set_gate(
		rec->owner->control->dataplane, s->id, &setting, (uint64_t)(uintptr_t)rec);

	s->gate_owed = err == -ENOMEM;
	rec->gates_pending += err == 0;
	if (err != -ENOMEM)
		return;
	if (!rec->owner->gates_owed)
		log_error("recording", "no memory for a command to an rx core: it is tried again, "
				       "and actions wait for it");
	rec->gates_owed = true;
	rec->owner->gates_owed = true;
}

void recording_set_gates(struct recording *rec, enum gate gate, uint64_t open_ns)
{
	rec->gate = gate;
	rec->open_ns = open_ns;
	rec->gates_owed = false;
	for (struct media_stream *s = rec->leg->streams; s; s = s->next_of_leg)
		if (rec->info.tracks & TRACK_BIT(s->track))
			recording_set_gate(rec, s);
}

void recording_release_stream(struct recording *rec, struct media_stream *s)
{
	static const struct gate_setting off = {.gate = GATE_OFF};

	s->gate_owed = false;
	/* There is room for it: if it fails, the stream is gone. */
	if (stream_set_gate(
		    rec->owner->control->dataplane, s->id, &off, (uint64_t)(uintptr_t)rec) == 0)
		rec->gates_pending++;
}

void recordings_acked(struct recordings *r, uint64_t cookie)
{
	struct recording *rec = (struct recording *)(uintptr_t)cookie;

	rec->gates_pending--;
	recording_advance(rec);
}

/* --- The queue of actions --- */

static void run_op(struct recording *rec);

static void push_op(struct recording *rec, const struct recording_op *like)
{
	struct recording_op *op = malloc(sizeof(*op));
	struct recording_op **at = &rec->op;

	if (!op) {
		if (like->done)
			like->done(like->arg, -ENOMEM, "no memory", NULL);
		return;
	}
	*op = *like;
	op->next = NULL;
	while (*at)
		at = &(*at)->next;
	*at = op;
	if (rec->op == op)
		run_op(rec);
}

/* The op under way is done: answers, and begins the next. One that is asked for from within the
 * answer waits behind the next, or, if there is none, has begun already. */
static void finish_op(struct recording *rec, int err, const char *why)
{
	struct recording_op *op = rec->op;
	struct recording_op *next = op->next;
	char object[RECORDING_OBJECT_BYTES];

	rec->op = next;
	rec->err = 0;
	rec->why = NULL;
	rec->ledger_asked = false;
	if (op->done)
		op->done(op->arg, err, why, err == 0 ? recording_object(rec, object) : NULL);
	free(op);
	if (next)
		run_op(rec);
}

/* Room for one more pause. */
static int reserve_pause(struct recording *rec)
{
	struct recording_pause *pauses =
		realloc(rec->pauses, (rec->pause_count + 1) * sizeof(struct recording_pause));

	if (!pauses)
		return -ENOMEM;
	rec->pauses = pauses;
	return 0;
}

static void run_pause(struct recording *rec)
{
	if (rec->state == RECORDING_PAUSED) {
		finish_op(rec, 0, NULL);
		return;
	}
	if (rec->state != RECORDING_RUNNING) {
		finish_op(rec, -EINVAL, "the leg is not being recorded");
		return;
	}
	if (reserve_pause(rec) != 0) { /* before any gate is shut */
		finish_op(rec, -ENOMEM, "no memory");
		return;
	}
	recording_set_gates(rec, GATE_PAUSED, 0);
	recording_advance(rec);
}

static void run_resume(struct recording *rec)
{
	uint64_t now;

	if (rec->state == RECORDING_RUNNING) {
		finish_op(rec, 0, NULL);
		return;
	}
	if (rec->state != RECORDING_PAUSED) {
		finish_op(rec, -EINVAL, "the leg is not being recorded");
		return;
	}
	now = renew_now_ns(rec->owner->control);
	rec->pauses[rec->pause_count - 1].end_ns = now;
	storage_note_resume(rec->owner->control->storage, &rec->info.recording_id, now);
	recording_set_gates(rec, GATE_RECORD, now);
	recording_advance(rec);
}

/* Counts of the rx cores that the sidecar shows. */
static void note_kept_out(struct recording *rec)
{
	struct storage *storage = rec->owner->control->storage;
	const struct uuid *id = &rec->info.recording_id;

	for (struct media_stream *s = rec->leg->streams; s; s = s->next_of_leg)
		if (rec->info.tracks & TRACK_BIT(s->track))
			recording_count_kept_out(rec, s);
	for (unsigned int t = 0; t < TRACK_COUNT; t++) {
		if (rec->kept_out[t].while_paused)
			storage_note_paused_packets(
				storage, id, (enum track)t, rec->kept_out[t].while_paused);
		if (rec->kept_out[t].withheld)
			storage_note_withheld_packets(
				storage, id, (enum track)t, rec->kept_out[t].withheld);
	}
}

static void detach_leg(struct recording *rec)
{
	struct leg *leg = rec->leg;

	rec->leg = NULL;
	if (leg->recording == rec)
		leg->recording = NULL;
	if (!rec->started && rec->state != RECORDING_FAILED && leg->recordings == rec->number)
		leg->recordings--; /* it never was one */
	leg_release(rec->owner->control->legs, leg);
}

static void run_stop(struct recording *rec)
{
	struct control *control = rec->owner->control;
	struct recording_op *op = rec->op;

	if (!rec->leg || rec->state == RECORDING_FAILED) {
		finish_op(rec, -EINVAL, "the leg's recording has stopped already");
		return;
	}
	recording_set_gates(rec, GATE_OFF, 0);
	if (rec->gates_owed) /* with its leg, whose streams they are: then once more */
		return;
	note_kept_out(rec);
	rec->window.start_ns = rec->start_ns;
	rec->window.stop_ns = op->at_ns ? op->at_ns : renew_now_ns(control);
	if (rec->window.stop_ns < rec->window.start_ns)
		rec->window.stop_ns = rec->window.start_ns;
	rec->window.start_at_media = rec->from == FROM_MEDIA;
	memcpy(rec->window.reason, op->reason, sizeof(rec->window.reason));
	rec->state = RECORDING_CLOSING;
	detach_leg(rec);
	if (!control->read_mode && rec->started)
		recording_ledger(rec, LEDGER_STOP,
			recording_wall_ms(rec, rec->start_ns) +
				(int64_t)recording_duration_ms(rec));
	recording_advance(rec);
}

/* An action's start: the gates were set when the recording was made. */
static void run_start(struct recording *rec)
{
	recording_advance(rec);
}

static void run_op(struct recording *rec)
{
	static void (*const run[])(struct recording * rec) = {[OP_START] = run_start,
		[OP_PAUSE] = run_pause,
		[OP_RESUME] = run_resume,
		[OP_STOP] = run_stop};

	run[rec->op->kind](rec);
}

static void advance_start(struct recording *rec)
{
	struct control *control = rec->owner->control;

	if (!rec->opened)
		return;
	if (rec->err) { /* of the ledger: nothing has been answered, and nothing is kept */
		recording_fail(rec, rec->why, false);
		return;
	}
	if (rec->ledger_asked) {
		event_recording_started(rec);
		finish_op(rec, 0, NULL);
		return;
	}
	rec->ledger_asked = true;
	rec->started = true;
	rec->state = RECORDING_RUNNING;
	storage_note_start(control->storage, &rec->info.recording_id, rec->start_ns);
	if (control->read_mode) {
		event_recording_started(rec);
		finish_op(rec, 0, NULL);
	} else {
		recording_ledger(rec, LEDGER_START, recording_wall_ms(rec, rec->start_ns));
	}
}

static void advance_pause(struct recording *rec)
{
	uint64_t now = renew_now_ns(rec->owner->control);

	rec->pauses[rec->pause_count++] = (struct recording_pause){.start_ns = now};
	rec->state = RECORDING_PAUSED;
	storage_note_pause(rec->owner->control->storage, &rec->info.recording_id, now);
	event_recording_paused(rec);
	finish_op(rec, 0, NULL);
}

/* There is nothing of it: the journal and the files could not be made. */
static void fail_to_open(struct recording *rec)
{
	recording_fail(rec,
		rec->open_err == -ENOSPC ? "the spool is full" : "the spool cannot be written",
		false);
}

static void advance_stop(struct recording *rec)
{
	struct control *control = rec->owner->control;

	if (!rec->opened) /* storage carries messages out in order: the answer to its open is on its
			     way */
		return;
	if (rec->open_err) {
		fail_to_open(rec);
		return;
	}
	if (rec->started)
		event_recording_stopped(rec);
	finish_op(rec, rec->err, rec->why);
	if (rec->started)
		storage_close(control->storage, &rec->info.recording_id, &rec->window);
	else
		recording_discard(rec);
}

/* Failed: when nothing can come to its tracks any more, storage may let go of them. */
static void settle_failed(struct recording *rec)
{
	struct storage *storage = rec->owner->control->storage;
	enum recording_rest rest = rec->rest;

	rec->rest = REST_SETTLED;
	if (rec->leg)
		detach_leg(rec);
	if (rest == REST_TO_CLOSE)
		storage_close(storage, &rec->info.recording_id, &rec->window);
	else if (rest == REST_TO_REMOVE)
		storage_remove(storage, &rec->info.recording_id);
}

void recording_advance(struct recording *rec)
{
	if (rec->gates_pending || rec->gates_owed || rec->ledger_pending)
		return;
	if (!rec->op) {
		if (rec->state == RECORDING_FAILED)
			settle_failed(rec);
		return;
	}
	switch (rec->op->kind) {
	case OP_START:
		advance_start(rec);
		break;
	case OP_PAUSE:
		advance_pause(rec);
		break;
	case OP_RESUME:
		rec->state = RECORDING_RUNNING;
		event_recording_resumed(rec);
		finish_op(rec, 0, NULL);
		break;
	case OP_STOP:
		advance_stop(rec);
		break;
	}
}

static void retry_gates(struct recording *rec)
{
	rec->gates_owed = false;
	for (struct media_stream *s = rec->leg->streams; s; s = s->next_of_leg)
		if (s->gate_owed)
			recording_set_gate(rec, s);
	if (rec->gates_owed)
		return;
	if (rec->op && rec->op->kind == OP_STOP)
		run_stop(rec);
	else
		recording_advance(rec);
}

void recordings_retry(struct recordings *r)
{
	struct recording *next;

	if (!r->gates_owed)
		return;
	for (struct recording *rec = r->first; rec; rec = next) {
		next = rec->next;
		if (rec->gates_owed)
			retry_gates(rec);
	}
	r->gates_owed = false;
	for (const struct recording *rec = r->first; rec; rec = rec->next)
		r->gates_owed = r->gates_owed || rec->gates_owed;
}

/* --- Actions --- */

/* By a rule, and neither begun nor asked for. */
static bool is_only_armed(const struct recording *rec)
{
	return rec->state == RECORDING_ARMED && !rec->op;
}

static const char *why_not_start(
	struct recordings *r, struct leg *leg, const char *bucket, int *err)
{
	*err = -EINVAL;
	if (r->control->ending) {
		*err = -ESHUTDOWN;
		return "legtap is shutting down";
	}
	if (leg->state == LEG_ENDED)
		return "the leg has ended";
	if (leg->recording && !is_only_armed(leg->recording))
		return "the leg is being recorded already: one recording runs per leg at most";
	*err = -EACCES;
	if (!location_allowed(leg->account, bucket))
		return "the account's locations do not allow this bucket";
	if (recordings_bucket_refused(r, bucket))
		return "the bucket's newest answer was 403 or 404";
	*err = 0;
	return NULL;
}

void recording_start(struct recordings *r, struct leg *leg, unsigned int tracks, const char *bucket,
	const char *prefix, recording_done_h *done, void *arg)
{
	char own_bucket[DESTINATION_BUCKET_BYTES];
	char own_prefix[DESTINATION_KEY_BYTES];
	struct recording *rec;
	const char *why;
	int err;

	if (bucket[0] == '\0') {
		recordings_default_location(r, leg, NULL, own_bucket, own_prefix);
		bucket = own_bucket;
		prefix = own_prefix;
	}
	why = why_not_start(r, leg, bucket, &err);
	if (err) {
		done(arg, err, why, NULL);
		return;
	}
	if (leg->recording) /* armed by a rule, not begun: the action's wish goes before it */
		recording_end(leg->recording, r->control->now_ns, "superseded");
	rec = recording_make(r, leg, tracks, bucket, prefix, &err);
	if (!rec) {
		done(arg, err,
			err == -ENOSPC ? "limits.tracks recordings are open" : strerror(-err),
			NULL);
		return;
	}
	rec->start_ns = renew_now_ns(r->control);
	recording_set_gates(rec, GATE_RECORD, rec->start_ns);
	push_op(rec, &(struct recording_op){.kind = OP_START, .done = done, .arg = arg});
}

static void act(struct leg *leg, enum recording_op_kind kind, recording_done_h *done, void *arg)
{
	struct recording_op op = {.kind = kind, .done = done, .arg = arg, .reason = "stop_action"};

	if (leg->state == LEG_ENDED)
		done(arg, -EINVAL, "the leg has ended", NULL);
	else if (!leg->recording || is_only_armed(leg->recording))
		done(arg, -EINVAL, "the leg is not being recorded", NULL);
	else
		push_op(leg->recording, &op);
}

void recording_stop(struct recordings *r, struct leg *leg, recording_done_h *done, void *arg)
{
	act(leg, OP_STOP, done, arg);
}

void recording_pause(struct recordings *r, struct leg *leg, recording_done_h *done, void *arg)
{
	act(leg, OP_PAUSE, done, arg);
}

void recording_resume(struct recordings *r, struct leg *leg, recording_done_h *done, void *arg)
{
	act(leg, OP_RESUME, done, arg);
}

/* --- Rules and the leg's end --- */

void recording_begin(struct recording *rec, uint64_t start_ns)
{
	struct control *control = rec->owner->control;

	if (rec->state != RECORDING_ARMED)
		return;
	rec->state = RECORDING_RUNNING;
	rec->started = true;
	rec->start_ns = start_ns;
	storage_note_start(control->storage, &rec->info.recording_id, start_ns);
	if (!control->read_mode)
		recording_ledger(rec, LEDGER_START, recording_wall_ms(rec, start_ns));
	event_recording_started(rec);
}

void recording_end(struct recording *rec, uint64_t stop_ns, const char *reason)
{
	struct recording_op op = {.kind = OP_STOP, .at_ns = stop_ns};

	text_copy(op.reason, sizeof(op.reason), reason);
	push_op(rec, &op);
}

void recording_opened(struct recording *rec, int err)
{
	rec->opened = true;
	rec->open_err = err;
	if (err == 0) {
		recording_advance(rec);
		return;
	}
	log_error("recording", "cannot open files for call %s in the spool: %s (see spool.path)",
		rec->info.sip_call_id, strerror(-err));
	if (rec->op && rec->op->kind == OP_STOP)
		recording_advance(rec);
	else
		fail_to_open(rec);
}

/* Every action that waits is answered with the failure. */
static void fail_ops(struct recording *rec, const char *why)
{
	while (rec->op) {
		struct recording_op *op = rec->op;

		rec->op = op->next;
		if (op->done)
			op->done(op->arg, -EIO, why, NULL);
		free(op);
	}
}

void recording_fail(struct recording *rec, const char *why, bool keep)
{
	if (rec->leg) {
		recording_set_gates(rec, GATE_OFF, 0);
		if (rec->leg->recording == rec && !rec->gates_owed)
			rec->leg->recording = NULL;
	}
	recording_set_failure(rec, why);
	rec->rest = keep ? REST_TO_CLOSE : REST_TO_REMOVE;
	if (rec->state < RECORDING_CLOSING) {
		rec->window.start_ns = rec->start_ns;
		rec->window.stop_ns = rec->owner->control->now_ns;
		text_copy(rec->window.reason, sizeof(rec->window.reason), "failed");
		if (rec->started && !rec->owner->control->read_mode && rec->err == 0)
			recording_ledger(
				rec, LEDGER_STOP, recording_wall_ms(rec, rec->window.stop_ns));
	}
	fail_ops(rec, why);
	recording_finished(rec, RECORDING_FAILED);
	recording_advance(rec);
}
