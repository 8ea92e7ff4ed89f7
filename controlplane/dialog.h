/* SIP dialogs as a mirror shows them: turns messages into legs (RFC 3261, 3262, 3264, 3311, 4028).
 * Control thread. */
#ifndef LEGTAP_CONTROLPLANE_DIALOG_H
#define LEGTAP_CONTROLPLANE_DIALOG_H

#include <stdint.h>

#include "controlplane/leg.h"

struct dialogs;

int dialogs_create(struct dialogs **out, const struct config *config, struct legs *legs,
	struct timers *timers);
void dialogs_destroy(struct dialogs *d);

/* A SIP message as it stood in a packet. Whatever is in it, the worst that can happen is that it is
 * counted. */
struct sip_packet {
	const char *data;
	uint32_t bytes;
	struct netaddr source;
	struct netaddr destination;
	uint32_t encapsulation;
	uint64_t arrival_ns;
	int64_t wall_offset_ns;
};
void dialog_receive(struct dialogs *d, const struct sip_packet *packet);

/* Gives a leg that no SIP message made what is known of its dialog: SIP of it may be seen after
 * all. cseq: of its INVITE; 0: not known. 0 or -ENOMEM. */
int dialog_adopt(struct dialogs *d, struct leg *leg, uint32_t cseq);

/* The CSeq of the newest INVITE that began a leg; 0: not known. */
uint32_t dialog_invite_cseq(const struct leg *leg);

#define DIALOG_COUNTERS(X) \
	X(messages, "SIP messages") \
	X(malformed, "SIP messages that no parser could read") \
	X(malformed_sdp, "SDP that no parser could read") \
	X(retransmissions, "SIP messages seen before") \
	X(sbc_to_sbc, "INVITEs with an SBC at both ends: no leg") \
	X(no_dialog, "SIP messages of a dialog whose INVITE was not seen") \
	X(other, "SIP messages that concern no call (REGISTER, OPTIONS, …)") \
	X(tcp_segments, "TCP segments in which SIP was looked for") \
	X(tcp_gaps, "holes in TCP streams of SIP: segments that were never seen") \
	X(tcp_not_sip, "TCP streams in which no SIP was found") \
	X(tcp_refused, "TCP streams forgotten, or segments not kept: no room") \
	X(tcp_no_length, "SIP messages over TCP with a body and no Content-Length: where it ends " \
			 "is guessed") \
	X(websocket, "connections of SIP over WebSocket, each direction for itself") \
	X(websocket_refused, \
		"WebSocket frames that can't be read: compressed, too long, or none at all") \
	X(tls, "connections of SIP over TLS: their messages can't be read")

#define DIALOG_ENUM(name, help) DIALOG_##name,
enum dialog_counter { DIALOG_COUNTERS(DIALOG_ENUM) DIALOG_COUNTER_COUNT };
void dialog_note(struct dialogs *d, enum dialog_counter c); /* one more: sip_tcp.c */
uint64_t dialog_count(const struct dialogs *d, enum dialog_counter c);
const char *dialog_counter_name(enum dialog_counter c);
const char *dialog_counter_help(enum dialog_counter c);

#endif
