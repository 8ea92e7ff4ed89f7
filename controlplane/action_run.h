/* Runs action lists: finds each action's leg and asks the recording state machine. Who gave the
 * list (the admin socket: actions.c; the application: application_answer.c) is told what came of
 * each action. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_ACTION_RUN_H
#define LEGTAP_CONTROLPLANE_ACTION_RUN_H

#include "controlplane/action_list.h"

struct cJSON;
struct control;
struct leg;

enum action_outcome { ACTION_DONE, ACTION_FAILED, ACTION_SKIPPED };

struct action_result {
	const struct action *action;
	enum action_outcome outcome;
	struct leg *leg;    /* NULL: none was found, or none was looked for */
	struct cJSON *data; /* the event's ActionData, the receiver's from now on */
	const char *error;  /* failed: "Type: message" */
};

struct action_run_handlers {
	void *arg;
	void (*result)(void *arg, const struct action_result *result);
	void (*done)(void *arg); /* the list goes after it */
};

/* Runs the list's actions in order, each when the one before is effective; a failed recording
 * action clears those after it, others are skipped. Takes the list. The handlers may be called
 * before this returns. 0; -ENOMEM: nothing was run, no handler is called. */
int action_run(struct control *control, struct action_list *list,
	const struct action_run_handlers *handlers);

#endif
