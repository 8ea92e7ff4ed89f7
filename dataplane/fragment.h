/* IP fragments, IPv4's (RFC 791, 815) and IPv6's (RFC 8200, 4.5), put together to whole packets.
 *
 * A fragment is copied and its mbuf freed at once, so that what waits can't starve a port. Packets
 * are told apart by addresses, id, IPv4's protocol, and the encapsulation that they stood in.
 * States of a packet:
 *
 *   waiting   pieces are here, in order; until it is whole, or too old
 *   whole     handed on. It stays known for as long, so that fragments that come again (a mirror of
 *             both ports) are duplicates and nothing new
 *   refused   its pieces overlapped, contradicted each other or were too many: all that is here
 *             went, all that is to come goes (RFC 5722, of IPv4 the same)
 *
 * A piece that is equal to one that is here is a duplicate, and passed over. A new packet with the
 * id of a whole one begins anew. When there is no room, the oldest packet goes.
 *
 * DPDK's librte_ip_frag (22.11) is not used, for it gives up a packet at the first duplicate of its
 * first or last fragment, knows neither encapsulations nor protocols in its key, takes 8 fragments
 * a packet, no IPv6 extension header before the fragment header, keeps the port's mbufs, and does
 * not tell what it freed and why.
 *
 * Owned by one rx core. No fragment, no cost: this is off the path of whole packets. */
#ifndef LEGTAP_DATAPLANE_FRAGMENT_H
#define LEGTAP_DATAPLANE_FRAGMENT_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "common/counters.h"
#include "dataplane/decap.h"

#define FRAGMENT_PIECES_MAX 64	 /* of a packet */
#define FRAGMENT_ROOM_BYTES 2048 /* in each mbuf of the pool */
/* What an rx core needs of the pool beside those that wait: whole packets, until they are dealt
 * with. */
#define FRAGMENT_SPARE 256

struct fragments;

/* max: mbufs of the pool that may wait, and packets that are known at once; 0: nothing is put
 * together. hold_ns: how long a packet is waited for, from its first fragment on. pool: of
 * packet_pool_create, with room for FRAGMENT_ROOM_BYTES; it must outlive what is made from it. 0 or
 * -ENOMEM. Control, before the thread starts. */
int fragments_create(
	struct fragments **out, uint32_t max, uint64_t hold_ns, struct rte_mempool *pool);
void fragments_destroy(struct fragments *f);

/* Takes a fragment: m, with DECAP_FRAGMENT in d and its private area filled. m stays the caller's.
 * Counts its outcome in `tally`, and those of others that it decides. Returns the packet that is
 * whole by it, the caller's, with its private area filled (LINK_INNER; it arrived with its last
 * fragment, and surely not before the first did); or NULL. */
struct rte_mbuf *fragments_take(struct fragments *f, struct rte_mbuf *m, const struct decap *d,
	uint64_t tally[RX_COUNTER_COUNT]);

/* Gives up packets that were waited for long enough. */
void fragments_age(struct fragments *f, uint64_t now_ns, uint64_t tally[RX_COUNTER_COUNT]);

/* Gives up all: none will come any more. */
void fragments_finish(struct fragments *f, uint64_t tally[RX_COUNTER_COUNT]);

#endif
