#include "controlplane/siprec_roles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "controlplane/recordings.h"

int siprec_session_create(struct siprec_session **out, struct control *control,
	struct media_ports *ports, const struct siprec_opening *opening,
	void (*deserted)(void *arg), void *arg)
{
	struct siprec_session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->control = control;
	s->ports = ports;
	s->deserted = deserted;
	s->arg = arg;
	snprintf(s->sip_call_id, sizeof(s->sip_call_id), "%s", opening->sip_call_id);
	snprintf(s->from_uri, sizeof(s->from_uri), "%s", opening->from_uri);
	snprintf(s->to_uri, sizeof(s->to_uri), "%s", opening->to_uri);
	if (opening->transaction_header)
		snprintf(s->header, sizeof(s->header), "%s", opening->transaction_header);
	s->peer = opening->peer;
	*out = s;
	return 0;
}

/* --- Ports --- */

/* What is said by a line, and who hears it. */
static int route(
	void *arg, const struct netaddr *address, struct media_route routes[MEDIA_ROUTES_MAX])
{
	struct siprec_session *s = arg;
	const struct member *owner;
	unsigned int line = 0;
	int count = 0;

	while (line < s->line_count && !netaddr_equal(&s->addresses[line], address))
		line++;
	if (s->settling || line == s->line_count)
		return MEDIA_ROUTES_WAIT;
	owner = s->lines[line].owner;
	if (owner && owner->leg && s->lines[line].track == TRACK_INCOMING)
		routes[count++] = (struct media_route){
			.leg = owner->leg, .track = TRACK_INCOMING, .party = line + 1};
	for (struct member *m = s->members; m && count < MEDIA_ROUTES_MAX; m = m->next)
		if (m->leg && siprec_hears(s, m, line))
			routes[count++] = (struct media_route){
				.leg = m->leg, .track = TRACK_OUTGOING, .party = line + 1};
	return count ? count : MEDIA_ROUTES_WAIT;
}

static int take_port(struct siprec_session *s, unsigned int line)
{
	int err = media_ports_take(s->ports, s->peer.family, &s->addresses[line]);

	if (err == 0) {
		err = media_own(s->control->media, &s->addresses[line], route, s);
		if (err)
			media_ports_give(s->ports, &s->addresses[line]);
	}
	if (err)
		s->addresses[line].port = 0;
	return err;
}

static void give_port(struct siprec_session *s, unsigned int line)
{
	if (!s->addresses[line].port)
		return;
	media_disown(s->control->media, &s->addresses[line], s);
	media_ports_give(s->ports, &s->addresses[line]);
	s->addresses[line].port = 0;
}

/* --- Members --- */

static void release_leg(struct siprec_session *s, struct member *m)
{
	struct leg *leg = m->leg;

	m->leg = NULL;
	leg->siprec = NULL;
	leg_release(s->control->legs, leg);
}

static void remove_member(struct siprec_session *s, struct member *m, const char *reason)
{
	struct member **at = &s->members;
	struct leg *leg = m->leg;

	if (leg) {
		leg->siprec = NULL; /* its end is this session's doing */
		leg_end(s->control->legs, leg, reason, 0, s->control->now_ns);
		release_leg(s, m);
	}
	for (unsigned int i = 0; i < s->line_count; i++)
		if (s->lines[i].owner == m)
			s->lines[i].owner = NULL;
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	free(m);
}

void siprec_session_destroy(struct siprec_session *s, const char *reason)
{
	if (!s)
		return;
	s->ending = true;
	while (s->members)
		remove_member(s, s->members, reason);
	for (unsigned int i = 0; i < SIPREC_LINES_MAX; i++)
		give_port(s, i);
	siprec_metadata_free(&s->metadata);
	for (unsigned int i = 0; i < s->line_count; i++)
		srtp_keys_wipe(&s->lines[i].media.keys);
	free(s->lines);
	free(s);
}

void siprec_leg_ended(struct leg *leg)
{
	struct siprec_session *s = leg->siprec;
	bool deserted = true;

	if (!s)
		return;
	for (struct member *m = s->members; m; m = m->next) {
		if (m->leg == leg) {
			m->ended = true;
			release_leg(s, m);
		}
		if (m->leg)
			deserted = false;
	}
	if (deserted && !s->ending)
		s->deserted(s->arg);
}

static void fill_offer(
	const struct siprec_session *s, const struct member *m, struct leg_offer *offer)
{
	const struct siprec_participant *own =
		siprec_participant_by_id(&s->metadata, m->participant_id);
	const struct siprec_call *call = siprec_call_by_id(&s->metadata, m->call_id);
	const struct siprec_participant *parties[2];

	siprec_find_parties(&s->metadata, m->call_id, parties);
	*offer = (struct leg_offer){.sip_call_id = m->call_id,
		.from_tag = m->participant_id,
		.from_uri = s->from_uri,
		.to_uri = s->to_uri,
		.transaction_header = call && *call->sip_session_id ? call->sip_session_id
				      : *s->header		    ? s->header
								    : NULL,
		.side = SIDE_CALLER,
		.by_sbc = true,
		.peer = s->peer,
		.at_ns = s->control->now_ns,
		.wall_offset_ns = s->control->wall_offset_ns};
	if (m->made_up || !own)
		return;
	offer->from_uri = siprec_name_of(parties[0] ? parties[0] : own);
	offer->to_uri = siprec_name_of(parties[1]);
	if (parties[0] && own != parties[0]) {
		offer->side = SIDE_CALLEE;
		offer->to_uri = siprec_name_of(own);
	}
}

/* --- Legs --- */

/* The streams of one track of a leg, as what its receiving end announced: legtap stands for it. */
static bool feeds(
	const struct siprec_session *s, const struct member *m, enum track track, unsigned int line)
{
	if (track == TRACK_OUTGOING)
		return siprec_hears(s, m, line);
	return s->lines[line].owner == m && s->lines[line].track == track;
}

static unsigned int gather(const struct siprec_session *s, const struct member *m, enum track track,
	struct leg_media *out)
{
	unsigned int count = 0;

	memset(out, 0, sizeof(*out));
	out->known = true;
	out->sends = true;
	for (unsigned int i = 0; i < s->line_count; i++) {
		const struct line *l = &s->lines[i];

		if (!feeds(s, m, track, i))
			continue;
		count++;
		out->receives = out->receives || l->active;
		out->ptime_ms = l->media.ptime_ms;
		if (out->address_count < LEG_ADDRESSES_MAX)
			out->addresses[out->address_count++] = s->addresses[i];
		for (unsigned int c = 0; c < l->media.codec_count; c++)
			if (out->codec_count < LEG_CODECS_MAX)
				out->codecs[out->codec_count++] = l->media.codecs[c];
	}
	return count;
}

/* By which keys the streams of one track are protected (RFC 4568), as what its sending end has told
 * of. */
static void take_keys(const struct siprec_session *s, const struct member *m, enum track track,
	struct leg_media *out)
{
	memset(&out->keys, 0, sizeof(out->keys));
	for (unsigned int i = 0; i < s->line_count; i++) {
		const struct srtp_keys *keys = &s->lines[i].media.keys;

		if (!feeds(s, m, track, i))
			continue;
		for (unsigned int k = 0; k < keys->count && out->keys.count < SRTP_KEYS_MAX; k++)
			out->keys.list[out->keys.count++] = keys->list[k];
	}
	out->keys.current = out->keys.count;
	out->encrypted = out->keys.count > 0;
	out->plain = !out->encrypted;
}

/* A participant whose streams are all gone for now is on hold. */
static void announce(struct siprec_session *s, struct member *m)
{
	struct legs *legs = s->control->legs;
	struct leg_media media;

	if (gather(s, m, TRACK_INCOMING, &media) || m->leg->media[END_SBC].known) {
		take_keys(s, m, TRACK_OUTGOING, &media);
		leg_announce(legs, m->leg, END_SBC, &media, s->control->now_ns);
	} else { /* one who only hears */
		take_keys(s, m, TRACK_OUTGOING, &media);
		leg_secure(legs, m->leg, END_SBC, &media.keys, s->control->now_ns);
	}
	if (gather(s, m, TRACK_OUTGOING, &media) || m->leg->media[END_PARTICIPANT].known) {
		take_keys(s, m, TRACK_INCOMING, &media);
		leg_announce(legs, m->leg, END_PARTICIPANT, &media, s->control->now_ns);
	} else {
		take_keys(s, m, TRACK_INCOMING, &media);
		leg_secure(legs, m->leg, END_PARTICIPANT, &media.keys, s->control->now_ns);
	}
	srtp_keys_wipe(&media.keys);
}

/* A leg that is there already is that of a session which has come back on another address or
 * dialog: this one goes on with it. */
static int take_leg(struct siprec_session *s, struct member *m, struct leg *leg)
{
	struct siprec_session *before = leg->siprec;
	bool deserted = true;

	if (!before)
		return -EEXIST;
	leg_hold(leg);
	for (struct member *other = before->members; other; other = other->next) {
		if (other->leg == leg) {
			other->ended = true;
			release_leg(before, other);
		}
		if (other->leg)
			deserted = false;
	}
	leg->siprec = s;
	m->leg = leg;
	announce(s, m);
	log_info("siprec", "session %s goes on with call %s, participant %s", s->sip_call_id,
		m->call_id, m->participant_id);
	if (deserted && before != s)
		before->deserted(before->arg);
	return 0;
}

/* --- Preferences --- */

static void on_preferred(void *arg, int err, const char *why, const char *destination)
{
	if (err)
		log_warning(
			"siprec", "a participant's recording preference was not followed: %s", why);
}

/* Does what a participant asks for; what actions do later stands. */
static void prefer(struct siprec_session *s, const struct member *m)
{
	struct recordings *r = s->control->recordings;
	unsigned int tracks = s->control->config->siprec.record;

	log_info("siprec", "session %s: participant %s prefers recording %s", s->sip_call_id,
		m->participant_id,
		m->preference == SIPREC_PREFERS_ON    ? "on"
		: m->preference == SIPREC_PREFERS_OFF ? "off"
						      : "paused");
	if (m->preference == SIPREC_PREFERS_ON && !m->leg->recording)
		recording_start(
			r, m->leg, tracks ? tracks : TRACKS_BOTH, "", "", on_preferred, NULL);
	else if (!m->leg->recording)
		return;
	else if (m->preference == SIPREC_PREFERS_ON)
		recording_resume(r, m->leg, on_preferred, NULL);
	else if (m->preference == SIPREC_PREFERS_PAUSE)
		recording_pause(r, m->leg, on_preferred, NULL);
	else
		recording_stop(r, m->leg, on_preferred, NULL);
}

/* Of several streams the most careful wish counts. Whether it is another one than before. */
static bool take_preference(const struct siprec_session *s, struct member *m)
{
	enum siprec_preference before = m->preference;

	if (!s->control->config->siprec.preferences)
		return false;
	m->preference = SIPREC_PREFERS_NOTHING;
	for (unsigned int i = 0; i < s->line_count; i++)
		if (s->lines[i].owner == m && s->lines[i].preference > m->preference)
			m->preference = s->lines[i].preference;
	return m->preference != before && m->preference != SIPREC_PREFERS_NOTHING;
}

/* --- Making legs --- */

/* Calls of one group (RFC 7865, 6.2), be it in one session or in several, are one transaction. */
static void tie_group(struct siprec_session *s, const struct member *m)
{
	const struct siprec_call *call = siprec_call_by_id(&s->metadata, m->call_id);
	char value[SIPREC_ID_BYTES + 16];

	if (!call || !*call->group_id)
		return;
	snprintf(value, sizeof(value), "siprec group %s", call->group_id);
	leg_tie(s->control->legs, m->leg, value);
}

static int make_leg(
	struct siprec_session *s, struct member *m, const struct siprec_headers *headers)
{
	struct legs *legs = s->control->legs;
	struct leg_offer offer;
	struct leg *leg;
	int err;

	fill_offer(s, m, &offer);
	err = leg_offer(legs, &offer, &leg);
	if (err == -EEXIST)
		return take_leg(s, m, leg);
	if (err != 0)
		return err;
	leg_hold(leg);
	leg->siprec = s;
	leg->session_expires_s = s->expires_s;
	m->leg = leg;
	leg->not_by_itself = m->preference == SIPREC_PREFERS_OFF;
	tie_group(s, m);
	announce(s, m);
	leg_offered(legs, leg, headers->find, headers->message);
	leg_answer(legs, leg, s->control->now_ns);
	if (m->preference != SIPREC_PREFERS_NOTHING)
		prefer(s, m);
	return 0;
}

/* --- Updates --- */

static void set_line(struct siprec_session *s, unsigned int i, const struct siprec_line *from)
{
	struct line *l = &s->lines[i];

	l->usable = from->usable;
	l->active = from->active;
	l->media = from->media;
	l->preference = from->preference;
	snprintf(l->label, sizeof(l->label), "%s", from->label);
	if (l->usable && !s->addresses[i].port && take_port(s, i) != 0)
		l->usable = false;
	if (!l->usable)
		give_port(s, i);
}

static int take_offer(struct siprec_session *s, const struct siprec_offer *offer, struct errmsg *e)
{
	struct line *lines = calloc(offer->line_count + 1UL, sizeof(s->lines[0]));
	unsigned int kept = s->line_count < offer->line_count ? s->line_count : offer->line_count;
	bool usable = false;

	if (!lines)
		return errmsg_set(e, -ENOMEM, "no memory for the session");
	if (s->lines) { /* not by realloc: no key stays behind */
		memcpy(lines, s->lines, kept * sizeof(lines[0]));
		explicit_bzero(s->lines, s->line_count * sizeof(s->lines[0]));
	}
	free(s->lines);
	s->lines = lines;
	s->line_count = offer->line_count;
	for (unsigned int i = 0; i < offer->line_count; i++) {
		set_line(s, i, &offer->lines[i]);
		usable = usable || s->lines[i].usable || !offer->lines[i].usable;
	}
	for (unsigned int i = offer->line_count; i < SIPREC_LINES_MAX; i++)
		give_port(s, i);
	return usable ? 0 : errmsg_set(e, -ENOSPC, "no media port is free");
}

static int settle_legs(
	struct siprec_session *s, const struct siprec_headers *headers, struct errmsg *e)
{
	unsigned int live = 0;
	int err = 0;

	for (struct member *m = s->members, *next; m; m = next) {
		bool fresh = !m->leg && !m->ended;
		bool wishes = take_preference(s, m);

		next = m->next;
		if (!siprec_is_present(s, m)) {
			remove_member(s, m, "hangup");
			continue;
		}
		if (m->leg) {
			announce(s, m);
			tie_group(s, m);
			if (wishes)
				prefer(s, m);
		} else if (fresh) {
			err = make_leg(s, m, headers);
		}
		if (fresh && !m->leg) {
			log_warning("siprec", "session %s: no leg for participant %s: %s",
				s->sip_call_id, m->participant_id, strerror(-err));
			remove_member(s, m, "refused");
			continue;
		}
		live += m->leg != NULL;
	}
	return live || !err ? 0 : errmsg_set(e, -ENOSPC, "there is no room for its legs");
}

int siprec_session_update(struct siprec_session *s, const struct siprec_offer *offer,
	struct siprec_metadata *metadata, const struct siprec_headers *headers, struct errmsg *e)
{
	int err = offer ? take_offer(s, offer, e) : 0;

	if (err)
		return err;
	if (metadata && siprec_metadata_merge(&s->metadata, metadata) != 0)
		log_warning("siprec", "session %s: some of a metadata update is left out: too much",
			s->sip_call_id);
	s->settling = true;
	for (struct member *m = s->members; offer && m; m = m->next)
		if (m->leg) /* the client may send from elsewhere now (latch.h) */
			m->leg->moved_ns[END_PARTICIPANT] = m->leg->moved_ns[END_SBC] =
				s->control->now_ns;
	siprec_assign(s);
	err = settle_legs(s, headers, e);
	s->settling = false;
	for (unsigned int i = 0; i < s->line_count; i++)
		if (s->addresses[i].port)
			media_reroute(s->control->media, &s->addresses[i]);
	return err;
}

/* An answer need not say again what the offer said: labels, preferences. */
int siprec_session_answered(struct siprec_session *s, struct siprec_offer *answer,
	const struct siprec_headers *headers, struct errmsg *e)
{
	if (answer->line_count != s->line_count)
		return errmsg_set(e, -EINVAL, "an answer has as many m= lines as the offer");
	for (unsigned int i = 0; i < answer->line_count; i++) {
		struct siprec_line *l = &answer->lines[i];

		memcpy(l->label, s->lines[i].label, sizeof(l->label));
		if (!l->tells_record)
			l->preference = s->lines[i].preference;
	}
	return siprec_session_update(s, answer, NULL, headers, e);
}

const struct netaddr *siprec_session_addresses(const struct siprec_session *s)
{
	return s->addresses;
}

void siprec_session_refreshed(struct siprec_session *s, uint32_t expires_s)
{
	s->expires_s = expires_s;
	for (struct member *m = s->members; m; m = m->next) {
		if (!m->leg)
			continue;
		m->leg->session_expires_s = expires_s;
		m->leg->refreshed_ns = s->control->now_ns;
	}
}

bool siprec_leg_says(const struct leg *leg, const char *name, const char *pattern,
	bool (*fits)(const char *pattern, const char *text))
{
	return leg->siprec && siprec_metadata_says(&leg->siprec->metadata, name, pattern, fits);
}

/* --- What is being recorded --- */

/* While a pause waits for the ledger alone, nothing is recorded any more. */
static bool is_paused(const struct recording *rec)
{
	return rec->state == RECORDING_PAUSED ||
	       (rec->state == RECORDING_RUNNING && rec->gate == GATE_PAUSED &&
		       !rec->gates_pending && !rec->gates_owed);
}

static enum siprec_record record_of(const struct siprec_session *s, unsigned int line)
{
	enum siprec_record found = SIPREC_RECORD_OFF;

	for (const struct member *m = s->members; m; m = m->next) {
		bool says = s->lines[line].owner == m && s->lines[line].track == TRACK_INCOMING;
		const struct recording *rec = m->leg ? m->leg->recording : NULL;

		if (!rec || !(says || siprec_hears(s, m, line)) ||
			!(rec->info.tracks & TRACK_BIT(says ? TRACK_INCOMING : TRACK_OUTGOING)))
			continue;
		if (is_paused(rec))
			found = SIPREC_RECORD_PAUSED;
		else if (rec->state == RECORDING_RUNNING)
			return SIPREC_RECORD_ON;
	}
	return found;
}

void siprec_session_records(
	const struct siprec_session *s, enum siprec_record records[SIPREC_LINES_MAX])
{
	for (unsigned int i = 0; i < SIPREC_LINES_MAX; i++)
		records[i] = i < s->line_count ? record_of(s, i) : SIPREC_RECORD_UNTOLD;
}

void siprec_session_watch(struct siprec_session *s, void (*changed)(void *arg))
{
	s->changed = changed;
}

void siprec_leg_recording(struct leg *leg)
{
	if (leg && leg->siprec && leg->siprec->changed)
		leg->siprec->changed(leg->siprec->arg);
}
