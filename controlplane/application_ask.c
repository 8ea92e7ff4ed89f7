/* How the application is asked with one event, and what is done with its answer. */
#include "controlplane/application_transaction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/action_run.h"
#include "controlplane/application_answer.h"
#include "controlplane/control.h"
#include "controlplane/events.h"
#include "controlplane/invocation.h"
#include "controlplane/utf8.h"

#define FIRST_MS 5000U	 /* the first request is awaited so long … */
#define SECOND_MS 15000U /* … and the second so long: 20 s in all */
#define MS_NS 1000000ULL

const char DIGITS_RECEIVED_SECRET[] = "DIGITS_RECEIVED";

static void ask(struct transaction *t);

/* --- The end of an event --- */

static void finish(struct transaction *t)
{
	free(t->body);
	t->body = NULL;
	t->busy = false;
	t->type = NULL;
	transaction_go_on(t);
}

void transaction_cancel(struct transaction *t)
{
	http_cancel(t->request);
	t->request = NULL;
	timer_cancel(&t->owner->control->timers, &t->retry_timer);
}

static void give_up(struct transaction *t, const char *why)
{
	char reason[ERRMSG_BYTES];

	t->owner->counts[APPLICATION_failed]++;
	snprintf(reason, sizeof(reason),
		"given up: %.200s. The service would hang up now; legtap cannot, and goes on as "
		"before",
		why);
	transaction_tell_failure(t, reason);
	finish(t);
}

/* --- An answer's actions --- */

static void keep_result(struct transaction *t, const char *type, cJSON *data)
{
	cJSON_Delete(t->result);
	t->result = data;
	t->result_type = type;
}

static cJSON *without_reason(cJSON *action_data)
{
	cJSON_DeleteItemFromObject(action_data, "SkipReason");
	return action_data;
}

/* The SBC's business: it is noted, and a CallAndBridge's leg awaited. */
static void on_skipped(struct transaction *t, const struct action *a, cJSON *data)
{
	cJSON *o = cJSON_Duplicate(data, true);
	struct errmsg e;

	t->owner->counts[APPLICATION_actions_skipped]++;
	if (strcmp(a->type, "ReceiveDigits") == 0) {
		int err = transaction_receive_digits(t, without_reason(data), &e);

		cJSON_ReplaceItemInObject(o, "SkipReason",
			cJSON_CreateString(err ? e.text
					       : "not a recording action, but done: its digits are "
						 "told by DIGITS_RECEIVED"));
	}
	cJSON_AddStringToObject(o, "transaction_id", t->id_text);
	control_event(t->owner->control, "action_skipped", o);
	if (strcmp(a->type, "CallAndBridge") != 0) {
		cJSON_Delete(data);
		return;
	}
	cJSON_Delete(t->bridge);
	t->bridge = without_reason(data);
}

static void on_result(void *arg, const struct action_result *result)
{
	struct transaction *t = arg;

	if (result->outcome == ACTION_SKIPPED) {
		on_skipped(t, result->action, result->data);
		return;
	}
	if (result->outcome == ACTION_DONE) {
		t->owner->counts[APPLICATION_actions]++;
		keep_result(t, INVOCATION_SUCCESSFUL, result->data);
		return;
	}
	t->owner->counts[APPLICATION_actions_failed]++;
	keep_result(t, INVOCATION_FAILED, result->data);
}

/* One event for the list: of its last recording action, or of the one that failed. */
static void on_list_done(void *arg)
{
	struct transaction *t = arg;
	cJSON *data = t->result;

	t->result = NULL;
	if (data)
		transaction_event(t, t->result_type, data);
	finish(t);
}

static void run_actions(struct transaction *t, struct action_list *list)
{
	struct action_run_handlers handlers = {.arg = t, .result = on_result, .done = on_list_done};

	list->transaction_id = t->id_text;
	if (action_run(t->owner->control, list, &handlers) != 0)
		give_up(t, "no memory for its actions");
}

/* --- Answers --- */

/* The answer to an INVALID_LAMBDA_RESPONSE is not told of by another one. */
static void on_bad_answer(struct transaction *t, const char *error_type, const char *message)
{
	t->owner->counts[APPLICATION_bad_answers]++;
	transaction_tell_failure(t, message);
	if (strcmp(t->type, INVOCATION_INVALID_ANSWER) != 0)
		transaction_event_invalid(t, error_type, message);
	finish(t);
}

/* {"errorType": …, "errorMessage": …} */
static void on_function_error(struct transaction *t, const struct http_answer *answer)
{
	cJSON *json = cJSON_ParseWithLength(answer->body, answer->bytes);
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(json, "errorType"));
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(json, "errorMessage"));
	char message[ERRMSG_BYTES];

	snprintf(message, sizeof(message), "the function failed: %.80s%s%.200s", type ? type : "",
		type ? ": " : "", text ? text : "");
	cJSON_Delete(json);
	utf8_repair(message, strlen(message)); /* cut in the middle of a character */
	on_bad_answer(t, "LambdaFunctionError", message);
}

static void on_good_status(struct transaction *t, const struct http_answer *http)
{
	struct application_answer answer;
	struct errmsg e;
	bool may_be_empty = strcmp(t->type, "HANGUP") == 0;

	if (http->function_error) {
		on_function_error(t, http);
		return;
	}
	if (application_answer_parse(&answer, http->body, http->bytes, may_be_empty, &e) != 0) {
		utf8_repair(e.text, strlen(e.text));
		on_bad_answer(t, answer.error_type, e.text);
		return;
	}
	t->owner->counts[APPLICATION_answered]++;
	if (answer.attributes) {
		bool cleared = cJSON_GetArraySize(answer.attributes) == 0;

		cJSON_Delete(t->attributes);
		t->attributes = cleared ? NULL : answer.attributes;
		if (cleared)
			cJSON_Delete(answer.attributes);
	}
	if (answer.list)
		run_actions(t, answer.list);
	else
		finish(t);
}

static void on_retry_timer(void *arg, uint64_t now_ns)
{
	struct transaction *t = arg;

	t->owner->counts[APPLICATION_asked_again]++;
	ask(t);
}

/* Asked once more, not before the time for the first answer is over. */
static void on_no_answer(struct transaction *t, uint32_t elapsed_ms, const char *why)
{
	struct control *control = t->owner->control;
	uint32_t wait_ms = elapsed_ms < FIRST_MS ? FIRST_MS - elapsed_ms : 0;

	if (t->asked >= 2 || timer_start(&control->timers, &t->retry_timer,
				     control->now_ns + wait_ms * MS_NS, on_retry_timer, t) != 0)
		give_up(t, why);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct transaction *t = arg;
	char why[64];

	t->request = NULL;
	if (answer->err == -EMSGSIZE) {
		on_bad_answer(t, "InvalidLambdaResponse", answer->why);
	} else if (answer->err != 0) {
		t->owner->counts[APPLICATION_timeouts] += answer->err == -ETIMEDOUT;
		on_no_answer(t, answer->elapsed_ms, answer->why);
	} else if (answer->status < 200 || answer->status > 299) {
		snprintf(why, sizeof(why), "HTTP status %ld", answer->status);
		on_no_answer(t, answer->elapsed_ms, why);
	} else {
		on_good_status(t, answer);
	}
}

/* --- Asking --- */

static void ask(struct transaction *t)
{
	struct control *control = t->owner->control;
	struct http_signing signing = {.scope = t->owner->signing_scope,
		.access_key = getenv("AWS_ACCESS_KEY_ID"),
		.secret_key = getenv("AWS_SECRET_ACCESS_KEY"),
		.session_token = getenv("AWS_SESSION_TOKEN")};
	struct http_post post = {.url = control->config->application.url,
		.body = t->body,
		.bytes = strlen(t->body),
		.timeout_ms = t->asked == 0 ? FIRST_MS : SECOND_MS,
		.signing = t->owner->signing_scope[0] ? &signing : NULL};

	t->asked++;
	t->owner->counts[APPLICATION_asked]++;
	if (http_post(control->http, &t->request, &post, on_answer, t) != 0)
		give_up(t, "no memory for a request");
}

/* What only its turn decides; and the text. */
static void settle(struct transaction *t, cJSON *event)
{
	cJSON *details = cJSON_GetObjectItemCaseSensitive(event, "CallDetails");

	cJSON_SetNumberValue(
		cJSON_GetObjectItemCaseSensitive(event, "Sequence"), (double)++t->sequence);
	if (t->attributes)
		cJSON_AddItemToObject(
			details, "TransactionAttributes", cJSON_Duplicate(t->attributes, true));
	t->body = cJSON_PrintUnformatted(event);
	if (t->body)
		utf8_repair(t->body, strlen(t->body));
	if (t->type == DIGITS_RECEIVED_SECRET)
		cJSON_DeleteItemFromObject(
			cJSON_GetObjectItem(event, "ActionData"), "ReceivedDigits");
	invocation_log(t->owner->control, event, "application");
	cJSON_Delete(event);
}

static void begin(struct transaction *t)
{
	struct invocation *i = t->first;

	t->first = i->next;
	if (!t->first)
		t->last = NULL;
	t->waiting--;
	t->busy = true;
	t->type = i->type;
	t->asked = 0;
	settle(t, i->event);
	free(i);
}

void transaction_go_on(struct transaction *t)
{
	while (t->first && !t->busy) {
		begin(t);
		if (!t->body) {
			give_up(t, "no memory for its text");
			return; /* the rest has gone on from there */
		}
		if (t->owner->control->config->application.url[0]) {
			ask(t);
			return;
		}
		free(t->body);
		t->body = NULL;
		t->busy = false;
		t->type = NULL;
	}
}
