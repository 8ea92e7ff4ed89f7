/* Finds what is looked for in a message: the body itself, or a part of a multipart body (RFC 2046,
 * 5.1; RFC 5621), which may hold multipart bodies in turn. */
#include "controlplane/sip_body.h"

#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include <re.h>

#define DEPTH_MAX 3 /* of multipart in multipart */

/* "application", "sdp" */
struct wanted {
	const char *type;
	const char *subtype;
};

static struct sip_text find_wanted(
	const struct wanted *w, struct sip_text type, struct sip_text body, unsigned int depth);

static struct sip_text find(struct sip_text in, const char *what, size_t bytes)
{
	const char *at = in.data ? memmem(in.data, in.bytes, what, bytes) : NULL;

	if (!at)
		return (struct sip_text){0};
	return (struct sip_text){at, in.bytes - (uint32_t)(at - in.data)};
}

static struct sip_text after(struct sip_text t, size_t bytes)
{
	if (bytes > t.bytes)
		bytes = t.bytes;
	return (struct sip_text){t.data + bytes, t.bytes - (uint32_t)bytes};
}

/* The "--boundary" of a multipart type's parameters. The length, or 0. */
static size_t delimiter_of(const struct pl *params, char *out, size_t size)
{
	struct pl boundary;

	if (msg_param_decode(params, "boundary", &boundary) != 0)
		return 0;
	if (boundary.l >= 2 && boundary.p[0] == '"' && boundary.p[boundary.l - 1] == '"') {
		boundary.p++;
		boundary.l -= 2;
	}
	if (boundary.l == 0 || boundary.l + 3 > size)
		return 0;
	memcpy(out, "--", 2);
	memcpy(out + 2, boundary.p, boundary.l);
	return boundary.l + 2;
}

/* Where a part's headers end: after its first empty line, or at once when it begins with one. */
static struct sip_text part_body(struct sip_text part)
{
	uint32_t line = 0;

	for (uint32_t i = 0; i < part.bytes; i++) {
		if (part.data[i] == '\r')
			continue;
		if (part.data[i] != '\n') {
			line++;
			continue;
		}
		if (line == 0)
			return after(part, i + 1);
		line = 0;
	}
	return (struct sip_text){0};
}

static struct sip_text part_type(struct sip_text part, struct sip_text body)
{
	struct pl line;
	struct pl value;

	if (!body.data)
		return (struct sip_text){0};
	line = (struct pl){.p = part.data, .l = part.bytes - body.bytes};
	if (re_regex(line.p, line.l, "Content-Type[ \t]*:[ \t]*[^\r\n]+", NULL, NULL, &value) != 0)
		return (struct sip_text){0};
	return (struct sip_text){value.p, (uint32_t)value.l};
}

static struct sip_text find_in_parts(
	const struct wanted *w, const struct pl *params, struct sip_text body, unsigned int depth)
{
	char delimiter[128];
	size_t length = delimiter_of(params, delimiter, sizeof(delimiter));
	struct sip_text at = length ? find(body, delimiter, length) : (struct sip_text){0};

	while (at.data) {
		struct sip_text next;
		struct sip_text part = after(at, length);
		struct sip_text content;
		struct sip_text found;

		next = find(part, delimiter, length);
		if (next.data)
			part.bytes -= next.bytes;
		/* The rest of the delimiter's line is white space, or "--" at the end. */
		part = find(part, "\n", 1);
		if (!part.data)
			break;
		part = after(part, 1);
		content = part_body(part);
		found = find_wanted(w, part_type(part, content), content, depth + 1);
		if (found.data)
			return found;
		at = next;
	}
	return (struct sip_text){0};
}

static struct sip_text find_wanted(
	const struct wanted *w, struct sip_text type, struct sip_text body, unsigned int depth)
{
	struct pl value = {.p = type.data, .l = type.bytes};
	struct msg_ctype ctype;

	if (!type.data || depth > DEPTH_MAX || msg_ctype_decode(&ctype, &value) != 0)
		return (struct sip_text){0};
	if (msg_ctype_cmp(&ctype, w->type, w->subtype))
		return body;
	if (pl_strcasecmp(&ctype.type, "multipart") == 0 && ctype.params.p)
		return find_in_parts(w, &ctype.params, body, depth);
	return (struct sip_text){0};
}

/* Content-Length, where it is a number and no more than there is. */
struct sip_text sip_body(const struct sip_message *m, struct sip_text rest)
{
	struct sip_text t = sip_header(m, "Content-Length");
	struct pl digits;

	if (t.data && re_regex(t.data, t.bytes, "[0-9]+", &digits) == 0 && digits.p == t.data &&
		digits.l < 9 && pl_u32(&digits) < rest.bytes)
		rest.bytes = pl_u32(&digits);
	return rest;
}

struct sip_text sip_body_sdp(const struct sip_message *m)
{
	if (m->body.bytes == 0)
		return (struct sip_text){0};
	return sip_body_part(sip_header(m, "Content-Type"), m->body, "application", "sdp");
}

struct sip_text sip_body_part(
	struct sip_text content_type, struct sip_text body, const char *type, const char *subtype)
{
	struct wanted w = {type, subtype};

	return find_wanted(&w, content_type, body, 0);
}
