/* Ids as members of JSON objects. */
#ifndef LEGTAP_CONTROLPLANE_UUID_JSON_H
#define LEGTAP_CONTROLPLANE_UUID_JSON_H

#include <cjson/cJSON.h>

#include "common/uuid.h"

static inline void uuid_add_to_json(cJSON *object, const char *name, const struct uuid *id)
{
	char text[UUID_TEXT_BYTES];

	cJSON_AddStringToObject(object, name, uuid_format(id, text));
}

#endif
