#include "dataplane/command.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#define BACKLOG_FIRST 1024

void command_queue_init(struct command_queue *q, struct rte_ring *commands, struct rte_ring *acks)
{
	*q = (struct command_queue){.commands = commands, .acks = acks};
	q->under_way_max = rte_ring_get_capacity(acks) / 2;
}

void command_queue_destroy(struct command_queue *q)
{
	free(q->backlog);
	q->backlog = NULL;
}

static bool is_acknowledged(const struct command *c)
{
	return c->kind == COMMAND_REMOVE || (c->kind == COMMAND_SET && c->cookie != 0);
}

static bool try_to_send(struct command_queue *q, const struct command *c)
{
	if (is_acknowledged(c) && q->under_way == q->under_way_max)
		return false;
	if (rte_ring_sp_enqueue_elem(q->commands, (void *)(uintptr_t)c, sizeof(*c)) != 0)
		return false;
	if (is_acknowledged(c))
		q->under_way++;
	return true;
}

static int grow(struct command_queue *q, uint32_t least)
{
	uint32_t size = q->size ? q->size : BACKLOG_FIRST;
	struct command *backlog;

	while (size < least)
		size *= 2;
	backlog = malloc(size * sizeof(*backlog));
	if (!backlog)
		return -ENOMEM;
	assert(q->count <= q->size);
	for (uint32_t i = 0; i < q->count; i++)
		backlog[i] = q->backlog[(q->head + i) % q->size];
	free(q->backlog);
	q->backlog = backlog;
	q->size = size;
	q->head = 0;
	return 0;
}

/* For so many commands beside those that there is room for. */
static int make_room(struct command_queue *q, uint32_t count)
{
	uint32_t least = q->count + q->kept + count;

	return least <= q->size ? 0 : grow(q, least);
}

static void append(struct command_queue *q, const struct command *c)
{
	q->backlog[(q->head + q->count++) % q->size] = *c;
}

int command_send(struct command_queue *q, const struct command *c)
{
	int err;

	if (q->count == 0 && try_to_send(q, c))
		return 0;
	err = make_room(q, 1);
	if (err == 0)
		append(q, c);
	return err;
}

int command_keep_room(struct command_queue *q, uint32_t count)
{
	int err = make_room(q, count);

	if (err == 0)
		q->kept += count;
	return err;
}

void command_leave_room(struct command_queue *q, uint32_t count)
{
	assert(count <= q->kept);
	q->kept -= count;
}

void command_send_kept(struct command_queue *q, const struct command *c)
{
	command_leave_room(q, 1);
	if (q->count > 0 || !try_to_send(q, c))
		append(q, c);
}

unsigned int command_flush(struct command_queue *q)
{
	unsigned int sent = 0;

	while (q->count > 0 && try_to_send(q, &q->backlog[q->head])) {
		q->head = (q->head + 1) % q->size;
		q->count--;
		sent++;
	}
	return sent;
}

unsigned int command_take_acks(struct command_queue *q, struct ack *out, unsigned int max)
{
	unsigned int taken = 0;

	while (taken < max && rte_ring_sc_dequeue_bulk(q->acks, (void **)&out[taken], 2, NULL) == 2)
		taken++;
	q->under_way -= taken;
	return taken;
}
