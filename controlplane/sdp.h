/* SDP (RFC 4566, 3264, 8839) as a recorder sees it: where one end wants its audio, and in what
 * codecs. A pure function; any thread. */
#ifndef LEGTAP_CONTROLPLANE_SDP_H
#define LEGTAP_CONTROLPLANE_SDP_H

#include <stddef.h>

#include "controlplane/leg.h"

/* Fills *out from a session description. Its audio m= lines count, without those of port 0 (but for
 * those that a BUNDLE group gives another's transport); payload types of other media are noted
 * (out->others); a line that makes no sense is passed over. An address of 0.0.0.0 (or ::), or a
 * name, is left out, the former being RFC 2543's hold, or with ICE an address to come. ICE
 * candidates count as addresses, before that of their m= line. Where it holds keys (out->keys) the
 * caller wipes them. Payload types of RFC 3551 need no rtpmap; others without one are left out.
 * More than LEG_ADDRESSES_MAX or LEG_CODECS_MAX: the first ones are kept. 0, or -EBADMSG when it
 * does not begin with a v= line. */
int sdp_parse(struct leg_media *out, const char *data, size_t bytes);

/* What a payload type of RFC 3551 means; of another one name and clock_hz are empty. */
struct codec sdp_static_codec(unsigned int payload_type);

#endif
