#include "controlplane/named_dialog.h"

#include <errno.h>
#include <string.h>

#define WHITE " \t\r\n"

/* A piece of the value. */
struct piece {
	const char *text;
	size_t bytes;
};

static struct piece trim(const char *text, size_t bytes)
{
	size_t lead = strspn(text, WHITE);

	if (lead > bytes)
		lead = bytes;
	text += lead;
	bytes -= lead;
	while (bytes > 0 && strchr(WHITE, text[bytes - 1]))
		bytes--;
	return (struct piece){text, bytes};
}

static int copy(char out[LEG_TEXT_BYTES], struct piece p)
{
	if (p.bytes == 0 || out[0] != '\0')
		return -EBADMSG;
	if (p.bytes >= LEG_TEXT_BYTES)
		return -EMSGSIZE;
	memcpy(out, p.text, p.bytes);
	out[p.bytes] = '\0';
	return 0;
}

static bool is_named(struct piece p, const char *name)
{
	return p.bytes == strlen(name) && strncasecmp(p.text, name, p.bytes) == 0;
}

/* One "name=value"; of other names nothing is taken. */
static int take_parameter(struct named_dialog *out, const char *text, size_t bytes)
{
	const char *equals = memchr(text, '=', bytes);
	struct piece name;
	struct piece value;

	if (!equals)
		return 0;
	name = trim(text, (size_t)(equals - text));
	value = trim(equals + 1, bytes - (size_t)(equals + 1 - text));
	if (is_named(name, "to-tag"))
		return copy(out->to_tag, value);
	if (is_named(name, "from-tag"))
		return copy(out->from_tag, value);
	return 0;
}

int named_dialog_parse(struct named_dialog *out, const char *value)
{
	size_t bytes = strcspn(value, ";");
	int err;

	memset(out, 0, sizeof(*out));
	err = copy(out->call_id, trim(value, bytes));
	while (err == 0 && value[bytes] == ';') {
		value += bytes + 1;
		bytes = strcspn(value, ";");
		err = take_parameter(out, value, bytes);
	}
	if (err == 0 && (out->to_tag[0] == '\0' || out->from_tag[0] == '\0'))
		err = -EBADMSG;
	return err;
}
