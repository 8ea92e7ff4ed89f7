/* What is in a stream of TCP, and the messages in it. A stream begins unknown; it is SIP, or HTTP
 * that may become a WebSocket, or nothing for us. */
#include <string.h>

#include "common/log.h"
#include "controlplane/sip.h"
#include "controlplane/sip_framing.h"
#include "controlplane/sip_tcp_stream.h"
#include "controlplane/websocket.h"

#define UNFRAMED_MAX (64U << 10) /* without a message: it is no SIP */
#define HTTP_BYTES_MAX 16384U	 /* of the header that may make it a WebSocket */
#define TLS_PORT 5061

static bool is_sip_port(const struct config *c, const struct netaddr *a)
{
	for (unsigned int i = 0; i < c->sbc.sip_port_count; i++)
		if (c->sbc.sip_ports[i] == a->port)
			return true;
	return a->port == TLS_PORT;
}

static void tell_of_tls(struct sip_tcp *t, const struct stream *s)
{
	char source[NETADDR_TEXT_BYTES];
	char destination[NETADDR_TEXT_BYTES];
	const struct stream *back = sip_tcp_find(t, &s->destination, &s->source, s->encapsulation);

	if (!back || back->content != CONTENT_TLS)
		dialog_note(t->dialogs, DIALOG_tls);
	if (t->told_of_tls)
		return;
	t->told_of_tls = true;
	log_warning("sip",
		"SIP over TLS from %s to %s can't be read off the wire: have the SBC tell of its "
		"calls by the SIP-events API (POST /v1/sip-events) or HEP",
		netaddr_format(&s->source, source), netaddr_format(&s->destination, destination));
}

/* What the first bytes say. */
static void know_content(struct sip_tcp *t, struct stream *s)
{
	if (s->text_bytes < 3)
		return;
	if (websocket_is_http(s->text, s->text_bytes)) {
		s->content = CONTENT_HTTP;
		return;
	}
	s->content = CONTENT_SIP;
	/* A record of TLS (RFC 8446, 5.1): a handshake, or data when it began before. */
	if ((s->text[0] != 0x16 && s->text[0] != 0x17) || s->text[1] != 3 ||
		(unsigned char)s->text[2] > 4)
		return;
	if (is_sip_port(t->config, &s->source) || is_sip_port(t->config, &s->destination)) {
		s->content = CONTENT_TLS;
		tell_of_tls(t, s);
	} else {
		s->content = CONTENT_OTHER;
	}
}

static void cut_out(struct stream *s, uint32_t at, uint32_t bytes)
{
	s->text_bytes -= bytes;
	memmove(s->text + at, s->text + at + bytes, s->text_bytes - at);
}

static void cut_off(struct stream *s, uint32_t bytes)
{
	cut_out(s, 0, bytes);
}

/* Of what is no SIP. */
static void note_unframed(struct sip_tcp *t, struct stream *s, uint32_t bytes)
{
	s->unframed += bytes;
	if (s->unframed <= UNFRAMED_MAX)
		return;
	s->content = CONTENT_OTHER;
	dialog_note(t->dialogs, DIALOG_tcp_not_sip);
}

static void tell_of_length(struct sip_tcp *t, const struct stream *s)
{
	char source[NETADDR_TEXT_BYTES];

	dialog_note(t->dialogs, DIALOG_tcp_no_length);
	if (t->told_of_length)
		return;
	t->told_of_length = true;
	log_warning("sip",
		"SIP over TCP from %s has a body but no Content-Length (RFC 3261, 20.14): what "
		"stands "
		"before the next message is taken for it",
		netaddr_format(&s->source, source));
}

/* Takes all whole messages out of a stream's text. */
static void take_messages(struct sip_tcp *t, struct stream *s, const struct sip_packet *p)
{
	struct sip_packet message = *p;

	message.source = s->source;
	message.destination = s->destination;
	message.encapsulation = s->encapsulation;
	while (s->content == CONTENT_SIP && s->text_bytes > 0) {
		struct sip_frame f = sip_framing_next(s->text, s->text_bytes, s->in_step);

		if (f.skip > 0) {
			cut_off(s, f.skip);
			if (!s->in_step || f.kind == SIP_FRAME_NONE)
				note_unframed(t, s, f.skip);
			s->in_step = f.kind != SIP_FRAME_NONE;
			continue;
		}
		if (f.kind != SIP_FRAME_MESSAGE)
			return;
		if (f.no_length)
			tell_of_length(t, s);
		message.data = s->text;
		message.bytes = f.bytes;
		dialog_receive(t->dialogs, &message);
		cut_off(s, f.bytes);
		s->in_step = true;
		s->unframed = 0;
	}
}

void sip_tcp_begin_websocket(struct sip_tcp *t, struct stream *s)
{
	if (s->content != CONTENT_WEBSOCKET)
		dialog_note(t->dialogs, DIALOG_websocket);
	sip_tcp_drop_text(t, s);
	s->content = CONTENT_WEBSOCKET;
	s->in_step = true;
}

/* The header that a request for a WebSocket begins with, or the answer. */
static void take_http(struct sip_tcp *t, struct stream *s)
{
	bool upgrades;
	uint32_t bytes = websocket_upgrade(s->text, s->text_bytes, &upgrades);

	if (bytes > 0 && upgrades) {
		dialog_note(t->dialogs, DIALOG_websocket);
		s->content = CONTENT_WEBSOCKET;
		s->in_step = true;
		cut_off(s, bytes);
	} else if (bytes > 0 || s->text_bytes > HTTP_BYTES_MAX) {
		s->content = CONTENT_OTHER;
		dialog_note(t->dialogs, DIALOG_tcp_not_sip);
	}
}

/* The payload of a frame, which stands behind the message so far, joins it. */
static void join_message(struct stream *s, const struct websocket_frame *f)
{
	char *at = s->text + s->message_bytes;

	if (f->opcode != WEBSOCKET_CONTINUATION) {
		cut_off(s, s->message_bytes); /* of a message without an end */
		s->message_bytes = 0;
		at = s->text;
	}
	websocket_unmask(f, at + f->header_bytes, f->payload_bytes);
	s->text_bytes -= f->header_bytes;
	memmove(at, at + f->header_bytes, s->text_bytes - s->message_bytes);
	s->message_bytes += f->payload_bytes;
}

/* Takes all whole frames out of a stream's text. A message is what its first frame and those that
 * go on with it hold (RFC 7118, 5: one SIP message, or a keep-alive); control frames may stand
 * among them. */
static void take_frames(struct sip_tcp *t, struct stream *s, const struct sip_packet *p)
{
	struct sip_packet message = *p;

	message.source = s->source;
	message.destination = s->destination;
	message.encapsulation = s->encapsulation;
	for (;;) {
		struct websocket_frame f = websocket_next(s->text + s->message_bytes,
			s->text_bytes - s->message_bytes, SIP_BYTES_MAX - s->message_bytes);

		if (f.kind == WEBSOCKET_PART)
			return;
		if (f.kind == WEBSOCKET_NONE) {
			dialog_note(t->dialogs, DIALOG_websocket_refused);
			sip_tcp_drop_text(t, s);
			s->in_step = false;
			return;
		}
		if (f.opcode >= WEBSOCKET_CONTROL) {
			cut_out(s, s->message_bytes, f.header_bytes + f.payload_bytes);
			continue;
		}
		join_message(s, &f);
		if (!f.final)
			continue;
		if (sip_framing_begins(s->text, s->message_bytes)) {
			message.data = s->text;
			message.bytes = s->message_bytes;
			dialog_receive(t->dialogs, &message);
		}
		cut_off(s, s->message_bytes);
		s->message_bytes = 0;
	}
}

void sip_tcp_take(struct sip_tcp *t, struct stream *s, const struct sip_packet *p)
{
	if (s->content == CONTENT_UNKNOWN)
		know_content(t, s);
	if (s->content == CONTENT_HTTP)
		take_http(t, s);
	if (s->content == CONTENT_SIP)
		take_messages(t, s, p);
	else if (s->content == CONTENT_WEBSOCKET)
		take_frames(t, s, p);
}
