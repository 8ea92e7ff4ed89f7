/* Timers of the control thread, on the recording clock (in --read: the capture's time). A binary
 * heap; the control thread only. */
#ifndef LEGTAP_CONTROLPLANE_TIMER_H
#define LEGTAP_CONTROLPLANE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void timer_h(void *arg, uint64_t now_ns);

/* Lies in the object that owns it; zeroed before its first use. */
struct timer {
	uint64_t due_ns;
	timer_h *handler;
	void *arg;
	size_t place; /* in the heap, from 1; 0: not running */
};

struct timers {
	struct timer **heap; /* from 1 */
	size_t count;
	size_t room;
};

/* (Re)starts a timer. 0, or -ENOMEM: it is not running then. */
int timer_start(struct timers *ts, struct timer *t, uint64_t due_ns, timer_h *handler, void *arg);
void timer_cancel(struct timers *ts, struct timer *t);
static inline bool timer_running(const struct timer *t)
{
	return t->place != 0;
}

/* Runs the handlers of all timers due at or before now_ns, in order of their time, with now_ns. A
 * handler may start and cancel timers. The count run. */
unsigned int timers_run(struct timers *ts, uint64_t now_ns);

/* When the next is due; UINT64_MAX: none. */
uint64_t timers_next_ns(const struct timers *ts);

/* Frees the heap; timers still running are forgotten. */
void timers_destroy(struct timers *ts);

#endif
