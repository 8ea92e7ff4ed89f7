/* Drops of af_packet: DPDK's driver does not tell what its sockets lost, the kernel does
 * (PACKET_STATISTICS, packet(7)). Reading resets the kernel's counts, so they are added up here.
 * Control thread; makes system calls. */
#ifndef LEGTAP_DATAPLANE_PACKET_SOCKET_H
#define LEGTAP_DATAPLANE_PACKET_SOCKET_H

#include <stdint.h>

/* Adds what the process's packet sockets on an interface have dropped since the last call to
 * *drops. 0, -ENODEV when there is no such interface, or -errno of opendir(3). */
int packet_socket_drops(const char *interface, uint64_t *drops);

#endif
