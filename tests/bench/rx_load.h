/* A load on an rx core: packets of a source (packet_source.h), what they are to the recorder, and a
 * sink in the place of the control thread and the writers, which takes full chunks from the ring,
 * looks into a few of them, and gives them back. Every packet is accounted for; the program ends
 * when one is not. One thread's. */
#ifndef LEGTAP_BENCH_RX_LOAD_H
#define LEGTAP_BENCH_RX_LOAD_H

#include "dataplane/rx.h"
#include "tests/bench/packet_source.h"

#define LOAD_QUEUES_MAX 8

/* What is the same for all loads of a run. */
struct load_options {
	uint32_t chunk_kib;
	uint32_t payload_bytes;
	uint32_t packets; /* mbufs in the sources' pool */
};

struct load {
	const char *name;
	uint32_t known;	  /* streams; or, of no stream, flows */
	uint32_t sending; /* of them */
	enum gate gate;
	enum rx_counter outcome; /* that each packet must have */
	bool not_rtp;
	bool no_stream;	     /* the flows are not in the table */
	bool tagged;	     /* in VLANs */
	uint32_t ended;	     /* streams that were added and removed before */
	unsigned int queues; /* that the packets come from, in turn; 0: one */
};

struct sink {
	uint64_t cycles;
	uint64_t packets; /* that came to the control thread */
	uint64_t chunks;
	uint64_t frames;
	uint64_t chunks_read;
	uint64_t frames_read;
	uint64_t wrong; /* frames */
};

struct loaded_rx {
	struct load_options options;
	const struct load *load;
	struct rte_mempool *packets;
	struct packet_source source;
	struct packet_source freed; /* the baseline's, so that the load sees every lap */
	struct topology topology;
	struct chunk_pool chunks;
	struct stream_table table;
	struct rx *rx;
	struct sink sink;
};

/* Memory that a load takes at most, in bytes. */
uint64_t loaded_rx_bytes(const struct load *load, const struct load_options *options);

/* Makes the rx core, its streams, its source. Needs EAL. Ends the program when it cannot. */
void loaded_rx_create(
	struct loaded_rx *l, const struct load *load, const struct load_options *options);
void loaded_rx_destroy(struct loaded_rx *l);

/* Takes what the rx core has handed over. */
void loaded_rx_drain(struct loaded_rx *l);

/* Between bursts: received = recorded + not wanted + dropped + in flight, to the packet; and each
 * has the outcome that is right. Ends the program when it is not so. */
void loaded_rx_check(struct loaded_rx *l);

/* Hands over everything and checks that nothing is in flight. */
void loaded_rx_finish(struct loaded_rx *l);

/* Ends the program. */
_Noreturn void bench_die(const char *what, const char *why);

#endif
