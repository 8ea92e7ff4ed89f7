/* A reader of captures for tests, apart from the product's: UDP over IPv4, over Ethernet or bare,
 * in pcap and pcapng, first fragments as far as they go. */
#ifndef LEGTAP_TESTS_UDP_PACKETS_H
#define LEGTAP_TESTS_UDP_PACKETS_H

#include <stdint.h>

#include "common/netaddr.h"

struct udp_packet {
	unsigned int frame; /* from 1, as tshark counts */
	uint64_t at_ns;
	struct netaddr source;
	struct netaddr destination;
	const char *payload;
	uint32_t bytes;
};

/* Calls `each` for every UDP packet of the file. The count of frames, or -errno. */
int udp_packets_read(
	const char *path, void (*each)(void *arg, const struct udp_packet *p), void *arg);

/* The folder of the captures made by others; NULL, and a line that says so, where it is missing. */
const char *captures_folder(void);

#endif
