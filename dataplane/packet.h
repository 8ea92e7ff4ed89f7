/* The private area of an mbuf: what is known of the frame in it. The pools of the dataplane make
 * room for it.
 *
 * A port's frames have an area that is empty until an rx core hands the packet to the control
 * thread; a capture's are filled by the reader. Whoever owns the mbuf owns the area. */
#ifndef LEGTAP_DATAPLANE_PACKET_H
#define LEGTAP_DATAPLANE_PACKET_H

#include <rte_mbuf.h>

#include "dataplane/dataplane.h"
#include "dataplane/decap.h"

struct packet_area {
	struct packet packet;
	struct rte_mbuf *next; /* in a queue of the control thread's */
	uint64_t since_ns;     /* it surely did not arrive before */
	uint32_t wire_bytes;   /* the frame's length, when a capture cut it */
	uint8_t link;	       /* enum link_type */
};

#define PACKET_AREA_BYTES RTE_ALIGN(sizeof(struct packet_area), RTE_MBUF_PRIV_ALIGN)

static inline struct packet_area *packet_area_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

/* Describes a packet that an rx core hands over: all of `packet` but its arrival and port, which
 * are the source's to tell. The rx core. */
void packet_describe(struct rte_mbuf *m, const struct decap *d, uint8_t rx);

/* What the cache of one thread may keep from the others, of a pool: half more than its size. */
#define PACKET_POOL_CACHE 256U
#define PACKET_POOL_CACHED_MAX (PACKET_POOL_CACHE * 3 / 2)

/* Frees packets. Nearly all are of one segment, held by nobody else, and of the pool of the one
 * before: these go back as they are, and their second line is not touched. The rx core. */
void packet_free_burst(struct rte_mbuf *const mbufs[], unsigned int count);

/* A pool of mbufs with private areas. name: unique in the process. data_bytes: room for a frame,
 * headroom not counted. NULL with rte_errno. Control. */
struct rte_mempool *packet_pool_create(
	const char *name, unsigned int count, uint32_t data_bytes, int socket);

#endif
