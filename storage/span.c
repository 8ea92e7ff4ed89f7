#include "storage/span.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_FIRST 16

int span_list_add(struct span_list *l, int64_t start, int64_t end)
{
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : ROOM_FIRST;
		struct span *list = realloc(l->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		l->list = list;
		l->room = room;
	}
	l->list[l->count++] = (struct span){start, end};
	return 0;
}
