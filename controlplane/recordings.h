/* Recordings as the rest of the control thread sees them: the object, and what happens to it from
 * outside. The states are in recording.h; the functions that change them in recording.c;
 * recordings.c ties legs, streams, storage and ledger to them. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_RECORDINGS_H
#define LEGTAP_CONTROLPLANE_RECORDINGS_H

#include "controlplane/control.h"
#include "controlplane/ledger.h"
#include "controlplane/media.h"
#include "controlplane/recording.h"
#include "controlplane/track_security.h"

struct line_log;

struct recording_pause {
	uint64_t start_ns;
	uint64_t end_ns; /* 0: not yet resumed */
};

/* Actions of one recording are carried out one after the other; each is done when it is effective.
 */
enum recording_op_kind { OP_START, OP_PAUSE, OP_RESUME, OP_STOP };

struct recording_op {
	enum recording_op_kind kind;
	recording_done_h *done; /* NULL: nobody waits for the answer */
	void *arg;
	uint64_t at_ns; /* OP_STOP: the leg's end */
	char reason[32];
	struct recording_op *next;
};

/* What storage is still to do with a failed one, when the rx cores have let go of its tracks. */
enum recording_rest { REST_SETTLED, REST_TO_CLOSE, REST_TO_REMOVE };

/* What storage was told of a track's packets. */
struct recording_track_security {
	enum srtp_mode mode;
	enum undecryptable why;
	uint64_t sealed_from_ns;
};

/* A struct recording_info whose texts take no more memory than they are long. */
struct recording_facts {
	struct uuid recording_id;
	struct uuid transaction_id;
	struct uuid call_id;
	const char *sip_call_id;
	const char *participant_tag;
	const char *participant;
	const char *account;
	const char *bucket;
	const char *key;
	char *texts; /* where they all are */
	unsigned int tracks;
	int64_t wall_offset_ns;
};

struct recording {
	struct recording_facts info;
	struct recordings *owner;
	struct leg *leg;     /* held; NULL once stopped, or after a crash */
	unsigned int number; /* of its leg, from 1 */
	enum recording_state state;
	enum rule_from from;
	bool by_rule;
	bool started; /* it has begun: the ledger knows it (in --read: will know it) */
	bool opened;  /* storage has its files, or has said why not */
	int open_err; /* why not */
	track_ref refs[TRACK_COUNT];
	struct recording_track_security security[TRACK_COUNT];
	bool told_of_security;
	enum gate gate; /* what its streams' gates are, or are about to be */
	uint64_t open_ns;
	uint32_t next_ordinal;
	uint64_t start_ns;
	struct recording_window window;
	struct recording_pause *pauses;
	unsigned int pause_count;
	struct kept_out kept_out[TRACK_COUNT]; /* of streams that have left it */
	struct recording_op *op;	       /* under way; then those that wait */
	unsigned int gates_pending; /* acknowledgements of rx cores still to come, for op */
	bool gates_owed; /* commands that there was no memory for (media_stream.gate_owed) */
	unsigned int ledger_pending; /* entries being synced */
	bool ledger_asked;	     /* op has sent its entry */
	int err;		     /* of op */
	const char *why;
	char *json; /* the sidecar, once rendered */
	uint64_t duration_ms;
	uint64_t bytes;
	char sha256[65];
	char *failure; /* failed: why; delivering: the newest refusal; NULL: none */
	bool undecodable;
	bool counted_unfinished;
	enum recording_rest rest;
	struct recording *next; /* by age */
	struct recording *previous;
	struct recording *next_by_id;
};

#define RECORDINGS_BUCKETS 16384

struct recordings {
	struct control *control;
	unsigned int record_tracks; /* --record: the Track of rules that name none */
	bool record_all; /* --read without rules: every answered leg, from its first media */
	struct recording *first;
	struct recording *last;
	struct recording *by_id[RECORDINGS_BUCKETS];
	bool gates_owed;	 /* by any of them */
	unsigned int unfinished; /* not yet delivered, failed or discarded */
	unsigned int ended;	 /* delivered or failed, still shown */
	unsigned int failures;	 /* that ended failed or undecodable */
	struct line_log *log;	 /* recordings.jsonl; NULL in --read */
	struct {
		char bucket[DESTINATION_BUCKET_BYTES];
	} refused[64]; /* buckets whose newest answer was 403 or 404 */
	unsigned int refused_count;
};

int recordings_create(struct recordings **out, struct control *control);
void recordings_destroy(struct recordings *r);

/* From the leg's hooks. */
void recordings_leg_offered(struct recordings *r, struct leg *leg);
void recordings_leg_media(struct recordings *r, struct leg *leg, enum leg_end end, uint64_t at_ns);
void recordings_leg_answered(struct recordings *r, struct leg *leg);
void recordings_leg_ended(struct recordings *r, struct leg *leg);

/* From media.c: what the gate of a stream that joins a leg must be. */
void recordings_stream_joins(
	struct recordings *r, struct media_stream *s, struct gate_setting *out);

/* Sets that gate on a stream that is in the stream table already; an action under way waits for it.
 */
void recordings_stream_joined(
	struct recordings *r, struct media_stream *s, const struct gate_setting *setting);

/* It leaves its leg: its gate is shut, and the recording that it fed does not end before that is
 * acknowledged. */
void recordings_stream_leaves(struct recordings *r, struct media_stream *s);

/* From the dataplane. */
void recordings_acked(struct recordings *r, uint64_t cookie);

/* Each turn: sends the commands that there was no memory for. */
void recordings_retry(struct recordings *r);

/* From storage: fills the handlers. */
void recordings_storage_handlers(struct recordings *r, struct storage_handlers *h);

/* Whether the bucket's newest answer was 403 or 404. */
bool recordings_bucket_refused(const struct recordings *r, const char *bucket);

/* Where a leg's recordings go when the action names no bucket: the rule's, else the account's, else
 * the destination's. */
void recordings_default_location(const struct recordings *r, const struct leg *leg,
	const struct rule_config *rule, char bucket[DESTINATION_BUCKET_BYTES],
	char prefix[DESTINATION_KEY_BYTES]);

/* Takes up what an earlier run left in the spool and the ledger; blocking, before the threads
 * start. */
int recordings_recover(struct recordings *r, struct errmsg *e);

/* --read: writes the ledger and recordings.jsonl, when every recording has ended. `now_ns`: the
 * capture's end. */
int recordings_write_read_outputs(
	struct recordings *r, const char *out, uint64_t now_ns, struct errmsg *e);

/* --- Between the recording files --- */

struct recording *recording_find(struct recordings *r, const struct uuid *id);

/* Makes one for a leg and opens it in storage. NULL: *err is -errno. */
struct recording *recording_make(struct recordings *r, struct leg *leg, unsigned int tracks,
	const char *bucket, const char *prefix, int *err);

/* Makes one that an earlier run left behind. NULL without memory. */
void recording_set_failure(struct recording *rec, const char *why);
struct recording *recording_adopt(struct recordings *r, const struct recording_info *info);

/* Takes a recording out of the lists and frees it. */
void recording_forget(struct recording *rec);

/* The gate of a stream of its tracks, as the recording has it; as for recording_set_gates. */
void recording_set_gate(struct recording *rec, struct media_stream *s);

/* Gates of all streams of its tracks; each change adds one to gates_pending, taken away by
 * recordings_acked. */
void recording_set_gates(struct recording *rec, enum gate gate, uint64_t open_ns);

/* Shuts the gate of a stream that no longer feeds it; as for recording_set_gates. */
void recording_release_stream(struct recording *rec, struct media_stream *s);

/* Takes up what a stream of its tracks has seen while paused. */
void recording_count_kept_out(struct recording *rec, struct media_stream *s);

/* Begins an armed one, at a time that may lie in the past. */
void recording_begin(struct recording *rec, uint64_t start_ns);

/* Ends one at stop_ns (an armed one is discarded); nobody waits for it. */
void recording_end(struct recording *rec, uint64_t stop_ns, const char *reason);

/* Looks whether what the current action waits for has come. */
void recording_advance(struct recording *rec);

/* The files are open, or could not be. */
void recording_opened(struct recording *rec, int err);

/* Ends it as failed. keep: what the spool has of it stays, for the next start to take up; else it
 * is removed. A usage that has begun is closed. */
void recording_fail(struct recording *rec, const char *why, bool keep);

/* Removes an armed one that never began. */
void recording_discard(struct recording *rec);

/* Its last state has been reached: counts it, writes its line. */
void recording_finished(struct recording *rec, enum recording_state state);

/* Appends an entry about it; done may be NULL. Not in --read. */
void recording_ledger(struct recording *rec, enum ledger_type type, int64_t time_ms);

int64_t recording_wall_ms(const struct recording *rec, uint64_t ns);
uint64_t recording_duration_ms(const struct recording *rec);

/* "bucket/key". Returns buf. */
#define RECORDING_OBJECT_BYTES (DESTINATION_BUCKET_BYTES + DESTINATION_KEY_BYTES)
char *recording_object(const struct recording *rec, char buf[RECORDING_OBJECT_BYTES]);

#endif
