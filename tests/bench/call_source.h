/* Calls without a network: the packets of a port of legtapd, made where its driver gives them.
 *
 * The port is DPDK's net_null; a receive callback (rte_eth_add_rx_callback) writes into each mbuf
 * what a mirror would show: first the signalling and the first audio of each leg, at a rate; then
 * G.711 of 20 ms of every stream, a lap every 20 ms in an order that is new in each lap, paced at
 * real time. What is not polled in time is lost, as at a NIC whose ring is full, and counted. All
 * state is the rx thread's, but for what is marked. */
#ifndef LEGTAP_BENCH_CALL_SOURCE_H
#define LEGTAP_BENCH_CALL_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/stream_table.h"

#define CALL_PAYLOAD_BYTES 160U
#define CALL_BACKLOG_MOST 2048U /* packets that wait at a NIC for their poll */

enum call_phase { CALLS_SET_UP, CALLS_MEDIA, CALLS_STOPPED };

struct call_source {
	uint32_t legs; /* of two streams each */
	double legs_per_s;
	const struct stream_table *table; /* to see when a flow is there */
	_Atomic int phase;		  /* written by the control thread */
	_Atomic uint32_t legs_seen; /* whose flow is in the table; read by the control thread */
	_Atomic uint64_t rtp;	    /* packets given; read by the control thread */
	_Atomic uint64_t sip;
	_Atomic uint64_t missed; /* lost before the poll */
	uint64_t cycles;	 /* of the callback, for packets that it gave */
	int began;		 /* the phase that started_ns and due_done are of */
	uint64_t started_ns;
	uint64_t *answered_ns; /* by leg: when its 200 was given */
	float *seen_us;	       /* by leg: from then on, until its flow was in the table */
	uint32_t legs_given;
	unsigned int step; /* of the leg that is being given */
	uint64_t due_done; /* packets of the phase that were given or missed */
	uint32_t lap;
	uint32_t left;
	uint32_t at;
	uint32_t stride;
	uint64_t random;
};

/* legs x 2 streams. 0 or -ENOMEM. */
int call_source_create(struct call_source *s, uint32_t legs, double legs_per_s);
void call_source_destroy(struct call_source *s);

/* From now on the port gives what s makes. 0 or -errno. */
int call_source_attach(struct call_source *s, uint16_t port);

/* True when an RTP packet is one of this source, unaltered; *stream and *lap tell which. */
bool call_source_check(const uint8_t *rtp, uint32_t bytes, uint32_t *stream, uint16_t *lap);

#endif
