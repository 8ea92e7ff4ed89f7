/* Legs as JSON, for /v1/calls (docs/schemas/call.json). Control thread. */
#ifndef LEGTAP_CONTROLPLANE_CALL_JSON_H
#define LEGTAP_CONTROLPLANE_CALL_JSON_H

#include <stdbool.h>

struct cJSON;
struct control;
struct leg;

/* "offered", "ringing", …: the state of a leg. */
const char *leg_state_name(const struct leg *leg);

/* What a list shows of a leg. */
struct cJSON *call_to_json(const struct control *control, const struct leg *leg);

/* The same, and what its two ends announced. */
struct cJSON *call_to_json_whole(const struct control *control, const struct leg *leg);

/* Appends at most `limit` legs, oldest first, to the array `list`: those after the leg whose CallId
 * is `after` (NULL: from the oldest). *more: there are further ones. 0, or -ENOENT when `after` is
 * not known (any more). */
int calls_page_to_json(const struct control *control, const char *after, unsigned int limit,
	struct cJSON *list, bool *more);

#endif
