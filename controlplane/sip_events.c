/* Events may come again: a sender that had no answer repeats its request. What a leg has been told
 * already changes nothing, and a leg that has ended stays so, unless it is offered anew with a
 * higher CSeq (a call tried again). An event has the time at which it came, like a mirror's packet:
 * the sender's clock is not the one that recordings run on. */
#include "controlplane/sip_events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/call_json.h"
#include "controlplane/control.h"
#include "controlplane/dialog.h"
#include "controlplane/json_body.h"
#include "controlplane/leg_lookup.h"
#include "controlplane/sip_event.h"
#include "controlplane/utf8.h"

#define FORM "one event, or {\"Events\":[…]}"
#define RINGING 180
#define REQUEST_TERMINATED 487

static const char *find_header(void *message, const char *name)
{
	return sip_event_header(message, name);
}

static bool announce(struct control *c, struct leg *leg, const struct sip_event *v)
{
	bool changed = false;

	for (enum leg_end end = 0; end < ENDS; end++)
		if (v->media[end].known)
			changed = leg_announce(c->legs, leg, end, &v->media[end], c->now_ns) ||
				  changed;
	return changed;
}

/* --- Offers --- */

static bool is_repeated(const struct leg *leg, const struct sip_event *v)
{
	return leg && leg->state == LEG_ENDED && v->cseq <= dialog_invite_cseq(leg);
}

static int make_leg(struct control *c, struct sip_event *v, struct leg **out, struct errmsg *e)
{
	const struct leg_offer offer = {
		.sip_call_id = v->sip_call_id,
		.from_tag = v->from_tag,
		.from_uri = v->from,
		.to_uri = v->to,
		.transaction_header = v->transaction_header,
		.side = v->side,
		.by_sbc = v->by_sbc,
		.peer = v->peer,
		.at_ns = c->now_ns,
		.wall_offset_ns = c->wall_offset_ns,
	};
	int err = leg_offer(c->legs, &offer, out);

	if (err == -ENOSPC)
		return errmsg_set(e, err, "there are limits.legs legs already");
	if (err != 0)
		return errmsg_set(e, err, "no memory for the leg");
	if (dialog_adopt(c->dialogs, *out, v->cseq) != 0) {
		leg_end(c->legs, *out, "refused", 0, c->now_ns);
		return errmsg_set(e, -ENOMEM, "no memory for the leg");
	}
	announce(c, *out, v);
	leg_offered(c->legs, *out, find_header, v);
	return 0;
}

/* --- Events of a leg that is there --- */

static struct leg *named_leg(struct control *c, const struct sip_event *v)
{
	if (v->has_call_id)
		return leg_by_call_id(c->legs, &v->call_id);
	if (v->from_tag)
		return leg_by_dialog(c->legs, v->sip_call_id, v->from_tag, v->side);
	return NULL;
}

/* A SIP Call-ID alone must fit one leg; an ended one may be meant by a repeated event. */
static int find(struct control *c, const struct sip_event *v, struct leg **out, struct errmsg *e)
{
	int err;

	*out = named_leg(c, v);
	if (*out)
		return 0;
	if (v->has_call_id || v->from_tag)
		return errmsg_set(e, -ENOENT, "there is no such leg (any more)");
	err = leg_lookup(c->legs, NULL, v->sip_call_id, out, e);
	if (err == -ENOENT)
		*out = leg_by_sip_id(c->legs, v->sip_call_id, 0);
	return *out ? 0 : err;
}

static void end(struct control *c, struct leg *leg, const struct sip_event *v)
{
	const char *reason = v->reason;

	if (!reason && leg->state == LEG_ANSWERED)
		reason = "hangup";
	else if (!reason)
		reason = v->sip_code == REQUEST_TERMINATED ? "cancelled" : "refused";
	leg_end(c->legs, leg, reason, v->sip_code, c->now_ns);
}

static void answer(struct control *c, struct leg *leg, const struct sip_event *v)
{
	if (v->to_tag && leg->state < LEG_ANSWERED)
		leg_take_to_tag(leg, v->to_tag);
	leg_answer(c->legs, leg, c->now_ns);
}

/* Whether it was news of the leg's state or media. */
static bool progress(struct control *c, struct leg *leg, const struct sip_event *v)
{
	enum leg_state before = leg->state;
	bool changed;

	if (v->transaction_header)
		leg_learn(c->legs, leg, v->transaction_header);
	if (v->session_expires_s)
		leg->session_expires_s = v->session_expires_s;
	leg->refreshed_ns = c->now_ns;
	changed = announce(c, leg, v);
	switch (v->type) {
	case SIP_EVENT_RINGING:
		leg_ring(c->legs, leg, v->sip_code ? v->sip_code : RINGING, c->now_ns);
		break;
	case SIP_EVENT_ANSWERED:
		answer(c, leg, v);
		break;
	case SIP_EVENT_ENDED:
		end(c, leg, v);
		break;
	case SIP_EVENT_OFFERED:
	case SIP_EVENT_CHANGED:
		break;
	}
	return changed || leg->state != before;
}

/* The leg of an event that is known of; *out is NULL when it is to be made. */
static int find_leg(
	struct control *c, const struct sip_event *v, struct leg **out, struct errmsg *e)
{
	if (v->type != SIP_EVENT_OFFERED)
		return find(c, v, out, e);
	*out = named_leg(c, v);
	if (*out && (*out)->state == LEG_ENDED && !is_repeated(*out, v))
		*out = NULL;
	return 0;
}

static int carry_out(
	struct control *c, struct sip_event *v, struct leg **out, bool *changed, struct errmsg *e)
{
	int err = find_leg(c, v, out, e);

	*changed = false;
	if (err)
		return err;
	if (!*out) {
		*changed = true;
		return make_leg(c, v, out, e);
	}
	if ((*out)->state != LEG_ENDED)
		*changed = progress(c, *out, v);
	return 0;
}

/* --- Requests --- */

static cJSON *add_result(cJSON *results, const struct sip_event *v)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "Type", sip_event_type_name(v->type));
	cJSON_AddItemToArray(results, o);
	return o;
}

static void describe(cJSON *result, const struct leg *leg, bool changed)
{
	char text[UUID_TEXT_BYTES];

	cJSON_AddStringToObject(result, "CallId", uuid_format(&leg->call_id, text));
	cJSON_AddStringToObject(
		result, "TransactionId", uuid_format(&leg->session->transaction_id, text));
	cJSON_AddStringToObject(result, "ParticipantTag", leg->participant_tag);
	cJSON_AddStringToObject(result, "State", leg_state_name(leg));
	cJSON_AddBoolToObject(result, "Changed", changed);
}

/* The n-th event of a request, which is one event or has a list of them, and its path. */
static const cJSON *event_at(const cJSON *list, const cJSON *json, unsigned int n, char where[32])
{
	where[0] = '\0';
	if (!list)
		return n == 0 ? json : NULL;
	snprintf(where, 32, "Events[%u]", n);
	return n == 0 ? list->child : json->next;
}

static int check(const struct control *c, const cJSON *list, const cJSON *json, struct errmsg *e)
{
	struct sip_event v;
	char where[32];
	int err = 0;

	json = event_at(list, json, 0, where);
	for (unsigned int n = 1; json && err == 0; n++) {
		err = sip_event_parse(&v, json, where, c->config, e);
		json = event_at(list, json, n, where);
	}
	return err;
}

static unsigned int carry_out_all(
	struct control *c, const cJSON *list, const cJSON *json, cJSON *results)
{
	struct sip_event v;
	unsigned int failed = 0;
	char where[32];

	json = event_at(list, json, 0, where);
	for (unsigned int n = 1; json; n++) {
		struct errmsg e = {""};
		struct leg *leg = NULL;
		bool changed = false;
		int err = sip_event_parse(&v, json, where, c->config, &e);
		cJSON *result = add_result(results, &v);

		if (err == 0)
			err = carry_out(c, &v, &leg, &changed, &e);
		if (err == 0 && leg) {
			describe(result, leg, changed);
		} else {
			utf8_repair(e.text, strlen(e.text)); /* a name may be cut in it */
			cJSON_AddStringToObject(result, "Error", e.text);
			failed++;
		}
		json = event_at(list, json, n, where);
	}
	return failed;
}

/* Only Events, a list, when it is there. */
static int find_list(const cJSON *json, const cJSON **list, struct errmsg *e)
{
	*list = cJSON_GetObjectItemCaseSensitive(json, "Events");
	if (!*list)
		return 0;
	if (!cJSON_IsArray(*list))
		return errmsg_set(e, -EINVAL, "Events: must be a list of events");
	if (cJSON_GetArraySize(json) != 1)
		return errmsg_set(e, -EINVAL, "Events: nothing else can stand beside it");
	return 0;
}

int sip_events_run(struct control *c, const char *body, size_t bytes, cJSON **answer,
	char summary[SIP_EVENTS_SUMMARY_BYTES], struct errmsg *e)
{
	const cJSON *list = NULL;
	cJSON *json;
	cJSON *results;
	unsigned int failed;
	int err = json_body_parse(&json, "request", body, bytes, FORM, e);

	if (err == 0)
		err = find_list(json, &list, e);
	if (err == 0)
		err = check(c, list, json, e);
	if (err == 0) {
		*answer = cJSON_CreateObject();
		results = cJSON_AddArrayToObject(*answer, "Results");
		failed = carry_out_all(c, list, json, results);
		snprintf(summary, SIP_EVENTS_SUMMARY_BYTES, "%d SIP events, %u failed",
			cJSON_GetArraySize(results), failed);
	}
	cJSON_Delete(json);
	if (err != 0 && e)
		utf8_repair(e->text, strlen(e->text));
	return err;
}
