/* An action list as JSON text, parsed and checked (docs/admin_api.md; the service's actions in
 * docs/compatibility.md). A pure function; any thread. */
#ifndef LEGTAP_CONTROLPLANE_ACTION_LIST_H
#define LEGTAP_CONTROLPLANE_ACTION_LIST_H

#include <stddef.h>

#include "common/errmsg.h"
#include "storage/storage.h"

struct cJSON;

#define ACTIONS_MAX 10

enum action_kind {
	ACTION_START,
	ACTION_STOP,
	ACTION_PAUSE,
	ACTION_RESUME,
	ACTION_OTHER, /* no recording action: skipped */
	ACTION_KINDS
};

/* The recording actions' Types, by kind; ACTION_OTHER has none. */
extern const char *const action_types[ACTION_OTHER];

/* Texts and objects lie in the list's JSON. */
struct action {
	enum action_kind kind;
	const char *type;
	const struct cJSON *parameters; /* as given; NULL: none */
	const char *leg;		/* CallId, else ParticipantTag, as given; NULL: neither */
	unsigned int tracks;		/* start: mask of TRACK_BITs */
	char bucket[DESTINATION_BUCKET_BYTES]; /* start */
	char prefix[DESTINATION_KEY_BYTES];    /* start; "" for the service's default */
	struct errmsg fault; /* of a recording action: a wrong parameter; "" when all are right */
};

struct action_list {
	struct cJSON *json;
	const char *transaction_id; /* NULL: not given */
	unsigned int count;
	struct action actions[ACTIONS_MAX];
};

/* 0: well formed, *out is to be given to action_list_destroy (a wrong parameter is the action's
 * fault, not the list's). -EINVAL: the list as a whole is refused, with a message; -ENOMEM. */
int action_list_parse(struct action_list **out, const char *text, size_t bytes, struct errmsg *e);

/* The same for an application's answer: Actions may be null or absent, and TransactionId is not
 * looked at. */
int action_list_parse_answer(
	struct action_list **out, const char *text, size_t bytes, struct errmsg *e);
void action_list_destroy(struct action_list *list); /* NULL is legal */

#endif
