/* The session description of a recording client, m= line by m= line, and the answer to it (RFC
 * 7866, 7.1; RFC 3264; RFC 4574). Pure functions; any thread. */
#ifndef LEGTAP_CONTROLPLANE_SIPREC_OFFER_H
#define LEGTAP_CONTROLPLANE_SIPREC_OFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/crypto_attribute.h"
#include "controlplane/leg.h"
#include "controlplane/sip.h"

#define SIPREC_LINES_MAX 32

/* Whether a stream is being recorded (RFC 7866, 9.1). */
enum siprec_record {
	SIPREC_RECORD_UNTOLD,
	SIPREC_RECORD_ON,
	SIPREC_RECORD_OFF,
	SIPREC_RECORD_PAUSED
};

/* What a participant asks for (RFC 7866, 9.2). */
enum siprec_preference {
	SIPREC_PREFERS_NOTHING,
	SIPREC_PREFERS_ON,
	SIPREC_PREFERS_PAUSE,
	SIPREC_PREFERS_OFF
};

/* An m= line. Texts lie in the description that it was read from. */
struct siprec_line {
	struct sip_text kind;	  /* "audio" */
	struct sip_text protocol; /* "RTP/AVP" */
	struct sip_text formats;  /* "0 8 101" */
	struct sip_text section;  /* what follows it, down to the next m= line */
	char label[128];	  /* of a=label; "": none */
	bool usable;		  /* audio by RTP, or by SRTP of a known key; not port 0 */
	bool active;		  /* the client sends */
	enum siprec_preference preference;
	bool tells_record;		     /* a=record or a=recordpref: the client knows them */
	struct leg_media media;		     /* its codecs; keys of SRTP, where it is that */
	char crypto[CRYPTO_ATTRIBUTE_BYTES]; /* the answer's a=crypto line; "": none */
};

struct siprec_offer {
	unsigned int line_count;
	struct siprec_line lines[SIPREC_LINES_MAX];
};

/* 0; -EBADMSG when it does not begin with a v= line or has no m= line; -E2BIG with more than
 * SIPREC_LINES_MAX of them. */
int siprec_offer_parse(struct siprec_offer *out, const char *data, size_t bytes);

/* Accepts the SRTP of lines that offer it (RFC 4568, 5.1.2): their suite, and a key of legtap's
 * own, which is the same whenever `id` (of the o= line), line and suite are. `secret`:
 * SIPREC_SECRET_BYTES that nobody else has. */
#define SIPREC_SECRET_BYTES 32
void siprec_offer_secure(
	struct siprec_offer *offer, const uint8_t secret[SIPREC_SECRET_BYTES], uint64_t id);

/* Leaves no key of it in memory. */
void siprec_offer_wipe(struct siprec_offer *offer);

/* Prints the answer: each usable line is received at `addresses[i]` (those without a port are
 * refused), the others are refused. It serves as legtap's own offer, too. records: what is told of
 * each line; NULL: nothing. `id` and `version` are of the o= line. The bytes printed, or
 * -ENOSPC. */
int siprec_answer_print(const struct siprec_offer *offer, const struct netaddr *addresses,
	const enum siprec_record *records, uint64_t id, uint32_t version, char *out, size_t size);

#endif
