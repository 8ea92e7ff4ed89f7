/* JSON as legtap's configuration has it: comments are allowed, and numbers keep their text. */
#ifndef LEGTAP_CONTROLPLANE_CONFIG_JSON_H
#define LEGTAP_CONTROLPLANE_CONFIG_JSON_H

#include <stddef.h>

#include "common/errmsg.h"

struct cJSON;

/* Parses `bytes` of text (changed: comments become blanks; text[bytes] must be NUL). Each number's
 * valuestring is the text it was given as, so that decimals stay exact. 0 with the tree, to be
 * freed with cJSON_Delete; -EINVAL with a message that names line and column; -ENOMEM. Any thread.
 */
int config_json_parse(char *text, size_t bytes, struct cJSON **out, struct errmsg *e);

#endif
