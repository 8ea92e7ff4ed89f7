#include "controlplane/account.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "controlplane/config_form.h"
#include "controlplane/siprec_session.h"

#define PREFIX_BYTES_MAX 800 /* an S3 key has at most 1024 bytes, what object_key adds included */
#define DEFAULT_PREFIX "Amazon-Chime-SMA-Call-Recordings"

/* Undoes %XX in place; %00 stays, for it would end the text. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		char hex[3] = "";

		if (text[0] == '%' && isxdigit((unsigned char)text[1]) &&
			isxdigit((unsigned char)text[2]))
			memcpy(hex, text + 1, 2);
		if (*hex && strcmp(hex, "00") != 0) {
			*to++ = (char)strtoul(hex, NULL, 16);
			text += 2;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* Takes the visual separators of RFC 3966 out. */
static void strip_separators(char *number)
{
	char *to = number;

	for (; *number; number++)
		if (!strchr("-.()", *number))
			*to++ = *number;
	*to = '\0';
}

/* The user part of a SIP, SIPS or tel URI (in angle brackets or not), without parameters and
 * password, unescaped; "" when it has none. */
static void user_of(const char *uri, char user[LEG_TEXT_BYTES])
{
	const char *p = strchr(uri, '<');
	bool tel;
	size_t length;

	p = p ? p + 1 : uri;
	tel = strncasecmp(p, "tel:", 4) == 0;
	if (tel || strncasecmp(p, "sip:", 4) == 0)
		p += 4;
	else if (strncasecmp(p, "sips:", 5) == 0)
		p += 5;
	length = strcspn(p, tel ? ";>" : "@>");
	if (!tel && p[length] != '@')
		length = 0;
	snprintf(user, LEG_TEXT_BYTES, "%.*s", (int)length, p);
	if (tel)
		strip_separators(user);
	else
		user[strcspn(user, ":;")] = '\0';
	unescape(user);
}

static bool pattern_fits(const char *pattern, const char *text)
{
	return !*pattern || fnmatch(pattern, text, 0) == 0;
}

static bool user_fits(const char *pattern, const char *uri)
{
	char user[LEG_TEXT_BYTES];

	if (!*pattern)
		return true;
	user_of(uri, user);
	return pattern_fits(pattern, user);
}

static bool trunk_fits(const struct call_match *m, const struct netaddr *peer)
{
	return m->trunk_count == 0 || netprefix_any_contains(m->trunks, m->trunk_count, peer);
}

bool call_fits(const struct call_match *m, const char *from_uri, const char *to_uri,
	const struct netaddr *peer)
{
	return user_fits(m->caller, from_uri) && user_fits(m->called, to_uri) &&
	       trunk_fits(m, peer);
}

static bool metadata_fits(const struct call_match *m, const struct leg *leg)
{
	return !*m->metadata || siprec_leg_says(leg, m->metadata, m->metadata_value, pattern_fits);
}

static bool header_fits(const struct call_match *m,
	const char *(*header)(void *message, const char *name), void *message)
{
	const char *value;

	if (!*m->header)
		return true;
	value = header ? header(message, m->header) : NULL;
	return value && pattern_fits(m->value, value);
}

const struct account_config *account_match(const struct config *c, const struct leg *leg,
	const char *(*header)(void *message, const char *name), void *message)
{
	for (unsigned int i = 1; i < c->account_count; i++) {
		const struct call_match *m = &c->accounts[i].match;

		if (call_fits(m, leg->from_uri, leg->to_uri, &leg->peer) && metadata_fits(m, leg) &&
			header_fits(m, header, message))
			return &c->accounts[i];
	}
	return &c->accounts[0];
}

const struct account_config *account_by_id(const struct config *c, const char *id)
{
	for (unsigned int i = 0; i < c->account_count; i++)
		if (strcmp(c->accounts[i].id, id) == 0)
			return &c->accounts[i];
	return NULL;
}

const struct rule_config *rule_match(const struct config *c, const struct leg *leg)
{
	const char *account = leg->account ? leg->account->id : "default";

	for (unsigned int i = 0; i < c->rule_count; i++) {
		const struct call_match *m = &c->rules[i].match;

		if (*m->account && strcmp(m->account, account) != 0)
			continue;
		if (*m->leg && strcmp(m->leg, leg->participant_tag) != 0)
			continue;
		if (call_fits(m, leg->from_uri, leg->to_uri, &leg->peer))
			return &c->rules[i];
	}
	return NULL;
}

static int refuse_location(struct errmsg *e, const char *text, const char *why)
{
	return errmsg_set(e, -EINVAL,
		"\"%.80s\" is no Location: %s; the right form is \"bucket\" or \"bucket/prefix\"",
		text, why);
}

/* "." and ".." would lead out of a directory that stands in for the bucket. */
static bool segment_fits(const char *segment, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)segment[i] < ' ' || segment[i] == 0x7f)
			return false;
	return !(bytes == 1 && segment[0] == '.') &&
	       !(bytes == 2 && segment[0] == '.' && segment[1] == '.');
}

/* Copies the segments of a path with one slash between any two. */
static int copy_prefix(const char *p, char prefix[DESTINATION_KEY_BYTES], const char **why)
{
	size_t used = 0;

	while (*(p += strspn(p, "/"))) {
		size_t bytes = strcspn(p, "/");

		*why = "\".\", \"..\" and control characters cannot be in a prefix";
		if (!segment_fits(p, bytes))
			return -EINVAL;
		*why = "its prefix is longer than 800 bytes";
		if (used + bytes + 1 > PREFIX_BYTES_MAX)
			return -EINVAL;
		if (used)
			prefix[used++] = '/';
		memcpy(prefix + used, p, bytes);
		used += bytes;
		p += bytes;
	}
	prefix[used] = '\0';
	return 0;
}

int location_parse(const char *text, char bucket[DESTINATION_BUCKET_BYTES],
	char prefix[DESTINATION_KEY_BYTES], struct errmsg *e)
{
	const char *p = text;
	const char *why;
	size_t bytes;

	if (strncasecmp(p, "s3://", 5) == 0)
		p += 5;
	p += strspn(p, "/");
	bytes = strcspn(p, "/");
	if (bytes == 0)
		return refuse_location(e, text, "it names no bucket");
	snprintf(bucket, DESTINATION_BUCKET_BYTES, "%.*s", (int)(bytes < 255 ? bytes : 255), p);
	if (!bucket_name_fits(bucket))
		return refuse_location(e, text,
			"a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens");
	if (copy_prefix(p + bytes, prefix, &why) != 0)
		return refuse_location(e, text, why);
	return 0;
}

bool location_allowed(const struct account_config *a, const char *bucket)
{
	for (unsigned int i = 0; i < a->location_count; i++)
		if (strcmp(a->locations[i], bucket) == 0)
			return true;
	return a->location_count == 0;
}

int object_key(char key[DESTINATION_KEY_BYTES], const char *prefix, int64_t leg_start_ms,
	const struct uuid *transaction, const struct uuid *call, unsigned int number)
{
	char transaction_text[UUID_TEXT_BYTES];
	char call_text[UUID_TEXT_BYTES];
	char time_text[64];
	char suffix[16] = "";
	int64_t ms = (leg_start_ms % 1000 + 1000) % 1000;
	time_t seconds = (time_t)((leg_start_ms - ms) / 1000);
	struct tm tm;
	int n;

	if (number > 1)
		snprintf(suffix, sizeof(suffix), "_%u", number);
	gmtime_r(&seconds, &tm);
	strftime(time_text, sizeof(time_text), "%Y/%m/%d/%Y-%m-%d-%H-%M-%S", &tm);
	n = snprintf(key, DESTINATION_KEY_BYTES, "%s/%s-%03d_%s_%s%s.wav",
		*prefix ? prefix : DEFAULT_PREFIX, time_text, (int)ms,
		uuid_format(transaction, transaction_text), uuid_format(call, call_text), suffix);
	return n >= DESTINATION_KEY_BYTES ? -ENAMETOOLONG : 0;
}
