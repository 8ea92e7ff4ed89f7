#include "controlplane/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct worker {
	bool busy; /* control thread */
	pthread_t thread;
	int fd;
	atomic_bool finished; /* written by the thread, read by control */
	void (*run)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

struct workers {
	int fd;
	struct worker workers[WORKERS_MAX];
};

int workers_create(struct workers **out)
{
	struct workers *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->fd < 0) {
		int err = -errno;

		free(w);
		return err;
	}
	*out = w;
	return 0;
}

static void *run_worker(void *arg)
{
	struct worker *worker = arg;
	uint64_t one = 1;

	worker->run(worker->arg);
	atomic_store_explicit(&worker->finished, true, memory_order_release);
	if (write(worker->fd, &one, sizeof(one)) < 0)
		return NULL; /* the counter is at its top: the reader is awake already */
	return NULL;
}

/* The control thread may be a real-time one: its helpers are not. */
static int start_thread(struct worker *worker)
{
	struct sched_param ordinary = {0};
	sigset_t all;
	sigset_t before;
	pthread_attr_t attr;
	int err;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &ordinary);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&worker->thread, &attr, run_worker, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

int workers_start(struct workers *w, void (*run)(void *arg), void (*done)(void *arg), void *arg)
{
	struct worker *worker = w->workers;
	int err;

	while (worker < w->workers + WORKERS_MAX && worker->busy)
		worker++;
	if (worker == w->workers + WORKERS_MAX)
		return -EBUSY;
	worker->fd = w->fd;
	worker->run = run;
	worker->done = done;
	worker->arg = arg;
	atomic_store_explicit(&worker->finished, false, memory_order_relaxed);
	err = start_thread(worker);
	worker->busy = err == 0;
	return err;
}

static void finish(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	worker->busy = false;
	worker->done(worker->arg);
}

void workers_destroy(struct workers *w)
{
	if (!w)
		return;
	for (unsigned int i = 0; i < WORKERS_MAX; i++)
		if (w->workers[i].busy)
			finish(&w->workers[i]);
	close(w->fd);
	free(w);
}

int workers_fd(const struct workers *w)
{
	return w->fd;
}

void workers_poll(struct workers *w)
{
	uint64_t count;

	if (read(w->fd, &count, sizeof(count)) < 0)
		return;
	for (unsigned int i = 0; i < WORKERS_MAX; i++) {
		struct worker *worker = &w->workers[i];

		if (worker->busy && atomic_load_explicit(&worker->finished, memory_order_acquire))
			finish(worker);
	}
}
