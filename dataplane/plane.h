/* The dataplane itself, for the files that implement dataplane.h: dataplane.c (its making, its
 * threads, the rings to the control thread) and streams.c (streams, gates, packets given back). All
 * of it is the control thread's, but for what its parts say. */
#ifndef LEGTAP_DATAPLANE_PLANE_H
#define LEGTAP_DATAPLANE_PLANE_H

#include <rte_mbuf.h>

#include "dataplane/capture_port.h"
#include "dataplane/command.h"
#include "dataplane/dataplane.h"
#include "dataplane/handover.h"
#include "dataplane/port.h"
#include "dataplane/responder.h"
#include "dataplane/rx.h"
#include "dataplane/stream_table.h"

/* Packets that are to be given back to an rx core whose ring is full, or whose commands, which must
 * be sent before, are not all sent. Linked by their private areas. */
struct packet_backlog {
	struct rte_mbuf *first;
	struct rte_mbuf *last;
};

/* The control thread's side of an rx core. */
struct plane_rx {
	struct rx *rx;
	struct command_queue commands;
	struct packet_backlog reinject;
};

struct dataplane {
	struct dataplane_config config;
	struct topology *topology;
	struct stream_table table;
	uint32_t leaving; /* removed streams whose rx core may still look at them: oldest */
	uint32_t leaving_last;
	struct handover handover;
	struct plane_rx rx[TOPOLOGY_RX_MAX];
	unsigned int port_count;
	struct port ports[DATAPLANE_PORTS_MAX];
	struct neighbour_addresses answered[DATAPLANE_PORTS_MAX]; /* written before rx starts */
	struct responder responders[DATAPLANE_PORTS_MAX];
	struct capture_port *capture;
	struct rte_mempool *copies;
	struct rte_mempool *fragments; /* NULL: none are put together */
	bool running;
};

/* Sends what was kept of commands and packets. Returns how many. */
unsigned int streams_flush(struct dataplane *d);

/* An rx core has acknowledged the removal of a stream: takes it out of the table. Returns the
 * cookie of its removal. */
uint64_t streams_removed(struct dataplane *d, uint32_t stream);

/* Who watches a stream; NULL: nobody, or the id is stale. */
void *stream_watcher(const struct dataplane *d, stream_id id);

/* Frees the mbufs that are still to be given back. */
void streams_drop_backlog(struct dataplane *d);

#endif
