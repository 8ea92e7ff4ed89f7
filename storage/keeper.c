#include "storage/keeper.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "storage/checkpoint.h"
#include "storage/event.h"

#define LOOK_NS 1000000000ULL
#define TELL_NS 10000000000ULL /* from one warning to the next */
#define NEVER UINT64_MAX

struct keeper {
	struct keeper_setup setup;
	struct inbox inbox; /* only to be woken */
	_Atomic uint64_t free_bytes;
	uint64_t looked_ns;
	uint64_t bytes_per_s; /* by which the free space shrinks, smoothed over some seconds */
	uint64_t told_ns;     /* 0: not since there was enough */
	bool failed;	      /* a checkpoint; logged */
};

static void keep_checkpoints(struct keeper *k)
{
	for (unsigned int w = 0; w < k->setup.writer_count; w++) {
		int err = checkpoint_write(
			k->setup.spool, &k->setup.run, w, writer_written_ns(k->setup.writers[w]));

		if (err != 0 && !k->failed)
			log_error("spool", "cannot write a checkpoint in %s: %s",
				k->setup.spool->path, strerror(-err));
		k->failed = err != 0;
	}
	if (syncfs(k->setup.spool->recordings_fd) != 0)
		log_error("spool", "cannot sync %s: %s", k->setup.spool->path, strerror(errno));
}

static void tell_space(struct keeper *k, uint64_t free_bytes, uint64_t now)
{
	struct event *e;

	if (free_bytes >= k->setup.reserve_bytes) {
		k->told_ns = 0;
		return;
	}
	if (k->told_ns != 0 && now - k->told_ns < TELL_NS)
		return;
	e = calloc(1, sizeof(*e));
	if (!e)
		return; /* again in a second */
	k->told_ns = now;
	e->letter.kind = EVENT_SPACE;
	e->space.free_bytes = free_bytes;
	e->space.bytes_per_s = k->bytes_per_s;
	inbox_put(k->setup.results, &e->letter);
}

static void look_at_space(struct keeper *k, uint64_t now)
{
	uint64_t before = atomic_load_explicit(&k->free_bytes, memory_order_relaxed);
	uint64_t free_bytes;
	uint64_t rate;

	if (spool_free_bytes(k->setup.spool, &free_bytes) != 0)
		return;
	if (k->looked_ns != 0 && now > k->looked_ns) {
		rate = before > free_bytes ? before - free_bytes : 0;
		rate = (uint64_t)((double)rate * 1e9 / (double)(now - k->looked_ns));
		k->bytes_per_s = (7 * k->bytes_per_s + rate) / 8;
	}
	k->looked_ns = now;
	atomic_store_explicit(&k->free_bytes, free_bytes, memory_order_relaxed);
	tell_space(k, free_bytes, now);
}

void keeper_run(struct thread *self, void *arg)
{
	struct keeper *k = arg;
	uint64_t keep_ns = k->setup.lossless ? NEVER : 0;
	uint64_t look_ns = 0;

	while (!thread_should_stop(self)) {
		uint64_t now = clock_now_ns();

		if (now >= look_ns) {
			look_at_space(k, now);
			look_ns = now + LOOK_NS;
		}
		if (now >= keep_ns) {
			keep_checkpoints(k);
			keep_ns = now + k->setup.max_age_ns;
		}
		inbox_wait(&k->inbox, 100);
	}
}

void keeper_wake(struct keeper *k)
{
	inbox_wake(&k->inbox);
}

int keeper_create(struct keeper **out, const struct keeper_setup *setup)
{
	struct keeper *k = calloc(1, sizeof(*k));
	uint64_t free_bytes = 0;
	int err;

	if (!k)
		return -ENOMEM;
	k->setup = *setup;
	err = inbox_open(&k->inbox, true);
	if (err != 0) {
		free(k);
		return err;
	}
	(void)spool_free_bytes(setup->spool, &free_bytes); /* 0 until it can be told */
	atomic_store(&k->free_bytes, free_bytes);
	*out = k;
	return 0;
}

void keeper_destroy(struct keeper *k)
{
	if (!k)
		return;
	inbox_close(&k->inbox);
	free(k);
}

uint64_t keeper_free_bytes(const struct keeper *k)
{
	return atomic_load_explicit(&k->free_bytes, memory_order_relaxed);
}
