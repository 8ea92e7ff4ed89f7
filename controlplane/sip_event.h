/* One SIP event of POST /v1/sip-events (docs/sip_events.md), from JSON. Pure function; any thread.
 */
#ifndef LEGTAP_CONTROLPLANE_SIP_EVENT_H
#define LEGTAP_CONTROLPLANE_SIP_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "common/uuid.h"
#include "controlplane/leg.h"

struct cJSON;
struct config;

enum sip_event_type {
	SIP_EVENT_OFFERED,
	SIP_EVENT_RINGING,
	SIP_EVENT_ANSWERED,
	SIP_EVENT_CHANGED,
	SIP_EVENT_ENDED
};

/* Texts belong to the JSON; NULL: not given. */
struct sip_event {
	enum sip_event_type type;
	/* Which leg: call_id; or sip_call_id, alone or with from_tag and side. */
	bool has_call_id;
	struct uuid call_id;
	const char *sip_call_id;
	const char *from_tag; /* the caller's */
	bool has_side;
	enum leg_side side;
	bool by_sbc;
	struct netaddr peer; /* the participant's signalling; family 0: not given */
	/* What became of it. */
	const char *from;
	const char *to;
	const char *to_tag;
	const char *transaction_header;
	const char *reason;
	uint32_t cseq;		      /* of the INVITE; 0: not given */
	uint32_t sip_code;	      /* 0: not given */
	uint32_t session_expires_s;   /* 0: not given */
	struct leg_media media[ENDS]; /* known: given */
	const struct cJSON *headers;  /* object of texts, or NULL */
};

/* `where` is the event's path ("Events[0]"), or "". 0, or -EINVAL with a message that begins with
 * the path of what is wrong. */
int sip_event_parse(struct sip_event *out, const struct cJSON *json, const char *where,
	const struct config *config, struct errmsg *e);

const char *sip_event_type_name(enum sip_event_type type);

/* The value of a header that the event gives, or NULL. Names are compared as in SIP. */
const char *sip_event_header(const struct sip_event *event, const char *name);

#endif
