#include "dataplane/start_line.h"

#include <string.h>
#include <strings.h>

#define METHOD_BYTES_MAX 64
#define VERSION "SIP/2.0"
#define VERSION_BYTES (sizeof(VERSION) - 1)

/* token of RFC 3261, section 25.1 */
static bool is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c > ' ' && c <= '~' && strchr("-.!%*_+`'~", c));
}

static bool is_version(const uint8_t *p)
{
	return strncasecmp((const char *)p, VERSION, VERSION_BYTES) == 0;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* "METHOD uri SIP/2.0", the end of line cut off; blanks behind it are passed over. */
static bool is_request_line(const uint8_t *line, size_t bytes)
{
	size_t method = 0;

	while (method < bytes && method < METHOD_BYTES_MAX && is_token(line[method]))
		method++;
	if (method == 0 || method == bytes || line[method] != ' ')
		return false;
	while (bytes > method && is_blank(line[bytes - 1]))
		bytes--;
	if (bytes < method + 1 + 1 + 1 + VERSION_BYTES) /* two spaces and the least of URIs */
		return false;
	return is_blank(line[bytes - VERSION_BYTES - 1]) &&
	       is_version(line + bytes - VERSION_BYTES);
}

bool start_line_is_sip(const uint8_t *payload, size_t bytes)
{
	const uint8_t *end;

	while (bytes > 0 && (*payload == '\r' || *payload == '\n')) {
		payload++;
		bytes--;
	}
	if (bytes <= VERSION_BYTES)
		return false;
	if (!is_token(payload[0])) /* first, for most of what is not SIP ends here */
		return false;
	if (is_version(payload))
		return payload[VERSION_BYTES] == ' ';
	end = memchr(payload, '\n', bytes);
	if (!end)
		return false;
	bytes = (size_t)(end - payload);
	if (bytes > 0 && payload[bytes - 1] == '\r')
		bytes--;
	return is_request_line(payload, bytes);
}
