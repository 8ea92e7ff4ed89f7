/* Which announced media address belongs to which legs: how the first packet of a flow finds its
 * track. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_ENDPOINT_H
#define LEGTAP_CONTROLPLANE_ENDPOINT_H

#include "common/netaddr.h"
#include "controlplane/leg.h"

struct endpoints;

int endpoints_create(struct endpoints **out);
void endpoints_destroy(struct endpoints *e);

/* `leg`'s `end` wants to receive at `address`. Idempotent. 0 or -ENOMEM. */
int endpoint_add(
	struct endpoints *e, const struct netaddr *address, struct leg *leg, enum leg_end end);

/* Forgets all addresses of a leg. */
void endpoints_forget(struct endpoints *e, struct leg *leg);

/* The leg and track of a packet: by its destination (an address an end announced to receive at),
 * failing that by its source (symmetric RTP: the announced address of the other end), product.md
 * "Who is the SBC". The newest live leg wins among several. True when found. RTCP ports are no
 * business of this. */
bool endpoint_match(struct endpoints *e, const struct netaddr *source,
	const struct netaddr *destination, uint32_t encapsulation, struct leg **leg,
	enum track *track);

#endif
