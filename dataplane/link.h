/* The link layers that a frame may begin with: a port's is always Ethernet, a capture's may be any
 * of these but the last. LINK_INNER is our own: 4 bytes in network order say in which encapsulation
 * (encapsulation.h) the IP packet behind them stood; packets put together of fragments begin so. */
#ifndef LEGTAP_DATAPLANE_LINK_H
#define LEGTAP_DATAPLANE_LINK_H

enum link_type { LINK_ETHERNET, LINK_RAW, LINK_SLL, LINK_SLL2, LINK_NULL, LINK_INNER };

#define LINK_INNER_BYTES 4

#endif
