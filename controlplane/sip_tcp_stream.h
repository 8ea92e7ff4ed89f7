/* What the two halves of SIP over TCP share: sip_tcp.c has the streams and puts their segments in
 * order, sip_tcp_content.c takes messages out of what is in order. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_SIP_TCP_STREAM_H
#define LEGTAP_CONTROLPLANE_SIP_TCP_STREAM_H

#include "controlplane/config.h"
#include "controlplane/sip_tcp.h"

#define SIP_TCP_BUCKETS 4096 /* a power of two */

enum content {
	CONTENT_UNKNOWN,
	CONTENT_SIP,
	CONTENT_HTTP, /* what it is to become is not said yet */
	CONTENT_WEBSOCKET,
	CONTENT_TLS,
	CONTENT_OTHER,
};

struct early {
	struct early *next; /* by sequence number */
	uint32_t sequence;
	uint32_t bytes;
	char data[];
};

struct stream {
	struct netaddr source;
	struct netaddr destination;
	uint32_t encapsulation;
	uint32_t next_sequence;
	enum content content;
	bool in_step;	   /* the text begins with a message, or frame */
	uint32_t unframed; /* bytes passed over since the last message */
	uint32_t
		message_bytes; /* of a WebSocket's message that is not whole: they begin the text */
	struct early *early;
	uint32_t early_bytes;
	uint64_t early_ns; /* since when it waits */
	char *text;
	uint32_t text_bytes;
	uint32_t text_room;
	struct stream *next; /* hash chain */
	struct stream *newer;
	struct stream *older;
};

struct sip_tcp {
	const struct config *config;
	struct dialogs *dialogs;
	struct stream *buckets[SIP_TCP_BUCKETS];
	struct stream *newest; /* by their last segment */
	struct stream *oldest;
	unsigned int count;
	unsigned int waiting; /* streams with a hole */
	uint32_t bytes;	      /* texts and early segments */
	bool told_of_tls;
	bool told_of_length;
};

/* The stream from one end to the other; NULL: none. */
struct stream *sip_tcp_find(struct sip_tcp *t, const struct netaddr *source,
	const struct netaddr *destination, uint32_t encapsulation);

/* Forgets what is in order and no whole message yet. */
void sip_tcp_drop_text(struct sip_tcp *t, struct stream *s);

/* Takes all whole messages out of a stream's text; finds out first what it is. */
void sip_tcp_take(struct sip_tcp *t, struct stream *s, const struct sip_packet *p);

/* A segment begins with a frame of a WebSocket with SIP in it, where the stream was not known to be
 * one, or had lost its step. */
void sip_tcp_begin_websocket(struct sip_tcp *t, struct stream *s);

#endif
