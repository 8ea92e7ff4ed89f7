/* A transaction as the application's events see it. Between the application_*.c files; control
 * thread. */
#ifndef LEGTAP_CONTROLPLANE_APPLICATION_TRANSACTION_H
#define LEGTAP_CONTROLPLANE_APPLICATION_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/uuid.h"
#include "controlplane/application.h"
#include "controlplane/http_client.h"
#include "controlplane/timer.h"

struct cJSON;
struct digits;

#define APPLICATION_QUEUE_MAX 32U /* events of a transaction that wait; HANGUP always may */
#define APPLICATION_INVOCATIONS_MAX \
	10000U /* of a transaction: an application that answers each event with an action would \
		  be asked without end */

struct invocation {
	const char *type;
	struct cJSON *event; /* Sequence and TransactionAttributes are still to be set */
	struct invocation *next;
};

struct transaction {
	struct application *owner;
	struct uuid id;
	char id_text[UUID_TEXT_BYTES];
	uint64_t sequence;
	struct cJSON *attributes; /* NULL: none */
	struct cJSON *bridge;	  /* ActionData of a CallAndBridge whose leg is to come */
	struct invocation *first; /* waiting */
	struct invocation *last;
	unsigned int waiting;
	bool busy;	  /* the application is being asked, or its answer's actions run */
	const char *type; /* of the event under way */
	char *body;
	unsigned int asked; /* times, of the event under way */
	struct http_request *request;
	struct timer retry_timer;
	struct digits *digits;	 /* application_digits.c; NULL: nobody asked for any */
	const char *result_type; /* of the answer's newest recording action */
	struct cJSON *result;	 /* its ActionData; NULL: there was none */
	struct transaction *next;
	struct transaction *previous;
	struct transaction *next_by_id;
};

struct application {
	struct control *control;
	size_t mask;
	struct transaction **by_id;
	struct transaction *first;
	struct transaction *last;
	struct timer sweep_timer;
	struct transaction *sweep_next; /* NULL: the first */
	char signing_scope[128];	/* "": requests are not signed */
	uint64_t counts[APPLICATION_COUNTER_COUNT];
};

/* Queues an event. action_data (NULL: none) is taken. Where too many wait, or without memory, it is
 * dropped and counted. */
void transaction_event(struct transaction *t, const char *type, struct cJSON *action_data);

/* The same with ErrorType and ErrorMessage beside the ActionData. */
void transaction_event_invalid(
	struct transaction *t, const char *error_type, const char *error_message);

/* Begins the next event when nothing is under way. application_ask.c */
void transaction_go_on(struct transaction *t);

/* A life-cycle event about the application's part in a transaction. */
void transaction_tell_failure(struct transaction *t, const char *reason);

/* The transaction of this id, or NULL. */
struct transaction *application_find(struct application *a, const struct uuid *transaction_id);

/* An event DIGITS_RECEIVED whose digits the event log does not get: they came while the recording
 * was paused. A type of its own, compared by its address. */
extern const char DIGITS_RECEIVED_SECRET[];

/* Begins to collect digits as a ReceiveDigits asks, in place of what was asked before. 0; -EINVAL
 * with a message; -ENOMEM. */
int transaction_receive_digits(
	struct transaction *t, const struct cJSON *action_data, struct errmsg *e);
void transaction_stop_digits(struct transaction *t);

/* A further leg joined the transaction: its digits may be wanted too. */
void transaction_digits_of(struct transaction *t, struct leg *leg);

/* Drops what is under way. application_ask.c */
void transaction_cancel(struct transaction *t);

#endif
