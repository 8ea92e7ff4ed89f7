/* legtapctl's commands. Each does what its arguments say, prints to stdout, and says on stderr why
 * it failed. */
#ifndef LEGTAP_CONTROLPLANE_COMMAND_H
#define LEGTAP_CONTROLPLANE_COMMAND_H

#include <stdbool.h>

#include "controlplane/arguments.h"
#include "controlplane/client.h"

/* Exit statuses, besides 0: the thing asked for happened. */
enum command_status {
	COMMAND_FAILED = 1,
	COMMAND_BAD_USAGE = 2,
	COMMAND_NOT_REACHABLE = 3,
};

struct command {
	const char *name;
	const char *operand; /* its name; NULL: takes none */
	bool operand_needed;
	unsigned int options; /* mask of OPTION_… */
	int (*run)(const struct arguments *a, struct client *c);
	const char *help;
};

/* Ends with one that has no name. */
extern const struct command commands[];

int command_status(const struct arguments *a, struct client *c);
int command_calls(const struct arguments *a, struct client *c);
int command_recordings(const struct arguments *a, struct client *c);
int command_start(const struct arguments *a, struct client *c);
int command_stop(const struct arguments *a, struct client *c);
int command_pause(const struct arguments *a, struct client *c);
int command_resume(const struct arguments *a, struct client *c);
int command_join(const struct arguments *a, struct client *c);
int command_billing(const struct arguments *a, struct client *c);
int command_events(const struct arguments *a, struct client *c);
int command_metrics(const struct arguments *a, struct client *c);
int command_top(const struct arguments *a, struct client *c);

/* --- For the commands --- */

struct cJSON;

/* "legtapctl: COMMAND: …" on stderr; returns `status`. */
int command_fail(const struct arguments *a, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* An answer, which is taken, as JSON, to be freed. 0, or the exit status, the reason told. */
int command_parse(const struct arguments *a, struct client_answer *answer, struct cJSON **out);

/* The answer to GET path as JSON, to be freed. 0, or the exit status, the reason told. */
int command_get(const struct arguments *a, struct client *c, const char *path, struct cJSON **out);

/* The same for a list, whose pages are joined: {"calls":[…]}. */
int command_get_list(const struct arguments *a, struct client *c, const char *path,
	const char *name, struct cJSON **out);

/* JSON on a line of its own, to stdout. 0, or the exit status. */
int command_print_json(const struct arguments *a, const struct cJSON *json);

#endif
