/* The body of a SIP message, and where its SDP and its other parts are. Pure functions; any thread.
 */
#ifndef LEGTAP_CONTROLPLANE_SIP_BODY_H
#define LEGTAP_CONTROLPLANE_SIP_BODY_H

#include "controlplane/sip.h"

/* `rest`: all that follows the headers of `m` in its datagram. What of it is the body. */
struct sip_text sip_body(const struct sip_message *m, struct sip_text rest);

/* The SDP in m->body; .data NULL: none. */
struct sip_text sip_body_sdp(const struct sip_message *m);

/* The first part of this media type in a body of the given Content-Type, or the body itself when it
 * is of that type; .data NULL: none. A part may end in the line end before its delimiter. */
struct sip_text sip_body_part(
	struct sip_text content_type, struct sip_text body, const char *type, const char *subtype);

#endif
