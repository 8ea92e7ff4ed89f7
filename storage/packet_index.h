/* The packets of one track: an entry of 40 bytes for each, its payload left in the track file.
 *
 * Built in steps, each by the noun that knows: packet_index fills in what the packet says,
 * storage/rtp_stream its stream, storage/timeline its segment and position. Owned by the finisher
 * that made it. */
#ifndef LEGTAP_STORAGE_PACKET_INDEX_H
#define LEGTAP_STORAGE_PACKET_INDEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/codec_map.h"
#include "storage/sender_report.h"
#include "storage/track_file.h"

/* Sources (a flow and an SSRC) that are told apart in one track; packets of more are counted and
 * left out: somebody sprays SSRCs. */
#define PACKET_SOURCES_MAX 1024
#define PACKET_REPORTS_MAX 65536

#define PACKET_PARTS_MAX 64 /* further parties share the last part */

/* Times are before this, in 2116: captures end in 2106 (CAPTURE_TIME_MAX). Two of them can be added
 * in 64 bits. What is later, in a spool that is damaged, counts as this. */
#define PACKET_TIME_MAX (INT64_MAX / 2)

struct packet {
	uint64_t arrival_ns;
	int64_t position;     /* timeline: RTP ticks while it works, then samples after the start;
				 packet_seals, before: of a sealed one its number in a row, from 1 */
	uint64_t offset : 47; /* of the payload in the track file */
	uint64_t is_copy : 1; /* redundancy: of a packet that never came itself */
	uint64_t payload_bytes : 16;
	uint32_t timestamp;
	uint32_t sequence; /* rtp_stream: extended over wraps, from 65536 up */
	uint16_t stream;   /* index of its source, then (rtp_stream) of its stream */
	uint16_t segment;  /* timeline */
	uint16_t samples;  /* of audio, at the decoder's rate, then (recorded_track_position) at the
			      file's; 0 for others */
	uint8_t codec;	   /* in codecs.known; of a sealed one its payload type, at first */
	uint8_t duplicate : 1; /* rtp_stream */
	int8_t stretch : 7;    /* drift: samples, at the decoder's rate, to add or take away */
};
static_assert(sizeof(struct packet) == 40, "memory of a finisher");

/* What a packet bears of an earlier one (RFC 2198). */
struct packet_copy {
	struct packet
		packet; /* codec, offset, payload_bytes and samples; the rest is redundancy's */
	uint64_t of;	/* the offset of the packet that bears it */
	uint16_t ticks; /* how much earlier it is */
	uint16_t back;	/* how many packets earlier */
};

/* An RTP flow; the same addresses are one flow, whatever ordinals they had. */
struct packet_flow {
	struct netaddr source;
	struct netaddr destination;
	uint32_t party; /* as in the journal */
	uint16_t part;	/* which of the track's parties, counted from 0 */
};

struct packet_source {
	uint32_t flow;
	uint32_t ssrc;
};

struct packet_index {
	const struct journal *journal;
	enum track track;
	struct packet *packets;
	size_t count;
	size_t room;
	struct packet_copy *copies; /* by `of` */
	size_t copy_count;
	size_t copy_room;
	uint64_t recovered; /* packets that only a copy was there of */
	struct packet_flow *flows;
	uint32_t flow_count;
	uint16_t part_count;	       /* parties that may speak at once: each has its own part */
	struct packet_source *sources; /* PACKET_SOURCES_MAX */
	uint32_t source_count;
	struct codec_map codecs;
	struct sender_report *reports; /* at most PACKET_REPORTS_MAX, sorted by arrival */
	size_t report_count;
	size_t report_room;
	size_t sealed;		  /* packets that packet_seals has not looked at yet */
	uint64_t undecryptable;	  /* SRTP that nobody has the key of; they are in undecodable */
	uint64_t unauthenticated; /* SRTP that no key opened among such as were opened: left out */
	uint64_t other_media;	  /* video and such: left out, and in no other count */
	uint64_t malformed;	  /* no RTP */
	uint64_t left_out;	  /* of too many sources */
	uint64_t undecodable; /* of codecs that nothing here decodes, or malformed; left_out is not
				 in it */
};

/* The journal must outlive the index. 0 or -ENOMEM. packet_index_free may be called after either.
 */
int packet_index_init(struct packet_index *index, const struct journal *journal, enum track track);
void packet_index_free(struct packet_index *index);

/* Adds the packets of a chunk that was checked (track_file_next); offset: of the chunk in the file.
 * 0 or -ENOMEM. */
int packet_index_add(struct packet_index *index, const struct chunk_header *chunk, uint64_t offset);

/* Adds all chunks of a file, and sorts by arrival. 0, -ENOMEM, or -errno of reading. */
int packet_index_load(struct packet_index *index, struct track_file *file);

/* Makes room for more packets. 0 or -ENOMEM. */
int packet_index_reserve(struct packet_index *index, size_t more);

/* Sorts by arrival; by position. Stable; cheap when few are out of order. 0 or -ENOMEM. */
void packet_index_by_arrival(struct packet_index *index);
void packet_index_by_position(struct packet_index *index);

/* A length at the decoder's rate becomes one at the file's. */
void packet_scale_samples(const struct packet_index *index, struct packet *p, uint32_t rate_hz);

static inline const struct track_codec *packet_codec(
	const struct packet_index *index, const struct packet *p)
{
	return &index->codecs.known[p->codec];
}

#endif
