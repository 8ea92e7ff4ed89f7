/* A run lives from actions_run to its done, and holds the leg of the action under way. */
#include "controlplane/actions.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/control.h"
#include "controlplane/invocation.h"
#include "controlplane/leg_lookup.h"
#include "controlplane/recording.h"

#define SUMMARY_BYTES 768

struct run {
	struct control *control;
	struct action_list *list;
	unsigned int next;
	struct leg *leg; /* of the action under way, held */
	bool beginning;	 /* inside the function that begins it */
	bool under_way;
	cJSON *events;
	char summary[SUMMARY_BYTES];
	size_t summary_used;
	actions_done_h *done;
	void *arg;
};

/* --- Events --- */

/* The transaction that an event without a leg belongs to: the list's, else the one that its first
 * action with a leg names. */
static struct session *session_of_list(const struct run *run)
{
	struct session *session;

	if (run->list->transaction_id)
		return transaction_lookup(run->control->legs, run->list->transaction_id);
	session = NULL;
	for (unsigned int i = 0; i < run->list->count && !session; i++) {
		const struct action *a = &run->list->actions[i];
		struct leg *leg = NULL;

		if (a->leg && leg_lookup(run->control->legs, NULL, a->leg, &leg, NULL) == 0)
			session = leg->session;
	}
	return session;
}

/* One word of the audit line; what came from outside can't break the line. */
static void summarize(struct run *run, const char *separator, const char *text)
{
	for (const char *parts[] = {separator, text}, **part = parts; part < parts + 2; part++)
		for (const char *at = *part; *at && run->summary_used < SUMMARY_BYTES - 1; at++)
			run->summary[run->summary_used++] = isprint((unsigned char)*at) ? *at : '?';
	run->summary[run->summary_used] = '\0';
}

static cJSON *action_data(const struct action *a)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "Type", a->type);
	cJSON_AddItemToObject(data, "Parameters",
		a->parameters ? cJSON_Duplicate(a->parameters, true) : cJSON_CreateObject());
	return data;
}

static void add_event(struct run *run, const struct action *a, const char *type, cJSON *data)
{
	struct session *session = run->leg ? run->leg->session : session_of_list(run);

	cJSON_AddItemToArray(run->events, invocation_event(run->control->config, session,
						  run->list->transaction_id, type, data));
	summarize(run, run->summary_used ? ", " : "", a->type);
	if (a->leg)
		summarize(run, " ", a->leg);
	summarize(run, " ", type);
}

static void add_failure(
	struct run *run, const struct action *a, const char *type, const char *message)
{
	cJSON *data = action_data(a);
	char error[ERRMSG_BYTES + 64];

	snprintf(error, sizeof(error), "%s: %s", type, message);
	cJSON_AddStringToObject(data, "Error", error);
	cJSON_AddStringToObject(data, "ErrorType", type);
	cJSON_AddStringToObject(data, "ErrorMessage", message);
	add_event(run, a, INVOCATION_FAILED, data);
	summarize(run, " (", error);
	summarize(run, ")", "");
	run->next = run->list->count;
}

static void add_success(struct run *run, const struct action *a, const char *location)
{
	cJSON *data = action_data(a);
	cJSON *destination;

	if (a->kind == ACTION_START) {
		destination = cJSON_AddObjectToObject(data, "CallRecordingDestination");
		cJSON_AddStringToObject(destination, "Type", "S3");
		cJSON_AddStringToObject(destination, "Location", location ? location : "");
	}
	add_event(run, a, INVOCATION_SUCCESSFUL, data);
}

static void add_skipped(struct run *run, const struct action *a)
{
	cJSON *data = action_data(a);

	cJSON_AddStringToObject(data, "SkipReason",
		"not a recording action: StartCallRecording, StopCallRecording, "
		"PauseCallRecording or ResumeCallRecording");
	add_event(run, a, INVOCATION_SKIPPED, data);
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
		add_success(run, a, destination);
	else
		add_failure(run, a, error_type(err), why ? why : strerror(-err));
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
		add_skipped(run, a);
		return;
	}
	if (e.text[0] || leg_lookup(run->control->legs, run->list->transaction_id, a->leg,
				 &run->leg, &e) != 0) {
		add_failure(run, a, "InvalidActionParameter", e.text);
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
	run->done(run->arg, run->events, run->summary);
	action_list_destroy(run->list);
	free(run);
}

void actions_run(struct control *control, struct action_list *list, actions_done_h *done, void *arg)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run) {
		action_list_destroy(list);
		done(arg, NULL, "no memory");
		return;
	}
	run->control = control;
	run->list = list;
	run->done = done;
	run->arg = arg;
	run->events = cJSON_CreateArray();
	go_on(run);
}
