/* The streams of a track: each a run of sequence numbers of one source (a flow and an SSRC).
 *
 * Every packet gets its stream, its sequence number extended over wraps, and whether it is a
 * duplicate (the same sequence number and timestamp again). A jump that can be neither loss nor
 * reordering, for the arrival times deny it, begins a new stream (RFC 3550, A.1, with the arrival
 * times as a witness); as there, it takes two packets in a row. Owned by the finisher that made
 * it. */
#ifndef LEGTAP_STORAGE_RTP_STREAM_H
#define LEGTAP_STORAGE_RTP_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/packet_index.h"

#define RTP_STREAMS_MAX 4096   /* past it jumps are taken as they come */
#define RTP_STREAM_WINDOW 512U /* packets behind the head among which duplicates are known */
#define RTP_STREAM_NONE UINT16_MAX

struct rtp_stream {
	uint32_t flow;
	uint32_t ssrc;
	uint16_t part; /* of those that may speak at once (packet_flow, then storage/overlap) */
	uint8_t codec; /* of its first packet that is audio; else comfort noise; else an event */
	bool has_media;
	uint64_t packet_ns;	/* shortest step between packets in a row */
	uint32_t head_sequence; /* highest, extended */
	uint32_t head_timestamp;
	uint64_t head_arrival_ns;
	uint64_t samples_added; /* drift, at the file's rate */
	uint64_t samples_removed;
	uint64_t reports; /* sender reports that agree with its timestamps */
	int64_t moved_ns; /* how much earlier they put it than the arrivals did */
	uint16_t older;	  /* the source's stream before, or RTP_STREAM_NONE */
	bool measured;	  /* packet_ns is */
	uint64_t seen[RTP_STREAM_WINDOW / 64];
	uint32_t timestamps[RTP_STREAM_WINDOW];
};

struct rtp_streams {
	struct rtp_stream *list; /* in the order of their first packets */
	uint32_t count;
	uint32_t room;
	uint16_t *newest; /* of each source */
};

/* Takes an index that is sorted by arrival, and fills in its packets' stream, sequence and
 * duplicate. 0 or -ENOMEM; rtp_streams_free may be called after either. */
int rtp_streams_find(struct rtp_streams *streams, struct packet_index *index);
void rtp_streams_free(struct rtp_streams *streams);

#endif
