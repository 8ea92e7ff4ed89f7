/* What a stream's reception was like: counts, jitter, clock, of the packets that arrived in a
 * recording's window. Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_RECEPTION_H
#define LEGTAP_STORAGE_RECEPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/clock_fit.h"
#include "storage/rtp_stream.h"

/* A phone's jitter buffer would have given up by then. */
#define RECEPTION_LATE_NS 200000000LL

/* What is counted, and against which time. */
struct reception_window {
	uint64_t from_ns; /* arrivals, both included */
	uint64_t to_ns;
	uint64_t start_ns; /* where packets' positions count from, */
	uint32_t rate_hz;  /* and their unit */
};

/* Of one stream. */
struct reception {
	uint64_t received; /* duplicates included */
	uint64_t duplicate;
	uint64_t reordered; /* came after one with a higher sequence number; no duplicate */
	uint64_t lost;	    /* by the sequence numbers; not what was kept out of the track */
	uint64_t late;	    /* audio that came over RECEPTION_LATE_NS after its place */
	uint64_t in_pauses; /* sequence numbers missing across pauses */
	double jitter_ms;   /* RFC 3550, 6.4.1, at each packet but the first; their mean */
	double jitter_max_ms;
	double clock_ppm; /* clock_fit_ppm; past CLOCK_FIT_PPM_MOST it is none */

	/* While counting. */
	uint32_t first; /* lowest sequence number, extended */
	uint32_t highest;
	unsigned int pauses_ended; /* when `highest` came */
	uint64_t media;		   /* packets of codecs whose clock is known, no events */
	uint64_t previous_ns;
	uint32_t previous_timestamp;
	int64_t delay_ns; /* of the packet before, against the first */
	double jitter_now_ms;
	double jitter_sum_ms;
	struct clock_fit clock;
};

/* Counts the packets that arrived in the window, of an index sorted by arrival with its positions.
 * The journal tells how many the rx cores kept out of the track. *out: one for each stream, the
 * caller's to free. 0 or -ENOMEM. */
int reception_count(struct reception **out, const struct rtp_streams *streams,
	const struct packet_index *index, const struct reception_window *window);

#endif
