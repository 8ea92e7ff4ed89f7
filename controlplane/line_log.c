#include "controlplane/line_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <liburing.h>

#define APPEND ((uint64_t)-1)

struct text {
	char *bytes;
	size_t used;
	size_t room;
};

struct line_log {
	int fd;
	struct io_uring ring;
	bool writing;
	struct text now; /* being written, from `written` on */
	size_t written;
	struct text next;
	int err; /* of a write, not yet told */
};

int line_log_open(struct line_log **out, const char *path)
{
	struct line_log *log = calloc(1, sizeof(*log));
	int err;

	if (!log)
		return -ENOMEM;
	log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (log->fd < 0) {
		err = -errno;
		free(log);
		return err;
	}
	err = io_uring_queue_init(2, &log->ring, 0);
	if (err != 0) {
		close(log->fd);
		free(log);
		return err;
	}
	*out = log;
	return 0;
}

static void submit(struct line_log *log)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&log->ring);
	int err;

	io_uring_prep_write(sqe, log->fd, log->now.bytes + log->written,
		(unsigned int)(log->now.used - log->written), APPEND);
	err = io_uring_submit(&log->ring);
	log->writing = err >= 0;
	if (err < 0)
		log->err = err;
}

static void write_next(struct line_log *log)
{
	struct text done = log->now;

	log->now = log->next;
	log->next = done;
	log->next.used = 0;
	log->written = 0;
	if (log->now.used)
		submit(log);
}

static void take_result(struct line_log *log, struct io_uring_cqe *cqe)
{
	int result = cqe->res;

	io_uring_cqe_seen(&log->ring, cqe);
	log->writing = false;
	if (result <= 0 && result != -EINTR && result != -EAGAIN) {
		log->err = result ? result : -EIO;
		log->now.used = 0;
	} else if (result > 0) {
		log->written += (size_t)result;
	}
	if (log->written < log->now.used)
		submit(log);
	else
		log->now.used = 0;
}

static int add(struct text *t, const char *line)
{
	size_t bytes = strlen(line);
	size_t room = t->room ? t->room : 4096;
	char *more;

	while (room < t->used + bytes)
		room *= 2;
	if (room != t->room) {
		more = realloc(t->bytes, room);
		if (!more)
			return -ENOMEM;
		t->bytes = more;
		t->room = room;
	}
	memcpy(t->bytes + t->used, line, bytes);
	t->used += bytes;
	return 0;
}

void line_log_poll(struct line_log *log)
{
	struct io_uring_cqe *cqe;

	while (log && log->writing && io_uring_peek_cqe(&log->ring, &cqe) == 0)
		take_result(log, cqe);
	if (log && !log->writing && log->next.used)
		write_next(log);
}

int line_log_append(struct line_log *log, const char *line)
{
	int err = add(&log->next, line);

	line_log_poll(log);
	if (err == 0)
		err = log->err;
	log->err = 0;
	return err;
}

void line_log_close(struct line_log *log)
{
	struct io_uring_cqe *cqe;

	if (!log)
		return;
	while (log->writing || log->next.used) {
		if (!log->writing) {
			write_next(log);
			if (!log->writing)
				break;
		}
		if (io_uring_wait_cqe(&log->ring, &cqe) == 0)
			take_result(log, cqe);
	}
	io_uring_queue_exit(&log->ring);
	close(log->fd);
	free(log->now.bytes);
	free(log->next.bytes);
	free(log);
}
