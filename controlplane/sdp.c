/* The SDP parser: one pass over the lines.
 *
 * Not libre's sdp_decode(): it throws away the whole description for one malformed line or a
 * missing last line end, reads port 0 from "m=audio 49170/2", gives static payload types no name,
 * and can't tell an address of 0.0.0.0 from none, all of which a recorder meets. */
#include "controlplane/sdp.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/crypto_attribute.h"
#include "controlplane/sdp_bundle.h"

#define LINE_BYTES_MAX 1024 /* of a line's value; longer ones are cut */

/* RFC 3551, tables 4 and 5. */
static const struct codec static_codecs[] = {
	{.payload_type = 0, .clock_hz = 8000, .name = "PCMU"},
	{.payload_type = 3, .clock_hz = 8000, .name = "GSM"},
	{.payload_type = 4, .clock_hz = 8000, .name = "G723"},
	{.payload_type = 5, .clock_hz = 8000, .name = "DVI4"},
	{.payload_type = 6, .clock_hz = 16000, .name = "DVI4"},
	{.payload_type = 7, .clock_hz = 8000, .name = "LPC"},
	{.payload_type = 8, .clock_hz = 8000, .name = "PCMA"},
	{.payload_type = 9, .clock_hz = 8000, .name = "G722"},
	{.payload_type = 10, .clock_hz = 44100, .channels = 2, .name = "L16"},
	{.payload_type = 11, .clock_hz = 44100, .name = "L16"},
	{.payload_type = 12, .clock_hz = 8000, .name = "QCELP"},
	{.payload_type = 13, .clock_hz = 8000, .name = "CN"},
	{.payload_type = 14, .clock_hz = 90000, .name = "MPA"},
	{.payload_type = 15, .clock_hz = 8000, .name = "G728"},
	{.payload_type = 16, .clock_hz = 11025, .name = "DVI4"},
	{.payload_type = 17, .clock_hz = 22050, .name = "DVI4"},
	{.payload_type = 18, .clock_hz = 8000, .name = "G729"},
};

struct direction {
	bool sends;
	bool receives;
};

/* What a c=, a direction and a ptime say, for the session or for one m= line. */
struct section {
	struct netaddr address; /* port 0 */
	bool has_address;	/* a c= line was there, whatever stood in it */
	struct direction direction;
	uint32_t ptime_ms;
	bool ice; /* 0.0.0.0 is then no hold, but an address that is not yet known */
};

#define BUNDLES_MAX 4 /* audio lines without a port of their own; each costs some passes */

struct parser {
	struct leg_media *out;
	const char *sdp;
	const char *rest; /* behind the current line */
	const char *end;
	struct section session;
	struct section media;
	bool in_media;
	bool in_audio;		  /* and its port is not 0 */
	bool in_other;		  /* RTP of other media; its port may be 0, for it may be bundled */
	char kind[16];		  /* of other media: "VIDEO" */
	unsigned int first_other; /* of the current m= line */
	bool fingerprint;	  /* a certificate's, for DTLS */
	uint16_t port;		  /* of the current m= line */
	unsigned int first_codec; /* of the current m= line */
	unsigned int bundles;	  /* looked for so far */
};

static struct section *current(struct parser *p)
{
	return p->in_media ? &p->media : &p->session;
}

struct codec sdp_static_codec(unsigned int payload_type)
{
	struct codec c = {.payload_type = (uint8_t)payload_type};

	for (size_t i = 0; i < sizeof(static_codecs) / sizeof(static_codecs[0]); i++)
		if (static_codecs[i].payload_type == payload_type)
			c = static_codecs[i];
	if (c.channels == 0)
		c.channels = 1;
	return c;
}

/* A number up to `most` at the start of a text; *end is moved behind it. False: none. */
static bool number(const char *text, char **end, unsigned long most, unsigned long *out)
{
	if (!isdigit((unsigned char)*text))
		return false;
	*out = strtoul(text, end, 10);
	return *out <= most;
}

/* Room that candidates leave to the m= lines. */
#define CANDIDATES_MAX (LEG_ADDRESSES_MAX - 4)

static void add_address(struct leg_media *out, const struct netaddr *a, unsigned int most)
{
	for (unsigned int i = 0; i < out->address_count; i++)
		if (netaddr_equal(&out->addresses[i], a))
			return;
	if (out->address_count < most)
		out->addresses[out->address_count++] = *a;
}

/* An audio m= line is at its end: its address, and its own direction, are now known. */
static void finish_media(struct parser *p)
{
	struct leg_media *out = p->out;
	const struct section *s = &p->media;
	const struct netaddr *where = s->has_address ? &s->address : &p->session.address;
	struct netaddr a = *where;

	if (!p->in_audio)
		return;
	if (s->ptime_ms)
		out->ptime_ms = s->ptime_ms;
	if (a.family && netaddr_is_unspecified(&a)) {
		if (!s->ice && !p->session.ice)
			return;
		a.family = 0;
	}
	out->sends = out->sends || s->direction.sends;
	out->receives = out->receives || s->direction.receives;
	a.port = p->port;
	if (a.family)
		add_address(out, &a, LEG_ADDRESSES_MAX);
}

/* "1 1 UDP 2130706431 192.0.2.4 49170 typ host" (RFC 8839, 5.1): media may go to each of them, and
 * come from there. Component 2 is RTCP; names (mDNS) and TCP are passed over. */
static void parse_candidate(struct parser *p, const char *value)
{
	struct netaddr a;
	char transport[8];
	char host[NETADDR_TEXT_BYTES];
	unsigned int component;
	unsigned int port;

	current(p)->ice = true;
	if (p->in_audio &&
		sscanf(value, "%*s %u %7s %*s %55s %u", &component, transport, host, &port) == 4 &&
		component == 1 && strcasecmp(transport, "UDP") == 0 && port > 0 &&
		port <= UINT16_MAX && netaddr_parse(host, &a) == 0 && !netaddr_is_unspecified(&a)) {
		a.port = (uint16_t)port;
		add_address(p->out, &a, CANDIDATES_MAX);
	}
}

/* Takes one line into buf, without white space at either end; returns where the next begins. */
static const char *take_line(const char *at, const char *end, char buf[LINE_BYTES_MAX])
{
	const char *stop = at;
	size_t length;

	while (stop < end && *stop != '\r' && *stop != '\n')
		stop++;
	length = (size_t)(stop - at) < LINE_BYTES_MAX ? (size_t)(stop - at) : LINE_BYTES_MAX - 1;
	memcpy(buf, at, length);
	while (length > 0 && (buf[length - 1] == ' ' || buf[length - 1] == '\t'))
		length--;
	buf[length] = '\0';
	return stop < end ? stop + 1 : end;
}

/* "IN IP4 192.0.2.4", perhaps with a multicast's "/127". */
static void parse_connection(struct parser *p, const char *value)
{
	struct section *s = current(p);
	char family[8];
	char host[NETADDR_TEXT_BYTES];

	s->has_address = true;
	s->address = (struct netaddr){0};
	if (sscanf(value, "IN %7s %55s", family, host) != 2)
		return;
	host[strcspn(host, "/")] = '\0';
	if (netaddr_parse(host, &s->address) != 0)
		s->address = (struct netaddr){0};
}

/* "video 0 RTP/AVP 99" */
static void parse_other_media(struct parser *p, const char *value)
{
	char proto[64];
	unsigned long type;
	int length;
	char *at;

	p->first_other = p->out->other_count;
	if (sscanf(value, "%15s %*s %63s%n", p->kind, proto, &length) != 2 ||
		!strstr(proto, "RTP/"))
		return;
	for (char *c = p->kind; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	p->in_other = true;
	at = (char *)(uintptr_t)value + length;
	for (at += strspn(at, " "); number(at, &at, 127, &type); at += strspn(at, " ")) {
		struct leg_other *o = &p->out->others[p->out->other_count];

		if (p->out->other_count == LEG_OTHERS_MAX)
			break;
		p->out->other_count++;
		o->payload_type = (uint8_t)type;
		snprintf(o->name, sizeof(o->name), "%s %lu", p->kind, type);
	}
}

/* "99 H264/90000" */
static void parse_other_rtpmap(struct parser *p, const char *value)
{
	unsigned long type;
	char *at;

	if (!number(value, &at, 127, &type))
		return;
	at += strspn(at, " ");
	for (unsigned int i = p->first_other; i < p->out->other_count; i++) {
		struct leg_other *o = &p->out->others[i];

		if (o->payload_type == type && at[0] != '\0')
			snprintf(o->name, sizeof(o->name), "%s %.*s", p->kind,
				(int)strcspn(at, "/ "), at);
		for (char *c = o->name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
	}
}

static bool find_bundle(struct parser *p, struct sdp_bundle *out)
{
	return p->bundles++ < BUNDLES_MAX && sdp_bundle_find(out, p->sdp, p->end, p->rest) == 0;
}

/* Where the m= line whose transport it shares is to be found. */
static void take_transport(struct parser *p, const char *section)
{
	char line[LINE_BYTES_MAX];

	while (section < p->end) {
		section = take_line(section, p->end, line);
		if (strncmp(line, "m=", 2) == 0)
			break;
		if (strncmp(line, "c=", 2) == 0)
			parse_connection(p, line + 2 + strspn(line + 2, " "));
		else if (strncmp(line, "a=candidate:", 12) == 0)
			parse_candidate(p, line + 12);
		else if (strncmp(line, "a=ice-ufrag:", 12) == 0)
			p->media.ice = true;
	}
}

/* "audio 49170/2 RTP/AVP 0 8 101" */
static void parse_media(struct parser *p, const char *value)
{
	struct sdp_bundle bundle = {0};
	unsigned long port;
	unsigned long type;
	char proto[64];
	char *at;

	finish_media(p);
	p->in_media = true;
	p->in_audio = false;
	p->in_other = false;
	p->media = (struct section){
		.direction = p->session.direction, .ptime_ms = p->session.ptime_ms};
	p->first_codec = p->out->codec_count;
	if (strncasecmp(value, "audio ", 6) != 0) {
		parse_other_media(p, value);
		return;
	}
	value += 6 + strspn(value + 6, " ");
	if (!number(value, &at, UINT16_MAX, &port) || (port == 0 && !find_bundle(p, &bundle)))
		return;
	at += strcspn(at, " ");
	if (sscanf(at, " %63s", proto) != 1 || !strstr(proto, "RTP/"))
		return;
	p->in_audio = true;
	p->out->encrypted = p->out->encrypted || strstr(proto, "SAVP");
	p->out->plain = p->out->plain || !strstr(proto, "SAVP");
	p->out->dtls = p->out->dtls || strstr(proto, "TLS/");
	p->port = port ? (uint16_t)port : bundle.port;
	at = strstr(at, proto) + strlen(proto);
	for (at += strspn(at, " "); number(at, &at, 127, &type); at += strspn(at, " "))
		if (p->out->codec_count < LEG_CODECS_MAX)
			p->out->codecs[p->out->codec_count++] =
				sdp_static_codec((unsigned int)type);
	if (port == 0)
		take_transport(p, bundle.section);
}

static struct codec *codec_of(struct parser *p, unsigned long payload_type)
{
	for (unsigned int i = p->first_codec; i < p->out->codec_count; i++)
		if (p->out->codecs[i].payload_type == payload_type)
			return &p->out->codecs[i];
	return NULL;
}

/* "101 telephone-event/8000", "111 opus/48000/2" */
static void parse_rtpmap(struct parser *p, const char *value)
{
	unsigned long type;
	unsigned long clock;
	unsigned long channels = 1;
	struct codec *c;
	char *at;
	size_t length;

	if (!number(value, &at, 127, &type))
		return;
	c = codec_of(p, type);
	at += strspn(at, " ");
	length = strcspn(at, "/ ");
	if (!c || length == 0 || length >= sizeof(c->name) || at[length] != '/' ||
		!isdigit((unsigned char)at[length + 1]))
		return;
	memset(c->name, 0, sizeof(c->name));
	for (size_t i = 0; i < length; i++)
		c->name[i] = (char)toupper((unsigned char)at[i]);
	if (number(at + length + 1, &at, 1000000, &clock))
		c->clock_hz = (uint32_t)clock;
	if (*at == '/')
		(void)number(at + 1, &at, 8, &channels);
	c->channels = channels >= 1 && channels <= 8 ? (uint8_t)channels : 1;
}

static void parse_fmtp(struct parser *p, const char *value)
{
	unsigned long type;
	struct codec *c;
	char *at;

	if (!number(value, &at, 127, &type))
		return;
	c = codec_of(p, type);
	at += strspn(at, " ");
	if (c)
		snprintf(c->fmtp, sizeof(c->fmtp), "%s", at);
}

static bool parse_direction(struct section *s, const char *value)
{
	static const struct {
		const char *name;
		struct direction direction;
	} directions[] = {
		{"sendrecv", {true, true}},
		{"sendonly", {true, false}},
		{"recvonly", {false, true}},
		{"inactive", {false, false}},
	};

	for (size_t i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
		if (strcasecmp(value, directions[i].name) == 0) {
			s->direction = directions[i].direction;
			return true;
		}
	}
	return false;
}

/* Under RTP/AVP it offers SRTP to those who want it. */
static void parse_crypto(struct parser *p, const char *value)
{
	if (!p->in_audio)
		return;
	p->out->encrypted = true;
	if (crypto_attribute_parse(&p->out->keys, value) != 0)
		p->out->unusable_key = true;
}

static void parse_attribute(struct parser *p, const char *value)
{
	unsigned long ms;
	char *at;

	if (parse_direction(current(p), value))
		return;
	if (strncmp(value, "candidate:", 10) == 0)
		parse_candidate(p, value + 10);
	else if (strncmp(value, "ice-ufrag:", 10) == 0)
		current(p)->ice = true;
	else if (strncmp(value, "rtpmap:", 7) == 0)
		parse_rtpmap(p, value + 7);
	else if (strncmp(value, "fmtp:", 5) == 0)
		parse_fmtp(p, value + 5);
	else if (strncmp(value, "ptime:", 6) == 0 && number(value + 6, &at, 1000, &ms))
		current(p)->ptime_ms = (uint32_t)ms;
	else if (strncmp(value, "crypto:", 7) == 0)
		parse_crypto(p, value + 7);
	else if (strncmp(value, "fingerprint:", 12) == 0)
		p->fingerprint = true;
}

static void parse_line(struct parser *p, char type, const char *value)
{
	switch (type) {
	case 'm':
		parse_media(p, value);
		break;
	case 'c':
		parse_connection(p, value);
		break;
	case 'a':
		/* Of other media, codecs are none of ours; direction and ptime land in a section
		 * that is not used. */
		if (!p->in_media || p->in_audio)
			parse_attribute(p, value);
		else if (p->in_other && strncmp(value, "rtpmap:", 7) == 0)
			parse_other_rtpmap(p, value + 7);
		break;
	default:
		break;
	}
}

/* Codecs without a name: a dynamic payload type that no rtpmap explains. */
static void drop_unnamed(struct leg_media *out)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < out->codec_count; i++)
		if (out->codecs[i].name[0] && out->codecs[i].clock_hz)
			out->codecs[kept++] = out->codecs[i];
	memset(&out->codecs[kept], 0, (out->codec_count - kept) * sizeof(out->codecs[0]));
	out->codec_count = kept;
}

int sdp_parse(struct leg_media *out, const char *data, size_t bytes)
{
	struct parser p = {
		.out = out, .sdp = data, .end = data + bytes, .session.direction = {true, true}};
	const char *end = data + bytes;
	char line[LINE_BYTES_MAX];

	memset(out, 0, sizeof(*out));
	while (data < end && isspace((unsigned char)*data))
		data++;
	if (end - data < 2 || memcmp(data, "v=", 2) != 0)
		return -EBADMSG;
	while (data < end) {
		data = take_line(data, end, line);
		p.rest = data;
		if (line[0] && line[1] == '=')
			parse_line(&p, line[0], line + 2 + strspn(line + 2, " "));
	}
	finish_media(&p);
	out->dtls = out->dtls || (out->encrypted && p.fingerprint && out->keys.count == 0);
	explicit_bzero(line, sizeof(line));
	drop_unnamed(out);
	out->known = true;
	return 0;
}
