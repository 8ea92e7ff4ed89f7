/* Each m= line is read by sdp_parse together with what stands before the first one. */
#include "controlplane/siprec_offer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "controlplane/sdp.h"

#define SECTION_BYTES_MAX 8192 /* of the session's lines and one m= line's together */

/* The next line of a text, without its end; *rest is moved behind it. False at the end. */
static bool next_line(struct sip_text *rest, struct sip_text *line)
{
	uint32_t length = 0;

	if (rest->bytes == 0)
		return false;
	while (length < rest->bytes && rest->data[length] != '\n')
		length++;
	*line = (struct sip_text){rest->data, length};
	length += length < rest->bytes;
	*rest = (struct sip_text){rest->data + length, rest->bytes - length};
	while (line->bytes > 0 &&
		(line->data[line->bytes - 1] == '\r' || line->data[line->bytes - 1] == ' '))
		line->bytes--;
	return true;
}

static bool begins(struct sip_text line, const char *with)
{
	size_t length = strlen(with);

	return line.bytes >= length && strncasecmp(line.data, with, length) == 0;
}

static struct sip_text word(struct sip_text *rest)
{
	struct sip_text w;

	while (rest->bytes > 0 && *rest->data == ' ') {
		rest->data++;
		rest->bytes--;
	}
	w = (struct sip_text){rest->data, 0};
	while (rest->bytes > 0 && *rest->data != ' ') {
		rest->data++;
		rest->bytes--;
		w.bytes++;
	}
	return w;
}

static bool equals(struct sip_text t, const char *text)
{
	return t.bytes == strlen(text) && strncasecmp(t.data, text, t.bytes) == 0;
}

static bool is_secure(const struct siprec_line *l)
{
	return equals(l->protocol, "RTP/SAVP") || equals(l->protocol, "RTP/SAVPF");
}

/* "m=audio 49170 RTP/AVP 0 8" */
static void read_media_line(struct siprec_line *l, struct sip_text line)
{
	struct sip_text rest = {line.data + 2, line.bytes - 2};
	struct sip_text port;

	l->kind = word(&rest);
	port = word(&rest);
	l->protocol = word(&rest);
	while (rest.bytes > 0 && *rest.data == ' ') {
		rest.data++;
		rest.bytes--;
	}
	l->formats = rest;
	l->usable =
		equals(l->kind, "audio") && rest.bytes > 0 && !equals(port, "0") &&
		(equals(l->protocol, "RTP/AVP") || equals(l->protocol, "RTP/AVPF") || is_secure(l));
}

static void read_label(struct siprec_line *l)
{
	struct sip_text rest = l->section;
	struct sip_text line;

	while (next_line(&rest, &line)) {
		if (!begins(line, "a=label:"))
			continue;
		line.data += 8;
		line.bytes -= 8;
		line = word(&line);
		snprintf(l->label, sizeof(l->label), "%.*s", (int)line.bytes, line.data);
		return;
	}
}

/* Of several a=crypto lines the first whose packets can be authenticated is accepted, with all its
 * keys (they bear MKIs). An a=crypto beside RTP/AVP is passed over: the answer is in clear. */
static void choose_key(struct siprec_line *l)
{
	struct srtp_keys *keys = &l->media.keys;
	struct srtp_keys chosen = {0};

	for (unsigned int i = 0; i < keys->count && is_secure(l); i++) {
		const struct srtp_key *key = &keys->list[i];

		if (!key->unauthenticated &&
			(chosen.count == 0 || (key->tag == chosen.list[0].tag &&
						      key->suite == chosen.list[0].suite)))
			chosen.list[chosen.count++] = *key;
	}
	chosen.current = chosen.count;
	srtp_keys_wipe(keys);
	*keys = chosen;
	srtp_keys_wipe(&chosen);
	l->media.encrypted = keys->count > 0;
	l->usable = l->usable && l->media.encrypted == is_secure(l);
}

static void read_record(struct siprec_line *l, struct sip_text text)
{
	static const struct {
		const char *name;
		enum siprec_preference preference;
	} names[] = {{"on", SIPREC_PREFERS_ON}, {"off", SIPREC_PREFERS_OFF},
		{"pause", SIPREC_PREFERS_PAUSE}, {"nopreference", SIPREC_PREFERS_NOTHING}};
	struct sip_text line;

	while (next_line(&text, &line)) {
		l->tells_record = l->tells_record || begins(line, "a=record:");
		if (!begins(line, "a=recordpref:"))
			continue;
		l->tells_record = true;
		line.data += 13;
		line.bytes -= 13;
		line = word(&line);
		for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (equals(line, names[i].name))
				l->preference = names[i].preference;
	}
}

/* A client that sends nothing at an unspecified address (RFC 2543's hold) is as good as inactive.
 */
static void read_media(struct siprec_line *l, struct sip_text session, struct sip_text whole)
{
	char text[SECTION_BYTES_MAX];

	if (!l->usable)
		return;
	if (session.bytes + whole.bytes > sizeof(text)) {
		l->usable = false;
		return;
	}
	memcpy(text, session.data, session.bytes);
	memcpy(text + session.bytes, whole.data, whole.bytes);
	if (sdp_parse(&l->media, text, session.bytes + whole.bytes) != 0 ||
		l->media.codec_count == 0)
		l->usable = false;
	choose_key(l);
	l->active = l->usable && l->media.sends;
}

/* The bytes from one place in a text to another. */
static struct sip_text between(const char *from, const char *to)
{
	return (struct sip_text){from, (uint32_t)(to - from)};
}

static void finish_line(
	struct siprec_line *l, struct sip_text session, const char *began, const char *end)
{
	struct sip_text whole = between(began, end);
	struct sip_text line = {0};

	l->section = whole;
	(void)next_line(&l->section, &line);
	read_media_line(l, line);
	read_label(l);
	read_record(l, session); /* what the line itself says goes before it */
	read_record(l, l->section);
	read_media(l, session, whole);
}

int siprec_offer_parse(struct siprec_offer *out, const char *data, size_t bytes)
{
	struct sip_text rest = {data, (uint32_t)bytes};
	struct sip_text session = {data, 0};
	struct sip_text line;
	const char *began = NULL;

	memset(out, 0, sizeof(*out));
	if (bytes > SIP_BYTES_MAX || !begins(rest, "v="))
		return -EBADMSG;
	while (next_line(&rest, &line)) {
		if (!begins(line, "m="))
			continue;
		if (began)
			finish_line(&out->lines[out->line_count++], session, began, line.data);
		else
			session = between(data, line.data);
		if (out->line_count == SIPREC_LINES_MAX)
			return -E2BIG;
		began = line.data;
	}
	if (!began)
		return -EBADMSG;
	finish_line(&out->lines[out->line_count++], session, began, data + bytes);
	return 0;
}

/* --- The answer --- */

struct text {
	char *out;
	size_t size;
	size_t used;
};

static void print(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void print(struct text *t, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(t->used < t->size ? t->out + t->used : NULL,
		t->used < t->size ? t->size - t->used : 0, format, arguments);
	va_end(arguments);
	t->used += length > 0 ? (size_t)length : 0;
}

void siprec_offer_secure(
	struct siprec_offer *offer, const uint8_t secret[SIPREC_SECRET_BYTES], uint64_t id)
{
	for (unsigned int i = 0; i < offer->line_count; i++) {
		struct siprec_line *l = &offer->lines[i];
		struct srtp_key own;
		uint64_t about[3] = {id, i, 0};
		uint8_t bytes[EVP_MAX_MD_SIZE]; /* 64 of SHA-512: more than key and salt */
		unsigned int count;

		l->crypto[0] = '\0';
		if (l->media.keys.count == 0)
			continue;
		own = l->media.keys.list[0];
		own.mki_bytes = 0;
		own.lifetime = 0;
		about[2] = own.suite;
		HMAC(EVP_sha512(), secret, SIPREC_SECRET_BYTES, (const uint8_t *)about,
			sizeof(about), bytes, &count);
		memcpy(own.secret, bytes, sizeof(own.secret));
		if (crypto_attribute_print(&own, l->crypto, sizeof(l->crypto)) < 0)
			l->usable = false;
		explicit_bzero(bytes, sizeof(bytes));
		explicit_bzero(&own, sizeof(own));
	}
}

void siprec_offer_wipe(struct siprec_offer *offer)
{
	for (unsigned int i = 0; i < offer->line_count; i++) {
		srtp_keys_wipe(&offer->lines[i].media.keys);
		explicit_bzero(offer->lines[i].crypto, sizeof(offer->lines[i].crypto));
	}
}

/* The formats are taken as they were offered, with what explains them. */
static void print_formats(struct text *t, const struct siprec_line *l)
{
	struct sip_text rest = l->section;
	struct sip_text line;

	while (next_line(&rest, &line))
		if (begins(line, "a=rtpmap:") || begins(line, "a=fmtp:"))
			print(t, "%.*s\r\n", (int)line.bytes, line.data);
	if (*l->crypto)
		print(t, "%s\r\n", l->crypto);
}

static void print_address(struct text *t, const struct netaddr *address)
{
	struct netaddr host = *address;
	char buf[NETADDR_TEXT_BYTES];

	host.port = 0;
	print(t, "IN IP%u %s\r\n", host.family == 6 ? 6U : 4U, netaddr_format(&host, buf));
}

static void print_line(struct text *t, const struct siprec_line *l, const struct netaddr *address,
	enum siprec_record record)
{
	static const char *const records[] = {
		"", "a=record:on\r\n", "a=record:off\r\n", "a=record:paused\r\n"};
	bool taken = l->usable && address->port;

	print(t, "m=%.*s %u %.*s %.*s\r\n", (int)l->kind.bytes, l->kind.data,
		taken ? address->port : 0U, (int)l->protocol.bytes, l->protocol.data,
		(int)l->formats.bytes, l->formats.data);
	if (taken) {
		print(t, "c=");
		print_address(t, address);
		print_formats(t, l);
		print(t, "%s%s", l->active ? "a=recvonly\r\n" : "a=inactive\r\n", records[record]);
	}
	if (*l->label)
		print(t, "a=label:%s\r\n", l->label);
}

int siprec_answer_print(const struct siprec_offer *offer, const struct netaddr *addresses,
	const enum siprec_record *records, uint64_t id, uint32_t version, char *out, size_t size)
{
	struct text t = {.out = out, .size = size};
	const struct netaddr *own = &addresses[0];

	for (unsigned int i = 0; i < offer->line_count && !own->port; i++)
		own = &addresses[i];
	print(&t, "v=0\r\no=legtap %llu %u ", (unsigned long long)id, version);
	print_address(&t, own);
	print(&t, "s=-\r\nt=0 0\r\n");
	for (unsigned int i = 0; i < offer->line_count; i++)
		print_line(&t, &offer->lines[i], &addresses[i],
			records ? records[i] : SIPREC_RECORD_UNTOLD);
	return t.used < size ? (int)t.used : -ENOSPC;
}
