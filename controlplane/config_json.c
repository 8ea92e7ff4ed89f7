/* Comments, positions of syntax errors, and the text of numbers, around cJSON (RFC 8259). */
#include "controlplane/config_json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* The position just behind the string that begins at p with its quote. */
static char *skip_string(char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end ? p + 1 : p;
}

static int at_position(struct errmsg *e, const char *text, const char *p, const char *what)
{
	unsigned int line = 1;
	unsigned int column = 1;

	for (; text < p; text++) {
		column = *text == '\n' ? 1 : column + 1;
		line += *text == '\n';
	}
	return errmsg_set(e, -EINVAL, "line %u, column %u: %s", line, column, what);
}

/* Blanks a comment that begins at p; NULL when it has no end. */
static char *blank_comment(char *p, char *end)
{
	bool block = p[1] == '*';

	p[0] = p[1] = ' ';
	for (p += 2; p < end; p++) {
		if (!block && *p == '\n')
			return p;
		if (block && p[0] == '*' && p[1] == '/') {
			p[0] = p[1] = ' ';
			return p + 2;
		}
		if (*p != '\n')
			*p = ' ';
	}
	return block ? NULL : p;
}

static int blank_comments(char *text, size_t bytes, struct errmsg *e)
{
	char *end = text + bytes;

	for (char *p = text; p < end;) {
		char *start = p;

		if (*p == '"') {
			p = skip_string(p, end);
		} else if (*p == '/' && (p[1] == '/' || p[1] == '*')) {
			p = blank_comment(p, end);
			if (!p)
				return at_position(e, text, start,
					"this comment is never closed: */ is missing");
		} else {
			p++;
		}
	}
	return 0;
}

/* The next number outside of strings, its length in *bytes; NULL: none. */
static const char *next_number(const char **p, const char *end, size_t *bytes)
{
	const char *at = *p;

	while (at < end && *at != '-' && (*at < '0' || *at > '9'))
		at = *at == '"' ? skip_string((char *)at, end) : at + 1;
	if (at >= end)
		return NULL;
	*bytes = strspn(at, "0123456789+-.eE");
	*p = at + *bytes;
	return at;
}

/* Numbers stand in the tree in the order in which they stand in the text. */
static int keep_numbers(cJSON *item, const char **p, const char *end)
{
	int err = 0;

	if (cJSON_IsNumber(item)) {
		size_t bytes = 0;
		const char *number = next_number(p, end, &bytes);

		item->valuestring = number ? cJSON_malloc(bytes + 1) : NULL;
		if (!item->valuestring)
			return -ENOMEM;
		memcpy(item->valuestring, number, bytes);
		item->valuestring[bytes] = '\0';
	}
	for (cJSON *child = item->child; child && err == 0; child = child->next)
		err = keep_numbers(child, p, end);
	return err;
}

int config_json_parse(char *text, size_t bytes, struct cJSON **out, struct errmsg *e)
{
	const char *stop = memchr(text, '\0', bytes);
	cJSON *tree;
	int err;

	*out = NULL;
	if (stop)
		return at_position(e, text, stop, "a NUL byte; this is no text file");
	err = blank_comments(text, bytes, e);
	if (err)
		return err;
	tree = cJSON_ParseWithLengthOpts(text, bytes + 1, &stop, true);
	if (!tree)
		return at_position(e, text, stop ? stop : text,
			"this is not JSON (a comma, quote or bracket too many or missing, here or "
			"just before?)");
	stop = text;
	err = keep_numbers(tree, &stop, text + bytes);
	if (err) {
		cJSON_Delete(tree);
		return errmsg_set(e, err, "out of memory");
	}
	*out = tree;
	return 0;
}
