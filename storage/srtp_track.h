/* A track whose packets are SRTP, as its writer has it: the keys, and for each sender (SSRC) and
 * key the place in the sequence. Packets are opened in the chunk that they came in.
 *
 * Which key: an MKI where packets bear one, else by trying: a packet is opened by the key that
 * authenticates it. So several keys may be in force (a new one in mid-call, forks), and nobody who
 * has none gets anything into a track.
 *
 * Which rollover counter (RFC 3711, 3.3.1): estimated from the highest sequence number. Where
 * that does not authenticate (a recording that begins in mid-call, a pause that hides a wrap),
 * others are tried: those next to it always, 256 in all at most once a second of arrival, 8 at
 * once.
 *
 * Suites without authentication can't tell a wrong key or counter: a key of theirs is used from
 * when it was signalled to the next one, from counter 0 on, and a sender that is not heard for 5
 * minutes is lost until there is another key.
 *
 * Owner: the writer of the track. */
#ifndef LEGTAP_STORAGE_SRTP_TRACK_H
#define LEGTAP_STORAGE_SRTP_TRACK_H

#include <stdint.h>

#include "common/chunk.h"
#include "common/srtp_key.h"

struct srtp_track;

/* 0 or -ENOMEM. */
int srtp_track_create(struct srtp_track **out);
/* Wipes everything. srtp_track_destroy(NULL) is legal. */
void srtp_track_destroy(struct srtp_track *t);

/* What its packets are to be, and by which keys, as it was signalled at at_ns. */
struct srtp_setting {
	enum srtp_mode mode;
	uint64_t at_ns;		 /* recording clock */
	uint64_t sealed_from_ns; /* SRTP_MODE_SEALED: what arrives before is EITHER */
	struct srtp_keys keys;
};

/* Keys that were there and are not in the setting are wiped. The caller wipes the setting. */
void srtp_track_set(struct srtp_track *t, const struct srtp_setting *setting);

enum srtp_mode srtp_track_mode(const struct srtp_track *t);

struct srtp_opened {
	uint32_t opened; /* packets */
	uint32_t sealed;
};

/* Opens the packets of a chunk: what SRTP had added goes, frames move up, chunk->used shrinks; what
 * stays sealed gets CHUNK_FRAME_SEALED. In SRTP_MODE_AWAIT all stays sealed. */
struct srtp_opened srtp_track_open_chunk(struct srtp_track *t, struct chunk *chunk);

#endif
