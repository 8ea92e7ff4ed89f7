/* A run lives from action_run to its done, and holds the leg of the action under way. */
#include "controlplane/action_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/control.h"
#include "controlplane/leg_lookup.h"
#include "controlplane/recording.h"

struct run {
	struct control *control;
	struct action_list *list;
	unsigned int next;
	struct leg *leg; /* of the action under way, held */
	bool beginning;	 /* inside the function that begins it */
	bool under_way;
	struct action_run_handlers handlers;
};

/* --- What came of one --- */

static cJSON *action_data(const struct action *a)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "Type", a->type);
	cJSON_AddItemToObject(data, "Parameters",
		a->parameters ? cJSON_Duplicate(a->parameters, true) : cJSON_CreateObject());
	return data;
}

static void tell(struct run *run, const struct action *a, enum action_outcome outcome, cJSON *data,
	const char *error)
{
	struct action_result result = {
		.action = a, .outcome = outcome, .leg = run->leg, .data = data, .error = error};

	run->handlers.result(run->handlers.arg, &result);
}

static void tell_failure(
	struct run *run, const struct action *a, const char *type, const char *message)
{
	cJSON *data = action_data(a);
	char error[ERRMSG_BYTES + 64];

	snprintf(error, sizeof(error), "%s: %s", type, message);
	cJSON_AddStringToObject(data, "Error", error);
	cJSON_AddStringToObject(data, "ErrorType", type);
	cJSON_AddStringToObject(data, "ErrorMessage", message);
	tell(run, a, ACTION_FAILED, data, error);
	run->next = run->list->count;
}

static void tell_success(struct run *run, const struct action *a, const char *location)
{
	cJSON *data = action_data(a);
	cJSON *destination;

	if (a->kind == ACTION_START) {
		destination = cJSON_AddObjectToObject(data, "CallRecordingDestination");
		cJSON_AddStringToObject(destination, "Type", "S3");
		cJSON_AddStringToObject(destination, "Location", location ? location : "");
	}
	tell(run, a, ACTION_DONE, data, NULL);
}

static void tell_skipped(struct run *run, const struct action *a)
{
	cJSON *data = action_data(a);

	cJSON_AddStringToObject(data, "SkipReason",
		"not a recording action: StartCallRecording, StopCallRecording, "
		"PauseCallRecording or ResumeCallRecording");
	tell(run, a, ACTION_SKIPPED, data, NULL);
}

/* --- Running --- */

static const char *error_type(int err)
{
	if (err == -EINVAL)
		return "InvalidActionParameter";
	return err == -EACCES ? "NoAccessToDestination" : "SystemException";
}

static void go_on(struct run *run);

static void on_recording_done(void *arg, int err, const char *why, const char *destination)
{
	struct run *run = arg;
	const struct action *a = &run->list->actions[run->next - 1];

	if (err == 0)
		tell_success(run, a, destination);
	else
		tell_failure(run, a, error_type(err), why ? why : strerror(-err));
	leg_release(run->control->legs, run->leg);
	run->leg = NULL;
	run->under_way = false;
	if (!run->beginning)
		go_on(run);
}

static void begin_recording_action(struct run *run, const struct action *a)
{
	struct recordings *r = run->control->recordings;

	switch (a->kind) {
	case ACTION_START:
		recording_start(
			r, run->leg, a->tracks, a->bucket, a->prefix, on_recording_done, run);
		break;
	case ACTION_STOP:
		recording_stop(r, run->leg, on_recording_done, run);
		break;
	case ACTION_PAUSE:
		recording_pause(r, run->leg, on_recording_done, run);
		break;
	default:
		recording_resume(r, run->leg, on_recording_done, run);
	}
}

static void begin(struct run *run, const struct action *a)
{
	struct errmsg e = a->fault;

	if (a->kind == ACTION_OTHER) {
		tell_skipped(run, a);
		return;
	}
	if (e.text[0] || leg_lookup(run->control->legs, run->list->transaction_id, a->leg,
				 &run->leg, &e) != 0) {
		tell_failure(run, a, "InvalidActionParameter", e.text);
		return;
	}
	leg_hold(run->leg);
	run->under_way = true;
	run->beginning = true;
	begin_recording_action(run, a);
	run->beginning = false;
}

static void go_on(struct run *run)
{
	while (run->next < run->list->count) {
		begin(run, &run->list->actions[run->next++]);
		if (run->under_way)
			return; /* its done goes on */
	}
	run->handlers.done(run->handlers.arg);
	action_list_destroy(run->list);
	free(run);
}

int action_run(struct control *control, struct action_list *list,
	const struct action_run_handlers *handlers)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run) {
		action_list_destroy(list);
		return -ENOMEM;
	}
	run->control = control;
	run->list = list;
	run->handlers = *handlers;
	go_on(run);
	return 0;
}
