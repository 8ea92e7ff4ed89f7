/* Who speaks beside whom in a track.
 *
 * Usually a track's streams take the place of each other: a sender chose another SSRC, or goes on
 * from another address. Where several send audio at the same time (a call with several m= lines in
 * one direction), each must be heard: they are put into parts of their own, which the player adds
 * up. Two sources are at once when both sent audio in OVERLAP_LEAST_MS altogether, and what they
 * sent is not the same: one that a mirror shows by two ways is one. Owned by the finisher that
 * renders. */
#ifndef LEGTAP_STORAGE_OVERLAP_H
#define LEGTAP_STORAGE_OVERLAP_H

#include "storage/payload_reader.h"
#include "storage/rtp_stream.h"

/* Less is a sender that changes while packets of before are under way. */
#define OVERLAP_LEAST_MS 2000
#define OVERLAP_SOURCES_MAX 16 /* of a track that are looked at, in the order of their begin */

/* After rtp_streams_find, of an index sorted by arrival: changes the streams' parts, and
 * index->part_count. 0, -ENOMEM, or -errno of reading payloads. */
int overlap_split(
	struct rtp_streams *streams, struct packet_index *index, struct payload_reader *reader);

#endif
