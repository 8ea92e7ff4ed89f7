#include "controlplane/timer.h"

#include <errno.h>
#include <stdlib.h>

static void put(struct timers *ts, size_t place, struct timer *t)
{
	ts->heap[place] = t;
	t->place = place;
}

static void sift_up(struct timers *ts, size_t place)
{
	struct timer *t = ts->heap[place];

	while (place > 1 && ts->heap[place / 2]->due_ns > t->due_ns) {
		put(ts, place, ts->heap[place / 2]);
		place /= 2;
	}
	put(ts, place, t);
}

static void sift_down(struct timers *ts, size_t place)
{
	struct timer *t = ts->heap[place];

	for (size_t child = place * 2; child <= ts->count; child = place * 2) {
		if (child < ts->count && ts->heap[child + 1]->due_ns < ts->heap[child]->due_ns)
			child++;
		if (ts->heap[child]->due_ns >= t->due_ns)
			break;
		put(ts, place, ts->heap[child]);
		place = child;
	}
	put(ts, place, t);
}

static int make_room(struct timers *ts)
{
	size_t room = ts->room ? ts->room * 2 : 64;
	struct timer **heap;

	if (ts->count + 1 < ts->room)
		return 0;
	heap = realloc(ts->heap, room * sizeof(struct timer *));
	if (!heap)
		return -ENOMEM;
	ts->heap = heap;
	ts->room = room;
	return 0;
}

int timer_start(struct timers *ts, struct timer *t, uint64_t due_ns, timer_h *handler, void *arg)
{
	timer_cancel(ts, t);
	if (make_room(ts) != 0)
		return -ENOMEM;
	t->due_ns = due_ns;
	t->handler = handler;
	t->arg = arg;
	put(ts, ++ts->count, t);
	sift_up(ts, ts->count);
	return 0;
}

void timer_cancel(struct timers *ts, struct timer *t)
{
	size_t place = t->place;
	struct timer *last;

	if (place == 0)
		return;
	t->place = 0;
	last = ts->heap[ts->count--];
	if (last == t)
		return;
	put(ts, place, last);
	sift_up(ts, place);
	sift_down(ts, last->place);
}

unsigned int timers_run(struct timers *ts, uint64_t now_ns)
{
	unsigned int count = 0;

	while (ts->count > 0 && ts->heap[1]->due_ns <= now_ns) {
		struct timer *t = ts->heap[1];

		timer_cancel(ts, t);
		t->handler(t->arg, now_ns);
		count++;
	}
	return count;
}

uint64_t timers_next_ns(const struct timers *ts)
{
	return ts->count ? ts->heap[1]->due_ns : UINT64_MAX;
}

void timers_destroy(struct timers *ts)
{
	free(ts->heap);
	ts->heap = NULL;
	ts->count = 0;
	ts->room = 0;
}
