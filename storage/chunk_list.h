/* Lists of chunks, linked by index. Owner: the thread that holds the chunks. */
#ifndef LEGTAP_STORAGE_CHUNK_LIST_H
#define LEGTAP_STORAGE_CHUNK_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "common/chunk.h"

struct chunk_list {
	uint32_t head; /* CHUNK_NONE: empty */
	uint32_t tail;
};

static inline void chunk_list_append(
	const struct chunk_pool *pool, struct chunk_list *list, struct chunk *c)
{
	c->next = CHUNK_NONE;
	if (list->head == CHUNK_NONE)
		list->head = c->index;
	else
		pool->chunks[list->tail].next = c->index;
	list->tail = c->index;
}

/* The first, or NULL. */
static inline struct chunk *chunk_list_take(const struct chunk_pool *pool, struct chunk_list *list)
{
	struct chunk *c;

	if (list->head == CHUNK_NONE)
		return NULL;
	c = &pool->chunks[list->head];
	list->head = c->next;
	return c;
}

#endif
