/* The link layers that a frame may begin with: a port's is always Ethernet, a capture's may be any
 * of these. */
#ifndef LEGTAP_DATAPLANE_LINK_H
#define LEGTAP_DATAPLANE_LINK_H

enum link_type { LINK_ETHERNET, LINK_RAW, LINK_SLL, LINK_SLL2, LINK_NULL };

#endif
