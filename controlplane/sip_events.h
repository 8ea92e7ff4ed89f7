/* POST /v1/sip-events: what an SBC or proxy tells of calls whose signalling is not on the mirror
 * (docs/sip_events.md). Drives legs as dialog.c does for SIP. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_SIP_EVENTS_H
#define LEGTAP_CONTROLPLANE_SIP_EVENTS_H

#include <stddef.h>

#include "common/errmsg.h"

struct cJSON;
struct control;

#define SIP_EVENTS_SUMMARY_BYTES 64

/* Checks all events of a body, then carries them out in order. An event that does not fit what is
 * there (no such leg, no room) has an Error in its result and hinders no other. 0 with the answer;
 * -EINVAL with the path of what is wrong, and nothing was done; -ENOMEM. `summary` is for the audit
 * log. */
int sip_events_run(struct control *c, const char *body, size_t bytes, struct cJSON **answer,
	char summary[SIP_EVENTS_SUMMARY_BYTES], struct errmsg *e);

#endif
