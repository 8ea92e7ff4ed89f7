#include "dataplane/handover.h"

#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

int handover_create(struct handover *h)
{
	memset(h, 0, sizeof(*h));
	h->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return h->fd < 0 ? -errno : 0;
}

void handover_destroy(struct handover *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

static void wake(struct handover *h)
{
	syscall(SYS_futex, &h->answered, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void handover_wait(struct handover *h, enum handover_kind kind, uint64_t now_ns)
{
	uint32_t asked = atomic_load_explicit(&h->asked, memory_order_relaxed) + 1;
	uint32_t answered;

	h->kind = kind;
	h->now_ns = now_ns;
	atomic_store(&h->asked, asked);
	eventfd_write(h->fd, 1);
	for (;;) {
		answered = atomic_load_explicit(&h->answered, memory_order_acquire);
		if (answered == asked || atomic_load(&h->stopping))
			return;
		syscall(SYS_futex, &h->answered, FUTEX_WAIT_PRIVATE, answered, NULL, NULL, 0);
	}
}

void handover_answer(struct handover *h)
{
	atomic_store_explicit(&h->answered, atomic_load(&h->asked), memory_order_release);
	wake(h);
}

void handover_stop(struct handover *h)
{
	/* Either the core sees this, or we see that it has asked: both sides are sequentially
	 * consistent. */
	atomic_store(&h->stopping, true);
	handover_answer(h);
}
