#include "controlplane/invocation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "controlplane/control.h"
#include "controlplane/events.h"
#include "controlplane/uuid_json.h"

#define MS_NS 1000000

const char *invocation_direction(const struct leg *leg)
{
	return leg->side == SIDE_CALLER ? "Inbound" : "Outbound";
}

/* Skips a display name and the scheme. */
static const char *after_scheme(const char *uri)
{
	static const char *const schemes[] = {"sip:", "sips:", "tel:"};
	const char *bracket = strrchr(uri, '<');

	if (bracket)
		uri = bracket + 1;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncasecmp(uri, schemes[i], strlen(schemes[i])) == 0)
			return uri + strlen(schemes[i]);
	return uri;
}

char *invocation_party(const char *uri, char buf[INVOCATION_PARTY_BYTES])
{
	const char *user = after_scheme(uri);
	size_t bytes = strcspn(user, ";:@>?");

	if (user[0] == '[') /* a host that is an IPv6 address */
		bytes = strcspn(user, ";@>?");
	if (bytes >= INVOCATION_PARTY_BYTES)
		bytes = INVOCATION_PARTY_BYTES - 1;
	memcpy(buf, user, bytes);
	buf[bytes] = '\0';
	return buf;
}

static cJSON *participant(const struct leg *leg)
{
	char party[INVOCATION_PARTY_BYTES];
	char start_ms[24];
	cJSON *o = cJSON_CreateObject();

	uuid_add_to_json(o, "CallId", &leg->call_id);
	cJSON_AddStringToObject(o, "ParticipantTag", leg->participant_tag);
	cJSON_AddStringToObject(o, "To", invocation_party(leg->to_uri, party));
	cJSON_AddStringToObject(o, "From", invocation_party(leg->from_uri, party));
	cJSON_AddStringToObject(o, "Direction", invocation_direction(leg));
	snprintf(start_ms, sizeof(start_ms), "%" PRId64,
		((int64_t)leg->offered_ns + leg->wall_offset_ns) / MS_NS);
	cJSON_AddStringToObject(o, "StartTimeInMilliseconds", start_ms);
	if (leg->state == LEG_ANSWERED)
		cJSON_AddStringToObject(o, "Status", "Connected");
	else if (leg->state == LEG_ENDED)
		cJSON_AddStringToObject(o, "Status", "Disconnected");
	return o;
}

static cJSON *call_details(
	const struct config *config, const struct session *session, const char *transaction_id)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *participants;

	if (session)
		uuid_add_to_json(o, "TransactionId", &session->transaction_id);
	else if (transaction_id)
		cJSON_AddStringToObject(o, "TransactionId", transaction_id);
	cJSON_AddStringToObject(o, "AwsAccountId", config->application.aws_account_id);
	cJSON_AddStringToObject(o, "AwsRegion", config->application.region);
	cJSON_AddStringToObject(o, "SipMediaApplicationId", config->application.id);
	participants = cJSON_AddArrayToObject(o, "Participants");
	for (const struct leg *leg = session ? session->legs : NULL; leg;
		leg = leg->next_in_session)
		cJSON_AddItemToArray(participants, participant(leg));
	return o;
}

struct cJSON *invocation_make(const struct config *config, const struct session *session,
	const char *transaction_id, uint64_t sequence, const char *type, struct cJSON *action_data)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "SchemaVersion", "1.0");
	cJSON_AddNumberToObject(o, "Sequence", (double)sequence);
	cJSON_AddStringToObject(o, "InvocationEventType", type);
	if (action_data)
		cJSON_AddItemToObject(o, "ActionData", action_data);
	cJSON_AddItemToObject(o, "CallDetails", call_details(config, session, transaction_id));
	return o;
}

struct cJSON *invocation_event(const struct config *config, struct session *session,
	const char *transaction_id, const char *type, struct cJSON *action_data)
{
	uint64_t sequence = session ? ++session->sequence : 0;

	return invocation_make(config, session, transaction_id, sequence, type, action_data);
}

void invocation_log(struct control *control, const struct cJSON *event, const char *source)
{
	cJSON *copy;

	if (!control->events)
		return;
	copy = cJSON_Duplicate(event, true);
	cJSON_AddStringToObject(copy, "Source", source);
	control_event(control, "invocation", copy);
}
