/* The rx core: takes packets from its queues, says of each what becomes of it, and copies those
 * that are to be recorded into their streams' chunks.
 *
 * One turn: commands of the control thread; packets that it gives back; a burst from each queue;
 * chunks that have come to their age. In live mode a turn makes no system call, takes no lock,
 * allocates nothing, logs nothing. In lossless mode (--read) it waits where live mode would drop,
 * and after each hand-over until the control thread is done with it.
 *
 * Owned by its thread, but for what is marked. */
#ifndef LEGTAP_DATAPLANE_RX_H
#define LEGTAP_DATAPLANE_RX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/counters.h"
#include "common/topology.h"
#include "dataplane/burst.h"
#include "dataplane/filling.h"
#include "dataplane/gate.h"
#include "dataplane/handover.h"

#define RX_QUEUES_MAX 64

/* Where packets come from: a queue of a port, a capture, a test. */
struct rx_queue {
	/* Fills at most `count` mbufs. Returns how many: 0 means that there are none now. */
	uint16_t (*burst)(void *source, struct rte_mbuf **mbufs, uint16_t count);
	/* True when there will never be more; NULL: there always may. */
	bool (*ended)(void *source);
	void *source;
	uint32_t capacity; /* frames that may wait in it */
	uint8_t port;	   /* index in the configuration */
	bool own_times;	   /* the source fills the packets' private areas */
	/* What arrived before clear_ns has been polled. At mark_ns at most `capacity` frames
	 * waited, of which `unseen` may still do. */
	uint64_t clear_ns;
	uint64_t mark_ns;
	uint32_t unseen;
};

struct rx_config {
	unsigned int index; /* of the core */
	const struct dataplane_config *dataplane;
	struct topology *topology;
	const struct chunk_pool *pool;
	struct stream_table *table;
	struct handover *handover;     /* NULL: live */
	struct rte_mempool *fragments; /* see fragment.h */
	/* By port: what is answered there; one without addresses: nothing. NULL: no port answers.
	 */
	const struct neighbour_addresses *answered;
};

struct rx {
	unsigned int index;
	struct stream_table *table;
	struct topology *topology;
	struct handover *handover; /* NULL: live */
	unsigned int queue_count;
	struct rx_queue queues[RX_QUEUES_MAX];
	struct burst_rules rules;
	struct fragments *fragments;
	struct filling filling;
	struct gates gates;
	uint64_t tick_ns; /* the next tick; 0: none yet */
	uint64_t now_ns;  /* of the last burst */
	bool ended;	  /* all its sources are at their end, and control knows */
	unsigned int sip_count;
	unsigned int unknown_count;
	unsigned int rest_count;
	struct rte_mbuf *sip[BURST_PACKETS]; /* of this burst, for the control thread */
	struct rte_mbuf *unknown[BURST_PACKETS];
	struct rte_mbuf *rest[BURST_PACKETS];
	struct burst polled;
	struct burst reinjected;
	struct tail_scratch scratch;
	uint64_t tally[RX_COUNTER_COUNT]; /* since the last time that it was added to counters */
	/* Quiet points: when it has grown by two, the core looks at no stream that left the table
	 * before. Read by control. */
	_Atomic uint64_t turns __attribute__((aligned(64)));
	counter counters[RX_COUNTER_COUNT] __attribute__((aligned(64))); /* read by any thread */
};

/* Makes an rx core without queues. 0 or -ENOMEM. Control. */
int rx_create(struct rx **out, const struct rx_config *config);
void rx_destroy(struct rx *rx);

/* Adds a queue; before the thread starts. 0 or -ENOSPC. */
int rx_add_queue(struct rx *rx, const struct rx_queue *queue);

/* One turn. Returns how many packets it took. */
unsigned int rx_turn(struct rx *rx);

/* Hands over every chunk; the last thing that the thread does. */
void rx_finish(struct rx *rx);

/* The thread's function (topology_start); arg: the struct rx. */
void rx_run(struct thread *self, void *arg);

#endif
