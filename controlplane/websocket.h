/* SIP over WebSocket (RFC 7118), as far as it is WebSocket (RFC 6455): the HTTP upgrade that begins
 * a connection, and where frames begin and end in one direction of it. Pure functions; any thread.
 */
#ifndef LEGTAP_CONTROLPLANE_WEBSOCKET_H
#define LEGTAP_CONTROLPLANE_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Opcodes (RFC 6455, 5.2). */
#define WEBSOCKET_CONTINUATION 0
#define WEBSOCKET_TEXT 1
#define WEBSOCKET_BINARY 2
#define WEBSOCKET_CONTROL 8 /* close, ping, pong: from here on */

enum websocket_kind {
	WEBSOCKET_FRAME, /* a whole one */
	WEBSOCKET_PART,	 /* one that may become whole */
	WEBSOCKET_NONE,	 /* none, or one that can't be read: it is compressed, or of an extension */
};

struct websocket_frame {
	enum websocket_kind kind;
	uint32_t header_bytes;
	uint32_t payload_bytes;
	uint8_t opcode;
	bool final; /* of its message */
	bool masked;
	uint8_t mask[4];
};

/* The frame at the beginning of a text. One whose payload would be longer than `most` is none. */
struct websocket_frame websocket_next(const char *text, uint32_t bytes, uint32_t most);

/* Takes the mask off the first `bytes` of a frame's payload, in place. */
void websocket_unmask(const struct websocket_frame *f, char *payload, uint32_t bytes);

/* Whether a frame begins here that begins a SIP message: how a stream is known whose opening was
 * not seen. Its first line must be there. */
bool websocket_begins_sip(const char *text, uint32_t bytes);

/* Whether a text begins like a request for, or an answer of, HTTP/1.1. */
bool websocket_is_http(const char *text, uint32_t bytes);

/* The length of the HTTP header at the beginning of a text, its empty line included; *upgrades says
 * whether a WebSocket follows. 0: it is not whole. */
uint32_t websocket_upgrade(const char *text, uint32_t bytes, bool *upgrades);

#endif
