/* A dataplane of one rx core without its thread and without ports: the tests put frames into its
 * queues, turn it, and are the control thread and the writer. */
#ifndef LEGTAP_TESTS_RX_FIXTURE_H
#define LEGTAP_TESTS_RX_FIXTURE_H

#include "dataplane/plane.h"

#define FIXTURE_QUEUES 2
#define FIXTURE_FRAMES 512 /* that may wait in a queue */
#define FIXTURE_COOKIES 65536
#define FIXTURE_UNKNOWN 4096
#define FIXTURE_WATCHED 8192
#define FIXTURE_FRAGMENTS 100 /* that may wait */
#define FIXTURE_FRAGMENT_POOL 255
#define FIXTURE_HOLD_NS 1000000000ULL

/* A queue as a NIC has it: frames wait in it until they are polled. */
struct fixture_queue {
	struct rte_mbuf *frames[FIXTURE_FRAMES];
	unsigned int first;
	unsigned int count;
};

struct fixture {
	struct dataplane *d;
	struct rx *rx;
	struct topology topology;
	struct chunk_pool chunks;
	struct rte_mempool *pool;
	struct fixture_queue queues[FIXTURE_QUEUES];
	uint32_t frames; /* of all chunks that came to the writer */
	unsigned int acked_count;
	uint64_t acked[FIXTURE_COOKIES];
	unsigned int sip_count;
	unsigned int watched_count;
	struct watched_packet watched[FIXTURE_WATCHED];
	void *watchers[FIXTURE_WATCHED];
	unsigned int unknown_count;
	struct rte_mbuf *unknown[FIXTURE_UNKNOWN]; /* the test's to free or to give back */
};

/* Starts EAL. Once a program. */
void fixture_start_eal(void);

/* streams, chunks: how many there are; capacity: of a queue. */
struct fixture *fixture_make(uint32_t streams, uint32_t chunks, uint32_t capacity);

/* Checks rule 1, and that every mbuf has come back. */
void fixture_end(struct fixture *f);

/* Makes a frame of `bytes` behind UDP from 10.0.0.1:`port` to 10.0.0.2:6000, and puts it into a
 * queue. */
void fixture_give(
	struct fixture *f, unsigned int queue, uint16_t port, const void *payload, uint32_t bytes);

/* Puts a frame into a queue as it is. */
void fixture_give_frame(struct fixture *f, unsigned int queue, const void *bytes, uint32_t count);

/* An RTP packet of 20 ms. */
void fixture_give_rtp(struct fixture *f, unsigned int queue, uint16_t port, uint16_t sequence);

struct flow fixture_flow(uint16_t port);

/* Adds the stream of a port. */
stream_id fixture_add(
	struct fixture *f, uint16_t port, enum gate gate, track_ref track, uint64_t open_ns);
void fixture_set(struct fixture *f, stream_id id, enum gate gate, track_ref track, uint64_t open_ns,
	uint64_t cookie);

/* dataplane_poll: what came is in f->acked, f->watched, f->sip_count, f->unknown. */
void fixture_poll(struct fixture *f);

/* How many frames of a track are in the chunks that were handed over since the last call; those of
 * other tracks are counted in f->frames and gone. The chunks go back. */
uint32_t fixture_written(struct fixture *f, track_ref track);

uint64_t fixture_count(const struct fixture *f, enum rx_counter counter);

#endif
