/* Where each packet stands in time.
 *
 * A stream is cut into segments, within which its RTP timestamps can be trusted against the arrival
 * times. A segment stands at its anchor, the least delayed packet of its first second, and from
 * there every packet at its RTP time. A new
 * segment begins with a stream, and where the timestamps jump and the arrival times deny it. A
 * source that goes on from other addresses keeps its place.
 *
 * Steps: timeline_place (RTP ticks), timeline_first_ns (for a window that begins with the media),
 * timeline_position (samples). Clock drift is storage/drift's. Owned by the finisher that made
 * it. */
#ifndef LEGTAP_STORAGE_TIMELINE_H
#define LEGTAP_STORAGE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/rtp_stream.h"

#define TIMELINE_SEGMENTS_MAX 16384

struct timeline_segment {
	uint16_t stream;
	bool continues; /* stands where an earlier segment's clock puts it */
	bool has_media; /* packets that are no events */
	bool begun;	/* timeline_position has met its first packet */
	uint32_t clock_hz;
	uint32_t first_sequence;
	uint32_t first_timestamp;
	uint64_t first_arrival_ns;
	uint32_t head_timestamp; /* of the newest packet that is no event; */
	int64_t head_ticks;	 /* ticks count from the first packet */
	uint64_t head_arrival_ns;
	bool has_event;
	uint32_t event_timestamp; /* of the newest event */
	int64_t event_ticks;
	uint64_t anchor_ns;
	int64_t anchor_ticks;
	int64_t anchor_position; /* samples after the start; up to 20 ms late, so that no sample of
				    the segment before is covered */
};

struct timeline {
	struct timeline_segment *segments; /* of each stream in its order */
	uint32_t count;
	uint32_t room;
};

/* Takes an index sorted by arrival whose streams are known; fills in segment, and ticks as
 * position. 0 or -ENOMEM; timeline_free may be called after either. */
int timeline_place(
	struct timeline *t, struct packet_index *index, const struct rtp_streams *streams);

/* RTP time in nanoseconds; saturates far from the ends of int64_t, so that sums of two stay in it.
 */
int64_t timeline_ticks_to_ns(int64_t ticks, uint32_t clock_hz);

/* The time of the earliest sample. false: there is no packet. */
bool timeline_first_ns(
	const struct timeline *t, const struct packet_index *index, uint64_t *first_ns);

/* Turns ticks into samples after start_ns at rate_hz. The index is sorted by arrival. */
void timeline_position(struct timeline *t, struct packet_index *index,
	const struct rtp_streams *streams, uint64_t start_ns, uint32_t rate_hz);

void timeline_free(struct timeline *t);

#endif
