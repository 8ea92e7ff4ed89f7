/* Every thread, core and ring of the process, in one place.
 *
 *   ring      producer → consumer  holds
 *             depth; what happens when it is full
 *
 *   chunks    rx × writer          chunk indexes
 *             all chunks of the rx core; cannot be
 *   empty     writer × rx          chunk indexes
 *             all chunks of the rx core; cannot be
 *   sip       rx → control         mbufs
 *             sip_depth; drop_sip_ring_full (--read: rx waits)
 *   unknown   rx → control         mbufs
 *             unknown_depth; drop_unknown_ring_full (--read: rx waits)
 *   rest      rx → control         mbufs: ARP, neighbour discovery, ping
 *             rest_depth; drop_rest_ring_full (--read: none)
 *   commands  control → rx         struct command
 *             command_depth; control keeps the rest in its backlog
 *   acks      rx → control         cookies
 *             command_depth; cannot be: no more commands than that are under way
 *   reinject  control → rx         mbufs
 *             unknown_depth; control keeps the rest
 *   watched   rx → control         struct watched_packet
 *             watched_depth; watched_lost (the packet itself goes its way)
 *
 * Mailboxes (common/mailbox.h): control ↔ writers, helpers, finishers; their depths are in
 * storage/.
 *
 * Threads start in the order finishers, helpers, writers, rx, and stop in reverse: whoever produces
 * stops before whoever consumes. The control thread is the main one. */
#ifndef LEGTAP_COMMON_TOPOLOGY_H
#define LEGTAP_COMMON_TOPOLOGY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/chunk.h"
#include "common/errmsg.h"

#define TOPOLOGY_RX_MAX 16
#define TOPOLOGY_WRITERS_MAX 16
#define TOPOLOGY_FINISHERS_MAX 16
#define TOPOLOGY_THREADS_MAX 80
#define TOPOLOGY_ANY_CORE (-1)

struct rte_ring;

enum thread_kind { THREAD_CONTROL, THREAD_RX, THREAD_WRITER, THREAD_HELPER, THREAD_FINISHER };

/* One thread. Written before it starts, but for what is marked. */
struct thread {
	enum thread_kind kind;
	unsigned int index; /* among its kind */
	int core;	    /* TOPOLOGY_ANY_CORE: wherever the scheduler likes */
	char name[16];	    /* "rx0", "writer1": as ps(1) shows it */
	pthread_t id;
	_Atomic pid_t tid; /* written by the thread, read by control */
	atomic_bool stop;  /* written by control, read by the thread */
	void (*run)(struct thread *self, void *arg);
	void *arg;
	bool started;
};

struct topology {
	unsigned int rx_count;
	unsigned int writer_count;
	unsigned int thread_count;
	struct thread threads[TOPOLOGY_THREADS_MAX];
	unsigned int sip_depth;
	unsigned int unknown_depth;
	unsigned int rest_depth;
	unsigned int command_depth;
	unsigned int watched_depth;
	struct rte_ring *chunks[TOPOLOGY_RX_MAX][TOPOLOGY_WRITERS_MAX];
	struct rte_ring *empty[TOPOLOGY_WRITERS_MAX][TOPOLOGY_RX_MAX];
	struct rte_ring *sip[TOPOLOGY_RX_MAX];
	struct rte_ring *unknown[TOPOLOGY_RX_MAX];
	struct rte_ring *rest[TOPOLOGY_RX_MAX];
	struct rte_ring
		*commands[TOPOLOGY_RX_MAX]; /* elements of 32 bytes: dataplane's struct command */
	struct rte_ring *acks[TOPOLOGY_RX_MAX];
	struct rte_ring *reinject[TOPOLOGY_RX_MAX];
	struct rte_ring
		*watched[TOPOLOGY_RX_MAX]; /* elements of 32 bytes: dataplane's watched_packet */
};

#define TOPOLOGY_COMMAND_BYTES 32
#define TOPOLOGY_WATCHED_BYTES 32

/* Makes all rings. chunks_per_rx sizes the chunk rings. Needs a running EAL. 0 or -errno with a
 * message. */
int topology_create(struct topology *t, unsigned int rx_count, unsigned int writer_count,
	uint32_t chunks_per_rx, struct errmsg *e);

/* Frees the rings; mbufs in them must have been taken out. */
void topology_destroy(struct topology *t);

/* Enters the calling thread as the control thread. */
void topology_adopt_control(struct topology *t, int core);

/* Starts a thread: named, pinned to core when that is not TOPOLOGY_ANY_CORE, signals blocked,
 * registered with EAL (so that mempool caches work). `run` returns when self->stop is set and its
 * work is done. The run argument must outlive it. 0 or -errno with a message. Control thread. */
int topology_start(struct topology *t, enum thread_kind kind, unsigned int index, int core,
	void (*run)(struct thread *self, void *arg), void *arg, struct errmsg *e);

/* Asks all threads of a kind to stop, and joins them. Wakers for sleeping threads are the caller's
 * business: a thread that sleeps must look at self->stop at least every 100 ms. Control thread. */
void topology_stop(struct topology *t, enum thread_kind kind);

static inline bool thread_should_stop(const struct thread *self)
{
	return atomic_load_explicit(&self->stop, memory_order_acquire);
}

#endif
