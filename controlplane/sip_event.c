#include "controlplane/sip_event.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "controlplane/config.h"
#include "controlplane/sdp.h"

#define PATH_BYTES 160
#define TEXT_BYTES_MAX 1024

/* An object that is being read. */
struct place {
	const cJSON *object;
	const char *where; /* its path; "" for the outermost */
	struct errmsg *e;
};

static int refuse(const struct place *p, const char *name, const char *needed)
{
	return errmsg_set(
		p->e, -EINVAL, "%s%s%s: %s", p->where, *p->where ? "." : "", name, needed);
}

/* null is as good as absent. */
static const cJSON *member(const struct place *p, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(p->object, name);

	return cJSON_IsNull(item) ? NULL : item;
}

static int check_names(const struct place *p, const char *const names[], size_t count)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, p->object)
	{
		size_t i = 0;

		while (i < count && strcmp(names[i], item->string) != 0)
			i++;
		if (i == count)
			return errmsg_set(p->e, -EINVAL,
				"%s%s%.64s: unknown member; docs/sip_events.md lists those there "
				"are",
				p->where, *p->where ? "." : "", item->string);
	}
	return 0;
}

static bool is_text(const cJSON *item)
{
	const char *text = cJSON_GetStringValue(item);

	if (!text || !*text || strlen(text) > TEXT_BYTES_MAX)
		return false;
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

static int take_text(const struct place *p, const char *name, const char **out)
{
	const cJSON *item = member(p, name);

	*out = NULL;
	if (!item)
		return 0;
	if (!is_text(item))
		return refuse(
			p, name, "must be a text of 1 to 1024 octets without control characters");
	*out = item->valuestring;
	return 0;
}

/* Leaves *out as it is when the member is not there. */
static int take_number(
	const struct place *p, const char *name, uint32_t least, uint32_t most, uint32_t *out)
{
	const cJSON *item = member(p, name);
	double value = cJSON_GetNumberValue(item);
	char needed[64];

	if (!item)
		return 0;
	snprintf(needed, sizeof(needed), "must be a whole number from %u to %u", least, most);
	if (!cJSON_IsNumber(item) || !(value >= least && value <= most))
		return refuse(p, name, needed);
	if (value != (double)(uint32_t)value)
		return refuse(p, name, needed);
	*out = (uint32_t)value;
	return 0;
}

/* The index of a text among those there may be; -1: not given. */
static int take_choice(const struct place *p, const char *name, const char *const choices[],
	size_t count, int *out)
{
	const cJSON *item = member(p, name);
	const char *text = cJSON_GetStringValue(item);
	char needed[160];
	size_t used;

	*out = -1;
	if (!item)
		return 0;
	for (size_t i = 0; text && i < count; i++)
		if (strcmp(text, choices[i]) == 0)
			*out = (int)i;
	if (*out >= 0)
		return 0;
	used = (size_t)snprintf(needed, sizeof(needed), "must be one of");
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(needed + used, sizeof(needed) - used, "%s \"%s\"",
			i ? "," : "", choices[i]);
	return refuse(p, name, needed);
}

static int take_address(const struct place *p, const char *name, struct netaddr *out)
{
	const char *text;
	int err = take_text(p, name, &text);

	if (err || !text)
		return err;
	if (netaddr_parse_port(text, out) == 0 || netaddr_parse(text, out) == 0)
		return 0;
	return refuse(p, name,
		"must be an address, with or without a port: \"192.0.2.1:5060\", "
		"\"[2001:db8::1]:5060\"");
}

/* --- Media --- */

static int parse_codec(const struct place *p, struct codec *out)
{
	static const char *const names[] = {"payload_type", "name", "clock_hz", "channels", "fmtp"};
	uint32_t type = UINT32_MAX;
	uint32_t channels = 0;
	const char *name;
	const char *fmtp;
	int err = check_names(p, names, sizeof(names) / sizeof(names[0]));

	if (err == 0)
		err = take_number(p, "payload_type", 0, 127, &type);
	if (err)
		return err;
	if (type == UINT32_MAX)
		return refuse(p, "payload_type", "is missing: 0 to 127");
	*out = sdp_static_codec(type);
	err = take_text(p, "name", &name);
	if (err == 0)
		err = take_text(p, "fmtp", &fmtp);
	if (err == 0)
		err = take_number(p, "clock_hz", 1000, 1000000, &out->clock_hz);
	if (err == 0)
		err = take_number(p, "channels", 1, 8, &channels);
	if (err)
		return err;
	if (channels)
		out->channels = (uint8_t)channels;
	if (name && strlen(name) >= sizeof(out->name))
		return refuse(p, "name", "must be a codec's registered name, as in SDP's rtpmap");
	for (size_t i = 0; name && i <= strlen(name); i++)
		out->name[i] = (char)toupper((unsigned char)name[i]);
	if (fmtp)
		snprintf(out->fmtp, sizeof(out->fmtp), "%s", fmtp);
	if (!out->name[0])
		return refuse(p, "name", "is missing, and the payload type is no static one");
	return out->clock_hz ? 0 : refuse(p, "clock_hz", "is missing: the RTP clock's rate");
}

static int parse_codecs(const struct place *p, struct leg_media *out)
{
	const cJSON *list = member(p, "codecs");
	const cJSON *item;

	if (!list)
		return 0;
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > LEG_CODECS_MAX)
		return refuse(p, "codecs", "must be a list of at most 32 codecs");
	cJSON_ArrayForEach(item, list)
	{
		char where[PATH_BYTES + 24];
		struct place place = {.object = item, .where = where, .e = p->e};
		int err;

		snprintf(where, sizeof(where), "%s.codecs[%u]", p->where, out->codec_count);
		if (!cJSON_IsObject(item))
			return errmsg_set(p->e, -EINVAL, "%s: must be an object", where);
		err = parse_codec(&place, &out->codecs[out->codec_count]);
		if (err)
			return err;
		out->codec_count++;
	}
	return 0;
}

static int parse_addresses(const struct place *p, struct leg_media *out)
{
	const cJSON *list = member(p, "addresses");
	const cJSON *item;

	if (!list)
		return 0;
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > LEG_ADDRESSES_MAX)
		return refuse(p, "addresses", "must be a list of at most 16 addresses");
	cJSON_ArrayForEach(item, list)
	{
		struct netaddr *a = &out->addresses[out->address_count];

		if (!cJSON_IsString(item) || netaddr_parse_port(item->valuestring, a) != 0 ||
			a->port == 0 || netaddr_is_unspecified(a))
			return errmsg_set(p->e, -EINVAL,
				"%s.addresses[%u]: must be an address with its port: "
				"\"192.0.2.1:10000\", \"[2001:db8::1]:10000\"",
				p->where, out->address_count);
		out->address_count++;
	}
	return 0;
}

static int parse_media(const struct place *outer, const char *name, struct leg_media *out)
{
	static const char *const names[] = {"addresses", "codecs", "direction", "ptime_ms"};
	static const char *const directions[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
	const cJSON *object = member(outer, name);
	char where[PATH_BYTES];
	struct place p = {.object = object, .where = where, .e = outer->e};
	int direction;
	int err;

	if (!object)
		return 0;
	if (!cJSON_IsObject(object))
		return refuse(outer, name, "must be an object with addresses and codecs");
	snprintf(where, sizeof(where), "%s%s%s", outer->where, *outer->where ? "." : "", name);
	err = check_names(&p, names, sizeof(names) / sizeof(names[0]));
	if (err == 0)
		err = parse_addresses(&p, out);
	if (err == 0)
		err = parse_codecs(&p, out);
	if (err == 0)
		err = take_choice(&p, "direction", directions,
			sizeof(directions) / sizeof(directions[0]), &direction);
	if (err == 0)
		err = take_number(&p, "ptime_ms", 1, 1000, &out->ptime_ms);
	if (err)
		return err;
	out->known = true;
	out->sends = direction < 0 || direction & 1;
	out->receives = direction < 0 || direction & 2;
	return 0;
}

/* --- Which leg --- */

/* From the addresses of the INVITE, as of one that was seen on a mirror. */
static int side_of_addresses(const struct place *p, const struct config *config,
	const struct netaddr *source, const struct netaddr *destination, struct sip_event *out)
{
	bool from_sbc = config_is_sbc(config, source);
	bool to_sbc = config_is_sbc(config, destination);

	if (from_sbc && to_sbc)
		return refuse(p, "destination",
			"is an SBC's, as source is: what passes between SBCs is no leg");
	out->has_side = true;
	out->side = from_sbc ? SIDE_CALLEE : SIDE_CALLER;
	out->by_sbc = from_sbc || to_sbc;
	out->peer = from_sbc ? *destination : *source;
	return 0;
}

static int parse_side(const struct place *p, const struct config *config, struct sip_event *out)
{
	static const char *const sides[] = {"caller", "callee"};
	struct netaddr source = {0};
	struct netaddr destination = {0};
	int side;
	int err = take_choice(p, "side", sides, 2, &side);

	if (err == 0)
		err = take_address(p, "source", &source);
	if (err == 0)
		err = take_address(p, "destination", &destination);
	if (err == 0)
		err = take_address(p, "signalling_peer", &out->peer);
	if (err)
		return err;
	if (!source.family != !destination.family)
		return refuse(p, source.family ? "destination" : "source",
			"is missing: source and destination of the INVITE go together");
	if (source.family && (side >= 0 || out->peer.family))
		return refuse(p, "source",
			"says which side the leg is, as side and signalling_peer do: give one of "
			"both");
	if (source.family)
		return side_of_addresses(p, config, &source, &destination, out);
	out->has_side = side >= 0;
	out->side = side == 1 ? SIDE_CALLEE : SIDE_CALLER;
	out->by_sbc = true;
	return 0;
}

static int check_offered(const struct place *p, const struct sip_event *v)
{
	if (v->has_call_id)
		return refuse(p, "call_id", "is not yet known of a leg that is being offered");
	if (!v->from_tag)
		return refuse(p, "from_tag", "is missing: the tag of the INVITE's From");
	if (!v->has_side)
		return refuse(p, "side",
			"is missing: which one the participant is, \"caller\" or \"callee\"; or "
			"source and destination of the INVITE");
	if (!v->from)
		return refuse(p, "from", "is missing: the caller's URI");
	return v->to ? 0 : refuse(p, "to", "is missing: the called party's URI");
}

static int check_identity(const struct place *p, const struct sip_event *v)
{
	if (!v->has_call_id && !v->sip_call_id)
		return refuse(p, "sip_call_id", "is missing: the leg's SIP Call-ID");
	if (v->type == SIP_EVENT_OFFERED)
		return check_offered(p, v);
	if (!v->from_tag != !v->has_side && !v->has_call_id)
		return refuse(p, v->from_tag ? "side" : "from_tag",
			"is missing: one leg is named by call_id, by sip_call_id alone, or by "
			"sip_call_id with from_tag and side");
	return 0;
}

static int parse_identity(const struct place *p, const struct config *config, struct sip_event *out)
{
	const char *call_id;
	int err = take_text(p, "call_id", &call_id);

	if (err == 0 && call_id && uuid_parse(call_id, &out->call_id) != 0)
		err = refuse(p, "call_id", "must be a CallId that legtap gave");
	out->has_call_id = call_id != NULL;
	if (err == 0)
		err = take_text(p, "sip_call_id", &out->sip_call_id);
	if (err == 0)
		err = take_text(p, "from_tag", &out->from_tag);
	return err ? err : parse_side(p, config, out);
}

/* --- The rest --- */

static int parse_headers(const struct place *p, struct sip_event *out)
{
	const cJSON *object = member(p, "headers");
	const cJSON *item;

	if (!object)
		return 0;
	if (!cJSON_IsObject(object))
		return refuse(p, "headers", "must be an object: {\"P-Account\": \"…\"}");
	cJSON_ArrayForEach(item, object)
	{
		if (is_text(item))
			continue;
		return errmsg_set(p->e, -EINVAL,
			"%s%sheaders.%.64s: must be a text of 1 to 1024 octets without control "
			"characters",
			p->where, *p->where ? "." : "", item->string);
	}
	out->headers = object;
	return 0;
}

static const char *const reasons[] = {
	"hangup", "refused", "cancelled", "no_answer", "media_timeout"};
static const char *const types[] = {[SIP_EVENT_OFFERED] = "offered",
	[SIP_EVENT_RINGING] = "ringing",
	[SIP_EVENT_ANSWERED] = "answered",
	[SIP_EVENT_CHANGED] = "changed",
	[SIP_EVENT_ENDED] = "ended"};

const char *sip_event_type_name(enum sip_event_type type)
{
	return types[type];
}

static int parse_progress(const struct place *p, struct sip_event *out)
{
	int reason = -1;
	int err = take_text(p, "from", &out->from);

	if (err == 0)
		err = take_text(p, "to", &out->to);
	if (err == 0)
		err = take_text(p, "to_tag", &out->to_tag);
	if (err == 0)
		err = take_text(p, "transaction_header", &out->transaction_header);
	if (err == 0)
		err = take_number(p, "cseq", 1, INT32_MAX, &out->cseq);
	if (err == 0)
		err = take_number(p, "sip_code", 100, 699, &out->sip_code);
	if (err == 0)
		err = take_number(p, "session_expires_s", 1, INT32_MAX, &out->session_expires_s);
	if (err == 0)
		err = take_choice(
			p, "reason", reasons, sizeof(reasons) / sizeof(reasons[0]), &reason);
	if (err == 0 && reason >= 0)
		out->reason = reasons[reason];
	return err;
}

int sip_event_parse(struct sip_event *out, const cJSON *json, const char *where,
	const struct config *config, struct errmsg *e)
{
	static const char *const names[] = {"type", "call_id", "sip_call_id", "from_tag", "side",
		"source", "destination", "signalling_peer", "from", "to", "to_tag",
		"transaction_header", "cseq", "sip_code", "reason", "session_expires_s", "headers",
		"participant_media", "sbc_media"};
	struct place p = {.object = json, .where = where, .e = e};
	int type;
	int err;

	memset(out, 0, sizeof(*out));
	if (!cJSON_IsObject(json))
		return errmsg_set(e, -EINVAL, "%s: must be an object", where);
	err = check_names(&p, names, sizeof(names) / sizeof(names[0]));
	if (err == 0)
		err = take_choice(&p, "type", types, sizeof(types) / sizeof(types[0]), &type);
	if (err)
		return err;
	if (type < 0)
		return refuse(&p, "type",
			"is missing: \"offered\", \"ringing\", \"answered\", \"changed\" or "
			"\"ended\"");
	out->type = (enum sip_event_type)type;
	err = parse_identity(&p, config, out);
	if (err == 0)
		err = parse_progress(&p, out);
	if (err == 0)
		err = parse_headers(&p, out);
	if (err == 0)
		err = parse_media(&p, "participant_media", &out->media[END_PARTICIPANT]);
	if (err == 0)
		err = parse_media(&p, "sbc_media", &out->media[END_SBC]);
	if (err)
		return err;
	if (!out->transaction_header && *config->transaction_header)
		out->transaction_header = sip_event_header(out, config->transaction_header);
	return check_identity(&p, out);
}

const char *sip_event_header(const struct sip_event *event, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, event->headers)
	{
		if (strcasecmp(item->string, name) == 0)
			return item->valuestring;
	}
	return NULL;
}
