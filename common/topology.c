#include "common/topology.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#define SIP_DEPTH 4096
#define UNKNOWN_DEPTH 2048
#define REST_DEPTH 256
#define COMMAND_DEPTH 16384
#define WATCHED_DEPTH 4096

static struct rte_ring *make_ring(
	const char *noun, unsigned int i, unsigned int j, unsigned int element, unsigned int depth)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s_%u_%u", noun, i, j);
	return rte_ring_create_elem(name, element, depth, (int)rte_socket_id(),
		RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

static bool make_rx_rings(struct topology *t, unsigned int rx)
{
	t->sip[rx] = make_ring("sip", rx, 0, sizeof(void *), t->sip_depth);
	t->unknown[rx] = make_ring("unknown", rx, 0, sizeof(void *), t->unknown_depth);
	t->rest[rx] = make_ring("rest", rx, 0, sizeof(void *), t->rest_depth);
	t->commands[rx] = make_ring("commands", rx, 0, TOPOLOGY_COMMAND_BYTES, t->command_depth);
	t->acks[rx] = make_ring("acks", rx, 0, sizeof(void *), t->command_depth);
	t->reinject[rx] = make_ring("reinject", rx, 0, sizeof(void *), t->unknown_depth);
	t->watched[rx] = make_ring("watched", rx, 0, TOPOLOGY_WATCHED_BYTES, t->watched_depth);
	return t->sip[rx] && t->unknown[rx] && t->rest[rx] && t->commands[rx] && t->acks[rx] &&
	       t->reinject[rx] && t->watched[rx];
}

static bool make_chunk_rings(struct topology *t, unsigned int rx, uint32_t chunks)
{
	for (unsigned int w = 0; w < t->writer_count; w++) {
		t->chunks[rx][w] = make_ring("chunks", rx, w, sizeof(uint32_t), chunks);
		t->empty[w][rx] = make_ring("empty", w, rx, sizeof(uint32_t), chunks);
		if (!t->chunks[rx][w] || !t->empty[w][rx])
			return false;
	}
	return true;
}

int topology_create(struct topology *t, unsigned int rx_count, unsigned int writer_count,
	uint32_t chunks_per_rx, struct errmsg *e)
{
	memset(t, 0, sizeof(*t));
	if (rx_count == 0 || rx_count > TOPOLOGY_RX_MAX || writer_count == 0 ||
		writer_count > TOPOLOGY_WRITERS_MAX)
		return errmsg_set(e, -EINVAL,
			"cores: 1 to %d rx and 1 to %d writers are possible, not %u and %u",
			TOPOLOGY_RX_MAX, TOPOLOGY_WRITERS_MAX, rx_count, writer_count);
	t->rx_count = rx_count;
	t->writer_count = writer_count;
	t->sip_depth = SIP_DEPTH;
	t->unknown_depth = UNKNOWN_DEPTH;
	t->rest_depth = REST_DEPTH;
	t->command_depth = COMMAND_DEPTH;
	t->watched_depth = WATCHED_DEPTH;
	for (unsigned int rx = 0; rx < rx_count; rx++) {
		if (!make_rx_rings(t, rx) || !make_chunk_rings(t, rx, chunks_per_rx)) {
			topology_destroy(t);
			return errmsg_set(
				e, -ENOMEM, "no memory for the rings: %s", rte_strerror(rte_errno));
		}
	}
	return 0;
}

void topology_destroy(struct topology *t)
{
	for (unsigned int rx = 0; rx < t->rx_count; rx++) {
		rte_ring_free(t->sip[rx]);
		rte_ring_free(t->unknown[rx]);
		rte_ring_free(t->rest[rx]);
		rte_ring_free(t->commands[rx]);
		rte_ring_free(t->acks[rx]);
		rte_ring_free(t->reinject[rx]);
		rte_ring_free(t->watched[rx]);
		for (unsigned int w = 0; w < t->writer_count; w++) {
			rte_ring_free(t->chunks[rx][w]);
			rte_ring_free(t->empty[w][rx]);
		}
	}
	memset(t, 0, sizeof(*t));
}

static void name_thread(struct thread *thread)
{
	static const char *const nouns[] = {"control", "rx", "writer", "helper", "finisher"};

	if (thread->kind == THREAD_CONTROL)
		snprintf(thread->name, sizeof(thread->name), "%s", nouns[thread->kind]);
	else
		snprintf(thread->name, sizeof(thread->name), "%s%u", nouns[thread->kind],
			thread->index);
}

void topology_adopt_control(struct topology *t, int core)
{
	struct thread *thread = &t->threads[t->thread_count++];

	thread->kind = THREAD_CONTROL;
	thread->core = core;
	thread->id = pthread_self();
	atomic_store(&thread->tid, gettid());
	name_thread(thread);
}

static void *enter(void *arg)
{
	struct thread *self = arg;

	pthread_setname_np(pthread_self(), self->name);
	atomic_store(&self->tid, gettid());
	(void)rte_thread_register(); /* refused: its mempool accesses go uncached, all else is the
					same */
	self->run(self, self->arg);
	rte_thread_unregister();
	return NULL;
}

static int set_affinity(pthread_attr_t *attr, int core)
{
	cpu_set_t set;
	cpu_set_t all;
	int count = CPU_SETSIZE;

	CPU_ZERO(&set);
	if (core != TOPOLOGY_ANY_CORE) {
		CPU_SET((size_t)core, &set);
		return pthread_attr_setaffinity_np(attr, sizeof(set), &set);
	}
	/* EAL pinned the control thread, and threads inherit that. */
	CPU_ZERO(&all);
	for (int i = 0; i < count; i++)
		CPU_SET((size_t)i, &all);
	return pthread_attr_setaffinity_np(attr, sizeof(all), &all);
}

int topology_start(struct topology *t, enum thread_kind kind, unsigned int index, int core,
	void (*run)(struct thread *self, void *arg), void *arg, struct errmsg *e)
{
	struct thread *thread = &t->threads[t->thread_count];
	pthread_attr_t attr;
	sigset_t all;
	sigset_t before;
	int err;

	if (t->thread_count == TOPOLOGY_THREADS_MAX)
		return errmsg_set(e, -ENOSPC, "more than %d threads", TOPOLOGY_THREADS_MAX);
	thread->kind = kind;
	thread->index = index;
	thread->core = core;
	thread->run = run;
	thread->arg = arg;
	atomic_store(&thread->stop, false);
	name_thread(thread);
	pthread_attr_init(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = set_affinity(&attr, core);
	if (err == 0)
		err = pthread_create(&thread->id, &attr, enter, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (err != 0)
		return errmsg_set(e, -err,
			"cannot start %s on core %d: %s (see cores in the configuration)",
			thread->name, core, strerror(err));
	thread->started = true;
	t->thread_count++;
	return 0;
}

void topology_stop(struct topology *t, enum thread_kind kind)
{
	for (unsigned int i = 0; i < t->thread_count; i++)
		if (t->threads[i].kind == kind && t->threads[i].started)
			atomic_store_explicit(&t->threads[i].stop, true, memory_order_release);
	for (unsigned int i = 0; i < t->thread_count; i++) {
		if (t->threads[i].kind != kind || !t->threads[i].started)
			continue;
		pthread_join(t->threads[i].id, NULL);
		t->threads[i].started = false;
	}
}
