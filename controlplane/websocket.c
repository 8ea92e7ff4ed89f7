#include "controlplane/websocket.h"

#include <string.h>
#include <strings.h>

#include "controlplane/sip_framing.h"

#define FINAL 0x80
#define RESERVED 0x70
#define MASKED 0x80
#define CONTROL_BYTES_MAX 125
#define FIRST_LINE_BYTES 1024U

/* The payload's length, of which the 7 bits in the frame's second byte are the first part. */
static uint64_t length_of(const uint8_t *h, unsigned int length_bytes)
{
	uint64_t length = 0;

	if (length_bytes == 0)
		return h[1] & 0x7fU;
	for (unsigned int i = 0; i < length_bytes; i++)
		length = length << 8 | h[2 + i];
	return length;
}

static bool is_opcode(uint8_t opcode)
{
	return opcode <= WEBSOCKET_BINARY || (opcode >= WEBSOCKET_CONTROL && opcode <= 10);
}

struct websocket_frame websocket_next(const char *text, uint32_t bytes, uint32_t most)
{
	const uint8_t *h = (const uint8_t *)text;
	struct websocket_frame f = {.kind = WEBSOCKET_PART};
	unsigned int length_bytes;
	uint64_t length;

	if (bytes < 2)
		return f;
	f.opcode = h[0] & 0x0f;
	f.final = h[0] & FINAL;
	f.masked = h[1] & MASKED;
	length_bytes = (h[1] & 0x7f) == 127 ? 8 : (h[1] & 0x7f) == 126 ? 2 : 0;
	f.header_bytes = 2 + length_bytes + (f.masked ? 4 : 0);
	if (h[0] & RESERVED || !is_opcode(f.opcode)) {
		f.kind = WEBSOCKET_NONE;
		return f;
	}
	if (bytes < f.header_bytes)
		return f;
	length = length_of(h, length_bytes);
	if (length > most ||
		(f.opcode >= WEBSOCKET_CONTROL && (!f.final || length > CONTROL_BYTES_MAX))) {
		f.kind = WEBSOCKET_NONE;
		return f;
	}
	f.payload_bytes = (uint32_t)length;
	if (f.masked)
		memcpy(f.mask, h + f.header_bytes - 4, 4);
	if (bytes - f.header_bytes >= length)
		f.kind = WEBSOCKET_FRAME;
	return f;
}

void websocket_unmask(const struct websocket_frame *f, char *payload, uint32_t bytes)
{
	if (!f->masked)
		return;
	for (uint32_t i = 0; i < bytes; i++)
		payload[i] = (char)(payload[i] ^ f->mask[i & 3]);
}

bool websocket_begins_sip(const char *text, uint32_t bytes)
{
	struct websocket_frame f = websocket_next(text, bytes, UINT16_MAX);
	char line[FIRST_LINE_BYTES];
	uint32_t have;

	if (f.kind == WEBSOCKET_NONE || bytes <= f.header_bytes ||
		(f.opcode != WEBSOCKET_TEXT && f.opcode != WEBSOCKET_BINARY))
		return false;
	have = bytes - f.header_bytes;
	have = have < f.payload_bytes ? have : f.payload_bytes;
	have = have < sizeof(line) ? have : (uint32_t)sizeof(line);
	memcpy(line, text + f.header_bytes, have);
	websocket_unmask(&f, line, have);
	return sip_framing_begins(line, have);
}

bool websocket_is_http(const char *text, uint32_t bytes)
{
	static const char request[] = "GET ";
	static const char answer[] = "HTTP/1.1 ";
	uint32_t of_request = bytes < sizeof(request) - 1 ? bytes : sizeof(request) - 1;
	uint32_t of_answer = bytes < sizeof(answer) - 1 ? bytes : sizeof(answer) - 1;

	return memcmp(text, request, of_request) == 0 || memcmp(text, answer, of_answer) == 0;
}

/* Whether a header line is Upgrade, with websocket among its values (RFC 6455, 4.1 and 4.2.2). */
static bool is_upgrade(const char *line, size_t bytes)
{
	static const char name[] = "Upgrade:";
	static const char value[] = "websocket";

	if (bytes < sizeof(name) - 1 || strncasecmp(line, name, sizeof(name) - 1) != 0)
		return false;
	for (size_t at = sizeof(name) - 1; at + sizeof(value) - 1 <= bytes; at++)
		if (strncasecmp(line + at, value, sizeof(value) - 1) == 0)
			return true;
	return false;
}

uint32_t websocket_upgrade(const char *text, uint32_t bytes, bool *upgrades)
{
	uint32_t at = 0;

	*upgrades = false;
	while (at < bytes) {
		const char *end = memchr(text + at, '\n', bytes - at);
		size_t length;

		if (!end)
			return 0;
		length = (size_t)(end - (text + at));
		if (length == 0 || (length == 1 && text[at] == '\r'))
			return (uint32_t)(end - text) + 1;
		*upgrades = *upgrades || is_upgrade(text + at, length);
		at = (uint32_t)(end - text) + 1;
	}
	return 0;
}
