/* What becomes of an RTP packet whose stream is known: counted by the stream's gate, or copied into
 * its chunk. A part of the rx core; its thread only. */
#ifndef LEGTAP_DATAPLANE_RECORD_H
#define LEGTAP_DATAPLANE_RECORD_H

#include <stdint.h>

#include "common/counters.h"
#include "dataplane/burst.h"

struct rx;

/* Asks for the lines that the burst's packets will be copied from and to. */
void record_prefetch(const struct rx *rx, const struct burst *b);

/* The outcome of packet i of the burst, which is of `stream`. In lossless mode waits for a chunk.
 */
enum rx_counter record_packet(
	struct rx *rx, const struct burst *b, unsigned int i, uint32_t stream);

/* The outcome of packet i of the burst, which is RTCP: it goes to the chunk of its RTP stream,
 * which has its ports (RFC 5761) or those below (RFC 3550, 11). */
enum rx_counter record_control(struct rx *rx, const struct burst *b, unsigned int i);

#endif
