/* What the recording state machine stands on, under a test's hand: the clock, rx cores whose
 * commands and acknowledgements wait until they are told to go on, a storage whose events wait, a
 * ledger whose syncs wait. Legs, media, endpoints and recordings are the real ones. One process,
 * one world.
 *
 * Whatever the test does, these hold, and are asserted as it goes on: no frame that arrived in a
 * pause that was acknowledged reaches a track (rule 3); no frame reaches a track that storage was
 * told to close or to remove (rule 2); ledger and storage are told things in their order, once. */
#ifndef LEGTAP_TESTS_UNIT_CONTROLPLANE_RECORDING_WORLD_H
#define LEGTAP_TESTS_UNIT_CONTROLPLANE_RECORDING_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/control.h"
#include "controlplane/ledger.h"
#include "controlplane/recordings.h"

#define WORLD_RX 2
#define WORLD_PAUSES_MAX 512

/* How far a recording's files have come. */
enum file_state { FILE_OPENING, FILE_OPEN, FILE_CLOSING, FILE_CLOSED, FILE_DONE, FILE_REMOVED };

/* A recording as storage knows it. */
struct world_file {
	struct recording_info info;
	track_ref refs[TRACK_COUNT];
	enum file_state state;
	int open_err; /* what opening will come to; the test sets it */
	bool opened;  /* told */
	bool failed;  /* to open */
	bool finish;
	bool rendered;
	uint64_t start_ns;
	struct recording_window window;
	unsigned int pause_count;
	struct recording_pause pauses[WORLD_PAUSES_MAX];
	unsigned int streams; /* noted */
	uint64_t frames[TRACK_COUNT];
	uint64_t while_paused[TRACK_COUNT];
	enum srtp_mode modes[TRACK_COUNT];
	char codec[TRACK_COUNT][64]; /* the newest that was noted */
	struct world_file *next;
};

struct world_entry {
	struct ledger_entry entry;
	char reason[32];
	ledger_done_h *done;
	void *arg;
	bool durable;
	int err;
	struct world_entry *next;
};

/* What an action was answered. */
struct answer {
	unsigned int count; /* of answers; 1 is right */
	int err;
	char why[128];
	char destination[RECORDING_OBJECT_BYTES];
	void (*then)(struct answer *a); /* called from within the answer; NULL: nothing */
};

struct world {
	struct control control;
	struct config config;
	struct rule_config rule;
	uint64_t now_ns; /* what clock_now_ns says */
	struct world_file *files;
	struct world_entry *entries;
	unsigned int files_open;
	unsigned int files_max; /* then -ENOSPC */
	unsigned int next_ref;
	bool no_memory; /* for commands to rx cores, and for keys */
	bool no_notes;	/* nor for lines of a journal about codecs */
};

/* One account, a bucket "recordings", no rules. */
void world_make(struct world *w);
void world_end(struct world *w);

/* A rule, BOTH tracks, for callers "rule…". */
void world_add_rule(struct world *w);

/* Time goes by; the control thread sees it. */
void world_pass(struct world *w, uint64_t ns);

/* --- Legs --- */

/* A leg (CallId by sip_call_id) whose participant is at 10.1.x.x:`port` and whose SBC at
 * 10.2.x.x:`port`, x by `host`. Offered, not answered. */
struct leg *world_offer(struct world *w, const char *sip_call_id, uint16_t host);
void world_answer(struct world *w, struct leg *leg);
void world_hang_up(struct world *w, struct leg *leg);
/* Another address of the participant: a re-INVITE. */
void world_move(struct world *w, struct leg *leg, uint16_t host, uint16_t port);

/* The same by SRTP, with a key. */
void world_encrypt(struct world *w, struct leg *leg, enum leg_end end, uint16_t host);

/* Both ends of the leg take the addresses of another's: its flows become this leg's, if it is the
 * newer one. */
void world_take_over(struct world *w, struct leg *leg, uint16_t host);

/* A packet of the flow that leg's participant sends (INCOMING) or gets, as rx core `rx` polls it.
 */
void world_packet(struct world *w, uint16_t host, uint16_t port, enum track track, unsigned int rx);

/* --- Things that take their time: each does one step, and tells whether there was one --- */

bool world_command(struct world *w, unsigned int rx);	      /* the rx core takes a command */
bool world_ack(struct world *w, unsigned int rx);	      /* the control thread takes an ack */
bool world_storage(struct world *w, struct world_file *file); /* one event of a recording */
bool world_sync(struct world *w, int err);		      /* the oldest entry that waits */

/* Does all that can be done. */
void world_settle(struct world *w);
/* All of the rx cores; acknowledgements included. */
void world_settle_gates(struct world *w);

/* --- Actions: *a is reset but for `then` --- */

void world_start(struct world *w, struct leg *leg, struct answer *a);
void world_stop(struct world *w, struct leg *leg, struct answer *a);
void world_pause(struct world *w, struct leg *leg, struct answer *a);
void world_resume(struct world *w, struct leg *leg, struct answer *a);

/* --- Looking --- */

struct world_file *world_file_of(struct world *w, const struct uuid *recording);
/* The newest recording of a leg, ended ones included; NULL: none. */
struct world_file *world_newest(struct world *w, const struct leg *leg);
/* Durable entries about a recording, as "start stop delivered". */
const char *world_ledger(struct world *w, const struct uuid *recording);
struct world_entry *world_entry(
	struct world *w, const struct uuid *recording, enum ledger_type type);
/* Nothing is under way in a stream's rx core. */
bool world_is_idle(const struct world *w);

/* --- What tests say often --- */

/* An answered leg, INCOMING polled by rx core 0 and OUTGOING by rx core 1, known to both. */
struct leg *world_talking(struct world *w, const char *id, uint16_t host);
/* A packet of both tracks. */
void world_talk(struct world *w, uint16_t host);
void world_assert_answered(const struct answer *a, int err, const char *why);
/* The action, settled, is answered with success. */
void world_succeeds(struct world *w, void (*act)(struct world *, struct leg *, struct answer *),
	struct leg *leg);
/* The action is answered with -EINVAL at once; why: part of what it says. */
void world_fails(struct world *w, void (*act)(struct world *, struct leg *, struct answer *),
	struct leg *leg, const char *why);
/* Frames of both tracks. */
uint64_t world_frames(const struct world_file *f);

/* --- Between the world's files --- */

void world_make_rx(struct world *w);
void world_end_rx(struct world *w);
void world_make_storage(struct world *w);
void world_end_storage(struct world *w);
/* An rx core polls a packet that has just arrived. */
void world_poll(struct world *w, const struct flow *flow);

#endif
