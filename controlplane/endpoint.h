/* Which announced media address belongs to which legs: how the first packet of a flow finds its
 * track. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_ENDPOINT_H
#define LEGTAP_CONTROLPLANE_ENDPOINT_H

#include "common/netaddr.h"
#include "controlplane/leg.h"
#include "dataplane/dataplane.h"

struct endpoints;

int endpoints_create(struct endpoints **out);
void endpoints_destroy(struct endpoints *e);

/* `leg`'s `end` wants to receive at `address`. Idempotent. 0 or -ENOMEM. */
int endpoint_add(
	struct endpoints *e, const struct netaddr *address, struct leg *leg, enum leg_end end);

/* It may be there, though it announced another: leg_media_guess. Idempotent. 0 or -ENOMEM. */
int endpoint_guess(
	struct endpoints *e, const struct netaddr *address, struct leg *leg, enum leg_end end);

/* Forgets all addresses of a leg. */
void endpoints_forget(struct endpoints *e, struct leg *leg);

/* Whether `leg`'s `end` has announced this address; and whether any port of its host. */
bool endpoint_announced(const struct leg *leg, enum leg_end end, const struct netaddr *address);
bool endpoint_announced_host(
	const struct leg *leg, enum leg_end end, const struct netaddr *address);

/* The leg and track of a flow: by its destination (an address an end announced to receive at: the
 * participant's is OUTGOING, the SBC's INCOMING), failing that by its source (symmetric RTP: an end
 * sends from where it receives). Legs whose SIP came in the flow's own encapsulation are asked
 * first; the others, unless `separate`, only when none of those has it, and exactly one live call
 * claims it. Of several legs, the one whose two ends both fit, then a live one, then the newest. A
 * destination that only a participant announced gives way to a source that an SBC announced: what a
 * participant announces may be a private address that others have too. What nobody announced is of
 * the leg whose guess it is, by the same rules, if it is live and no other call's. True when found.
 * RTCP ports are no business of this. */
bool endpoint_match(struct endpoints *e, const struct flow *flow, bool separate, struct leg **leg,
	enum track *track);

#endif
