/* Anchors that sender reports set right.
 *
 * A segment stands where the least delayed packet of its first second arrived. When a sender begins
 * anew (another SSRC, timestamps that jump) while the network delays all of its packets, that is
 * too late. Its sender reports before and after tell how much of its own time passed in between.
 *
 * They are believed only where nothing contradicts them: the sender is the same (SSRC, or address
 * and CNAME), its two reports before agree within 2 ms, each agrees with its own arrival within a
 * second, and what they say is 5 to 500 ms earlier than the arrivals do. Everything else stands as
 * the arrivals have it: reports of two senders (the two tracks of a leg) are of two clocks, which
 * nobody promises to agree, while both tracks' packets pass the same recorder. Owned by the
 * finisher that made the timeline. */
#ifndef LEGTAP_STORAGE_REPORT_ANCHOR_H
#define LEGTAP_STORAGE_REPORT_ANCHOR_H

#include "storage/timeline.h"

/* After timeline_place, before timeline_position. Notes in streams what it took and moved. 0 or
 * -ENOMEM. */
int report_anchor_correct(
	struct timeline *t, const struct packet_index *index, const struct rtp_streams *streams);

#endif
