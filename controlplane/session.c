/* Transactions, and the values of the transaction header that tie legs to them.
 *
 * RFC 7989: "Session-ID: <32 hex digits>;remote=<32 hex digits>", one half for each end of the
 * call, swapped in the other direction. A half that was seen in any message of a leg belongs to
 * that leg's transaction from then on; another leg that bears it is of the same call. Of any other
 * header the whole value is one such half. */
#include "controlplane/session.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/bytes_hash.h"

#define TIES_MAX 16 /* of a transaction: transfers bring new halves */
#define HALF_DIGITS 32

struct tie {
	uint64_t hash; /* of the whole value */
	struct session *session;
	struct tie *next_of_session;
	struct tie *next; /* hash chain */
};

struct sessions {
	bool session_id_header;
	size_t mask;
	uint64_t hash_key;
	struct session **by_id;
	struct tie **by_tie;
	struct session *first;
	struct session *last;
	uint64_t newest; /* number of the newest session */
};

/* The halves of a header's value. */
struct halves {
	unsigned int count;
	uint64_t hash[2];
};

int sessions_create(struct sessions **out, bool session_id_header, size_t mask, uint64_t hash_key)
{
	struct sessions *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->session_id_header = session_id_header;
	s->mask = mask;
	s->hash_key = hash_key;
	s->by_id = calloc(mask + 1, sizeof(struct session *));
	s->by_tie = calloc(mask + 1, sizeof(struct tie *));
	if (!s->by_id || !s->by_tie) {
		sessions_destroy(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void sessions_destroy(struct sessions *s)
{
	if (!s)
		return;
	free(s->by_tie);
	free(s->by_id);
	free(s);
}

static void add_half(struct sessions *s, struct halves *h, const char *text, size_t length)
{
	h->hash[h->count++] = bytes_hash(s->hash_key, text, length);
}

/* 32 hex digits that are not all zero (the nil UUID: nothing is known of that end). */
static void add_uuid_half(struct sessions *s, struct halves *h, const char *text)
{
	char digits[HALF_DIGITS + 1];
	bool nil = true;

	for (unsigned int i = 0; i < HALF_DIGITS; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return;
		digits[i] = (char)tolower((unsigned char)text[i]);
		nil = nil && digits[i] == '0';
	}
	if (!nil && !isalnum((unsigned char)text[HALF_DIGITS]))
		add_half(s, h, digits, HALF_DIGITS);
}

static struct halves parse_halves(struct sessions *s, const char *header)
{
	struct halves h = {0};
	const char *remote;

	if (!header || !header[0])
		return h;
	if (!s->session_id_header) {
		add_half(s, &h, header, strlen(header));
		return h;
	}
	add_uuid_half(s, &h, header);
	remote = strcasestr(header, "remote=");
	if (remote)
		add_uuid_half(s, &h, remote + strlen("remote="));
	return h;
}

static struct session *find_tied(struct sessions *s, uint64_t hash)
{
	for (struct tie *t = s->by_tie[hash & s->mask]; t; t = t->next)
		if (t->hash == hash)
			return t->session;
	return NULL;
}

static void tie(struct sessions *s, struct session *session, const struct halves *h)
{
	unsigned int count = 0;

	for (struct tie *t = session->ties; t; t = t->next_of_session)
		count++;
	for (unsigned int i = 0; i < h->count; i++) {
		struct tie *t;

		if (find_tied(s, h->hash[i]) || count >= TIES_MAX)
			continue;
		t = calloc(1, sizeof(*t));
		if (!t)
			return;
		*t = (struct tie){.hash = h->hash[i],
			.session = session,
			.next_of_session = session->ties,
			.next = s->by_tie[h->hash[i] & s->mask]};
		session->ties = t;
		s->by_tie[t->hash & s->mask] = t;
		count++;
	}
}

static void unlink_tie(struct sessions *s, struct tie *t)
{
	struct tie **at = &s->by_tie[t->hash & s->mask];

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
}

static struct session *session_new(struct sessions *s, const struct leg *leg)
{
	struct session *session = calloc(1, sizeof(*session));
	char call_id[UUID_TEXT_BYTES];
	const char *const parts[] = {"transaction", uuid_format(&leg->call_id, call_id)};
	struct session **chain;

	if (!session)
		return NULL;
	uuid_named(&session->transaction_id, parts, 2);
	session->number = ++s->newest;
	chain = &s->by_id[uuid_hash(&session->transaction_id) & s->mask];
	session->next_by_id = *chain;
	*chain = session;
	session->previous = s->last;
	*(s->last ? &s->last->next : &s->first) = session;
	s->last = session;
	return session;
}

static void session_free(struct sessions *s, struct session *session)
{
	struct session **at = &s->by_id[uuid_hash(&session->transaction_id) & s->mask];

	while (*at != session)
		at = &(*at)->next_by_id;
	*at = session->next_by_id;
	*(session->previous ? &session->previous->next : &s->first) = session->next;
	*(session->next ? &session->next->previous : &s->last) = session->previous;
	while (session->ties) {
		struct tie *t = session->ties;

		session->ties = t->next_of_session;
		unlink_tie(s, t);
		free(t);
	}
	free(session);
}

/* A leg that follows an ended one of the same dialog (a call tried again) takes its place. */
static void set_tag(struct session *session, struct leg *leg)
{
	snprintf(leg->participant_tag, sizeof(leg->participant_tag), "%s",
		session->leg_count == 0 ? "LEG-A" : "LEG-B");
	for (const struct leg *other = session->legs; other; other = other->next_in_session)
		if (uuid_equal(&other->call_id, &leg->call_id))
			memcpy(leg->participant_tag, other->participant_tag,
				sizeof(leg->participant_tag));
}

static void append(struct session *session, struct leg *leg)
{
	struct leg **at = &session->legs;

	set_tag(session, leg);
	while (*at)
		at = &(*at)->next_in_session;
	*at = leg;
	leg->next_in_session = NULL;
	leg->session = session;
	session->leg_count++;
}

static void take_out(struct leg *leg)
{
	struct leg **at = &leg->session->legs;

	while (*at != leg)
		at = &(*at)->next_in_session;
	*at = leg->next_in_session;
	leg->next_in_session = NULL;
	leg->session = NULL;
}

int session_enter(struct sessions *s, struct leg *leg, const struct leg *sibling,
	const char *header, const struct leg *replaced)
{
	struct halves h = parse_halves(s, header);
	struct session *session = sibling ? sibling->session : NULL;

	for (unsigned int i = 0; i < h.count && !session; i++)
		session = find_tied(s, h.hash[i]);
	if (!session && replaced)
		session = replaced->session;
	if (session && session->leg_count >= SESSION_LEGS_MAX)
		session = NULL;
	if (!session)
		session = session_new(s, leg);
	if (!session)
		return -ENOMEM;
	append(session, leg);
	tie(s, session, &h);
	return 0;
}

void session_leave(struct sessions *s, struct leg *leg)
{
	struct session *session = leg->session;

	take_out(leg);
	if (!session->legs)
		session_free(s, session);
}

static void adopt_ties(struct session *to, struct session *from)
{
	while (from->ties) {
		struct tie *t = from->ties;

		from->ties = t->next_of_session;
		t->session = to;
		t->next_of_session = to->ties;
		to->ties = t;
	}
}

void session_move(struct sessions *s, struct leg *leg, struct session *to)
{
	struct session *from = leg->session;

	if (from == to)
		return;
	take_out(leg);
	append(to, leg);
	if (from->legs)
		return;
	adopt_ties(to, from);
	session_free(s, from);
}

/* Nobody has been told to start anything in it, and nothing has been billed to it. */
static bool is_young(const struct session *session)
{
	for (const struct leg *leg = session->legs; leg; leg = leg->next_in_session)
		if (leg->answered_ns || leg->recordings || leg->recording)
			return false;
	return true;
}

/* Two transactions turn out to be one: the younger goes into the older, unless that is too late. */
static void unite(struct sessions *s, struct session *a, struct session *b)
{
	struct session *to = a->number < b->number ? a : b;
	struct session *from = to == a ? b : a;

	if (!is_young(from) && is_young(to)) {
		to = from;
		from = to == a ? b : a;
	}
	if (!is_young(from) || to->leg_count + from->leg_count > SESSION_LEGS_MAX)
		return;
	for (struct leg *leg = from->legs; leg;) {
		struct leg *next = leg->next_in_session;

		session_move(s, leg, to); /* `from` goes with its last leg */
		leg = next;
	}
}

static void learn(struct sessions *s, struct leg *leg, const struct halves *h)
{
	for (unsigned int i = 0; i < h->count; i++) {
		struct session *other = find_tied(s, h->hash[i]);

		if (other && other != leg->session)
			unite(s, leg->session, other);
	}
	tie(s, leg->session, h);
}

void session_learn(struct sessions *s, struct leg *leg, const char *header)
{
	struct halves h = parse_halves(s, header);

	learn(s, leg, &h);
}

void session_tie(struct sessions *s, struct leg *leg, const char *value)
{
	struct halves h = {0};

	add_half(s, &h, value, strlen(value));
	learn(s, leg, &h);
}

struct session *sessions_find(struct sessions *s, const struct uuid *transaction_id)
{
	struct session *session = s->by_id[uuid_hash(transaction_id) & s->mask];

	while (session && !uuid_equal(&session->transaction_id, transaction_id))
		session = session->next_by_id;
	return session;
}
