/* The body of a SIP message, and where its SDP is. Pure functions; any thread. */
#ifndef LEGTAP_CONTROLPLANE_SIP_BODY_H
#define LEGTAP_CONTROLPLANE_SIP_BODY_H

#include "controlplane/sip.h"

/* `rest`: all that follows the headers of `m` in its datagram. What of it is the body. */
struct sip_text sip_body(const struct sip_message *m, struct sip_text rest);

/* The SDP in m->body; .data NULL: none. */
struct sip_text sip_body_sdp(const struct sip_message *m);

#endif
