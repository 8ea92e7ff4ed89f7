/* A stretch of a timeline, in what unit its user says. */
#ifndef LEGTAP_STORAGE_SPAN_H
#define LEGTAP_STORAGE_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct span {
	int64_t start;
	int64_t end;
};

/* All zero: empty. `list` is the owner's to free. */
struct span_list {
	struct span *list;
	size_t count;
	size_t room;
};

/* 0 or -ENOMEM. */
int span_list_add(struct span_list *l, int64_t start, int64_t end);

#endif
