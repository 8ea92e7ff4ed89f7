/* Which codecs a track's streams used, how much, and when: a change of payload type in mid-stream
 * shows. Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_CODEC_USE_H
#define LEGTAP_STORAGE_CODEC_USE_H

#include "storage/rtp_stream.h"

#define CODEC_USE_NONE UINT32_MAX

/* One codec of one stream. */
struct codec_use {
	uint8_t codec;	   /* in codecs.known of the index */
	uint64_t received; /* duplicates included */
	uint64_t first_ns; /* arrivals */
	uint64_t last_ns;
	uint32_t next; /* of the same stream, in the order of their first packets */
};

struct codec_uses {
	struct codec_use *list;
	uint32_t count;
	uint32_t room;
	uint32_t *first; /* of each stream, or CODEC_USE_NONE */
};

/* Takes an index sorted by arrival whose streams are known; looks at what arrived from from_ns to
 * to_ns, both included. 0 or -ENOMEM; codec_uses_free may be called after either. */
int codec_uses_find(struct codec_uses *uses, const struct packet_index *index,
	const struct rtp_streams *streams, uint64_t from_ns, uint64_t to_ns);
void codec_uses_free(struct codec_uses *uses);

#endif
