/* Watched streams: telephone events (RFC 4733) are found for the control thread, and kept out of
 * the track where the leg's account says so. */
#ifndef LEGTAP_DATAPLANE_WATCH_H
#define LEGTAP_DATAPLANE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/burst.h"
#include "dataplane/dataplane.h"

struct rx;

/* Looks at RTP packet i of a watched stream; gate: what is in effect for it. True: it must not be
 * recorded, and is counted for its stream; otherwise it goes its way. The rx core. */
bool watch_packet(
	struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream, enum gate gate);

#endif
