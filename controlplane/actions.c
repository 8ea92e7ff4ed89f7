#include "controlplane/actions.h"

#include <ctype.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "controlplane/action_run.h"
#include "controlplane/control.h"
#include "controlplane/invocation.h"
#include "controlplane/leg_lookup.h"

#define SUMMARY_BYTES 768

struct answer {
	struct control *control;
	const struct action_list *list;
	cJSON *events;
	char summary[SUMMARY_BYTES];
	size_t summary_used;
	actions_done_h *done;
	void *arg;
};

/* The transaction that an event without a leg belongs to: the list's, else the one that its first
 * action with a leg names. */
static struct session *session_of_list(const struct answer *answer)
{
	const struct action_list *list = answer->list;
	struct session *session;

	if (list->transaction_id)
		return transaction_lookup(answer->control->legs, list->transaction_id);
	session = NULL;
	for (unsigned int i = 0; i < list->count && !session; i++) {
		const struct action *a = &list->actions[i];
		struct leg *leg = NULL;

		if (a->leg && leg_lookup(answer->control->legs, NULL, a->leg, &leg, NULL) == 0)
			session = leg->session;
	}
	return session;
}

/* One word of the audit line; what came from outside can't break the line. */
static void summarize(struct answer *answer, const char *separator, const char *text)
{
	for (const char *parts[] = {separator, text}, **part = parts; part < parts + 2; part++)
		for (const char *at = *part; *at && answer->summary_used < SUMMARY_BYTES - 1; at++)
			answer->summary[answer->summary_used++] =
				isprint((unsigned char)*at) ? *at : '?';
	answer->summary[answer->summary_used] = '\0';
}

static void on_result(void *arg, const struct action_result *result)
{
	static const char *const types[] = {[ACTION_DONE] = INVOCATION_SUCCESSFUL,
		[ACTION_FAILED] = INVOCATION_FAILED,
		[ACTION_SKIPPED] = INVOCATION_SKIPPED};
	struct answer *answer = arg;
	struct session *session = result->leg ? result->leg->session : session_of_list(answer);
	cJSON *event = invocation_event(answer->control->config, session,
		answer->list->transaction_id, types[result->outcome], result->data);

	invocation_log(answer->control, event, "socket");
	cJSON_AddItemToArray(answer->events, event);
	summarize(answer, answer->summary_used ? ", " : "", result->action->type);
	if (result->action->leg)
		summarize(answer, " ", result->action->leg);
	summarize(answer, " ", types[result->outcome]);
	if (result->error) {
		summarize(answer, " (", result->error);
		summarize(answer, ")", "");
	}
}

static void on_done(void *arg)
{
	struct answer *answer = arg;

	answer->done(answer->arg, answer->events, answer->summary);
	free(answer);
}

void actions_run(struct control *control, struct action_list *list, actions_done_h *done, void *arg)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	struct action_run_handlers handlers = {.arg = answer, .result = on_result, .done = on_done};

	if (!answer) {
		action_list_destroy(list);
		done(arg, NULL, "no memory");
		return;
	}
	*answer = (struct answer){.control = control,
		.list = list,
		.events = cJSON_CreateArray(),
		.done = done,
		.arg = arg};
	if (action_run(control, list, &handlers) == 0)
		return;
	cJSON_Delete(answer->events);
	free(answer);
	done(arg, NULL, "no memory");
}
