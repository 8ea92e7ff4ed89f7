/* Plays one track onto its lane, stretch by stretch: packets decoded to their positions, events as
 * their tones in place of them. Parties that may speak at once are played apart, and added up.
 * Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_TRACK_PLAYER_H
#define LEGTAP_STORAGE_TRACK_PLAYER_H

#include <stddef.h>
#include <stdint.h>

#include "storage/lane.h"
#include "storage/payload_reader.h"
#include "storage/rtp_stream.h"
#include "storage/span.h"
#include "storage/telephone_event.h"

struct concealer;
struct resampler;

/* A stream while it is played. */
struct voice {
	struct lane *lane;
	struct decoder *decoder;     /* NULL until it is needed */
	struct concealer *concealer; /* NULL: not asked for, or the decoder has its own means */
	uint8_t codec;
	bool has_last;
	uint32_t last_sequence;	     /* of the packet put last, */
	int64_t end;		     /* and where it ends */
	struct resampler *resampler; /* NULL: the decoder's rate is the file's, or none yet */
	bool runs;		     /* the resampler has taken what stands before `expected` */
	uint64_t taken;		     /* samples that it took in this run */
	int64_t began;		     /* position of the run's first sample */
	int64_t given;		     /* position of the next sample out of it */
	int64_t expected;	     /* position at which the run goes on */
};

struct track_player {
	const struct packet_index *index; /* by position */
	const struct event_tones *tones;
	struct payload_reader *reader;
	uint32_t rate_hz;
	struct span_list *concealed; /* gets what was invented; NULL: nothing is to be */
	struct lane lane;
	struct lane *parts; /* of each party, to be mixed to `lane`; NULL: there is one only */
	uint16_t part_count;
	struct voice *voices; /* of each stream */
	uint32_t voice_count;
	int16_t *samples;  /* of one packet, or of a piece of a tone */
	size_t next;	   /* packet */
	size_t first_tone; /* those before are over */
	int64_t at;	   /* position of the lane's begin */
};

/* What it is given must outlive it; the index must stay as it is. 0 or -ENOMEM; track_player_free
 * may be called after either. */
int track_player_init(struct track_player *player, const struct packet_index *index,
	const struct rtp_streams *streams, const struct event_tones *tones,
	struct payload_reader *reader, uint32_t rate_hz, bool coded, enum g711_law law);
void track_player_free(struct track_player *player);

/* Lost audio of up to this length is concealed; more is silence. */
#define TRACK_PLAYER_CONCEAL_MS 100

/* Fills the lane's stretch from player->at on. 0, -ENOMEM, or the reader's error. */
int track_player_fill(struct track_player *player);

/* Goes on to the next stretch. */
void track_player_next(struct track_player *player);

#endif
