/* Action lists of the admin socket: runs them (action_run.h) and makes the invocation events that
 * answer them. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_ACTIONS_H
#define LEGTAP_CONTROLPLANE_ACTIONS_H

#include "controlplane/action_list.h"

struct cJSON;
struct control;

/* events: an array, the receiver's from now on; NULL: no memory. summary: the list and its outcome
 * in a line, for the audit log; valid during the call. */
typedef void actions_done_h(void *arg, struct cJSON *events, const char *summary);

/* Runs the list as action_run does, with one event per action, which goes into the event log too.
 * Takes the list. `done` is called once, perhaps before this returns. */
void actions_run(
	struct control *control, struct action_list *list, actions_done_h *done, void *arg);

#endif
