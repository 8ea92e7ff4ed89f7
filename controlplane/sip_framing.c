#include "controlplane/sip_framing.h"

#include <string.h>
#include <strings.h>

#include "controlplane/sip.h"
#include "dataplane/start_line.h"

#define LINE_BYTES_MAX 8192 /* of a line that begins a message */

static bool is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

bool sip_framing_begins(const char *text, uint32_t bytes)
{
	return bytes > 0 && !is_line_end(text[0]) && memchr(text, '\n', bytes) &&
	       start_line_is_sip((const uint8_t *)text, bytes);
}

/* Where the next line begins; `bytes` when this one is not at its end. */
static uint32_t next_line(const char *text, uint32_t bytes, uint32_t at)
{
	const char *end = memchr(text + at, '\n', bytes - at);

	return end ? (uint32_t)(end - text) + 1 : bytes;
}

/* The value of a header line that is called `name`, or by one letter; NULL: it is another. */
static const char *header_value(const char *line, const char *end, const char *name, char compact)
{
	size_t length = strlen(name);

	if ((size_t)(end - line) > length && strncasecmp(line, name, length) == 0)
		line += length;
	else if (line < end && (*line | 0x20) == compact)
		line++;
	else
		return NULL;
	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	if (line == end || *line++ != ':')
		return NULL;
	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	return line;
}

/* The number in a header line "Content-Length: n" or "l: n"; -1: it is another header. One that is
 * no number is as good as too long. */
static int64_t content_length(const char *line, const char *end)
{
	int64_t value = 0;

	line = header_value(line, end, "Content-Length", 'l');
	if (!line)
		return -1;
	for (; line < end && *line >= '0' && *line <= '9' && value <= SIP_BYTES_MAX; line++)
		value = value * 10 + (*line - '0');
	return value;
}

/* A body that no header measures, at `at`: up to the next message, or to the end of the text. */
static uint32_t end_of_body(const char *text, uint32_t bytes, uint32_t at)
{
	while (at < bytes && !sip_framing_begins(text + at, bytes - at))
		at = next_line(text, bytes, at);
	return at;
}

/* The length of the message at the beginning of the text; 0: its headers are not whole. */
static uint64_t message_bytes(const char *text, uint32_t bytes, bool *no_length)
{
	int64_t body = -1;
	bool typed = false;
	uint32_t at = next_line(text, bytes, 0);

	while (at < bytes) {
		uint32_t next = next_line(text, bytes, at);
		const char *end = text + next;

		if (end[-1] != '\n')
			return 0;
		while (end > text + at && is_line_end(end[-1]))
			end--;
		if (end == text + at) {
			*no_length = typed && body < 0;
			return *no_length ? end_of_body(text, bytes, next)
					  : next + (uint64_t)(body > 0 ? body : 0);
		}
		typed = typed || header_value(text + at, end, "Content-Type", 'c');
		if (body < 0)
			body = content_length(text + at, end);
		at = next;
	}
	return 0;
}

static struct sip_frame message_at_start(const char *text, uint32_t bytes)
{
	struct sip_frame f = {.kind = SIP_FRAME_PART};
	uint64_t length = message_bytes(text, bytes, &f.no_length);

	if (length > SIP_BYTES_MAX || (length == 0 && bytes > SIP_BYTES_MAX)) {
		f.kind = SIP_FRAME_NONE; /* too long: go on behind its first line */
		f.skip = next_line(text, bytes, 0);
	} else if (length > 0 && length <= bytes) {
		f.kind = SIP_FRAME_MESSAGE;
		f.bytes = (uint32_t)length;
	}
	return f;
}

/* The next line that begins a message, or the one that is not at its end yet. */
static struct sip_frame look_for_start(const char *text, uint32_t bytes)
{
	struct sip_frame f = {.kind = SIP_FRAME_NONE};
	uint32_t at = 0;

	while (at < bytes) {
		uint32_t next = next_line(text, bytes, at);

		if (text[next - 1] != '\n') {
			if (bytes - at > LINE_BYTES_MAX)
				at = bytes;
			break;
		}
		if (sip_framing_begins(text + at, bytes - at)) {
			f.kind = SIP_FRAME_PART;
			break;
		}
		at = next;
	}
	f.skip = at;
	return f;
}

struct sip_frame sip_framing_next(const char *text, uint32_t bytes, bool in_step)
{
	struct sip_frame f = {.kind = SIP_FRAME_PART};

	if (in_step) {
		while (f.skip < bytes && is_line_end(text[f.skip]))
			f.skip++;
		if (f.skip > 0 || bytes == 0)
			return f;
	}
	if (sip_framing_begins(text, bytes))
		return message_at_start(text, bytes);
	return look_for_start(text, bytes);
}
