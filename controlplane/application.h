/* The application (docs/application.md): what happens to a call is posted to application.url as
 * the service's invocation events, one at a time per transaction, in order; the recording actions
 * of each answer are run.
 *
 *   event queued ──(its turn)── asked ──(5 s without an answer)── asked again ──(20 s)── given up
 *                                  └──(answer)── its actions run ──────┴── next event
 *
 * Without a url the events go into the event log only. Transactions have no part in each other's
 * waiting. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_APPLICATION_H
#define LEGTAP_CONTROLPLANE_APPLICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "controlplane/leg.h"

struct application;
struct control;

/* control's config, timers, events and http are there; http may be NULL where there is no url. 0 or
 * -errno with a message. */
int application_create(struct application **out, struct control *control, struct errmsg *e);

/* Drops what is under way. NULL is legal. */
void application_destroy(struct application *a);

/* What became of a leg, from its hooks. a NULL is legal (--read). */
void application_leg_offered(struct application *a, struct leg *leg);
void application_leg_ringing(struct application *a, struct leg *leg);
void application_leg_answered(struct application *a, struct leg *leg);
void application_leg_ended(struct application *a, struct leg *leg);

/* A digit of the leg's participant (0 to 9, *, #, A to D; others are passed over): collected where
 * the application's ReceiveDigits asks for it, dropped where none does. secret: the leg's
 * recording was paused then, or its account keeps digits out of recordings; the event log does not
 * get it. */
void application_digit(struct application *a, struct leg *leg, char digit, bool secret);

/* UpdateSipMediaApplicationCall: asks the application with CALL_UPDATE_REQUESTED. body: the
 * request's, {"Arguments":{…}}. 0: the application is being asked. Else with a message: -EINVAL (a
 * bad body, or no application is configured), -ENOENT (no such application, or no live call),
 * -EAGAIN (too many events of the call wait), -ESHUTDOWN, -ENOMEM. */
int application_call_update(struct application *a, const char *application_id,
	const char *transaction_id, const char *body, size_t bytes, struct errmsg *e);

#define APPLICATION_COUNTERS(X) \
	X(events, "invocation events made") \
	X(asked, "requests sent, repeated ones included") \
	X(asked_again, "requests repeated for want of an answer") \
	X(answered, "events that got a good answer") \
	X(bad_answers, "answers that could not be used") \
	X(timeouts, "requests without an answer in time") \
	X(failed, "events given up: no answer to either request") \
	X(dropped, "events never asked: too many of their transaction waited") \
	X(actions, "recording actions of answers that were done") \
	X(actions_failed, "recording actions of answers that failed") \
	X(actions_skipped, "actions of answers that are not recording actions") \
	X(updates, "UpdateSipMediaApplicationCall requests accepted")

#define APPLICATION_ENUM(name, help) APPLICATION_##name,
enum application_counter { APPLICATION_COUNTERS(APPLICATION_ENUM) APPLICATION_COUNTER_COUNT };
uint64_t application_count(const struct application *a, enum application_counter c);
const char *application_counter_name(enum application_counter c);
const char *application_counter_help(enum application_counter c);

#endif
