/* Packets without a network card: a queue that an rx core polls like that of a port.
 *
 * Like a NIC's, its ring of descriptors holds mbufs that were filled a while ago, so that a packet
 * polled is no longer in the first cache, and polling replaces those that it takes. Every stream
 * sends one packet a lap, in an order that is new in each lap; sequence numbers, timestamps, SSRC
 * and addresses are written anew into each. The payload stays in the mbuf, as the frame of a NIC
 * would be written by the NIC. One thread's. */
#ifndef LEGTAP_BENCH_PACKET_SOURCE_H
#define LEGTAP_BENCH_PACKET_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/dataplane.h"

#define SOURCE_DESCRIPTORS 2048U /* as a port of legtapd has */
#define PACKET_SOURCE_VLANS 4000U

struct packet_source_config {
	uint32_t streams;	/* whose flows packet_source_flow tells */
	uint32_t sending;	/* so many of them, chosen at random, send */
	uint32_t payload_bytes; /* of RTP, its header not counted */
	bool rtp;		/* or UDP that is not RTP */
	bool tagged;		/* each stream is in one of PACKET_SOURCE_VLANS VLANs */
};

struct packet_source {
	struct rte_mempool *pool;
	uint32_t streams;
	uint32_t sending;
	uint32_t payload_bytes;
	bool rtp;
	bool tagged;
	uint32_t *order; /* the streams, shuffled; the first `sending` send */
	uint32_t at;	 /* in order: where the lap is */
	uint32_t step;	 /* of this lap; relatively prime to sending */
	uint32_t left;	 /* packets of this lap that are still to come */
	uint32_t lap;
	uint64_t random;
	uint64_t sent; /* packets that were polled */
	uint32_t next; /* descriptor */
	struct rte_mbuf *descriptors[SOURCE_DESCRIPTORS];
};

/* A pool of `count` mbufs whose frames are complete but for what the source writes. NULL with
 * rte_errno without memory. */
struct rte_mempool *packet_source_pool(unsigned int count, uint32_t payload_bytes, bool tagged);

/* Begins with lap 1. 0 or -ENOMEM. */
int packet_source_create(struct packet_source *s, struct rte_mempool *pool,
	const struct packet_source_config *config);
void packet_source_destroy(struct packet_source *s);

/* rx_queue.burst */
uint16_t packet_source_burst(void *source, struct rte_mbuf **mbufs, uint16_t count);

/* The flow of a stream. */
struct flow packet_source_flow(uint32_t stream, bool tagged);

/* True when an RTP packet of payload_bytes behind its header is one of this source, unaltered.
 * *stream and *lap tell which. */
bool packet_source_check(
	const uint8_t *rtp, uint32_t payload_bytes, uint32_t *stream, uint16_t *lap);

#endif
