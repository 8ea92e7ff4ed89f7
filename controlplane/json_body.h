/* JSON from outside: a request's body. Pure function; any thread. */
#ifndef LEGTAP_CONTROLPLANE_JSON_BODY_H
#define LEGTAP_CONTROLPLANE_JSON_BODY_H

#include <stddef.h>

#include "common/errmsg.h"

struct cJSON;

/* Parses one JSON object in UTF-8 with nothing but blanks behind it. `form` is what should have
 * come, for the message. 0 with the tree, for cJSON_Delete; else -EINVAL, and *out is NULL. */
int json_body_parse(
	struct cJSON **out, const char *text, size_t bytes, const char *form, struct errmsg *e);

#endif
