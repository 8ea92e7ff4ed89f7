#include "controlplane/application_answer.h"

#include <errno.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/utf8.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "", "null" or "{}", with blanks anywhere. */
static bool is_nothing(const char *text, size_t bytes)
{
	char word[5] = "";
	size_t used = 0;

	for (size_t i = 0; i < bytes; i++) {
		if (is_blank(text[i]))
			continue;
		if (used == sizeof(word) - 1)
			return false;
		word[used++] = text[i];
	}
	word[used] = '\0';
	return used == 0 || strcmp(word, "null") == 0 || strcmp(word, "{}") == 0;
}

static int check_attributes(
	struct application_answer *out, const cJSON *attributes, struct errmsg *e)
{
	const cJSON *item;
	size_t bytes = 0;

	if (!cJSON_IsObject(attributes)) {
		out->error_type = "TransactionAttributesInvalidFormat";
		return errmsg_set(e, -EINVAL, "TransactionAttributes is no object of texts");
	}
	if (cJSON_GetArraySize(attributes) > APPLICATION_ATTRIBUTES_MAX) {
		out->error_type = "TransactionAttributesInvalidMapSize";
		return errmsg_set(e, -EINVAL,
			"Transaction Attributes has too many mappings. Maximum number of mappings "
			"is %d",
			APPLICATION_ATTRIBUTES_MAX);
	}
	cJSON_ArrayForEach(item, attributes)
	{
		if (!cJSON_IsString(item)) {
			out->error_type = "TransactionAttributesInvalidFormat";
			return errmsg_set(e, -EINVAL, "TransactionAttributes.%.64s is not a text",
				item->string);
		}
		bytes += strlen(item->string) + strlen(item->valuestring);
	}
	if (bytes <= APPLICATION_ATTRIBUTES_BYTES_MAX)
		return 0;
	out->error_type = "TransactionAttributesInvalidMapSize";
	return errmsg_set(e, -EINVAL, "TransactionAttributes has %zu octets; at most %d are kept",
		bytes, APPLICATION_ATTRIBUTES_BYTES_MAX);
}

int application_answer_parse(struct application_answer *out, const char *text, size_t bytes,
	bool may_be_empty, struct errmsg *e)
{
	const cJSON *attributes;
	int err;

	*out = (struct application_answer){.error_type = "InvalidLambdaResponse"};
	if (may_be_empty && is_nothing(text, bytes))
		return 0;
	err = action_list_parse_answer(&out->list, text, bytes, e);
	if (err != 0)
		return err;
	attributes = cJSON_GetObjectItemCaseSensitive(out->list->json, "TransactionAttributes");
	if (!attributes || cJSON_IsNull(attributes))
		return 0;
	err = check_attributes(out, attributes, e);
	if (err == 0)
		out->attributes = cJSON_Duplicate(attributes, true);
	else
		application_answer_clear(out);
	return err;
}

void application_answer_clear(struct application_answer *out)
{
	action_list_destroy(out->list);
	cJSON_Delete(out->attributes);
	out->list = NULL;
	out->attributes = NULL;
}

/* --- UpdateSipMediaApplicationCall --- */

static int check_arguments(const cJSON *arguments, struct errmsg *e)
{
	const cJSON *item;

	if (!arguments || cJSON_IsNull(arguments))
		return errmsg_set(e, -EINVAL,
			"Arguments is missing: {\"Arguments\":{\"name\":\"value\"}}, with 0 to %d "
			"entries",
			APPLICATION_ARGUMENTS_MAX);
	if (!cJSON_IsObject(arguments))
		return errmsg_set(e, -EINVAL, "Arguments must be an object of texts");
	if (cJSON_GetArraySize(arguments) > APPLICATION_ARGUMENTS_MAX)
		return errmsg_set(e, -EINVAL, "Arguments has %d entries; at most %d are taken",
			cJSON_GetArraySize(arguments), APPLICATION_ARGUMENTS_MAX);
	cJSON_ArrayForEach(item, arguments)
	{
		if (!cJSON_IsString(item))
			return errmsg_set(
				e, -EINVAL, "Arguments.%.64s must be a text", item->string);
	}
	return 0;
}

int application_arguments_parse(
	struct cJSON **out, const char *text, size_t bytes, struct errmsg *e)
{
	cJSON *json = utf8_valid(text, bytes) ? cJSON_ParseWithLength(text, bytes) : NULL;
	int err;

	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return errmsg_set(e, -EINVAL,
			"the body is no JSON object: {\"Arguments\":{\"name\":\"value\"}}");
	}
	err = check_arguments(cJSON_GetObjectItemCaseSensitive(json, "Arguments"), e);
	if (err == 0)
		*out = cJSON_DetachItemFromObjectCaseSensitive(json, "Arguments");
	cJSON_Delete(json);
	return err;
}
