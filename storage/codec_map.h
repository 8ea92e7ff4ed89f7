/* What a payload type means on a track at a time: by the newest map that the journal holds for that
 * time, by RFC 3551's static types, by the track's other maps (media may overtake signalling), in
 * this order. Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_CODEC_MAP_H
#define LEGTAP_STORAGE_CODEC_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/decoder.h"
#include "storage/journal.h"

enum packet_kind {
	PACKET_AUDIO,
	PACKET_SILENCE,
	PACKET_EVENT,
	PACKET_REDUNDANT, /* RFC 2198: its blocks tell */
	PACKET_UNDECODABLE,
	PACKET_OTHER_MEDIA, /* video and such, bundled with the audio (RFC 9143) */
};

/* A codec that was met on the track. */
struct track_codec {
	struct codec codec;
	enum packet_kind kind;
	bool unexplained;		    /* by no SDP: its clock is a guess */
	const struct decoder_type *decoder; /* of PACKET_AUDIO */
	struct decoder_form form;
	bool sealed; /* SRTP that nobody has the key of */
};

#define CODEC_MAP_KNOWN_MAX 255

struct codec_map {
	const struct journal_codecs **epochs; /* of the track, by time */
	unsigned int epoch_count;
	uint8_t (*resolved)[128]; /* for each epoch and payload type: index in known */
	struct track_codec known[CODEC_MAP_KNOWN_MAX];
	unsigned int known_count;
	unsigned int epoch; /* of the packet looked up last */
	bool has_others;    /* some epoch names other media */
};

/* The journal must outlive the map. 0 or -ENOMEM. */
int codec_map_init(struct codec_map *map, const struct journal *journal, enum track track);
void codec_map_free(struct codec_map *map);

/* The index in known[] of a payload type (0 to 127) at a time. */
uint8_t codec_map_find(struct codec_map *map, uint8_t payload_type, uint64_t arrival_ns);

/* Whether a payload type is of other media than audio; nothing is met by asking. */
bool codec_map_is_other_media(struct codec_map *map, uint8_t payload_type, uint64_t arrival_ns);

/* The same of a packet that is encrypted and was not opened: "SRTP " and the codec's name. */
uint8_t codec_map_find_sealed(struct codec_map *map, uint8_t payload_type, uint64_t arrival_ns);

#endif
