/* The SIP parser: lines are split here, what stands in them is libre's to read.
 *
 * libre's own sip_msg_decode() refuses a whole message for one Via without a branch, takes the last
 * of repeated headers, and allocates three objects a header; its decoders of addresses, parameters,
 * CSeq and content types have no such faults. Bodies are in sip_body.c. */
#include "controlplane/sip.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include <re.h>

#include "controlplane/sip_body.h"

/* RFC 3261, 7.3.3 and 20; RFC 4028 (x). Those that nobody looks for are not listed. */
static const struct {
	const char *name;
	char compact;
} compact_forms[] = {
	{"Call-ID", 'i'},
	{"Contact", 'm'},
	{"Content-Encoding", 'e'},
	{"Content-Length", 'l'},
	{"Content-Type", 'c'},
	{"From", 'f'},
	{"Refer-To", 'r'},
	{"Referred-By", 'b'},
	{"Session-Expires", 'x'},
	{"Subject", 's'},
	{"Supported", 'k'},
	{"To", 't'},
	{"Via", 'v'},
};

static const char *const method_names[] = {
	[SIP_INVITE] = "INVITE",
	[SIP_ACK] = "ACK",
	[SIP_BYE] = "BYE",
	[SIP_CANCEL] = "CANCEL",
	[SIP_PRACK] = "PRACK",
	[SIP_UPDATE] = "UPDATE",
	[SIP_INFO] = "INFO",
};

static struct pl pl_of(struct sip_text t)
{
	return (struct pl){.p = t.data, .l = t.bytes};
}

/* Methods are case-sensitive (RFC 3261, 7.1). */
static enum sip_method method_of(const struct pl *name)
{
	for (unsigned int i = 0; i < SIP_METHOD_OTHER; i++)
		if (pl_strcmp(name, method_names[i]) == 0)
			return (enum sip_method)i;
	return SIP_METHOD_OTHER;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct sip_text trimmed(const char *start, const char *end)
{
	while (start < end && is_space(*start))
		start++;
	while (end > start && is_space(end[-1]))
		end--;
	return (struct sip_text){.data = start, .bytes = (uint32_t)(end - start)};
}

/* The end of the line that begins at `at`: its LF, or the end of the message. */
static const char *line_end(const char *at, const char *end)
{
	const char *lf = memchr(at, '\n', (size_t)(end - at));

	return lf ? lf : end;
}

/* Copies a text to the strings of a message, each run of white space as one space. A NUL has no
 * place in an id or a URI. */
static int keep_string(struct sip_message *m, struct sip_text t, const char **out)
{
	char *to = m->strings + m->strings_used;

	if (t.bytes + 1 > sizeof(m->strings) - m->strings_used)
		return -EMSGSIZE;
	*out = to;
	for (uint32_t i = 0; i < t.bytes; i++) {
		if (t.data[i] == '\0')
			return -EBADMSG;
		if (!is_space(t.data[i]))
			*to++ = t.data[i];
		else if (to > *out && to[-1] != ' ')
			*to++ = ' ';
	}
	*to++ = '\0';
	m->strings_used = (size_t)(to - m->strings);
	return 0;
}

static int parse_status_line(struct sip_message *m, const struct pl *code)
{
	if (code->l != 3)
		return -EBADMSG;
	m->status = pl_u32(code);
	return m->status >= 100 && m->status <= 699 ? 0 : -EBADMSG;
}

/* The Request-URI is not looked at: blanks in it, and around it, do no harm. */
static int parse_start_line(struct sip_message *m, struct sip_text line)
{
	static const char version[] = "SIP/2.0";
	const size_t length = sizeof(version) - 1;
	struct pl first;
	struct pl second;

	if (re_regex(line.data, line.bytes, "[^ \t]+[ \t]+[^ \t]+", &first, NULL, &second) != 0 ||
		first.p != line.data)
		return -EBADMSG;
	if (pl_strcasecmp(&first, version) == 0)
		return parse_status_line(m, &second);
	m->request = true;
	m->method = method_of(&first);
	if (line.bytes < length ||
		strncasecmp(line.data + line.bytes - length, version, length) != 0)
		return -EBADMSG;
	return is_space(line.data[line.bytes - length - 1]) ? 0 : -EBADMSG;
}

/* Lines without a colon are passed over: devices in the field send such, and ids stand elsewhere.
 */
static void add_header(struct sip_message *m, const char *line, const char *end)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));

	if (!colon || m->header_count == SIP_HEADERS_MAX)
		return;
	m->headers[m->header_count++] = (struct sip_header){
		.name = trimmed(line, colon),
		.value = trimmed(colon + 1, end),
	};
}

/* Splits header lines, a line that begins with white space being the last one's continuation.
 * Returns where the body begins. */
static const char *split_headers(struct sip_message *m, const char *at, const char *end)
{
	while (at < end) {
		const char *stop = line_end(at, end);

		if (trimmed(at, stop).bytes == 0 && *at != ' ' && *at != '\t')
			return stop < end ? stop + 1 : end;
		while (stop + 1 < end && (stop[1] == ' ' || stop[1] == '\t'))
			stop = line_end(stop + 1, end);
		add_header(m, at, stop);
		at = stop < end ? stop + 1 : end;
	}
	return end;
}

static char compact_form(const char *name)
{
	for (size_t i = 0; i < sizeof(compact_forms) / sizeof(compact_forms[0]); i++)
		if (strcasecmp(name, compact_forms[i].name) == 0)
			return compact_forms[i].compact;
	return '\0';
}

struct sip_text sip_header(const struct sip_message *m, const char *name)
{
	size_t length = strlen(name);
	char compact = compact_form(name);

	for (unsigned int i = 0; i < m->header_count; i++) {
		struct sip_text have = m->headers[i].name;

		if ((have.bytes == length && strncasecmp(have.data, name, length) == 0) ||
			(have.bytes == 1 && compact &&
				tolower((unsigned char)have.data[0]) == compact))
			return m->headers[i].value;
	}
	return (struct sip_text){0};
}

/* An address whose URI libre can't read (a scheme without a host: urn:service:sos): what stands
 * between angle brackets, or all of it. */
static void split_address(struct sip_addr *out, const struct pl *value)
{
	struct pl uri;

	memset(out, 0, sizeof(*out));
	if (re_regex(value->p, value->l, "<[^>]+>", &uri) == 0) {
		out->auri = uri;
		out->params.p = uri.p + uri.l + 1;
		out->params.l = (size_t)(value->p + value->l - out->params.p);
		return;
	}
	out->auri = *value;
	out->params = *value;
}

/* From or To. A URI that libre can't read is kept as it stands: it is shown, never resolved. */
static int parse_address(
	struct sip_message *m, const char *name, const char **uri, const char **tag)
{
	struct sip_text t = sip_header(m, name);
	struct pl value = pl_of(t);
	struct sip_addr address;
	struct pl tag_value = {0};
	int err;

	if (!t.data || t.bytes == 0)
		return -EBADMSG;
	if (sip_addr_decode(&address, &value) != 0)
		split_address(&address, &value);
	if (address.params.p)
		(void)msg_param_decode(&address.params, "tag", &tag_value);
	t = trimmed(address.auri.p, address.auri.p + address.auri.l);
	err = keep_string(m, t, uri);
	if (err)
		return err;
	return keep_string(m, (struct sip_text){tag_value.p, (uint32_t)tag_value.l}, tag);
}

/* Digits beyond 32 bits are refused here, for libre wraps them. */
static int parse_cseq(struct sip_message *m)
{
	struct pl value = pl_of(sip_header(m, "CSeq"));
	struct sip_cseq cseq;
	const char *digit;
	enum sip_method method;
	uint64_t number = 0;

	if (!value.p || sip_cseq_decode(&cseq, &value) != 0)
		return -EBADMSG;
	for (digit = value.p; digit < value.p + value.l && isdigit((unsigned char)*digit);
		digit++) {
		number = number * 10 + (uint64_t)(*digit - '0');
		if (number > UINT32_MAX)
			return -EBADMSG;
	}
	if (digit == value.p)
		return -EBADMSG;
	method = method_of(&cseq.met);
	if (m->request && m->method != method)
		return -EBADMSG;
	m->method = method;
	m->cseq = (uint32_t)number;
	return 0;
}

/* Of the topmost Via; its value ends at a comma when several share the line. */
static int parse_branch(struct sip_message *m)
{
	struct sip_text via = sip_header(m, "Via");
	const char *comma = via.data ? memchr(via.data, ',', via.bytes) : NULL;
	struct pl value = pl_of(via);
	struct pl branch = {0};

	if (comma)
		value.l = (size_t)(comma - via.data);
	if (value.p)
		(void)msg_param_decode(&value, "branch", &branch);
	return keep_string(m, (struct sip_text){branch.p, (uint32_t)branch.l}, &m->branch);
}

static int parse_ids(struct sip_message *m)
{
	struct sip_text call_id = sip_header(m, "Call-ID");
	int err;

	if (!call_id.data || call_id.bytes == 0)
		return -EBADMSG;
	err = keep_string(m, call_id, &m->call_id);
	if (!err)
		err = parse_address(m, "From", &m->from_uri, &m->from_tag);
	if (!err)
		err = parse_address(m, "To", &m->to_uri, &m->to_tag);
	if (!err)
		err = parse_cseq(m);
	if (!err)
		err = parse_branch(m);
	return err;
}

/* Keep-alives (CRLF) and stray line ends before a message are passed over (RFC 3261, 7.5). */
static const char *message_start(const char *data, const char *end)
{
	while (data < end && (*data == '\r' || *data == '\n'))
		data++;
	return data;
}

int sip_parse(struct sip_message *out, const char *data, size_t bytes)
{
	const char *end = data + bytes;
	const char *at;
	const char *stop;
	int err;

	if (bytes > SIP_BYTES_MAX)
		return -EMSGSIZE;
	memset(out, 0, offsetof(struct sip_message, headers));
	out->strings_used = 0;
	at = message_start(data, end);
	stop = line_end(at, end);
	err = parse_start_line(out, trimmed(at, stop));
	if (err)
		return err;
	at = split_headers(out, stop < end ? stop + 1 : end, end);
	err = parse_ids(out);
	if (err)
		return err;
	out->body = sip_body(out, (struct sip_text){at, (uint32_t)(end - at)});
	out->sdp = sip_body_sdp(out);
	return 0;
}

const char *sip_header_string(const struct sip_message *m, const char *name, char *buf, size_t size)
{
	struct sip_text t = sip_header(m, name);
	size_t used = 0;

	if (!t.data || size == 0)
		return NULL;
	for (uint32_t i = 0; i < t.bytes && used + 1 < size; i++) {
		if (!is_space(t.data[i]))
			buf[used++] = t.data[i];
		else if (used > 0 && buf[used - 1] != ' ')
			buf[used++] = ' ';
	}
	buf[used] = '\0';
	return buf;
}

uint32_t sip_session_expires_s(const struct sip_message *m)
{
	struct sip_text t = sip_header(m, "Session-Expires");
	struct pl digits;

	if (!t.data || re_regex(t.data, t.bytes, "[0-9]+", &digits) != 0 || digits.p != t.data ||
		digits.l > 9)
		return 0;
	return pl_u32(&digits);
}
