/* Legs: made by an offer, found by their ids, gone 32 s after their end. What ties them to
 * transactions is in session.c; what drives them, in dialog.c. Control thread. */
#include "controlplane/leg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "controlplane/bytes_hash.h"
#include "controlplane/config.h"
#include "controlplane/session.h"

#define LINGER_NS \
	32000000000ULL /* 64 × T1 (RFC 3261, 17): until then, retransmissions may come \
			*/
#define BUCKETS_MIN 1024U
#define BUCKETS_MAX (1U << 20)
#define EVICT_SCAN 16 /* ended legs looked at for one that nobody holds */

struct legs {
	const struct config *config;
	struct timers *timers;
	struct leg_hooks hooks;
	struct sessions *sessions;
	struct codec_lists *codec_lists;
	uint64_t hash_key;
	size_t mask;
	struct leg **by_call_id;
	struct leg **by_sip_id;
	struct leg **by_dialog;
	struct leg *first;
	struct leg *last;
	struct leg *first_ended;
	struct leg *last_ended;
	unsigned int count;
	unsigned int live;
	uint64_t refused;
};

static size_t bucket_count(uint32_t legs_max)
{
	size_t buckets = BUCKETS_MIN;

	while (buckets < legs_max && buckets < BUCKETS_MAX)
		buckets *= 2;
	return buckets;
}

int legs_create(struct legs **out, const struct config *config, struct timers *timers,
	const struct leg_hooks *hooks)
{
	struct legs *l = calloc(1, sizeof(*l));
	size_t buckets = bucket_count(config->limits.legs);

	if (!l)
		return -ENOMEM;
	l->config = config;
	l->timers = timers;
	if (hooks)
		l->hooks = *hooks;
	l->mask = buckets - 1;
	if (getrandom(&l->hash_key, sizeof(l->hash_key), 0) != (ssize_t)sizeof(l->hash_key))
		l->hash_key = (uintptr_t)l;
	l->by_call_id = calloc(buckets, sizeof(struct leg *));
	l->by_sip_id = calloc(buckets, sizeof(struct leg *));
	l->by_dialog = calloc(buckets, sizeof(struct leg *));
	if (!l->by_call_id || !l->by_sip_id || !l->by_dialog ||
		codec_lists_create(&l->codec_lists, l->mask, l->hash_key) != 0 ||
		sessions_create(&l->sessions,
			strcasecmp(config->transaction_header, "Session-ID") == 0, l->mask,
			l->hash_key) != 0) {
		legs_destroy(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

/* --- The tables --- */

static uint64_t sip_id_hash(const struct legs *l, const char *sip_call_id)
{
	return text_hash(l->hash_key, sip_call_id);
}

static uint64_t dialog_hash(
	const struct legs *l, const char *sip_call_id, const char *from_tag, enum leg_side side)
{
	return text_hash(sip_id_hash(l, sip_call_id) + side, from_tag);
}

static void link_leg(struct legs *l, struct leg *leg)
{
	struct leg **call_id = &l->by_call_id[uuid_hash(&leg->call_id) & l->mask];
	struct leg **sip_id = &l->by_sip_id[leg->sip_id_hash & l->mask];
	struct leg **dialog = &l->by_dialog[leg->dialog_hash & l->mask];

	leg->next_by_call_id = *call_id;
	*call_id = leg;
	leg->next_by_sip_id = *sip_id;
	*sip_id = leg;
	leg->next_by_dialog = *dialog;
	*dialog = leg;
	leg->previous = l->last;
	*(l->last ? &l->last->next : &l->first) = leg;
	l->last = leg;
	l->count++;
	l->live++;
}

static void unlink_ended(struct legs *l, struct leg *leg)
{
	*(leg->previous_ended ? &leg->previous_ended->next_ended : &l->first_ended) =
		leg->next_ended;
	*(leg->next_ended ? &leg->next_ended->previous_ended : &l->last_ended) =
		leg->previous_ended;
}

static void unlink_leg(struct legs *l, struct leg *leg)
{
	struct leg **at;

	for (at = &l->by_call_id[uuid_hash(&leg->call_id) & l->mask]; *at != leg;)
		at = &(*at)->next_by_call_id;
	*at = leg->next_by_call_id;
	for (at = &l->by_sip_id[leg->sip_id_hash & l->mask]; *at != leg;)
		at = &(*at)->next_by_sip_id;
	*at = leg->next_by_sip_id;
	for (at = &l->by_dialog[leg->dialog_hash & l->mask]; *at != leg;)
		at = &(*at)->next_by_dialog;
	*at = leg->next_by_dialog;
	*(leg->previous ? &leg->previous->next : &l->first) = leg->next;
	*(leg->next ? &leg->next->previous : &l->last) = leg->previous;
	l->count--;
	if (leg->state == LEG_ENDED)
		unlink_ended(l, leg);
	else
		l->live--;
}

/* Texts are kept cut, so the hash of the whole decides, and the cut text guards it. */
static bool has_sip_id(const struct leg *leg, uint64_t hash, const char *sip_call_id)
{
	return leg->sip_id_hash == hash &&
	       strncmp(leg->sip_call_id, sip_call_id, LEG_TEXT_BYTES - 1) == 0;
}

struct leg *leg_by_call_id(struct legs *l, const struct uuid *call_id)
{
	struct leg *leg = l->by_call_id[uuid_hash(call_id) & l->mask];

	while (leg && !uuid_equal(&leg->call_id, call_id))
		leg = leg->next_by_call_id;
	return leg;
}

struct leg *leg_by_sip_id(struct legs *l, const char *sip_call_id, unsigned int index)
{
	uint64_t hash = sip_id_hash(l, sip_call_id);
	struct leg *ended = NULL;
	unsigned int count = 0;

	for (struct leg *leg = l->by_sip_id[hash & l->mask]; leg; leg = leg->next_by_sip_id) {
		if (!has_sip_id(leg, hash, sip_call_id))
			continue;
		if (leg->state != LEG_ENDED && count++ == index)
			return leg;
		if (!ended)
			ended = leg;
	}
	return index == 0 ? ended : NULL;
}

struct leg *leg_by_dialog(
	struct legs *l, const char *sip_call_id, const char *from_tag, enum leg_side side)
{
	uint64_t hash = dialog_hash(l, sip_call_id, from_tag, side);
	struct leg *leg = l->by_dialog[hash & l->mask];

	while (leg && (leg->dialog_hash != hash || leg->side != side ||
			      strncmp(leg->sip_call_id, sip_call_id, LEG_TEXT_BYTES - 1) != 0 ||
			      strncmp(leg->from_tag, from_tag, LEG_TEXT_BYTES - 1) != 0))
		leg = leg->next_by_dialog;
	return leg;
}

struct session *session_by_id(struct legs *l, const struct uuid *transaction_id)
{
	return sessions_find(l->sessions, transaction_id);
}

struct leg *legs_first(struct legs *l)
{
	return l->first;
}

unsigned int legs_live(const struct legs *l)
{
	return l->live;
}

uint64_t legs_refused(const struct legs *l)
{
	return l->refused;
}

/* --- A leg's life --- */

static void forget(struct legs *l, struct leg *leg)
{
	if (l->hooks.forgotten)
		l->hooks.forgotten(l->hooks.arg, leg);
	timer_cancel(l->timers, &leg->dialog_timer);
	timer_cancel(l->timers, &leg->linger);
	unlink_leg(l, leg);
	session_leave(l->sessions, leg);
	if (leg->dialog_free)
		leg->dialog_free(leg->dialog);
	for (unsigned int end = 0; end < ENDS; end++)
		end_media_clear(&leg->media[end], l->codec_lists);
	free(leg->own_to_tag);
	free(leg);
}

void legs_destroy(struct legs *l)
{
	if (!l)
		return;
	while (l->first)
		forget(l, l->first);
	sessions_destroy(l->sessions);
	codec_lists_destroy(l->codec_lists);
	free(l->by_dialog);
	free(l->by_sip_id);
	free(l->by_call_id);
	free(l);
}

static bool make_room(struct legs *l)
{
	struct leg *leg = l->first_ended;

	if (l->count < l->config->limits.legs)
		return true;
	for (unsigned int i = 0; leg && i < EVICT_SCAN; i++, leg = leg->next_ended) {
		if (leg->holds == 0) {
			forget(l, leg);
			return true;
		}
	}
	l->refused++;
	return false;
}

static size_t text_bytes(const char *text)
{
	return (text ? strnlen(text, LEG_TEXT_BYTES - 1) : 0) + 1;
}

/* Copies a text to *at, and moves *at behind it. */
static char *keep_text(char **at, const char *text)
{
	size_t bytes = text_bytes(text);
	char *kept = *at;

	memcpy(kept, text ? text : "", bytes - 1);
	kept[bytes - 1] = '\0';
	*at += bytes;
	return kept;
}

/* "sip:user@host" of "sip:user@host:5060;user=phone": the address of record (RFC 3261, 10.2.1). A
 * semicolon in the user part is the user's own. */
static void cut_to_address_of_record(char *uri)
{
	char *host = strrchr(uri, '@');

	if (host || strncasecmp(uri, "sip", 3) == 0)
		(host ? host : uri)[strcspn(host ? host : uri, ";?>")] = '\0';
}

static const char *participant_uri(const struct leg_offer *o)
{
	return o->side == SIDE_CALLER ? o->from_uri : o->to_uri;
}

/* A leg with its texts behind it. NULL: no memory. */
static struct leg *make(const struct leg_offer *o)
{
	struct leg *leg = calloc(1, sizeof(*leg) + text_bytes(o->sip_call_id) +
					    text_bytes(o->from_tag) + text_bytes(o->from_uri) +
					    text_bytes(o->to_uri) + text_bytes(participant_uri(o)));
	char *participant;
	char *at;

	if (!leg)
		return NULL;
	at = leg->texts;
	leg->sip_call_id = keep_text(&at, o->sip_call_id);
	leg->from_tag = keep_text(&at, o->from_tag);
	leg->from_uri = keep_text(&at, o->from_uri);
	leg->to_uri = keep_text(&at, o->to_uri);
	participant = keep_text(&at, participant_uri(o));
	cut_to_address_of_record(participant);
	leg->participant = participant;
	leg->to_tag = "";
	return leg;
}

void leg_take_to_tag(struct leg *leg, const char *tag)
{
	char *own = strndup(tag, LEG_TEXT_BYTES - 1);

	if (!own)
		return;
	free(leg->own_to_tag);
	leg->own_to_tag = own;
	leg->to_tag = own;
}

static void fill(struct legs *l, struct leg *leg, const struct leg_offer *o)
{
	const char *const parts[] = {l->config->site, o->sip_call_id, o->from_tag,
		o->side == SIDE_CALLER ? "caller" : "callee"};

	uuid_named(&leg->call_id, parts, 4);
	leg->owner = l;
	leg->side = o->side;
	leg->by_sbc = o->by_sbc;
	leg->peer = o->peer;
	leg->encapsulation = o->encapsulation;
	leg->offered_ns = o->at_ns;
	leg->wall_offset_ns = o->wall_offset_ns;
	leg->refreshed_ns = o->at_ns;
	leg->sip_id_hash = sip_id_hash(l, o->sip_call_id);
	leg->dialog_hash = dialog_hash(l, o->sip_call_id, o->from_tag, o->side);
}

int leg_offer(struct legs *l, const struct leg_offer *offer, struct leg **out)
{
	struct leg *there = leg_by_dialog(l, offer->sip_call_id, offer->from_tag, offer->side);
	struct leg *sibling;
	struct leg *leg;

	if (there && there->state != LEG_ENDED) {
		*out = there;
		return -EEXIST;
	}
	if (!make_room(l))
		return -ENOSPC;
	leg = make(offer);
	if (!leg)
		return -ENOMEM;
	fill(l, leg, offer);
	sibling = leg_by_sip_id(l, offer->sip_call_id, 0);
	if (session_enter(l->sessions, leg, sibling, offer->transaction_header, offer->replaced) !=
		0) {
		free(leg);
		return -ENOMEM;
	}
	link_leg(l, leg);
	*out = leg;
	return 0;
}

void leg_offered(struct legs *l, struct leg *leg,
	const char *(*header)(void *message, const char *name), void *message)
{
	if (l->hooks.offered)
		l->hooks.offered(l->hooks.arg, leg, header, message);
}

void leg_ring(struct legs *l, struct leg *leg, unsigned int code, uint64_t at_ns)
{
	if (leg->state != LEG_OFFERED)
		return;
	leg->state = LEG_RINGING;
	if (l->hooks.ringing)
		l->hooks.ringing(l->hooks.arg, leg, code);
}

void leg_answer(struct legs *l, struct leg *leg, uint64_t at_ns)
{
	if (leg->state >= LEG_ANSWERED)
		return;
	leg->state = LEG_ANSWERED;
	leg->answered_ns = at_ns > leg->offered_ns ? at_ns : leg->offered_ns;
	if (l->hooks.answered)
		l->hooks.answered(l->hooks.arg, leg);
}

static void linger_over(void *arg, uint64_t now_ns)
{
	struct leg *leg = arg;

	if (leg->holds == 0)
		forget(leg->owner, leg);
}

/* At the next turn of the timers: only they know the time, for a leg may end long before it is
 * known that it did. */
static void begin_linger(void *arg, uint64_t now_ns)
{
	struct leg *leg = arg;

	(void)timer_start(leg->owner->timers, &leg->linger, now_ns + LINGER_NS, linger_over, leg);
}

void leg_end(
	struct legs *l, struct leg *leg, const char *reason, unsigned int sip_code, uint64_t at_ns)
{
	if (leg->state == LEG_ENDED)
		return;
	leg->state = LEG_ENDED;
	leg->ended_ns = at_ns > leg->offered_ns ? at_ns : leg->offered_ns;
	leg->sip_code = sip_code;
	snprintf(leg->reason, sizeof(leg->reason), "%s", reason);
	l->live--;
	leg->previous_ended = l->last_ended;
	*(l->last_ended ? &l->last_ended->next_ended : &l->first_ended) = leg;
	l->last_ended = leg;
	timer_cancel(l->timers, &leg->dialog_timer);
	/* Without memory for the timer it stays until its room is needed. */
	(void)timer_start(l->timers, &leg->linger, leg->ended_ns, begin_linger, leg);
	if (l->hooks.ended)
		l->hooks.ended(l->hooks.arg, leg);
}

/* --- What the ends announced --- */

void leg_digit(struct legs *l, struct leg *leg, char digit, uint64_t at_ns)
{
	if (leg->state != LEG_ENDED && l->hooks.digit)
		l->hooks.digit(l->hooks.arg, leg, digit, at_ns);
}

bool leg_announce(struct legs *l, struct leg *leg, enum leg_end end, const struct leg_media *media,
	uint64_t at_ns)
{
	struct end_media_change change = end_media_take(&leg->media[end], l->codec_lists, media);

	if (change.moved)
		leg->moved_ns[end] = at_ns;
	leg->on_hold = end_media_is_held(&leg->media[END_PARTICIPANT]) ||
		       end_media_is_held(&leg->media[END_SBC]);
	if (change.any && l->hooks.media_changed)
		l->hooks.media_changed(l->hooks.arg, leg, end, at_ns);
	return change.any;
}

bool leg_secure(struct legs *l, struct leg *leg, enum leg_end end, const struct srtp_keys *keys,
	uint64_t at_ns)
{
	struct end_media *m = &leg->media[end];
	bool changed = end_media_take_keys(m, keys) || m->encrypted != (keys->current > 0);

	m->encrypted = keys->current > 0;
	if (changed && l->hooks.media_changed)
		l->hooks.media_changed(l->hooks.arg, leg, end, at_ns);
	return changed;
}

/* --- Transactions and holds --- */

void leg_learn(struct legs *l, struct leg *leg, const char *transaction_header)
{
	session_learn(l->sessions, leg, transaction_header);
}

void leg_tie(struct legs *l, struct leg *leg, const char *value)
{
	session_tie(l->sessions, leg, value);
}

int leg_join(struct legs *l, struct leg *leg, const struct uuid *transaction_id)
{
	struct session *session = sessions_find(l->sessions, transaction_id);

	if (!session)
		return -ENOENT;
	if (leg->session == session)
		return 0;
	if (leg->recording || leg->recordings)
		return -EBUSY;
	if (session->leg_count >= SESSION_LEGS_MAX)
		return -ENOSPC;
	session_move(l->sessions, leg, session);
	return 0;
}

void leg_hold(struct leg *leg)
{
	leg->holds++;
}

void leg_release(struct legs *l, struct leg *leg)
{
	if (--leg->holds == 0 && leg->state == LEG_ENDED && !timer_running(&leg->linger))
		forget(l, leg);
}
