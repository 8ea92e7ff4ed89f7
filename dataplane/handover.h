/* How an rx core that must lose nothing waits for the control thread.
 *
 * The core asks and sleeps; the control thread, woken by an eventfd, does what there is to do and
 * answers; the core is woken by a futex. While it waits nothing else moves, so all that the control
 * thread does is done at one place in the capture. */
#ifndef LEGTAP_DATAPLANE_HANDOVER_H
#define LEGTAP_DATAPLANE_HANDOVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum handover_kind {
	HANDOVER_RINGS, /* something stands in a ring: a packet, acknowledgements, room in one */
	HANDOVER_TICK,	/* a second of the capture's time is over */
	HANDOVER_END,	/* the capture is at its end */
};

struct handover {
	int fd;			   /* eventfd; fixed */
	_Atomic uint32_t asked;	   /* rx; read by control */
	_Atomic uint32_t answered; /* control; read by rx, which sleeps on it */
	atomic_bool stopping;	   /* control; read by rx: waits end */
	enum handover_kind kind;   /* rx, before it asks; read by control until it answers */
	uint64_t now_ns;	   /* the same */
};

/* 0 or -errno of eventfd(2). */
int handover_create(struct handover *h);
void handover_destroy(struct handover *h);

/* Asks, and waits for the answer, or until stopping. The rx core. */
void handover_wait(struct handover *h, enum handover_kind kind, uint64_t now_ns);

/* True, once for each asking, when there is something to answer. Control. */
static inline bool handover_asked(const struct handover *h)
{
	return atomic_load_explicit(&h->asked, memory_order_acquire) !=
	       atomic_load_explicit(&h->answered, memory_order_relaxed);
}

/* Answers: the core goes on. Control. */
void handover_answer(struct handover *h);

/* Ends every wait, now and later. Control. */
void handover_stop(struct handover *h);

static inline bool handover_is_stopping(const struct handover *h)
{
	return atomic_load_explicit(&h->stopping, memory_order_acquire);
}

#endif
