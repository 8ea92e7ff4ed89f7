/* Clock drift: a sender's clock that runs faster or slower than ours moves its audio against the
 * other track's. What the least delays of a segment tell of it is taken back here.
 *
 * When they have drifted by half a packet, the packets behind are moved: by longer or shorter
 * silence where packets are missing or silent, else by single samples, at most one in
 * DRIFT_SPACING. A segment that never drifts so far stays as it is. Jitter is told from drift by a
 * line through the least delays (storage/clock_fit). Owned by the finisher that renders. */
#ifndef LEGTAP_STORAGE_DRIFT_H
#define LEGTAP_STORAGE_DRIFT_H

#include <stdint.h>

#include "storage/payload_reader.h"
#include "storage/rtp_stream.h"
#include "storage/timeline.h"

#define DRIFT_SPACING 80

/* After timeline_position, with the same index (by arrival) and values: changes positions, fills in
 * stretch, and the streams' samples_added and samples_removed (at rate_hz). 0, -ENOMEM, or -errno
 * of reading payloads. */
int drift_correct(const struct timeline *t, struct packet_index *index,
	const struct rtp_streams *streams, struct payload_reader *reader, uint64_t start_ns,
	uint32_t rate_hz);

#endif
