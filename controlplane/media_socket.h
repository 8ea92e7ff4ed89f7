/* A socket that takes a UDP port of this machine and nothing else: whatever comes is dropped by a
 * filter before it is queued. It is there so that the kernel, where it owns the address, does not
 * answer media with ICMP port unreachable (RFC 1122, 4.1.3.1), which makes some SBCs give up; the
 * media itself is taken off the port of the dataplane. Control thread; never blocks. */
#ifndef LEGTAP_CONTROLPLANE_MEDIA_SOCKET_H
#define LEGTAP_CONTROLPLANE_MEDIA_SOCKET_H

#include "common/netaddr.h"

/* Its descriptor, to be closed by the caller; -EADDRNOTAVAIL: the address is not the kernel's, and
 * nothing needs to be taken; other -errno of socket(2), bind(2), setsockopt(2). */
int media_socket_open(const struct netaddr *address);

#endif
