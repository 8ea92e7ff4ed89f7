#include "controlplane/call_json.h"

#include <errno.h>

#include <cjson/cJSON.h>

#include "controlplane/account.h"
#include "controlplane/control.h"
#include "controlplane/invocation.h"
#include "controlplane/recording.h"
#include "controlplane/timestamp.h"

#define MS_NS 1000000

static const char *const state_names[] = {
	[LEG_OFFERED] = "offered",
	[LEG_RINGING] = "ringing",
	[LEG_ANSWERED] = "answered",
	[LEG_ENDED] = "ended",
};

const char *leg_state_name(const struct leg *leg)
{
	return state_names[leg->state];
}

static void add_uuid(cJSON *o, const char *name, const struct uuid *id)
{
	char text[UUID_TEXT_BYTES];

	cJSON_AddStringToObject(o, name, uuid_format(id, text));
}

/* Absent while it has not come. */
static void add_time(cJSON *o, const char *name, const struct leg *leg, uint64_t at_ns)
{
	char text[TIMESTAMP_TEXT_BYTES];

	if (at_ns)
		cJSON_AddStringToObject(o, name,
			timestamp_format(((int64_t)at_ns + leg->wall_offset_ns) / MS_NS, text));
}

static void add_address(cJSON *o, const char *name, const struct netaddr *address)
{
	char text[NETADDR_TEXT_BYTES];

	if (address->family)
		cJSON_AddStringToObject(o, name, netaddr_format(address, text));
}

/* Of the talk: from the answer on. */
static uint64_t duration_ms(const struct control *control, const struct leg *leg)
{
	uint64_t end_ns = leg->ended_ns ? leg->ended_ns : control->now_ns;

	return leg->answered_ns && end_ns > leg->answered_ns ? (end_ns - leg->answered_ns) / MS_NS
							     : 0;
}

static void add_recording(cJSON *o, const struct leg *leg)
{
	cJSON *recording;

	cJSON_AddNumberToObject(o, "recordings", leg->recordings);
	if (!leg->recording)
		return;
	recording = cJSON_AddObjectToObject(o, "recording");
	add_uuid(recording, "recording_id", recording_id_of(leg->recording));
	cJSON_AddStringToObject(
		recording, "state", recording_state_name(recording_state_of(leg->recording)));
}

static void add_parties(cJSON *o, const struct leg *leg)
{
	char party[INVOCATION_PARTY_BYTES];

	cJSON_AddStringToObject(o, "from", invocation_party(leg->from_uri, party));
	cJSON_AddStringToObject(o, "to", invocation_party(leg->to_uri, party));
	cJSON_AddStringToObject(o, "participant", leg->participant);
	cJSON_AddStringToObject(o, "direction", invocation_direction(leg));
}

struct cJSON *call_to_json(const struct control *control, const struct leg *leg)
{
	cJSON *o = cJSON_CreateObject();

	add_uuid(o, "call_id", &leg->call_id);
	add_uuid(o, "transaction_id", &leg->session->transaction_id);
	cJSON_AddStringToObject(o, "participant_tag", leg->participant_tag);
	cJSON_AddStringToObject(o, "sip_call_id", leg->sip_call_id);
	add_parties(o, leg);
	cJSON_AddStringToObject(o, "state", leg_state_name(leg));
	cJSON_AddStringToObject(o, "account", leg->account ? leg->account->id : "default");
	add_time(o, "start", leg, leg->offered_ns);
	add_time(o, "answered", leg, leg->answered_ns);
	add_time(o, "ended", leg, leg->ended_ns);
	cJSON_AddNumberToObject(o, "duration_ms", (double)duration_ms(control, leg));
	cJSON_AddBoolToObject(o, "on_hold", leg->on_hold);
	if (leg->state == LEG_ENDED) {
		cJSON_AddStringToObject(o, "reason", leg->reason);
		cJSON_AddNumberToObject(o, "sip_code", leg->sip_code);
	}
	add_recording(o, leg);
	return o;
}

static cJSON *codec_to_json(const struct codec *codec)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddNumberToObject(o, "payload_type", codec->payload_type);
	cJSON_AddStringToObject(o, "name", codec->name);
	cJSON_AddNumberToObject(o, "clock_hz", codec->clock_hz);
	cJSON_AddNumberToObject(o, "channels", codec->channels ? codec->channels : 1);
	if (codec->fmtp[0])
		cJSON_AddStringToObject(o, "fmtp", codec->fmtp);
	return o;
}

static void add_media(cJSON *o, const char *name, const struct end_media *media)
{
	cJSON *end = cJSON_AddObjectToObject(o, name);
	cJSON *list = cJSON_AddArrayToObject(end, "addresses");
	char text[NETADDR_TEXT_BYTES];

	for (unsigned int i = 0; i < media->address_count; i++)
		cJSON_AddItemToArray(
			list, cJSON_CreateString(netaddr_format(&media->addresses[i], text)));
	list = cJSON_AddArrayToObject(end, "codecs");
	for (unsigned int i = 0; i < media->codec_count; i++)
		cJSON_AddItemToArray(list, codec_to_json(&media->codecs[i]));
	cJSON_AddBoolToObject(end, "sends", media->sends);
	cJSON_AddBoolToObject(end, "receives", media->receives);
}

/* Where a recording goes that names no place of its own. */
static const char *default_location(const struct control *control, const struct leg *leg)
{
	return leg->account && leg->account->location[0] ? leg->account->location
							 : control->config->destination.bucket;
}

struct cJSON *call_to_json_whole(const struct control *control, const struct leg *leg)
{
	cJSON *o = call_to_json(control, leg);

	cJSON_AddStringToObject(o, "from_uri", leg->from_uri);
	cJSON_AddStringToObject(o, "to_uri", leg->to_uri);
	add_address(o, "signalling_peer", &leg->peer);
	cJSON_AddBoolToObject(o, "by_sbc", leg->by_sbc);
	cJSON_AddStringToObject(o, "default_location", default_location(control, leg));
	add_media(o, "participant_media", &leg->media[END_PARTICIPANT]);
	add_media(o, "sbc_media", &leg->media[END_SBC]);
	return o;
}

int calls_page_to_json(const struct control *control, const char *after, unsigned int limit,
	struct cJSON *list, bool *more)
{
	const struct leg *leg = legs_first(control->legs);
	struct uuid call_id;

	if (after) {
		leg = uuid_parse(after, &call_id) == 0 ? leg_by_call_id(control->legs, &call_id)
						       : NULL;
		if (!leg)
			return -ENOENT;
		leg = leg->next;
	}
	for (; leg && limit > 0; leg = leg->next, limit--)
		cJSON_AddItemToArray(list, call_to_json(control, leg));
	*more = leg != NULL;
	return 0;
}
