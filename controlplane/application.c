/* See application.h. Transactions of the application live as long as legs of theirs do, or events
 * wait; they are swept a few at a time. How one event is asked is in application_ask.c. */
#include "controlplane/application.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/log.h"
#include "controlplane/application_answer.h"
#include "controlplane/application_transaction.h"
#include "controlplane/control.h"
#include "controlplane/events.h"
#include "controlplane/invocation.h"
#include "controlplane/leg_lookup.h"

#define BUCKETS 16384U /* a power of two */
#define SWEEP_NS 100000000ULL
#define SWEEP_COUNT 256U /* transactions looked at, each time */

/* --- Its life --- */

static void sweep(void *arg, uint64_t now_ns);

/* An address of the Lambda API takes signed requests only; an emulator takes any. */
static void find_signing(struct application *a)
{
	const struct config *config = a->control->config;

	if (!strstr(config->application.url, "/2015-03-31/functions/") ||
		!getenv("AWS_ACCESS_KEY_ID") || !getenv("AWS_SECRET_ACCESS_KEY"))
		return;
	snprintf(a->signing_scope, sizeof(a->signing_scope), "aws:amz:%s:lambda",
		config->application.region);
}

int application_create(struct application **out, struct control *control, struct errmsg *e)
{
	struct application *a = calloc(1, sizeof(*a));

	if (a)
		a->by_id = calloc(BUCKETS, sizeof(struct transaction *));
	if (!a || !a->by_id) {
		free(a);
		return errmsg_set(e, -ENOMEM, "no memory for the application");
	}
	a->control = control;
	a->mask = BUCKETS - 1;
	find_signing(a);
	timer_start(&control->timers, &a->sweep_timer, control->now_ns + SWEEP_NS, sweep, a);
	if (control->config->application.url[0])
		log_info("application", "asking %s%s", control->config->application.url,
			a->signing_scope[0] ? ", with signed requests" : "");
	*out = a;
	return 0;
}

static void free_transaction(struct transaction *t)
{
	struct application *a = t->owner;
	struct transaction **at = &a->by_id[uuid_hash(&t->id) & a->mask];

	while (*at != t)
		at = &(*at)->next_by_id;
	*at = t->next_by_id;
	*(t->previous ? &t->previous->next : &a->first) = t->next;
	*(t->next ? &t->next->previous : &a->last) = t->previous;
	transaction_cancel(t);
	transaction_stop_digits(t);
	while (t->first) {
		struct invocation *i = t->first;

		t->first = i->next;
		cJSON_Delete(i->event);
		free(i);
	}
	cJSON_Delete(t->attributes);
	cJSON_Delete(t->bridge);
	cJSON_Delete(t->result);
	free(t->body);
	free(t);
}

void application_destroy(struct application *a)
{
	struct transaction *next;

	if (!a)
		return;
	for (struct transaction *t = a->first; t; t = next) {
		next = t->next;
		free_transaction(t);
	}
	timer_cancel(&a->control->timers, &a->sweep_timer);
	free(a->by_id);
	free(a);
}

/* --- Transactions --- */

static void append(struct application *a, struct transaction *t)
{
	t->previous = a->last;
	*(a->last ? &a->last->next : &a->first) = t;
	a->last = t;
}

struct transaction *application_find(struct application *a, const struct uuid *id)
{
	struct transaction *t = a->by_id[uuid_hash(id) & a->mask];

	while (t && !uuid_equal(&t->id, id))
		t = t->next_by_id;
	return t;
}

/* NULL without memory. */
static struct transaction *find_or_make(struct application *a, const struct session *session)
{
	struct transaction *t = application_find(a, &session->transaction_id);
	struct transaction **bucket = &a->by_id[uuid_hash(&session->transaction_id) & a->mask];

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->owner = a;
	t->id = session->transaction_id;
	uuid_format(&t->id, t->id_text);
	t->next_by_id = *bucket;
	*bucket = t;
	append(a, t);
	return t;
}

/* Goes on where it ended the last time. */
static void sweep(void *arg, uint64_t now_ns)
{
	struct application *a = arg;
	struct transaction *t = a->sweep_next ? a->sweep_next : a->first;
	struct transaction *next;

	for (unsigned int i = 0; i < SWEEP_COUNT && t; i++, t = next) {
		next = t->next;
		if (!t->busy && !t->first && !session_by_id(a->control->legs, &t->id))
			free_transaction(t);
	}
	a->sweep_next = t;
	timer_start(&a->control->timers, &a->sweep_timer, now_ns + SWEEP_NS, sweep, a);
}

/* --- Events --- */

void transaction_tell_failure(struct transaction *t, const char *reason)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "transaction_id", t->id_text);
	if (t->type)
		cJSON_AddStringToObject(o, "InvocationEventType", t->type);
	cJSON_AddNumberToObject(o, "Sequence", (double)t->sequence);
	cJSON_AddStringToObject(o, "reason", reason);
	control_event(t->owner->control, "application_failed", o);
	log_warning("application", "transaction %s: %s%s%s", t->id_text, t->type ? t->type : "",
		t->type ? ": " : "", reason);
}

static bool may_queue(struct transaction *t, const char *type)
{
	if (strcmp(type, "HANGUP") != 0 && t->waiting >= APPLICATION_QUEUE_MAX) {
		transaction_tell_failure(t, "an event is dropped: too many wait for the answers "
					    "to those before");
		return false;
	}
	return t->sequence + t->waiting < APPLICATION_INVOCATIONS_MAX;
}

static void queue(struct transaction *t, const char *type, cJSON *event)
{
	struct invocation *i = event ? calloc(1, sizeof(*i)) : NULL;

	if (!i) {
		cJSON_Delete(event);
		t->owner->counts[APPLICATION_dropped]++;
		return;
	}
	*i = (struct invocation){.type = type, .event = event};
	*(t->last ? &t->last->next : &t->first) = i;
	t->last = i;
	t->waiting++;
	transaction_go_on(t);
}

static cJSON *make_event(struct transaction *t, const char *type, cJSON *action_data)
{
	struct control *control = t->owner->control;

	if (!may_queue(t, type)) {
		cJSON_Delete(action_data);
		return NULL;
	}
	t->owner->counts[APPLICATION_events]++;
	return invocation_make(control->config, session_by_id(control->legs, &t->id), t->id_text, 0,
		type, action_data);
}

void transaction_event(struct transaction *t, const char *type, struct cJSON *action_data)
{
	queue(t, type, make_event(t, type, action_data));
}

void transaction_event_invalid(
	struct transaction *t, const char *error_type, const char *error_message)
{
	cJSON *event = make_event(t, INVOCATION_INVALID_ANSWER, NULL);

	if (event) {
		cJSON_AddStringToObject(event, "ErrorType", error_type);
		cJSON_AddStringToObject(event, "ErrorMessage", error_message);
	}
	queue(t, INVOCATION_INVALID_ANSWER, event);
}

/* --- Legs --- */

/* NULL: nobody is to be told. */
static struct transaction *of_leg(struct application *a, const struct leg *leg)
{
	return a ? find_or_make(a, leg->session) : NULL;
}

static bool is_first(const struct leg *leg)
{
	return strcmp(leg->participant_tag, "LEG-A") == 0;
}

void application_leg_offered(struct application *a, struct leg *leg)
{
	struct transaction *t = of_leg(a, leg);

	if (t)
		transaction_digits_of(t, leg);
	if (t && is_first(leg))
		transaction_event(t,
			leg->side == SIDE_CALLER ? "NEW_INBOUND_CALL" : "NEW_OUTBOUND_CALL", NULL);
}

void application_leg_ringing(struct application *a, struct leg *leg)
{
	struct transaction *t = of_leg(a, leg);

	if (t)
		transaction_event(t, "RINGING", NULL);
}

/* A first leg that came in is answered by the application's own doing: the service tells nothing
 * then. */
void application_leg_answered(struct application *a, struct leg *leg)
{
	struct transaction *t;
	cJSON *bridge;

	if (is_first(leg) && leg->side == SIDE_CALLER)
		return;
	t = of_leg(a, leg);
	if (!t)
		return;
	bridge = is_first(leg) ? NULL : t->bridge;
	if (bridge)
		t->bridge = NULL;
	transaction_event(t, bridge ? INVOCATION_SUCCESSFUL : "CALL_ANSWERED", bridge);
}

/* At a shutdown no call has ended. */
void application_leg_ended(struct application *a, struct leg *leg)
{
	struct transaction *t = strcmp(leg->reason, "shutdown") == 0 ? NULL : of_leg(a, leg);
	char call_id[UUID_TEXT_BYTES];
	cJSON *data;
	cJSON *parameters;

	if (!t)
		return;
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "Type", "Hangup");
	parameters = cJSON_AddObjectToObject(data, "Parameters");
	cJSON_AddNumberToObject(parameters, "SipResponseCode", leg->sip_code);
	cJSON_AddStringToObject(parameters, "CallId", uuid_format(&leg->call_id, call_id));
	cJSON_AddStringToObject(parameters, "ParticipantTag", leg->participant_tag);
	transaction_event(t, "HANGUP", data);
}

/* --- UpdateSipMediaApplicationCall --- */

static bool is_live(const struct session *session)
{
	const struct leg *leg = session ? session->legs : NULL;

	while (leg && leg->state == LEG_ENDED)
		leg = leg->next_in_session;
	return leg != NULL;
}

static int check_update(struct application *a, const char *application_id,
	const struct session *session, const char *transaction_id, struct errmsg *e)
{
	const struct config *config = a->control->config;

	if (strcmp(application_id, config->application.id) != 0)
		return errmsg_set(e, -ENOENT,
			"there is no SIP media application %.100s; application.id is %s",
			application_id, config->application.id);
	if (!is_live(session))
		return errmsg_set(
			e, -ENOENT, "no live call has the TransactionId %.100s", transaction_id);
	return 0;
}

static int ask_update(
	struct application *a, const struct session *session, cJSON *arguments, struct errmsg *e)
{
	struct transaction *t = find_or_make(a, session);
	cJSON *data;

	if (!t) {
		cJSON_Delete(arguments);
		return errmsg_set(e, -ENOMEM, "no memory");
	}
	if (t->waiting >= APPLICATION_QUEUE_MAX ||
		t->sequence + t->waiting >= APPLICATION_INVOCATIONS_MAX) {
		cJSON_Delete(arguments);
		return errmsg_set(e, -EAGAIN,
			"%u events of the call wait for the application's answers, after %" PRIu64
			" that it was asked with",
			t->waiting, t->sequence);
	}
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "Type", "CallUpdateRequest");
	cJSON_AddItemToObject(cJSON_AddObjectToObject(data, "Parameters"), "Arguments", arguments);
	a->counts[APPLICATION_updates]++;
	transaction_event(t, "CALL_UPDATE_REQUESTED", data);
	return 0;
}

int application_call_update(struct application *a, const char *application_id,
	const char *transaction_id, const char *body, size_t bytes, struct errmsg *e)
{
	const struct session *session;
	cJSON *arguments = NULL;
	int err;

	if (!a->control->config->application.url[0])
		return errmsg_set(e, -EINVAL,
			"no application is configured: set application.url, or use POST "
			"/v1/actions");
	if (a->control->ending)
		return errmsg_set(e, -ESHUTDOWN, "legtapd is shutting down");
	err = application_arguments_parse(&arguments, body, bytes, e);
	if (err != 0)
		return err;
	session = transaction_lookup(a->control->legs, transaction_id);
	err = check_update(a, application_id, session, transaction_id, e);
	if (err == 0)
		return ask_update(a, session, arguments, e);
	cJSON_Delete(arguments);
	return err;
}

/* --- Counters --- */

static const char *const counter_names[] = {
#define NAME(name, help) #name,
	APPLICATION_COUNTERS(NAME)};
static const char *const counter_helps[] = {
#define HELP(name, help) help,
	APPLICATION_COUNTERS(HELP)};

uint64_t application_count(const struct application *a, enum application_counter c)
{
	return a->counts[c];
}

const char *application_counter_name(enum application_counter c)
{
	return counter_names[c];
}

const char *application_counter_help(enum application_counter c)
{
	return counter_helps[c];
}
