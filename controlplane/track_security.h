/* Whether a track's packets are SRTP, and by which keys they open, from what both ends announced
 * (RFC 4568: the key of an end protects what it sends). A pure function; any thread. */
#ifndef LEGTAP_CONTROLPLANE_TRACK_SECURITY_H
#define LEGTAP_CONTROLPLANE_TRACK_SECURITY_H

#include <stdbool.h>

#include "controlplane/leg.h"

/* Why nobody can read a track. */
enum undecryptable {
	DECRYPTABLE,
	UNDECRYPTABLE_DTLS,	    /* DTLS-SRTP */
	UNDECRYPTABLE_NO_KEY,	    /* SRTP without an a=crypto */
	UNDECRYPTABLE_UNUSABLE_KEY, /* an a=crypto that is not known here, and none that is */
	UNDECRYPTABLE_NO_MEMORY,    /* to give storage the keys */
};

struct track_security {
	enum srtp_mode mode;
	enum undecryptable why;
	struct srtp_keys keys; /* by which the sender protects, or did; the caller wipes them */
};

/* Before the answer an offer of SRTP alone is taken at its word; where it is SRTP or RTP, the
 * answer decides, and packets that come before it may be either. Keys without authentication count
 * only when both ends have named their tag and suite. */
void track_security_find(struct track_security *out, const struct leg *leg, enum track track);

/* "dtls", "no_key", "unusable_key", "no_memory"; NULL: decryptable. */
const char *undecryptable_name(enum undecryptable why);

#endif
