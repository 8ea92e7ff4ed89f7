#include "controlplane/key_press.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define SAME_NS 1000000000ULL
#define SEGMENT_TICKS 0xffffU

static const char keys[] = "0123456789*#ABCD";

#define KEYS (sizeof(keys) - 1)

/* The kept press that a packet belongs to, or NULL. */
static struct key_press *find(
	struct key_presses *k, const struct telephone_packet *p, uint8_t event, uint16_t duration)
{
	for (unsigned int i = 0; i < KEY_PRESSES_KEPT; i++) {
		struct key_press *known = &k->kept[i];
		bool is_recent = p->arrival_ns < known->newest_ns + SAME_NS;

		if (known->newest_ns == 0 || known->ssrc != p->ssrc || known->event != event)
			continue;
		if (known->timestamp == p->timestamp &&
			(is_recent || (!known->ended && duration > known->duration)))
			return known;
		if (is_recent && !known->ended && known->timestamp + SEGMENT_TICKS == p->timestamp)
			return known;
	}
	return NULL;
}

char key_press_note(struct key_presses *k, const struct telephone_packet *p)
{
	uint8_t event = p->payload[0];
	bool end = p->payload[1] & 0x80;
	uint16_t duration = (uint16_t)(p->payload[2] << 8 | p->payload[3]);
	struct key_press *press;
	bool fresh;

	if (event >= KEYS)
		return '\0';
	press = find(k, p, event, duration);
	fresh = !press;
	if (fresh) {
		press = &k->kept[k->next++ % KEY_PRESSES_KEPT];
		*press = (struct key_press){.ssrc = p->ssrc, .event = event};
	}
	if (fresh || press->timestamp != p->timestamp)
		press->duration = 0;
	press->timestamp = p->timestamp;
	press->newest_ns = p->arrival_ns > press->newest_ns ? p->arrival_ns : press->newest_ns;
	press->duration = duration > press->duration ? duration : press->duration;
	press->ended = press->ended || end;
	return fresh ? keys[event] : '\0';
}

/* --- SIP INFO --- */

/* One character, or 10 to 16 for those that are none of 0 to 9. */
static char key_of(const char *text, const char *end)
{
	unsigned int number = 0;
	const char *at = text;

	while (at < end && isdigit((unsigned char)*at) && at - text < 3)
		number = number * 10 + (unsigned int)(*at++ - '0');
	if (at - text == 2 && (at == end || isspace((unsigned char)*at)))
		return number >= 10 && number < KEYS ? keys[number] : '\0';
	if (text < end && *text &&
		(text + 1 == end || isspace((unsigned char)text[1]) || text[1] == '\0') &&
		strchr(keys, toupper((unsigned char)*text)))
		return (char)toupper((unsigned char)*text);
	return '\0';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
		at++;
	return at;
}

/* "Signal = 5", on a line of its own. */
static char key_of_relay(const char *body, const char *end)
{
	static const char name[] = "Signal";

	for (const char *at = body; at && at < end; at = memchr(at, '\n', (size_t)(end - at))) {
		at = skip_blanks(at, end);
		if ((size_t)(end - at) < sizeof(name) ||
			strncasecmp(at, name, sizeof(name) - 1) != 0)
			continue;
		at = skip_blanks(at + sizeof(name) - 1, end);
		if (at < end && *at == '=')
			return key_of(skip_blanks(at + 1, end), end);
	}
	return '\0';
}

static bool is_type(const char *content_type, const char *name)
{
	size_t length = strlen(name);

	return strncasecmp(content_type, name, length) == 0 &&
	       (content_type[length] == '\0' || content_type[length] == ';' ||
		       content_type[length] == ' ');
}

char key_press_of_info(const char *content_type, const char *body, uint32_t bytes)
{
	const char *end;

	if (!content_type || !body)
		return '\0';
	end = body + bytes;
	if (is_type(content_type, "application/dtmf-relay"))
		return key_of_relay(body, end);
	if (is_type(content_type, "application/dtmf"))
		return key_of(skip_blanks(body, end), end);
	return '\0';
}
