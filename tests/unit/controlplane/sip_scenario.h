/* SIP calls as lines of text, for tests of dialogs and legs.
 *
 *   0.100 A>S INVITE call from-tag to-tag cseq [sdp=PORT[/direction]] [c=HOST] [branch=B] [id=V]
 * [x=S] [key=K] [relay=K] 0.200 S>A 200/INVITE call from-tag to-tag cseq … 32.5 - (time passes)
 *
 * Hosts: A to D participants (10.0.0.1 …), S and T SBCs (10.9.0.1, 10.9.0.2), P and Q proxies
 * (10.5.0.1, 10.5.0.2); a and s as A and S in IPv6. A tag of "-" is none. `id` is the value of
 * Session-ID, `x` that of Session-Expires; `key` and `relay` are bodies of INFO (application/dtmf
 * and dtmf-relay); `replaces` that of Replaces. The Via branch is made from call, CSeq, method and
 * hosts unless given. */
#ifndef LEGTAP_TESTS_SIP_SCENARIO_H
#define LEGTAP_TESTS_SIP_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

#include "controlplane/config.h"
#include "controlplane/dialog.h"
#include "controlplane/leg.h"

struct scenario {
	struct config config;
	struct timers timers;
	struct legs *legs;
	struct dialogs *dialogs;
	char hooks[4096]; /* "offered(A) ringing(A) …", in the order of the calls */
};

/* sbc: "S", "ST", … or "" for none. */
void scenario_create(struct scenario *s, const char *sbc);
void scenario_destroy(struct scenario *s);

/* Runs lines. */
void scenario_run(struct scenario *s, const char *lines);

/* One line a leg: tag, side, state, reason and code, times of offer, answer and end, hold, session
 * timer, addresses of the participant and of the SBC with their directions, the SIP Call-ID. */
const char *scenario_legs(struct scenario *s);

/* "0.25" as nanoseconds; a host's address, with a port. */
uint64_t scenario_time(const char *text);
struct netaddr scenario_host(char name, uint16_t port);

#endif
