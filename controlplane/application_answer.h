/* What an application answers to an invocation event, parsed and checked (docs/application.md). A
 * pure function; any thread. */
#ifndef LEGTAP_CONTROLPLANE_APPLICATION_ANSWER_H
#define LEGTAP_CONTROLPLANE_APPLICATION_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/errmsg.h"
#include "controlplane/action_list.h"

#define APPLICATION_ATTRIBUTES_MAX 10
#define APPLICATION_ATTRIBUTES_BYTES_MAX 2048
#define APPLICATION_ARGUMENTS_MAX 20

struct application_answer {
	struct action_list *list; /* NULL: nothing to do */
	struct cJSON *attributes; /* the transaction's from now on; NULL: as before */
	const char *error_type;	  /* of a bad answer */
};

/* 0; -EINVAL: a bad answer, with error_type and a message; -ENOMEM. `may_be_empty`: null, {} and no
 * text at all are good, too (HANGUP: there is nothing left to do). */
int application_answer_parse(struct application_answer *out, const char *text, size_t bytes,
	bool may_be_empty, struct errmsg *e);

/* Frees what out holds; a field that was taken is to be NULL. */
void application_answer_clear(struct application_answer *out);

/* The Arguments of an UpdateSipMediaApplicationCall request's body: an object of at most 20 texts,
 * the caller's to delete. 0, or -EINVAL with a message. */
int application_arguments_parse(
	struct cJSON **out, const char *text, size_t bytes, struct errmsg *e);

#endif
