/* Answers ARP, neighbour discovery and ping at a port, for addresses of legtap's own: takes what
 * the rx cores hand over for it, and sends by the port's one transmit queue, which nobody else
 * uses. Announces the addresses when the link comes up.
 *
 * Control thread. Sends at most 1,000 answers a second of each kind (neighbours, ping), after a
 * burst of 256; what the port does not take at once is lost and counted. */
#ifndef LEGTAP_DATAPLANE_RESPONDER_H
#define LEGTAP_DATAPLANE_RESPONDER_H

#include "common/errmsg.h"
#include "dataplane/dataplane.h"
#include "dataplane/neighbour.h"
#include "dataplane/port.h"

struct rte_mbuf;
struct rte_mempool;

/* What may be sent: each answer costs an interval, from a credit that time refills. */
struct answer_budget {
	uint64_t spent_ns; /* up to this time */
};

struct responder {
	const struct port *port; /* NULL: nothing is answered */
	struct neighbour_self self;
	struct rte_mempool *pool;
	struct answer_budget neighbours;
	struct answer_budget echoes;
	unsigned int announcements; /* that are still to come */
	uint64_t announce_ns;	    /* the next look at the link */
	uint64_t conflict_ns;	    /* when a conflict was last told of */
	uint64_t counts[ANSWER_COUNTER_COUNT];
};

/* Which addresses a port of a configuration answers for. */
void responder_choose(
	const struct dataplane_config *config, unsigned int port, struct neighbour_addresses *out);

/* With no address nothing is made. Both arguments must outlive it. 0, or -errno with a message:
 * -ENOTSUP when the driver cannot send, -ENOMEM. */
int responder_create(struct responder *r, const struct port *port,
	const struct neighbour_addresses *addresses, struct errmsg *e);

/* After its port has been closed. One that was never made (zeroes) is legal. */
void responder_destroy(struct responder *r);

/* Answers a frame, or counts why it does not. The mbuf stays the caller's. */
void responder_take(struct responder *r, struct rte_mbuf *m, uint64_t now_ns);

/* Looks at the link once a second; when it has come up, announces each address three times, a
 * second apart. To be called often. */
void responder_announce(struct responder *r, uint64_t now_ns);

#endif
