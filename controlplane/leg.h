/* Legs and transactions: who talks to whom through the SBC (product.md, Words and Time).
 *
 * dialog.c turns SIP messages, and sip_events.c SIP events from the admin socket, into calls of the
 * functions here; the hooks tell media and recording what changed. Objects belong to the control
 * thread.
 *
 *   offered ──(18x)── ringing ──(2xx)── answered ──(BYE, timeout)── ended
 *      └──────────(3xx to 6xx, CANCEL's 487)─────────────────────────┘
 *
 * An ended leg lingers for late retransmissions (32 s) and as long as somebody holds it. */
#ifndef LEGTAP_CONTROLPLANE_LEG_H
#define LEGTAP_CONTROLPLANE_LEG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/netaddr.h"
#include "common/srtp_key.h"
#include "common/uuid.h"
#include "controlplane/leg_media.h"
#include "controlplane/timer.h"
#include "storage/storage.h"

struct account_config;
struct config;
struct digit_source;
struct recording;
struct endpoint;
struct event_watch;
struct legs;
struct media_stream;
struct siprec_session;
struct tie;

#define LEG_TEXT_BYTES 256 /* longer ones are cut */

enum leg_side { SIDE_CALLER, SIDE_CALLEE }; /* which one the participant is */
enum leg_state { LEG_OFFERED, LEG_RINGING, LEG_ANSWERED, LEG_ENDED };
enum leg_end { END_PARTICIPANT, END_SBC, ENDS }; /* the two ends of a leg */

struct session; /* a transaction */

struct leg {
	struct uuid call_id;
	struct session *session;
	char participant_tag[8]; /* LEG-A, LEG-B */
	const char *sip_call_id; /* texts of at most LEG_TEXT_BYTES, kept behind the leg */
	const char *from_tag;
	const char *from_uri;
	const char *to_uri;
	const char *participant; /* address of record: From for a caller, To for a callee */
	const char *to_tag;	 /* of the answer; "" before; leg_take_to_tag */
	char *own_to_tag;
	enum leg_side side;
	bool by_sbc;	     /* false: no SBC address in it, one leg per dialog */
	struct netaddr peer; /* signalling address of the participant */
	uint32_t encapsulation;
	enum leg_state state;
	uint64_t offered_ns;  /* recording clock: first INVITE */
	uint64_t answered_ns; /* 0: not yet */
	uint64_t ended_ns;
	int64_t wall_offset_ns;	    /* taken at offered_ns; add to recording clock for Unix time */
	unsigned int sip_code;	    /* of a refusal; 0: normal */
	char reason[32];	    /* of the end: "hangup", "refused", "cancelled", "no_answer",
				       "media_timeout", "capture_end", "shutdown" */
	bool on_hold;		    /* either end does not send or does not receive */
	uint32_t session_expires_s; /* RFC 4028; 0: none */
	uint64_t refreshed_ns;	    /* newest message of the dialog that refreshes it */
	struct end_media media[ENDS];
	uint64_t moved_ns[ENDS]; /* when an end last announced another address or direction than
				    before; 0: never */
	const struct account_config *account;
	struct recording *recording;	   /* the one not yet stopped; recording.c */
	unsigned int recordings;	   /* begun so far, or about to; recording.c */
	unsigned int recordings_made;	   /* with those that never began; recording.c */
	struct media_stream *streams;	   /* list; media.c */
	struct digit_source *digit_source; /* NULL: nobody asked for digits; digit_source.c */
	uint64_t last_media_ns;		   /* newest packet known of; media.c */
	struct timer media_timer;	   /* media.c */
	struct event_watch *watch;	   /* event_watch.c, as are the three below */
	struct timer watch_timer;
	uint64_t watched_from_ns;
	bool media_missing[TRACK_COUNT];
	struct endpoint *endpoints;    /* list; endpoint.c */
	struct siprec_session *siprec; /* whose participant it is; siprec_session.c */
	bool not_by_itself; /* its participant prefers not to be recorded; siprec_session.c */
	unsigned int holds; /* users beside the table */
	void *dialog;	    /* dialog.c */
	void (*dialog_free)(void *dialog); /* dialog.c; called when the leg goes */
	struct timer dialog_timer;	   /* dialog.c; cancelled when the leg ends */
	struct timer linger;		   /* leg.c */
	struct legs *owner;
	uint64_t sip_id_hash; /* of the whole texts, which sip_call_id and from_tag may cut */
	uint64_t dialog_hash;
	struct leg *next_in_session;
	struct leg *next; /* all legs, by age */
	struct leg *previous;
	struct leg *next_ended; /* ended ones, in the order in which they ended */
	struct leg *previous_ended;
	struct leg *next_by_call_id; /* hash chains, the newest first; leg.c */
	struct leg *next_by_sip_id;
	struct leg *next_by_dialog;
	char texts[];
};

struct session {
	struct uuid transaction_id; /* of its first leg's CallId */
	struct leg *legs;	    /* in the order in which they came */
	unsigned int leg_count;	    /* that ever were */
	uint64_t sequence;	    /* invocations so far */
	uint64_t number;	    /* grows with age; session.c */
	struct tie *ties;	    /* all values that tie legs to it; session.c */
	struct session *next;	    /* all sessions, by age */
	struct session *previous;
	struct session *next_by_id; /* hash chain; session.c */
};

/* What became of a leg. Called by leg.c and dialog.c, after the leg's fields are up to date; NULL
 * ones are skipped. */
struct leg_hooks {
	void *arg;
	/* headers: for account matching; finds a header's value in the INVITE, NULL when absent;
	 * valid during the call. */
	void (*offered)(void *arg, struct leg *leg,
		const char *(*header)(void *message, const char *name), void *message);
	void (*ringing)(void *arg, struct leg *leg, unsigned int code);
	void (*media_changed)(void *arg, struct leg *leg, enum leg_end end, uint64_t at_ns);
	void (*answered)(void *arg, struct leg *leg);
	/* The participant pressed a key, told by SIP INFO. */
	void (*digit)(void *arg, struct leg *leg, char digit, uint64_t at_ns);
	void (*ended)(void *arg, struct leg *leg);
	void (*forgotten)(void *arg, struct leg *leg); /* just before it is freed */
};

int legs_create(struct legs **out, const struct config *config, struct timers *timers,
	const struct leg_hooks *hooks);
void legs_destroy(struct legs *l);

struct leg_offer {
	const char *sip_call_id;
	const char *from_tag;
	const char *from_uri;
	const char *to_uri;
	const char *transaction_header; /* value of the configured header, or NULL */
	const struct leg *replaced;	/* it takes its place (RFC 3891) or joins it (RFC 3911) */
	enum leg_side side;
	bool by_sbc;
	struct netaddr peer;
	uint32_t encapsulation;
	uint64_t at_ns;
	int64_t wall_offset_ns;
};

/* Makes a leg and joins it to its transaction: that of a leg with the same SIP Call-ID, or tied by
 * the transaction header, or of the leg that it replaces, or its own. An ended leg of the same
 * dialog does not hinder it, and hands its ParticipantTag on. Does not call hooks.offered: the
 * caller does, by leg_offered, when the message's media is noted. At limits.legs ended legs that
 * nobody holds make room. 0, -EEXIST (*out is then the leg that is there), -ENOSPC (counted),
 * -ENOMEM. */
int leg_offer(struct legs *l, const struct leg_offer *offer, struct leg **out);
void leg_offered(struct legs *l, struct leg *leg,
	const char *(*header)(void *message, const char *name), void *message);

/* Progress of a leg. Each is idempotent: a retransmission changes nothing. */
void leg_ring(struct legs *l, struct leg *leg, unsigned int code, uint64_t at_ns);
void leg_answer(struct legs *l, struct leg *leg, uint64_t at_ns);
void leg_end(
	struct legs *l, struct leg *leg, const char *reason, unsigned int sip_code, uint64_t at_ns);

/* The tag of the To of the answer. Without memory it stays "". */
void leg_take_to_tag(struct leg *leg, const char *tag);

/* The participant of a live leg pressed a key. */
void leg_digit(struct legs *l, struct leg *leg, char digit, uint64_t at_ns);

/* One end announced this: addresses not yet known are added, codecs are replaced, keys go before
 * those that were there (the caller wipes its own copy), and
 * hooks.media_changed is called if anything changed. Whether it did. */
bool leg_announce(struct legs *l, struct leg *leg, enum leg_end end, const struct leg_media *media,
	uint64_t at_ns);

/* The keys of an end that announces nothing by itself (a participant of a recording session): what
 * it sends is SRTP from now on, or with none of keys->current, RTP. Whether that is news. */
bool leg_secure(struct legs *l, struct leg *leg, enum leg_end end, const struct srtp_keys *keys,
	uint64_t at_ns);

/* A later message of the leg bears this value of the transaction header. What it tells of legs to
 * come is remembered; two transactions that turn out to be one are made one as long as the later
 * one has no answered leg and no recording, for ids that have been told must stay. */
void leg_learn(struct legs *l, struct leg *leg, const char *transaction_header);

/* The same for a value that is no header's: legs that bear it are of one transaction. */
void leg_tie(struct legs *l, struct leg *leg, const char *value);

/* Ties a further leg to a transaction (admin API). 0; -ENOENT: there is no such transaction;
 * -EBUSY: the leg is recorded, or was, and its file and usage bear the TransactionId; -ENOSPC: the
 * transaction has had too many legs. Of one that is of it already nothing changes. */
int leg_join(struct legs *l, struct leg *leg, const struct uuid *transaction_id);

/* Finds. A SIP Call-ID may belong to several live legs: `index` counts through them, the newest
 * first; where none lives, index 0 is the newest ended one. NULL: none (more). Of a CallId or a
 * dialog the newest leg is found. */
struct leg *leg_by_call_id(struct legs *l, const struct uuid *call_id);
struct leg *leg_by_sip_id(struct legs *l, const char *sip_call_id, unsigned int index);
struct leg *leg_by_dialog(
	struct legs *l, const char *sip_call_id, const char *from_tag, enum leg_side side);
struct session *session_by_id(struct legs *l, const struct uuid *transaction_id);

/* All legs, oldest first. Live: not ended. */
struct leg *legs_first(struct legs *l);
unsigned int legs_live(const struct legs *l);
uint64_t legs_refused(const struct legs *l); /* by limits.legs */

/* Keeps a leg in memory until released. */
void leg_hold(struct leg *leg);
void leg_release(struct legs *l, struct leg *leg);

#endif
