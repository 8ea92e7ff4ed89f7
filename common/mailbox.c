#include "common/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_ring.h>

struct mailbox {
	struct rte_ring *ring;
	int fd;
};

int mailbox_create(struct mailbox **out, const char *name, unsigned int depth)
{
	struct mailbox *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = -errno;
	if (m->fd < 0)
		goto free_mailbox;
	m->ring = rte_ring_create(name, rte_align32pow2(depth + 1), (int)rte_socket_id(), 0);
	err = -rte_errno;
	if (!m->ring)
		goto close_fd;
	*out = m;
	return 0;

close_fd:
	close(m->fd);
free_mailbox:
	free(m);
	return err;
}

void mailbox_destroy(struct mailbox *m)
{
	if (!m)
		return;
	rte_ring_free(m->ring);
	close(m->fd);
	free(m);
}

int mailbox_put(struct mailbox *m, void *message)
{
	uint64_t one = 1;

	if (rte_ring_enqueue(m->ring, message) != 0)
		return -ENOBUFS;
	if (write(m->fd, &one, sizeof(one)) < 0)
		return 0; /* the counter is at its top: the reader is awake already */
	return 0;
}

void *mailbox_take(struct mailbox *m)
{
	void *message;

	return rte_ring_dequeue(m->ring, &message) == 0 ? message : NULL;
}

void mailbox_wait(struct mailbox *m, int timeout_ms)
{
	struct pollfd p = {.fd = m->fd, .events = POLLIN};

	if (rte_ring_empty(m->ring) && poll(&p, 1, timeout_ms) > 0)
		mailbox_clear(m);
}

int mailbox_fd(const struct mailbox *m)
{
	return m->fd;
}

void mailbox_clear(struct mailbox *m)
{
	uint64_t count;

	if (read(m->fd, &count, sizeof(count)) < 0)
		return; /* nothing was put since */
}
