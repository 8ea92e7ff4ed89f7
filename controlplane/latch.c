#include "controlplane/latch.h"

#include "controlplane/config.h"
#include "controlplane/endpoint.h"

enum rank { RANK_STRANGER, RANK_HOST, RANK_ANNOUNCED };

static enum leg_end sending_end(enum track track)
{
	return track == TRACK_INCOMING ? END_PARTICIPANT : END_SBC;
}

bool latch_is_announced(const struct leg *leg, enum track track, const struct netaddr *source)
{
	return endpoint_announced(leg, sending_end(track), source);
}

static enum rank rank_of(const struct control *c, const struct leg *leg, enum track track,
	const struct netaddr *source)
{
	enum leg_end end = sending_end(track);

	if (endpoint_announced(leg, end, source))
		return RANK_ANNOUNCED;
	if (endpoint_announced_host(leg, end, source) ||
		(end == END_PARTICIPANT ? netaddr_same_host(&leg->peer, source)
					: config_is_sbc(c->config, source)))
		return RANK_HOST;
	return RANK_STRANGER;
}

/* When a stream was last heard, and by which SSRC. The table's word lags by what is on its way to
 * the rx core. */
struct voice {
	uint64_t newest_ns;
	uint32_t ssrc;
};

static struct voice voice_of(struct control *c, const struct media_stream *s)
{
	struct voice v = {s->seen_ns, s->ssrc};
	struct stream_stats stats;

	if (s->id && stream_stats(c->dataplane, s->id, &stats) == 0 && stats.last_ns > v.newest_ns)
		v = (struct voice){stats.last_ns, stats.ssrc};
	return v;
}

bool latch_is_heard(struct control *c, const struct media_stream *s)
{
	return c->now_ns < voice_of(c, s).newest_ns + LATCH_SILENCE_NS;
}

/* Whether two streams of one track can't both be its sender's. */
static bool conflict(const struct media_stream *a, const struct voice *of_a,
	const struct media_stream *b, const struct voice *of_b)
{
	if (a->party != b->party || netaddr_equal(&a->flow.source, &b->flow.source))
		return false;
	/* Ports of legtap's own are of one m= line each. */
	if (a->party && !netaddr_equal(&a->flow.destination, &b->flow.destination))
		return false;
	if (of_a->ssrc && of_a->ssrc == of_b->ssrc)
		return false;
	return !netaddr_same_host(&a->flow.source, &b->flow.source) ||
	       netaddr_equal(&a->flow.destination, &b->flow.destination);
}

static uint64_t patience_ns(const struct control *c, const struct leg *leg, enum track track,
	enum rank mine, enum rank other)
{
	uint64_t moved_ns = leg->moved_ns[sending_end(track)];

	if (mine > other)
		return 0;
	if (moved_ns && c->now_ns < moved_ns + LATCH_MOVING_NS)
		return LATCH_MOVE_NS;
	return mine < other ? LATCH_DISTRUST_NS : LATCH_SILENCE_NS;
}

enum latch latch_judge(struct control *c, const struct media_stream *s, const struct leg *leg,
	enum track track, uint64_t *from_ns)
{
	enum rank mine = rank_of(c, leg, track, &s->flow.source);
	struct voice voice = voice_of(c, s);
	enum latch verdict = LATCH_TAKEN;
	unsigned int others = 0;

	*from_ns = 0;
	if (mine == RANK_ANNOUNCED)
		return LATCH_TAKEN;
	for (const struct media_stream *o = leg->streams; o; o = o->next_of_leg) {
		struct voice other;
		uint64_t wait_ns;

		if (o == s || o->track != track)
			continue;
		if (o->party == s->party && ++others == LATCH_OTHERS_MAX)
			return LATCH_REFUSED;
		other = voice_of(c, o);
		if (!conflict(s, &voice, o, &other))
			continue;
		wait_ns = patience_ns(c, leg, track, mine, rank_of(c, leg, track, &o->flow.source));
		if (wait_ns && c->now_ns < other.newest_ns + wait_ns)
			return LATCH_REFUSED;
		verdict = LATCH_PROVISIONAL;
		if (wait_ns && other.newest_ns > *from_ns)
			*from_ns = other.newest_ns;
	}
	return verdict;
}

/* Of equals, the one that was there before, if it is heard for good: not the last packets of a
 * sender that moved. */
static bool is_better(struct control *c, const struct media_stream *o, const struct voice *other,
	const struct media_stream *s)
{
	enum rank mine = rank_of(c, s->leg, s->track, &s->flow.source);
	enum rank theirs = rank_of(c, s->leg, s->track, &o->flow.source);

	if (theirs != mine)
		return theirs > mine && other->newest_ns >= s->latched_ns;
	return mine != RANK_ANNOUNCED && o->latched_ns < s->latched_ns &&
	       other->newest_ns > s->latched_ns + LATCH_MOVE_NS;
}

bool latch_is_lost_to(struct control *c, const struct media_stream *s, const struct media_stream *o)
{
	struct voice voice = voice_of(c, s);
	struct voice other = voice_of(c, o);

	return o != s && o->track == s->track && conflict(s, &voice, o, &other) &&
	       is_better(c, o, &other, s);
}

bool latch_is_lost(struct control *c, const struct media_stream *s)
{
	for (const struct media_stream *o = s->leg->streams; o; o = o->next_of_leg)
		if (latch_is_lost_to(c, s, o))
			return true;
	return false;
}
