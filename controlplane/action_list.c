#include "controlplane/action_list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/account.h"
#include "controlplane/json_body.h"

#define DESTINATION_FORM "{\"Type\":\"S3\",\"Location\":\"bucket\"} or \"bucket/prefix\""

const char *const action_types[ACTION_OTHER] = {
	[ACTION_START] = "StartCallRecording",
	[ACTION_STOP] = "StopCallRecording",
	[ACTION_PAUSE] = "PauseCallRecording",
	[ACTION_RESUME] = "ResumeCallRecording",
};

/* null is as good as absent. */
static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNull(item) ? NULL : item;
}

/* A text that is there and not empty, else NULL. */
static const char *text_of(const cJSON *item)
{
	const char *text = cJSON_GetStringValue(item);

	return text && text[0] ? text : NULL;
}

/* --- Parameters --- */

static int check_leg(struct action *a)
{
	const cJSON *call_id = member(a->parameters, "CallId");
	const cJSON *tag = member(a->parameters, "ParticipantTag");

	a->leg = text_of(call_id ? call_id : tag);
	if (a->leg)
		return 0;
	if (call_id || tag)
		return errmsg_set(&a->fault, -EINVAL, "%s must be a text that is not empty",
			call_id ? "CallId" : "ParticipantTag");
	return errmsg_set(&a->fault, -EINVAL, "CallId is missing");
}

static int check_track(struct action *a)
{
	const cJSON *track = member(a->parameters, "Track");
	const char *name = text_of(track);

	if (!track)
		return errmsg_set(
			&a->fault, -EINVAL, "Track is missing: BOTH, INCOMING or OUTGOING");
	a->tracks = name ? tracks_parse(name) : 0;
	if (a->tracks == 0)
		return errmsg_set(&a->fault, -EINVAL, "Track must be BOTH, INCOMING or OUTGOING");
	return 0;
}

/* Names the member that stands where Type and Location should: BucketName, S3Uri, … */
static const char *stray_member(const cJSON *destination)
{
	const cJSON *item;

	cJSON_ArrayForEach(
		item, destination) if (strcmp(item->string, "Type") != 0 &&
				       strcmp(item->string, "Location") != 0) return item->string;
	return NULL;
}

static int check_destination(struct action *a)
{
	const cJSON *destination = member(a->parameters, "Destination");
	const cJSON *type = member(destination, "Type");
	const char *location = text_of(member(destination, "Location"));
	const char *stray = stray_member(destination);

	if (!destination)
		return errmsg_set(&a->fault, -EINVAL, "Destination is missing: " DESTINATION_FORM);
	if (!cJSON_IsObject(destination))
		return errmsg_set(
			&a->fault, -EINVAL, "Destination must be an object: " DESTINATION_FORM);
	if (!location && stray)
		return errmsg_set(&a->fault, -EINVAL,
			"Destination has no Location but %.64s; its form is " DESTINATION_FORM,
			stray);
	if (!location)
		return errmsg_set(&a->fault, -EINVAL,
			"Destination.Location must be a text that is not empty: " DESTINATION_FORM);
	if (!text_of(type) || strcmp(type->valuestring, "S3") != 0)
		return errmsg_set(
			&a->fault, -EINVAL, "Destination.Type must be \"S3\": " DESTINATION_FORM);
	return location_parse(location, a->bucket, a->prefix, &a->fault);
}

static void check_parameters(struct action *a)
{
	if (check_leg(a) != 0 || a->kind != ACTION_START)
		return;
	if (check_track(a) == 0)
		check_destination(a);
}

/* --- The list --- */

static int parse_action(struct action *a, const cJSON *json, unsigned int number, struct errmsg *e)
{
	const cJSON *parameters = member(json, "Parameters");

	if (!cJSON_IsObject(json))
		return errmsg_set(e, -EINVAL, "Actions[%u] is not an object", number);
	a->type = text_of(member(json, "Type"));
	if (!a->type)
		return errmsg_set(e, -EINVAL, "Actions[%u].Type is missing, or not a text", number);
	if (parameters && !cJSON_IsObject(parameters))
		return errmsg_set(e, -EINVAL, "Actions[%u].Parameters is not an object", number);
	a->parameters = parameters;
	a->kind = ACTION_START;
	while (a->kind < ACTION_OTHER && strcmp(a->type, action_types[a->kind]) != 0)
		a->kind++;
	if (a->kind != ACTION_OTHER)
		check_parameters(a);
	return 0;
}

/* Some clients send it as a number. */
static bool is_version_1(const cJSON *version)
{
	if (cJSON_IsNumber(version))
		return version->valuedouble == 1.0;
	return cJSON_IsString(version) && strcmp(version->valuestring, "1.0") == 0;
}

static int parse_head(struct action_list *list, struct errmsg *e)
{
	const cJSON *transaction = member(list->json, "TransactionId");
	const cJSON *actions = member(list->json, "Actions");

	if (!member(list->json, "SchemaVersion"))
		return errmsg_set(e, -EINVAL, "SchemaVersion is missing: \"1.0\"");
	if (!is_version_1(member(list->json, "SchemaVersion")))
		return errmsg_set(e, -EINVAL, "SchemaVersion must be \"1.0\"");
	if (!cJSON_IsArray(actions))
		return errmsg_set(e, -EINVAL, "Actions is missing, or not an array");
	if (cJSON_GetArraySize(actions) > ACTIONS_MAX)
		return errmsg_set(e, -EINVAL, "Actions has %d entries; at most %d are taken",
			cJSON_GetArraySize(actions), ACTIONS_MAX);
	if (transaction && !text_of(transaction))
		return errmsg_set(e, -EINVAL, "TransactionId must be a text that is not empty");
	list->transaction_id = text_of(transaction);
	return 0;
}

static int parse_list(struct action_list *list, const char *text, size_t bytes, struct errmsg *e)
{
	int err = json_body_parse(
		&list->json, text, bytes, "{\"SchemaVersion\":\"1.0\",\"Actions\":[…]}", e);
	const cJSON *json;

	if (err == 0)
		err = parse_head(list, e);
	if (err != 0)
		return err;
	cJSON_ArrayForEach(json, member(list->json, "Actions"))
	{
		err = parse_action(&list->actions[list->count], json, list->count, e);
		if (err != 0)
			return err;
		list->count++;
	}
	return 0;
}

int action_list_parse(struct action_list **out, const char *text, size_t bytes, struct errmsg *e)
{
	struct action_list *list = calloc(1, sizeof(*list));
	int err;

	if (!list)
		return errmsg_set(e, -ENOMEM, "no memory for an action list");
	err = parse_list(list, text, bytes, e);
	if (err != 0) {
		action_list_destroy(list);
		return err;
	}
	*out = list;
	return 0;
}

void action_list_destroy(struct action_list *list)
{
	if (!list)
		return;
	cJSON_Delete(list->json);
	free(list);
}
