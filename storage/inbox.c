#include "storage/inbox.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int inbox_open(struct inbox *b, bool wakes)
{
	atomic_init(&b->newest, NULL);
	b->fd = wakes ? eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) : -1;
	return wakes && b->fd < 0 ? -errno : 0;
}

void inbox_close(struct inbox *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

void inbox_put(struct inbox *b, struct letter *letter)
{
	struct letter *newest = atomic_load_explicit(&b->newest, memory_order_relaxed);

	do {
		letter->next = newest;
	} while (!atomic_compare_exchange_weak_explicit(
		&b->newest, &newest, letter, memory_order_release, memory_order_relaxed));
	/* When something was there already, its sender has woken the reader. */
	if (!newest)
		inbox_wake(b);
}

struct letter *inbox_take(struct inbox *b)
{
	struct letter *oldest = NULL;
	struct letter *letter;

	if (!atomic_load_explicit(&b->newest, memory_order_relaxed))
		return NULL;
	letter = atomic_exchange_explicit(&b->newest, NULL, memory_order_acquire);
	while (letter) {
		struct letter *older = letter->next;

		letter->next = oldest;
		oldest = letter;
		letter = older;
	}
	return oldest;
}

void inbox_wait(struct inbox *b, int timeout_ms)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};

	if (poll(&p, 1, timeout_ms) > 0)
		inbox_clear(b);
}

void inbox_clear(struct inbox *b)
{
	uint64_t count;

	if (read(b->fd, &count, sizeof(count)) < 0)
		return; /* nothing was put since */
}

void inbox_wake(struct inbox *b)
{
	uint64_t one = 1;

	if (b->fd >= 0 && write(b->fd, &one, sizeof(one)) < 0)
		return; /* the counter is at its top: the reader is awake already */
}
