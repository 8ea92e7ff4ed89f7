/* Events that no single message brings: silence where audio should be, RTP that no SIP explains,
 * packets that were dropped here, and, each minute, the ledger's head (docs/events.md). Not in
 * --read. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_EVENT_WATCH_H
#define LEGTAP_CONTROLPLANE_EVENT_WATCH_H

#include "controlplane/leg.h"

struct control;
struct event_watch;
struct flow;

/* control's events, dataplane, ledger and timers are there. 0 or -ENOMEM. */
int event_watch_create(struct event_watch **out, struct control *control);
void event_watch_destroy(struct event_watch *w); /* NULL is legal */

/* In the functions below NULL is legal: nobody watches. */

/* The leg was answered, or what its ends announced has changed: its tracks are watched anew. */
void event_watch_leg(struct event_watch *w, struct leg *leg);

/* It has ended, or goes. */
void event_watch_leg_ended(struct event_watch *w, struct leg *leg);

/* Nobody claimed a flow in time. */
void event_watch_unexplained(struct event_watch *w, const struct flow *flow, uint32_t packets);

/* A flow to an address of a leg was kept out of its track: another source feeds it. */
void event_watch_foreign(
	struct event_watch *w, const struct leg *leg, enum track track, const struct flow *flow);

#endif
