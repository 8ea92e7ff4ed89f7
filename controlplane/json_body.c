#include "controlplane/json_body.h"

#include <errno.h>
#include <stdbool.h>

#include <cjson/cJSON.h>

#include "controlplane/utf8.h"

static bool only_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
		at++;
	return at == end;
}

int json_body_parse(
	struct cJSON **out, const char *text, size_t bytes, const char *form, struct errmsg *e)
{
	const char *end = NULL;
	cJSON *json;

	*out = NULL;
	if (!utf8_valid(text, bytes))
		return errmsg_set(e, -EINVAL, "the request is not UTF-8");
	json = cJSON_ParseWithLengthOpts(text, bytes, &end, false);
	if (!json || !only_blanks(end, text + bytes)) {
		cJSON_Delete(json);
		return errmsg_set(e, -EINVAL, "the request is not JSON: it is wrong at octet %zu",
			end ? (size_t)(end - text) : 0);
	}
	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return errmsg_set(e, -EINVAL, "the request is no JSON object: send %s", form);
	}
	*out = json;
	return 0;
}
