/* Finds the leg that a command means: by CallId, SIP Call-ID, or ParticipantTag where the
 * transaction is known. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_LEG_LOOKUP_H
#define LEGTAP_CONTROLPLANE_LEG_LOOKUP_H

#include "common/errmsg.h"
#include "controlplane/leg.h"

/* The transaction of an id as text, or NULL. */
struct session *transaction_lookup(struct legs *legs, const char *transaction_id);

/* The one live leg that `id` means, in the transaction (NULL: in all). 0; -ENOENT: none; -ENOTUNIQ:
 * more than one, the message lists their CallIds. */
int leg_lookup(struct legs *legs, const char *transaction_id, const char *id, struct leg **out,
	struct errmsg *e);

#endif
