/* Any bytes, as an action list of the admin socket. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "controlplane/action_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct action_list *list;
	struct errmsg e;

	if (action_list_parse(&list, (const char *)data, bytes, &e) != 0)
		return 0;
	if (list->count > ACTIONS_MAX)
		abort();
	for (unsigned int i = 0; i < list->count; i++) {
		const struct action *a = &list->actions[i];

		if (a->kind == ACTION_OTHER || a->fault.text[0])
			continue;
		if (!a->leg || (a->kind == ACTION_START && (!a->tracks || !a->bucket[0])))
			abort();
	}
	action_list_destroy(list);
	return 0;
}
