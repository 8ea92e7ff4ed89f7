/* A port: a DPDK ethdev that is received from. It has one queue to send by, where its driver has
 * one, which is for answers to ARP and ping alone (responder.h).
 *
 * Arrival times are those of the poll: no driver of DPDK 22.11 that is likely here gives receive
 * timestamps on a clock of known epoch and rate (af_packet and pcap have none or put the poll's
 * time in; NICs count cycles of their own oscillator), so they are not asked for.
 *
 * Control thread; the queues are polled by rx cores. */
#ifndef LEGTAP_DATAPLANE_PORT_H
#define LEGTAP_DATAPLANE_PORT_H

#include "common/errmsg.h"
#include "dataplane/dataplane.h"
#include "dataplane/device.h"
#include "dataplane/rx.h"

#define PORT_FRAME_BYTES 9216 /* when the configuration has none */
#define PORT_QUEUES_MAX RX_QUEUES_MAX

/* A queue of a port, as an rx core's source. */
struct port_queue {
	uint16_t port; /* DPDK's number */
	uint16_t queue;
};

struct port {
	const struct dataplane_port_config *config; /* the caller's */
	unsigned int index;			    /* in the configuration */
	uint16_t id;				    /* DPDK's number */
	bool started;
	bool promiscuous;
	bool transmits; /* it has a queue to send by */
	char name[DEVICE_NAME_BYTES];
	char interface[DEVICE_NAME_BYTES]; /* of the kernel, when it is an af_packet port; or "" */
	const char *driver;
	unsigned int queue_count;
	uint32_t queue_capacity; /* frames */
	uint32_t frame_bytes;
	uint64_t socket_drops;
	struct rte_mempool *pool;
	struct port_queue queues[PORT_QUEUES_MAX];
};

/* Opens and starts the device of a configuration, for rx_count rx cores. spare_packets: mbufs that
 * rings and cores may hold beside its queues. 0, or -errno with a message that names the remedy. */
int port_open(struct port *p, const struct dataplane_port_config *config, unsigned int index,
	unsigned int rx_count, unsigned int spare_packets, struct errmsg *e);

/* Stops and closes the device, and frees its pool, of which no mbuf may be in use any more. */
void port_close(struct port *p);

/* Queue q, as an rx core polls it. */
struct rx_queue port_queue(struct port *p, unsigned int q);

void port_stats(struct port *p, struct dataplane_port_stats *out);

#endif
