#include "storage/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REAP_BATCH 64

static int make_ring(struct disk *d, struct errmsg *e)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
	int err = io_uring_queue_init_params(d->depth, &d->ring, &params);

	d->deferred = err == 0;
	if (err == -EINVAL)
		err = io_uring_queue_init(d->depth, &d->ring, 0);
	if (err == -ENOSYS || err == -EPERM)
		return errmsg_set(e, err,
			"io_uring is refused (%s): it needs Linux 5.19, sysctl "
			"kernel.io_uring_disabled=0, and in a container a seccomp profile that "
			"allows io_uring_setup, io_uring_enter and io_uring_register",
			strerror(-err));
	if (err == -ENOMEM)
		return errmsg_set(e, err,
			"no memory for io_uring: raise RLIMIT_MEMLOCK (LimitMEMLOCK of the "
			"service, ulimit -l)");
	return err == 0 ? 0 : errmsg_set(e, err, "cannot make an io_uring: %s", strerror(-err));
}

static void register_chunks(struct disk *d)
{
	struct iovec pieces[CHUNK_PIECES_MAX];

	for (unsigned int i = 0; i < d->pool->piece_count; i++)
		pieces[i] = (struct iovec){
			.iov_base = d->pool->pieces[i].base, .iov_len = d->pool->pieces[i].bytes};
	d->fixed_err = io_uring_register_buffers(&d->ring, pieces, d->pool->piece_count);
	d->fixed = d->fixed_err == 0;
}

int disk_open(struct disk *d, const struct chunk_pool *pool, uint32_t depth, disk_done_h *done,
	void *arg, struct errmsg *e)
{
	int err;

	memset(d, 0, sizeof(*d));
	d->pool = pool;
	d->depth = depth;
	d->done = done;
	d->arg = arg;
	d->writes = calloc(depth, sizeof(*d->writes));
	if (!d->writes)
		return errmsg_set(e, -ENOMEM, "no memory for a writer");
	for (uint32_t i = 0; i < depth; i++)
		d->writes[i].next_free = i + 1;
	err = make_ring(d, e);
	if (err != 0) {
		free(d->writes);
		return err;
	}
	register_chunks(d);
	return 0;
}

int disk_hold(struct disk *d, int fd)
{
	int err = io_uring_register_files(&d->ring, &fd, 1);

	d->holds = err == 0;
	return err;
}

void disk_close(struct disk *d)
{
	if (d->holds) /* now, and not when the kernel comes to take the ring apart */
		io_uring_unregister_files(&d->ring);
	io_uring_queue_exit(&d->ring);
	free(d->writes);
}

static void prepare(struct disk *d, struct disk_write *w)
{
	/* There is an entry for every write in flight. */
	struct io_uring_sqe *sqe = io_uring_get_sqe(&d->ring);
	const uint8_t *data = w->chunk->data + w->done;
	uint64_t offset = w->chunk->file_offset + w->done;

	if (d->fixed)
		io_uring_prep_write_fixed(
			sqe, w->fd, data, w->bytes - w->done, offset, w->chunk->piece);
	else
		io_uring_prep_write(sqe, w->fd, data, w->bytes - w->done, offset);
	io_uring_sqe_set_data64(sqe, (uint64_t)(w - d->writes));
	d->unsubmitted++;
}

void disk_write(struct disk *d, struct chunk *chunk, int fd, uint32_t bytes)
{
	struct disk_write *w = &d->writes[d->first_free];

	d->first_free = w->next_free;
	w->chunk = chunk;
	w->fd = fd;
	w->bytes = bytes;
	w->done = 0;
	w->retries = 0;
	d->in_flight++;
	prepare(d, w);
}

/* False: the write goes on. */
static bool complete(struct disk *d, struct disk_write *w, int result)
{
	int err = result < 0 ? result : 0;

	if (result > 0)
		w->done += (uint32_t)result;
	/* A write of 0 bytes never gets on. */
	if (result == 0)
		err = -EIO;
	if (err == -EAGAIN || err == -EINTR || (err == 0 && w->done < w->bytes)) {
		w->retries++;
		prepare(d, w);
		return false;
	}
	w->next_free = d->first_free;
	d->first_free = (uint32_t)(w - d->writes);
	d->in_flight--;
	d->done(d->arg, w->chunk, err, w->retries);
	return true;
}

static unsigned int reap(struct disk *d)
{
	struct io_uring_cqe *cqes[REAP_BATCH];
	unsigned int count = io_uring_peek_batch_cqe(&d->ring, cqes, REAP_BATCH);
	unsigned int done = 0;

	for (unsigned int i = 0; i < count; i++)
		done += complete(d, &d->writes[io_uring_cqe_get_data64(cqes[i])], cqes[i]->res);
	io_uring_cq_advance(&d->ring, count);
	return done;
}

unsigned int disk_turn(struct disk *d, uint64_t wait_ns)
{
	struct __kernel_timespec timeout = {.tv_nsec = (long long)wait_ns};
	struct io_uring_cqe *cqe;

	if (d->in_flight == 0)
		return 0;
	/* What these do not take (-EBUSY, -EAGAIN) goes the next time; -ETIME: nothing is done. */
	if (wait_ns > 0)
		(void)io_uring_submit_and_wait_timeout(
			&d->ring, &cqe, d->in_flight / 2 + 1, &timeout, NULL);
	else
		(void)io_uring_submit_and_get_events(&d->ring);
	d->submits += d->unsubmitted > 0;
	d->unsubmitted = io_uring_sq_ready(&d->ring);
	return reap(d);
}
