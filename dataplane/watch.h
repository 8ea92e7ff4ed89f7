/* Watched streams: copies of packets that an application waits for (digits), for the control
 * thread. The packet itself goes its way. */
#ifndef LEGTAP_DATAPLANE_WATCH_H
#define LEGTAP_DATAPLANE_WATCH_H

#include <stdint.h>

#include "dataplane/burst.h"
#include "dataplane/dataplane.h"

struct rx;

/* Tells the control thread of RTP packet i when its stream is watched for its payload type. gate:
 * what is in effect for it. The rx core. */
void watch_packet(
	struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream, enum gate gate);

#endif
