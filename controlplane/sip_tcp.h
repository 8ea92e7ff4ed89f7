/* SIP over TCP (RFC 3261, 18.3): from segments, as a mirror shows them, to whole messages. Control
 * thread.
 *
 * Each direction of a connection is a stream of its own. Segments may come out of order, again,
 * overlapping, with holes, or from the middle of a connection on; after a hole a stream goes on at
 * the next line that begins a message. Content-Length says where a message ends. Without one it has
 * no body, but where a Content-Type says that it has: then what is there is taken for it, and
 * counted. Memory is bounded: the streams that were silent for longest make room. TLS is told apart
 * and counted. WebSocket (RFC 7118) is, by its HTTP upgrade or by a frame with SIP in it, and its
 * frames are taken apart. */
#ifndef LEGTAP_CONTROLPLANE_SIP_TCP_H
#define LEGTAP_CONTROLPLANE_SIP_TCP_H

#include "controlplane/dialog.h"

struct sip_tcp;

/* Messages go to `dialogs`, and so do the counts. 0 or -ENOMEM. */
int sip_tcp_create(struct sip_tcp **out, const struct config *config, struct dialogs *dialogs);
void sip_tcp_destroy(struct sip_tcp *t);

/* A segment: data begins with the TCP header. Whatever is in it, the worst that can happen is that
 * it is counted. */
void sip_tcp_receive(struct sip_tcp *t, const struct sip_packet *segment);

/* Gives up holes that were not filled in time. About ten times a second. */
void sip_tcp_age(struct sip_tcp *t, uint64_t now_ns, int64_t wall_offset_ns);

#endif
