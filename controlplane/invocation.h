/* Invocation events of the service (docs/admin_api.md, docs/schemas/invocation_event.json): what an
 * application gets, and what answers an action. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_INVOCATION_H
#define LEGTAP_CONTROLPLANE_INVOCATION_H

#include "controlplane/config.h"
#include "controlplane/leg.h"

struct cJSON;
struct control;

#define INVOCATION_SUCCESSFUL "ACTION_SUCCESSFUL"
#define INVOCATION_FAILED "ACTION_FAILED"
#define INVOCATION_INVALID_ANSWER "INVALID_LAMBDA_RESPONSE"
#define INVOCATION_SKIPPED "ACTION_SKIPPED" /* legtap's own: see docs/compatibility.md */

/* {SchemaVersion, Sequence, InvocationEventType, ActionData, CallDetails}. Takes action_data (NULL:
 * none). session NULL: of no known transaction; transaction_id (NULL: none) stands then as it was
 * given. NULL without memory. */
struct cJSON *invocation_make(const struct config *config, const struct session *session,
	const char *transaction_id, uint64_t sequence, const char *type, struct cJSON *action_data);

/* The same for the admin socket, which has a Sequence of its own in each transaction. Counts one
 * more invocation of the session. session NULL: of no known transaction; Sequence is 0, and
 * transaction_id (NULL: none) stands as it was given. NULL without memory. */
struct cJSON *invocation_event(const struct config *config, struct session *session,
	const char *transaction_id, const char *type, struct cJSON *action_data);

/* Puts a copy into the event log. source: "socket" or "application", whose Sequence it is. */
void invocation_log(struct control *control, const struct cJSON *event, const char *source);

/* "Inbound" where the participant called the SBC, else "Outbound". */
const char *invocation_direction(const struct leg *leg);

#define INVOCATION_PARTY_BYTES LEG_TEXT_BYTES

/* A party as the service shows it: the number or user part of a SIP, SIPS or tel URI, with or
 * without name and brackets; the host where there is no user part. Returns buf. */
char *invocation_party(const char *uri, char buf[INVOCATION_PARTY_BYTES]);

#endif
