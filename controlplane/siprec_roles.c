#include "controlplane/siprec_roles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* --- Who is who --- */

const char *siprec_name_of(const struct siprec_participant *p)
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

void siprec_find_parties(const struct siprec_metadata *m, const char *call_id,
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
	if (parties[1] && parties[1]->calling && !parties[0]->calling) {
		const struct siprec_participant *caller = parties[1];

		parties[1] = parties[0];
		parties[0] = caller;
	}
}

/* --- Members --- */

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

/* A participant of the metadata who has not left. */
static bool is_told_of(const struct siprec_session *s, const struct member *m)
{
	const struct siprec_participant *p =
		siprec_participant_by_id(&s->metadata, m->participant_id);

	return !m->made_up && p && !p->left;
}

/* A stream that nobody sends or receives for now, as on hold, stays whose it was. */
static void assign_line(struct siprec_session *s, unsigned int line)
{
	struct line *l = &s->lines[line];
	struct member *before = l->owner && !l->owner->made_up ? l->owner : NULL;
	enum track track_before = l->track;
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
	if (stream && !p && before && is_told_of(s, before)) {
		l->track = track_before;
		return;
	}
	l->owner = p ? member_of(s, call_of(s, stream), p->id, false) : make_up(s, line, stream);
}

bool siprec_is_present(const struct siprec_session *s, const struct member *m)
{
	for (unsigned int i = 0; i < s->line_count; i++)
		if (s->lines[i].owner == m)
			return true;
	return is_told_of(s, m);
}

/* --- Who hears whom --- */

bool siprec_hears(const struct siprec_session *s, const struct member *m, unsigned int line)
{
	const struct line *l = &s->lines[line];
	const struct siprec_stream *stream = stream_of_line(s, line);

	if (!l->usable || !l->owner)
		return false;
	if (l->owner == m)
		return l->track == TRACK_OUTGOING;
	if (!s->tells_heard)
		return l->track == TRACK_INCOMING && strcmp(l->owner->call_id, m->call_id) == 0;
	for (unsigned int i = 0; stream && i < s->metadata.association_count; i++) {
		const struct siprec_association *a = &s->metadata.associations[i];

		if (!a->sends && strcmp(a->stream_id, stream->id) == 0 &&
			strcmp(a->participant_id, m->participant_id) == 0)
			return strcmp(call_of(s, stream), m->call_id) == 0;
	}
	return false;
}

/* Who only listens is a leg, too. */
static void add_listeners(struct siprec_session *s, unsigned int line)
{
	const struct siprec_stream *stream = stream_of_line(s, line);

	for (unsigned int i = 0; stream && i < s->metadata.association_count; i++) {
		const struct siprec_association *a = &s->metadata.associations[i];
		const struct siprec_participant *p;

		if (a->sends || strcmp(a->stream_id, stream->id) != 0)
			continue;
		p = siprec_participant_by_id(&s->metadata, a->participant_id);
		if (p && !p->left)
			(void)member_of(s, call_of(s, stream), p->id, false);
	}
}

void siprec_assign(struct siprec_session *s)
{
	for (unsigned int i = 0; i < s->metadata.association_count; i++)
		s->tells_heard = s->tells_heard || (!s->metadata.associations[i].sends &&
							   *s->metadata.associations[i].stream_id);
	for (unsigned int i = 0; i < s->line_count; i++) {
		if (s->lines[i].usable)
			assign_line(s, i);
		else
			s->lines[i].owner = NULL;
	}
	for (unsigned int i = 0; i < s->line_count; i++)
		if (s->lines[i].usable)
			add_listeners(s, i);
}
