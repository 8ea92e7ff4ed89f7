/* legtapctl start, stop, pause, resume: a list of one action each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "controlplane/command.h"

#define JOIN_PATH_BYTES 1024

static const char *text_of(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static bool is_tag(const char *call)
{
	return strncmp(call, "LEG-", 4) == 0;
}

/* --- Where a recording goes that names no place --- */

static bool is_meant(const struct arguments *a, const cJSON *call)
{
	static const char *const names[] = {"participant_tag", "call_id", "sip_call_id"};
	const char *state = text_of(call, "state");
	const char *transaction = text_of(call, "transaction_id");

	if (!transaction || strcasecmp(transaction, a->transaction) != 0 || !state ||
		strcmp(state, "ended") == 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *id = text_of(call, names[i]);

		if (id && strcmp(id, a->operand) == 0)
			return true;
	}
	return false;
}

/* The CallId, to be freed, of a leg of the transaction that CALL names. */
static int find_in_transaction(const struct arguments *a, struct client *c, char **out)
{
	cJSON *o;
	const cJSON *call;
	int status = command_get_list(a, c, "/v1/calls", "calls", &o);

	if (status)
		return status;
	cJSON_ArrayForEach(call, cJSON_GetObjectItem(o, "calls"))
	{
		if (is_meant(a, call))
			break;
	}
	*out = call ? client_escape(c, text_of(call, "call_id")) : NULL;
	if (!call)
		status = command_fail(a, COMMAND_FAILED,
			"InvalidActionParameter: transaction %s has no live leg %s", a->transaction,
			a->operand);
	cJSON_Delete(o);
	return status;
}

/* The leg's default_location. An unknown leg fails here as its action would, so that nothing is
 * started in a place that was guessed. */
static int default_location(const struct arguments *a, struct client *c, char **out)
{
	char *id = NULL;
	char path[1024];
	struct client_answer answer;
	struct errmsg e;
	cJSON *o;
	const char *location;
	const char *why;
	int status = 0;

	if (a->transaction)
		status = find_in_transaction(a, c, &id);
	else
		id = client_escape(c, a->operand);
	if (status == 0 && !id)
		status = command_fail(a, COMMAND_FAILED, "no memory");
	if (status)
		return status;
	snprintf(path, sizeof(path), "/v1/calls/%s", id);
	free(id);
	if (client_get(c, path, "application/json", &answer, &e) != 0)
		return command_fail(a, COMMAND_NOT_REACHABLE, "%s", e.text);
	o = cJSON_Parse(answer.body);
	free(answer.body);
	location = text_of(o, "default_location");
	why = text_of(o, "Message");
	*out = location ? strdup(location) : NULL;
	if (!*out)
		status = command_fail(a, COMMAND_FAILED, "%s%s",
			answer.status == 404 || answer.status == 409 ? "InvalidActionParameter: "
								     : "",
			why ? why : "the leg has no default location: name one by --bucket");
	cJSON_Delete(o);
	return status;
}

/* --- The action --- */

static cJSON *make_list(const struct arguments *a, const char *type, const char *location)
{
	cJSON *list = cJSON_CreateObject();
	cJSON *action = cJSON_CreateObject();
	cJSON *parameters;
	cJSON *destination;

	cJSON_AddStringToObject(list, "SchemaVersion", "1.0");
	if (a->transaction)
		cJSON_AddStringToObject(list, "TransactionId", a->transaction);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(list, "Actions"), action);
	cJSON_AddStringToObject(action, "Type", type);
	parameters = cJSON_AddObjectToObject(action, "Parameters");
	cJSON_AddStringToObject(
		parameters, is_tag(a->operand) ? "ParticipantTag" : "CallId", a->operand);
	if (!location)
		return list;
	cJSON_AddStringToObject(parameters, "Track", a->track ? a->track : "BOTH");
	destination = cJSON_AddObjectToObject(parameters, "Destination");
	cJSON_AddStringToObject(destination, "Type", "S3");
	cJSON_AddStringToObject(destination, "Location", location);
	return list;
}

/* What became of the list's one action. */
static int judge(const struct arguments *a, const cJSON *answer, const char *done)
{
	const cJSON *event =
		cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(answer, "Events"), 0);
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(event, "ActionData");
	const char *type = text_of(event, "InvocationEventType");
	const char *error = text_of(data, "ErrorType");
	const char *message = text_of(data, "ErrorMessage");
	const char *location = text_of(
		cJSON_GetObjectItemCaseSensitive(data, "CallRecordingDestination"), "Location");
	int status = 0;

	if (a->json)
		status = command_print_json(a, answer);
	if (!type || strcmp(type, "ACTION_SUCCESSFUL") != 0)
		return command_fail(a, COMMAND_FAILED, "%s: %s", error ? error : "SystemException",
			message ? message : "the answer holds no event of success");
	if (!a->json)
		printf("%s %s%s%s\n", done, a->operand, location ? " to " : "",
			location ? location : "");
	return status;
}

static int post(const struct arguments *a, struct client *c, const cJSON *list, const char *done)
{
	char *text = cJSON_PrintUnformatted(list);
	struct client_answer answer;
	struct errmsg e;
	cJSON *json;
	const char *why;
	int status;

	if (!text)
		return command_fail(a, COMMAND_FAILED, "no memory");
	status = client_post(c, "/v1/actions", text, &answer, &e) == 0
			 ? 0
			 : command_fail(a, COMMAND_NOT_REACHABLE, "%s", e.text);
	cJSON_free(text);
	if (status)
		return status;
	json = cJSON_Parse(answer.body);
	free(answer.body);
	why = text_of(json, "Message");
	if (answer.status == 200)
		status = judge(a, json, done);
	else
		status = command_fail(
			a, COMMAND_FAILED, "HTTP status %ld: %s", answer.status, why ? why : "");
	cJSON_Delete(json);
	return status;
}

static int act(const struct arguments *a, struct client *c, const char *type, const char *location,
	const char *done)
{
	cJSON *list;
	int status;

	if (is_tag(a->operand) && !a->transaction)
		return command_fail(a, COMMAND_BAD_USAGE,
			"%s is a ParticipantTag, which many transactions have: say --transaction",
			a->operand);
	list = make_list(a, type, location);
	status = post(a, c, list, done);
	cJSON_Delete(list);
	return status;
}

int command_start(const struct arguments *a, struct client *c)
{
	char *location = NULL;
	int status = 0;

	if (!a->bucket && (!is_tag(a->operand) || a->transaction))
		status = default_location(a, c, &location);
	if (status == 0)
		status = act(
			a, c, "StartCallRecording", a->bucket ? a->bucket : location, "recording");
	free(location);
	return status;
}

int command_stop(const struct arguments *a, struct client *c)
{
	return act(a, c, "StopCallRecording", NULL, "stopped");
}

int command_pause(const struct arguments *a, struct client *c)
{
	return act(a, c, "PauseCallRecording", NULL, "paused");
}

int command_resume(const struct arguments *a, struct client *c)
{
	return act(a, c, "ResumeCallRecording", NULL, "resumed");
}

/* --- Transactions --- */

static char *join_body(const char *transaction)
{
	cJSON *o = cJSON_CreateObject();
	char *text;

	cJSON_AddStringToObject(o, "transaction_id", transaction);
	text = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	return text;
}

int command_join(const struct arguments *a, struct client *c)
{
	char path[JOIN_PATH_BYTES];
	struct client_answer answer;
	struct cJSON *call = NULL;
	struct errmsg e;
	char *id = client_escape(c, a->operand);
	char *body = a->transaction ? join_body(a->transaction) : NULL;
	int status = 0;

	if (!a->transaction)
		status = command_fail(a, COMMAND_BAD_USAGE, "--transaction is missing");
	else if (!id || !body)
		status = command_fail(a, COMMAND_FAILED, "no memory");
	else if (snprintf(path, sizeof(path), "/v1/calls/%s", id) >= JOIN_PATH_BYTES)
		status = command_fail(a, COMMAND_FAILED, "%.100s… is too long for a Call-ID", id);
	else if (client_post(c, path, body, &answer, &e) != 0)
		status = command_fail(a, COMMAND_NOT_REACHABLE, "%s", e.text);
	else
		status = command_parse(a, &answer, &call);
	if (call && a->json)
		status = command_print_json(a, call);
	else if (call)
		printf("%s is of transaction %s\n", text_of(call, "call_id"),
			text_of(call, "transaction_id"));
	cJSON_Delete(call);
	cJSON_free(body);
	free(id);
	return status;
}
