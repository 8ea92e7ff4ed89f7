/* What the ends of a leg announce by SDP: as one description says it, and as a leg keeps it, which
 * takes no more memory than was announced. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_LEG_MEDIA_H
#define LEGTAP_CONTROLPLANE_LEG_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "common/netaddr.h"
#include "common/srtp_key.h"
#include "controlplane/codec_list.h"
#include "storage/storage.h"

#define LEG_ADDRESSES_MAX \
	16 /* media addresses one end announced: forks, re-INVITEs, several m= lines */
#define LEG_CODECS_MAX 32
#define LEG_OTHERS_MAX 16

/* A payload type that is no audio. */
struct leg_other {
	uint8_t payload_type;
	char name[CODEC_NAME_BYTES]; /* "VIDEO H264" */
};

/* What one end announced by one SDP: where it wants to receive, and how. */
struct leg_media {
	unsigned int address_count;		     /* the newest last */
	struct netaddr addresses[LEG_ADDRESSES_MAX]; /* of audio m= lines; port 0 and rejected ones
							left out */
	unsigned int codec_count;
	struct codec codecs[LEG_CODECS_MAX];
	unsigned int other_count;
	struct leg_other others[LEG_OTHERS_MAX]; /* payload types of m= lines of other media */
	bool known;				 /* it has announced something */
	bool sends;	   /* false: recvonly or inactive, or 0.0.0.0: its peer is on hold by it */
	bool receives;	   /* false: sendonly or inactive, or 0.0.0.0 */
	bool encrypted;	   /* SRTP: RTP/SAVP, RTP/SAVPF, or an a=crypto beside RTP/AVP */
	bool plain;	   /* RTP/AVP or RTP/AVPF, perhaps beside SRTP */
	bool dtls;	   /* its keys are agreed on by DTLS (RFC 5764): nobody else has them */
	bool unusable_key; /* an a=crypto of a suite or form that is not known here */
	struct srtp_keys keys; /* by which it protects what it sends */
	uint32_t ptime_ms;     /* 0: not said */
	struct netaddr sender; /* where the SIP that said so came from; family 0: not known */
};

/* What a leg keeps of one end: addresses and keys of all its announcements, the rest of the newest.
 * Of addresses, codecs and keys there is as much memory as there are of them. */
struct end_media {
	struct netaddr *addresses;  /* the newest last */
	const struct codec *codecs; /* of a codec_list */
	struct leg_other *others;
	struct srtp_key *keys; /* the newest first, as in struct srtp_keys */
	uint8_t address_count;
	uint8_t codec_count;
	uint8_t other_count;
	uint8_t key_count;
	uint8_t keys_current; /* see struct srtp_keys */
	bool known;
	bool sends;
	bool receives;
	bool encrypted;
	bool plain;
	bool dtls;
	bool unusable_key;
	struct netaddr sender;
	uint32_t ptime_ms;
};

/* What an announcement changed. */
struct end_media_change {
	bool moved; /* where the end is known by, or its direction, after it had been known */
	bool any;
};

/* Takes an announcement: addresses not yet known are added, codecs and other payload types are
 * replaced, keys go before those that were there. What there is no memory for is as if it had not
 * been announced. */
struct end_media_change end_media_take(
	struct end_media *m, struct codec_lists *lists, const struct leg_media *media);

/* Takes keys alone, likewise. Whether anything changed. */
bool end_media_take_keys(struct end_media *m, const struct srtp_keys *keys);

/* Copies. The caller wipes the keys. */
void end_media_get(const struct end_media *m, struct leg_media *out);
void end_media_get_keys(const struct end_media *m, struct srtp_keys *out);

/* Wipes the keys, and gives all memory back; *m is then as zeroed. */
void end_media_clear(struct end_media *m, struct codec_lists *lists);

/* Whether it has announced something but does not both send and receive. */
bool end_media_is_held(const struct end_media *m);

/* Where an end that announced `address` may be instead, when something on the way rewrote addresses
 * in packets but not in SDP: the host that the SIP came from (`sender`), with that port. False: it
 * is the same, or not known. */
bool leg_media_guess(
	const struct netaddr *sender, const struct netaddr *address, struct netaddr *out);

#endif
