/* Which source may feed a track, where SDP and packets disagree (control thread).
 *
 * The address that media is sent to is known from SDP, and so is the leg. Where it comes from often
 * is not what its sender announced: NAT, or a sender that is not symmetric. Such a source is taken,
 * but anyone could send there, so a track has one sender at a time. Sources are known by rank:
 *   announced  the sending end named this very address
 *   host       it named another port of this host; or its signalling comes from there; or the
 *              sending end is the SBC, and this is one of sbc.addresses
 *   stranger   all others
 * An announced source is always taken. Another one is taken when none feeds the track, or when
 * every other that does is of lower rank, or bears the same SSRC (the same sender after its NAT or
 * network changed), or has been silent for long enough: LATCH_SILENCE_NS, LATCH_DISTRUST_NS when
 * it is of higher rank, LATCH_MOVE_NS just after the sending end announced something new. Sources
 * on one host that send to several addresses are one sender (several m= lines).
 *
 * A source that was let in while another was silent leaves when that one, of higher rank or there
 * before, is heard again. What is refused is counted (media.h), and judged anew as time goes on. */
#ifndef LEGTAP_CONTROLPLANE_LATCH_H
#define LEGTAP_CONTROLPLANE_LATCH_H

#include "controlplane/control.h"
#include "controlplane/leg.h"
#include "controlplane/media.h"

#define LATCH_SILENCE_NS 2000000000ULL
#define LATCH_DISTRUST_NS 30000000000ULL
#define LATCH_MOVE_NS 200000000ULL
#define LATCH_OTHERS_MAX 64 /* streams of a track; no more are taken that were not announced */
#define LATCH_MOVING_NS 5000000000ULL /* how long "just after" is */

enum latch {
	LATCH_REFUSED,
	LATCH_PROVISIONAL, /* another one is silent: to be judged again as time goes on */
	LATCH_TAKEN,
};

/* Whether the end of `leg` that sends this track announced the source of a flow. */
bool latch_is_announced(const struct leg *leg, enum track track, const struct netaddr *source);

/* Whether a stream has been heard within LATCH_SILENCE_NS. */
bool latch_is_heard(struct control *c, const struct media_stream *s);

/* Judges a stream that would join this track. *from_ns: what arrived before is not to be taken. */
enum latch latch_judge(struct control *c, const struct media_stream *s, const struct leg *leg,
	enum track track, uint64_t *from_ns);

/* Whether a stream must leave the track that it feeds, for another has the better claim. */
bool latch_is_lost(struct control *c, const struct media_stream *s);

/* … and whether this one, of the same leg, has it. */
bool latch_is_lost_to(
	struct control *c, const struct media_stream *s, const struct media_stream *o);

#endif
