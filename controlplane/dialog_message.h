/* What a SIP message does to the leg that it belongs to. Between dialog.c, which finds the leg, and
 * dialog_message.c; the control thread. */
#ifndef LEGTAP_CONTROLPLANE_DIALOG_MESSAGE_H
#define LEGTAP_CONTROLPLANE_DIALOG_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/dialog.h"
#include "controlplane/sip.h"

#define DIALOG_BRANCHES_MAX 8 /* a call that rings at more places at once is told by its 2xx */
#define DIALOG_SEEN_MAX 16

/* Which way a packet went. */
enum hop { HOP_TO_SBC, HOP_FROM_SBC, HOP_NO_SBC, HOP_BETWEEN_SBCS };

/* The caller is who sent the first INVITE of the dialog. */
enum role { ROLE_CALLER, ROLE_CALLEE };

struct re_offer;

/* What is known of a leg's SIP dialog beside the leg. */
struct dialog {
	struct dialogs *owner;
	uint32_t invite_cseq;	 /* of the caller's newest first INVITE (tried again with a higher
				    one) */
	uint32_t newest_cseq[2]; /* of requests in the dialog, by role */
	unsigned int branch_count;
	uint64_t branches[DIALOG_BRANCHES_MAX]; /* hashes */
	bool branch_final[DIALOG_BRANCHES_MAX]; /* this INVITE was refused */
	bool refused; /* all of them were, but the call may be tried again */
	unsigned int refusal_code;
	uint64_t refused_ns;
	uint64_t cancelled_ns; /* 0: no CANCEL was seen */
	uint64_t newest_ns;    /* the newest message */
	uint64_t learnt;       /* hash of the newest value of the transaction header */
	uint64_t seen[DIALOG_SEEN_MAX];
	unsigned int seen_next;
	struct re_offer *re_offer; /* an offer in the dialog that awaits its answer */
};

/* A message on its way through. */
struct arrival {
	struct dialogs *dialogs;
	const struct sip_packet *packet;
	const struct sip_message *message;
	enum hop hop;
	struct leg *leg;
	struct dialog *dialog;
	enum role originator; /* of the transaction: who sent its request */
	enum role sender;     /* of this message */
};

struct dialogs {
	const struct config *config;
	struct legs *legs;
	struct timers *timers;
	uint64_t hash_key;
	uint64_t counts[DIALOG_COUNTER_COUNT];
	struct waiting *waiting; /* responses that came before their INVITE; dialog.c */
	unsigned int waiting_next;
	uint64_t newest_ns;	    /* the newest packet */
	struct sip_message message; /* the one being handled */
};

/* Gives a leg its dialog. 0 or -ENOMEM. */
int dialog_attach(struct dialogs *d, struct leg *leg);

/* The first message of a leg: its INVITE, or the INVITE of another branch or a further try. */
void dialog_first_invite(struct arrival *a);

/* Notes what its SDP announces, if it has any. */
void dialog_announce(struct arrival *a);

/* Any other message of a live or ended leg. */
void dialog_message(struct arrival *a);

/* A BYE seen on another hop than the leg's own. */
void dialog_bye(struct arrival *a);

/* Whether the message was seen before; it is remembered. */
bool dialog_seen(struct arrival *a);

#endif
