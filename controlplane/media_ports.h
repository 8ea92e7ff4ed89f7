/* The UDP ports at which legtap itself receives media: even ones, of each of its media addresses.
 * The port that was given back longest ago is given out next, and none before it has rested, so
 * that stragglers of an ended call do not meet a new one. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_MEDIA_PORTS_H
#define LEGTAP_CONTROLPLANE_MEDIA_PORTS_H

#include "common/netaddr.h"

struct media_ports;

/* Ports first to last, both included, of each address. 0; -EINVAL when there is no even port among
 * them or no address; -ENOMEM. */
int media_ports_create(struct media_ports **out, const struct netaddr *addresses,
	unsigned int address_count, uint16_t first, uint16_t last);
void media_ports_destroy(struct media_ports *p);

/* From now on a port that is given back rests so long, by this clock, before it is given out again.
 */
void media_ports_let_rest(struct media_ports *p, const uint64_t *now_ns, uint64_t rest_ns);

/* From now on each port that is taken, and the one above it for RTCP, is held by a socket while it
 * is (media_socket.h), where the kernel has the address. 0 or -ENOMEM. */
int media_ports_hold_sockets(struct media_ports *p);

/* A free port of an address of this family (4 or 6; of another one, when none is of it), the
 * addresses in turn. 0, or -ENOSPC when all are taken or at rest (counted). */
int media_ports_take(struct media_ports *p, uint8_t family, struct netaddr *out);

/* Gives one back that was taken. */
void media_ports_give(struct media_ports *p, const struct netaddr *address);

/* How often there was none. */
uint64_t media_ports_refused(const struct media_ports *p);

/* How many are taken. */
unsigned int media_ports_used(const struct media_ports *p);

#endif
