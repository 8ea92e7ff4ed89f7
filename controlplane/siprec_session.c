#include "controlplane/siprec_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* An m= line, as it is received. */
struct line {
	bool usable;
	bool active;
	char label[128];
	struct leg_media media;
	struct member *owner; /* whose track it feeds; NULL: nobody's */
	enum track track;
};

/* A participant of a communication session. */
struct member {
	struct member *next;
	char call_id[SIPREC_ID_BYTES];
	char participant_id[SIPREC_ID_BYTES];
	bool made_up;	 /* no participant of the metadata: the stream's own */
	bool ended;	 /* its leg was ended by somebody else */
	struct leg *leg; /* held; NULL: not made yet, or it has ended */
};

struct siprec_session {
	struct control *control;
	struct media_ports *ports;
	void (*deserted)(void *arg);
	void *arg;
	char sip_call_id[LEG_TEXT_BYTES];
	char from_uri[LEG_TEXT_BYTES];
	char to_uri[LEG_TEXT_BYTES];
	struct netaddr peer;
	struct siprec_metadata metadata;
	struct member *members;
	unsigned int line_count;
	struct line *lines;
	struct netaddr addresses[SIPREC_LINES_MAX];
	uint32_t expires_s;
	bool ending;
};

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
	s->peer = opening->peer;
	*out = s;
	return 0;
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
		if (s->addresses[i].port)
			media_ports_give(s->ports, &s->addresses[i]);
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

/* --- Who is who --- */

static const char *name_of(const struct siprec_participant *p)
{
	if (!p)
		return "";
	if (*p->aor)
		return p->aor;
	return *p->name ? p->name : p->id;
}

static const struct siprec_stream *stream_by_id(const struct siprec_metadata *m, const char *id)
{
	for (unsigned int i = 0; i < m->stream_count; i++)
		if (strcmp(m->streams[i].id, id) == 0)
			return &m->streams[i];
	return NULL;
}

static bool is_in_call(
	const struct siprec_metadata *m, const struct siprec_association *a, const char *call_id)
{
	const struct siprec_stream *stream = stream_by_id(m, a->stream_id);

	return stream && (!*stream->call_id || strcmp(stream->call_id, call_id) == 0);
}

/* The first two participants of a call in the order of the metadata. It does not tell who called
 * whom: the first one is taken for the caller. */
static void find_parties(const struct siprec_metadata *m, const char *call_id,
	const struct siprec_participant *parties[2])
{
	parties[0] = parties[1] = NULL;
	for (unsigned int i = 0; i < m->association_count; i++) {
		const struct siprec_participant *p =
			siprec_participant_by_id(m, m->associations[i].participant_id);

		if (!p || p == parties[0] || p == parties[1] ||
			!is_in_call(m, &m->associations[i], call_id))
			continue;
		if (!parties[0] || p < parties[0]) {
			parties[1] = parties[0];
			parties[0] = p;
		} else if (!parties[1] || p < parties[1]) {
			parties[1] = p;
		}
	}
}

static void fill_offer(
	const struct siprec_session *s, const struct member *m, struct leg_offer *offer)
{
	const struct siprec_participant *own =
		siprec_participant_by_id(&s->metadata, m->participant_id);
	const struct siprec_call *call = siprec_call_by_id(&s->metadata, m->call_id);
	const struct siprec_participant *parties[2];

	find_parties(&s->metadata, m->call_id, parties);
	*offer = (struct leg_offer){.sip_call_id = m->call_id,
		.from_tag = m->participant_id,
		.from_uri = s->from_uri,
		.to_uri = s->to_uri,
		.transaction_header = call && *call->sip_session_id ? call->sip_session_id : NULL,
		.side = SIDE_CALLER,
		.by_sbc = true,
		.peer = s->peer,
		.at_ns = s->control->now_ns,
		.wall_offset_ns = s->control->wall_offset_ns};
	if (m->made_up || !own)
		return;
	offer->from_uri = name_of(parties[0] ? parties[0] : own);
	offer->to_uri = name_of(parties[1]);
	if (parties[0] && own != parties[0]) {
		offer->side = SIDE_CALLEE;
		offer->to_uri = name_of(own);
	}
}

/* --- Legs --- */

/* The streams of one track of a leg, as what its receiving end announced: legtap stands for it. */
static bool feeds(
	const struct siprec_session *s, const struct member *m, enum track track, unsigned int line)
{
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

	if (!before)
		return -EEXIST;
	leg_hold(leg);
	for (struct member *other = before->members; other; other = other->next) {
		if (other->leg != leg)
			continue;
		other->ended = true;
		release_leg(before, other);
	}
	leg->siprec = s;
	m->leg = leg;
	announce(s, m);
	log_info("siprec", "session %s goes on with call %s, participant %s", s->sip_call_id,
		m->call_id, m->participant_id);
	return 0;
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
	announce(s, m);
	leg_offered(legs, leg, headers->find, headers->message);
	leg_answer(legs, leg, s->control->now_ns);
	return 0;
}

static struct member *find_member(
	struct siprec_session *s, const char *call_id, const char *participant_id)
{
	struct member *m = s->members;

	while (m && (strcmp(m->call_id, call_id) != 0 ||
			    strcmp(m->participant_id, participant_id) != 0))
		m = m->next;
	return m;
}

static struct member *member_of(
	struct siprec_session *s, const char *call_id, const char *participant_id, bool made_up)
{
	struct member *m = find_member(s, call_id, participant_id);
	struct member **at = &s->members;

	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	snprintf(m->call_id, sizeof(m->call_id), "%s", call_id);
	snprintf(m->participant_id, sizeof(m->participant_id), "%s", participant_id);
	m->made_up = made_up;
	while (*at)
		at = &(*at)->next;
	*at = m;
	return m;
}

/* --- Which stream is whose --- */

static bool has_line(const struct siprec_session *s, const char *label)
{
	for (unsigned int i = 0; i < s->line_count; i++)
		if (*label && strcmp(s->lines[i].label, label) == 0)
			return true;
	return false;
}

/* By the label; where one of both sides has none that the other knows, by the order: the n-th m=
 * line without is the n-th stream without. */
static const struct siprec_stream *stream_of_line(const struct siprec_session *s, unsigned int line)
{
	const struct siprec_metadata *m = &s->metadata;
	unsigned int nth = 0;

	for (unsigned int i = 0; i <= line; i++) {
		bool known = false;

		for (unsigned int k = 0; k < m->stream_count && *s->lines[i].label; k++) {
			known = strcmp(m->streams[k].label, s->lines[i].label) == 0;
			if (known && i == line)
				return &m->streams[k];
			if (known)
				break;
		}
		nth += !known && i < line;
	}
	for (unsigned int k = 0; k < m->stream_count; k++)
		if (!has_line(s, m->streams[k].label) && nth-- == 0)
			return &m->streams[k];
	return NULL;
}

/* The first participant who sends (or receives) it and has not left. */
static const struct siprec_participant *party_of(
	const struct siprec_metadata *m, const struct siprec_stream *stream, bool sends)
{
	for (unsigned int i = 0; i < m->association_count; i++) {
		const struct siprec_association *a = &m->associations[i];
		const struct siprec_participant *p;

		if (a->sends != sends || strcmp(a->stream_id, stream->id) != 0)
			continue;
		p = siprec_participant_by_id(m, a->participant_id);
		if (p && !p->left)
			return p;
	}
	return NULL;
}

static const char *call_of(const struct siprec_session *s, const struct siprec_stream *stream)
{
	if (stream && *stream->call_id)
		return stream->call_id;
	return s->metadata.call_count && *s->metadata.calls[0].id ? s->metadata.calls[0].id
								  : s->sip_call_id;
}

/* A stream that the metadata gives to nobody has a leg of its own. */
static struct member *make_up(
	struct siprec_session *s, unsigned int line, const struct siprec_stream *stream)
{
	const struct line *l = &s->lines[line];
	char id[SIPREC_ID_BYTES + 16];
	struct member *m;

	if (*l->label)
		snprintf(id, sizeof(id), "stream-%s", l->label);
	else
		snprintf(id, sizeof(id), "stream-%u", line + 1);
	id[SIPREC_ID_BYTES - 1] = '\0';
	m = find_member(s, call_of(s, stream), id);
	if (!m)
		log_info("siprec", "session %s: m= line %u (label \"%s\") is a leg of its own: %s",
			s->sip_call_id, line + 1, l->label,
			s->metadata.participant_count == 0 ? "there is no metadata of participants"
			: stream ? "the metadata has no participant for its stream"
				 : "the metadata has no stream for it");
	return m ? m : member_of(s, call_of(s, stream), id, true);
}

static void assign(struct siprec_session *s, unsigned int line)
{
	struct line *l = &s->lines[line];
	const struct siprec_stream *stream = stream_of_line(s, line);
	const struct siprec_participant *p = stream ? party_of(&s->metadata, stream, true) : NULL;

	l->track = TRACK_INCOMING;
	if (stream && !p) {
		p = party_of(&s->metadata, stream, false);
		l->track = p ? TRACK_OUTGOING : TRACK_INCOMING;
	}
	if (stream && strcmp(stream->label, l->label) != 0)
		log_info("siprec",
			"session %s: m= line %u (label \"%s\") is taken for stream %s (label "
			"\"%s\") by its place: their labels do not meet",
			s->sip_call_id, line + 1, l->label, stream->id, stream->label);
	l->owner = p ? member_of(s, call_of(s, stream), p->id, false) : make_up(s, line, stream);
}

/* Whether a member is still one: a participant who is told of and has not left, or a stream of its
 * own. */
static bool is_present(const struct siprec_session *s, const struct member *m)
{
	const struct siprec_participant *p;

	for (unsigned int i = 0; i < s->line_count; i++)
		if (s->lines[i].owner == m)
			return true;
	p = siprec_participant_by_id(&s->metadata, m->participant_id);
	return !m->made_up && p && !p->left;
}

/* --- Updates --- */

static void set_line(struct siprec_session *s, unsigned int i, const struct siprec_line *from)
{
	struct line *l = &s->lines[i];

	l->owner = NULL;
	l->usable = from->usable;
	l->active = from->active;
	l->media = from->media;
	snprintf(l->label, sizeof(l->label), "%s", from->label);
	if (l->usable && !s->addresses[i].port &&
		media_ports_take(s->ports, s->peer.family, &s->addresses[i]) != 0)
		l->usable = false;
	if (!l->usable && s->addresses[i].port) {
		media_ports_give(s->ports, &s->addresses[i]);
		s->addresses[i].port = 0;
	}
}

static int take_offer(struct siprec_session *s, const struct siprec_offer *offer, struct errmsg *e)
{
	struct line *lines = realloc(s->lines, offer->line_count * sizeof(s->lines[0]));
	bool usable = false;

	if (!lines)
		return errmsg_set(e, -ENOMEM, "no memory for the session");
	s->lines = lines;
	s->line_count = offer->line_count;
	for (unsigned int i = 0; i < offer->line_count; i++) {
		set_line(s, i, &offer->lines[i]);
		usable = usable || s->lines[i].usable || !offer->lines[i].usable;
	}
	for (unsigned int i = offer->line_count; i < SIPREC_LINES_MAX; i++) {
		if (s->addresses[i].port)
			media_ports_give(s->ports, &s->addresses[i]);
		s->addresses[i].port = 0;
	}
	return usable ? 0 : errmsg_set(e, -ENOSPC, "no media port is free");
}

static int settle_legs(
	struct siprec_session *s, const struct siprec_headers *headers, struct errmsg *e)
{
	unsigned int live = 0;
	int err = 0;

	for (struct member *m = s->members, *next; m; m = next) {
		bool fresh = !m->leg && !m->ended;

		next = m->next;
		if (!is_present(s, m)) {
			remove_member(s, m, "hangup");
			continue;
		}
		if (m->leg)
			announce(s, m);
		else if (fresh)
			err = make_leg(s, m, headers);
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
	for (unsigned int i = 0; i < s->line_count; i++) {
		s->lines[i].owner = NULL;
		if (s->lines[i].usable)
			assign(s, i);
	}
	return settle_legs(s, headers, e);
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
