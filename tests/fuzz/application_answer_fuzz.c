/* Any bytes, as an application's answer and as the body of UpdateSipMediaApplicationCall. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "controlplane/application_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct application_answer answer;
	struct cJSON *arguments = NULL;
	struct errmsg e;

	for (int may_be_empty = 0; may_be_empty < 2; may_be_empty++) {
		if (application_answer_parse(
			    &answer, (const char *)data, bytes, may_be_empty, &e) != 0) {
			if (answer.list || answer.attributes || !answer.error_type)
				abort();
			continue;
		}
		if (answer.list && answer.list->count > ACTIONS_MAX)
			abort();
		if (cJSON_GetArraySize(answer.attributes) > APPLICATION_ATTRIBUTES_MAX)
			abort();
		application_answer_clear(&answer);
	}
	if (application_arguments_parse(&arguments, (const char *)data, bytes, &e) == 0 &&
		cJSON_GetArraySize(arguments) > APPLICATION_ARGUMENTS_MAX)
		abort();
	cJSON_Delete(arguments);
	return 0;
}
