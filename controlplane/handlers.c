#include "controlplane/handlers.h"

#include <errno.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/actions.h"
#include "controlplane/call_json.h"
#include "controlplane/control.h"
#include "controlplane/json_body.h"
#include "controlplane/leg_lookup.h"
#include "controlplane/recording.h"
#include "controlplane/request.h"
#include "controlplane/sip_events.h"
#include "controlplane/status.h"

#define LIST_DEFAULT 1000
#define LIST_MAX 10000

static void on_actions_done(void *arg, struct cJSON *events, const char *summary)
{
	struct request *r = arg;
	cJSON *o = events ? cJSON_CreateObject() : NULL;

	request_summary(r, summary);
	if (events)
		cJSON_AddItemToObject(o, "Events", events);
	request_answer_json(r, MHD_HTTP_OK, o);
}

void handle_actions(struct request *r)
{
	struct action_list *list;
	struct errmsg e;
	size_t bytes;
	const char *body = request_body(r, &bytes);
	int err = action_list_parse(&list, body, bytes, &e);

	if (err == -EINVAL)
		request_fail(r, MHD_HTTP_BAD_REQUEST, "%s", e.text);
	else if (err != 0)
		request_fail(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", e.text);
	else
		actions_run(request_control(r), list, on_actions_done, r);
}

void handle_sip_events(struct request *r)
{
	char summary[SIP_EVENTS_SUMMARY_BYTES] = "";
	struct cJSON *answer = NULL;
	struct errmsg e;
	size_t bytes;
	const char *body = request_body(r, &bytes);
	int err = sip_events_run(request_control(r), body, bytes, &answer, summary, &e);

	request_summary(r, summary);
	if (err != 0)
		request_fail(r, MHD_HTTP_BAD_REQUEST, "%s", e.text);
	else
		request_answer_json(r, MHD_HTTP_OK, answer);
}

void handle_status(struct request *r)
{
	request_answer_json(r, MHD_HTTP_OK, status_to_json(request_control(r)));
}

/* --- Lists --- */

typedef int page_h(
	struct control *control, const char *after, unsigned int limit, cJSON *list, bool *more);

static int calls_page(
	struct control *control, const char *after, unsigned int limit, cJSON *list, bool *more)
{
	return calls_page_to_json(control, after, limit, list, more);
}

static int recordings_page(
	struct control *control, const char *after, unsigned int limit, cJSON *list, bool *more)
{
	return recordings_page_to_json(control->recordings, after, limit, list, more);
}

static void answer_page(struct request *r, page_h *page, const char *name, const char *id_name)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(o, name);
	const char *after = request_query(r, "after");
	unsigned int limit;
	bool more = false;

	if (!request_query_number(r, "limit", 1, LIST_MAX, LIST_DEFAULT, &limit)) {
		cJSON_Delete(o);
		return;
	}
	if (page(request_control(r), after, limit, list, &more) != 0) {
		cJSON_Delete(o);
		request_fail(r, MHD_HTTP_NOT_FOUND,
			"after: %.100s is not known any more; begin again without it", after);
		return;
	}
	if (more) {
		const cJSON *last = cJSON_GetArrayItem(list, cJSON_GetArraySize(list) - 1);

		cJSON_AddItemToObject(
			o, "next", cJSON_Duplicate(cJSON_GetObjectItem(last, id_name), false));
	}
	request_answer_json(r, MHD_HTTP_OK, o);
}

void handle_calls(struct request *r)
{
	answer_page(r, calls_page, "calls", "call_id");
}

void handle_recordings(struct request *r)
{
	answer_page(r, recordings_page, "recordings", "recording_id");
}

/* --- One of them --- */

/* An ended leg can be looked at too, as long as it is kept. */
static struct leg *ended_leg(struct legs *legs, const char *id)
{
	struct uuid call_id;

	return uuid_parse(id, &call_id) == 0 ? leg_by_call_id(legs, &call_id)
					     : leg_by_sip_id(legs, id, 0);
}

void handle_call(struct request *r)
{
	struct control *control = request_control(r);
	const char *id = request_id(r);
	struct errmsg e;
	struct leg *leg = NULL;
	int err = leg_lookup(control->legs, NULL, id, &leg, &e);

	if (err == -ENOENT)
		leg = ended_leg(control->legs, id);
	if (leg)
		request_answer_json(r, MHD_HTTP_OK, call_to_json_whole(control, leg));
	else
		request_fail(
			r, err == -ENOTUNIQ ? MHD_HTTP_CONFLICT : MHD_HTTP_NOT_FOUND, "%s", e.text);
}

/* {"transaction_id": "…"}, and nothing else. */
static int parse_join(struct request *r, struct uuid *transaction_id, struct errmsg *e)
{
	static const char form[] = "{\"transaction_id\": \"…\"}";
	size_t bytes;
	const char *body = request_body(r, &bytes);
	const char *text;
	cJSON *json;
	int err = json_body_parse(&json, "request", body, bytes, form, e);

	if (err)
		return err;
	text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "transaction_id"));
	if (!text || cJSON_GetArraySize(json) != 1)
		err = errmsg_set(e, -EINVAL, "the body must be %s, and nothing else", form);
	else if (uuid_parse(text, transaction_id) != 0)
		err = errmsg_set(e, -EINVAL, "transaction_id: %.100s is no UUID", text);
	cJSON_Delete(json);
	return err;
}

static void answer_join(struct request *r, struct leg *leg, int err)
{
	switch (err) {
	case 0:
		request_answer_json(r, MHD_HTTP_OK, call_to_json_whole(request_control(r), leg));
		break;
	case -ENOENT:
		request_fail(r, MHD_HTTP_NOT_FOUND, "no leg that is kept is of that transaction");
		break;
	case -EBUSY:
		request_fail(r, MHD_HTTP_CONFLICT,
			"the leg is recorded, or was: its file and its usage bear the "
			"TransactionId");
		break;
	default:
		request_fail(r, MHD_HTTP_CONFLICT, "the transaction has had too many legs");
		break;
	}
}

void handle_call_join(struct request *r)
{
	struct legs *legs = request_control(r)->legs;
	struct uuid transaction_id;
	struct leg *leg;
	struct errmsg e;
	int err = parse_join(r, &transaction_id, &e);

	if (err) {
		request_fail(r, MHD_HTTP_BAD_REQUEST, "%s", e.text);
		return;
	}
	err = leg_lookup(legs, NULL, request_id(r), &leg, &e);
	if (err)
		request_fail(
			r, err == -ENOTUNIQ ? MHD_HTTP_CONFLICT : MHD_HTTP_NOT_FOUND, "%s", e.text);
	else
		answer_join(r, leg, leg_join(legs, leg, &transaction_id));
}

void handle_recording(struct request *r)
{
	cJSON *o = recording_to_json(request_control(r)->recordings, request_id(r));

	if (o)
		request_answer_json(r, MHD_HTTP_OK, o);
	else
		request_fail(
			r, MHD_HTTP_NOT_FOUND, "no recording has the id %.100s", request_id(r));
}
