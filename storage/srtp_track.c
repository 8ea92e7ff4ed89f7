#include "storage/srtp_track.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "storage/rtp_packet.h"
#include "storage/sender_report.h"
#include "storage/srtp.h"

#define SENDERS_MAX 32 /* an SSRC and a key; the one unheard for longest makes room */
#define HALF_CYCLE 0x8000
#define CYCLE_BITS 16
#define SEARCH_FIRST 256U /* rollover counters that a recording may begin in: 4 days at 20 ms */
#define SEARCH_AHEAD 64U  /* and that a pause may hide: a day */
#define SEARCHES_AT_ONCE 8U
#define SECOND_NS 1000000000ULL
#define UNHEARD_NS (300 * SECOND_NS) /* 2^15 packets of 10 ms are hardly more */

struct sender {
	uint32_t ssrc;
	struct srtp_context *context; /* NULL: free */
	uint64_t highest;	      /* index */
	uint64_t heard_ns;
	bool lost; /* of a key without authentication */
};

struct srtp_track {
	enum srtp_mode mode;
	uint64_t sealed_from_ns;
	unsigned int count;
	struct srtp_context *contexts[SRTP_KEYS_MAX]; /* the newest key first */
	uint64_t since_ns[SRTP_KEYS_MAX];	      /* in force; 0: from the begin */
	bool was_set;
	struct sender senders[SENDERS_MAX];
	unsigned int searches; /* that may be made now */
	uint64_t refilled_ns;
};

/* A packet in its chunk. */
struct sealed {
	uint8_t *data;
	uint16_t *bytes;
	uint64_t arrival_ns;
	struct rtp_packet rtp;
};

int srtp_track_create(struct srtp_track **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->searches = SEARCHES_AT_ONCE;
	return 0;
}

void srtp_track_destroy(struct srtp_track *t)
{
	for (unsigned int i = 0; t && i < t->count; i++)
		srtp_context_free(t->contexts[i]);
	free(t);
}

enum srtp_mode srtp_track_mode(const struct srtp_track *t)
{
	return t->mode;
}

/* --- Keys --- */

/* Moves what is there of a key to the lists of a new setting; makes it when nothing is. */
static void take_key(
	struct srtp_track *t, const struct srtp_key *key, uint64_t since_ns, struct srtp_track *to)
{
	for (unsigned int i = 0; i < t->count; i++) {
		if (!t->contexts[i] || !srtp_key_equal(srtp_context_key(t->contexts[i]), key))
			continue;
		to->contexts[to->count] = t->contexts[i];
		to->since_ns[to->count++] = t->since_ns[i];
		t->contexts[i] = NULL;
		return;
	}
	if (srtp_context_make(&to->contexts[to->count], key) == 0)
		to->since_ns[to->count++] = since_ns;
}

static void forget_context(struct srtp_track *t, struct srtp_context *c)
{
	for (unsigned int i = 0; i < SENDERS_MAX; i++)
		if (t->senders[i].context == c)
			t->senders[i] = (struct sender){0};
	srtp_context_free(c);
}

void srtp_track_set(struct srtp_track *t, const struct srtp_setting *setting)
{
	struct srtp_track to = {0};

	for (unsigned int i = 0; i < setting->keys.count; i++)
		take_key(t, &setting->keys.list[i], t->was_set ? setting->at_ns : 0, &to);
	for (unsigned int i = 0; i < t->count; i++)
		if (t->contexts[i])
			forget_context(t, t->contexts[i]);
	memcpy(t->contexts, to.contexts, sizeof(t->contexts));
	memcpy(t->since_ns, to.since_ns, sizeof(t->since_ns));
	t->count = to.count;
	t->mode = setting->mode;
	t->sealed_from_ns = setting->sealed_from_ns;
	t->was_set = true;
}

/* --- Indexes --- */

static bool is_unauthenticated(const struct srtp_context *c)
{
	return srtp_context_key(c)->unauthenticated;
}

/* RFC 3711, 3.3.1 and appendix A. */
static uint64_t estimate(uint64_t highest, uint16_t sequence)
{
	uint64_t rollover = highest >> CYCLE_BITS;
	int32_t ahead = (int32_t)sequence - (int32_t)(highest & 0xffff);

	if (ahead > HALF_CYCLE && rollover > 0)
		rollover--;
	else if (ahead < -HALF_CYCLE)
		rollover++;
	return rollover << CYCLE_BITS | sequence;
}

static struct sender *find_sender(struct srtp_track *t, uint32_t ssrc, const struct srtp_context *c)
{
	for (unsigned int i = 0; i < SENDERS_MAX; i++)
		if (t->senders[i].context == c && t->senders[i].ssrc == ssrc)
			return &t->senders[i];
	return NULL;
}

/* Of any key. */
static struct sender *newest_sender(struct srtp_track *t, uint32_t ssrc)
{
	struct sender *newest = NULL;

	for (unsigned int i = 0; i < SENDERS_MAX; i++) {
		struct sender *s = &t->senders[i];

		if (s->context && s->ssrc == ssrc && (!newest || s->heard_ns > newest->heard_ns))
			newest = s;
	}
	return newest;
}

static struct sender *make_sender(struct srtp_track *t, uint32_t ssrc, struct srtp_context *c)
{
	struct sender *oldest = &t->senders[0];

	for (unsigned int i = 1; i < SENDERS_MAX && oldest->context; i++)
		if (!t->senders[i].context || t->senders[i].heard_ns < oldest->heard_ns)
			oldest = &t->senders[i];
	*oldest = (struct sender){.ssrc = ssrc, .context = c};
	return oldest;
}

/* --- Opening --- */

static bool open_at(
	struct srtp_track *t, struct srtp_context *c, const struct sealed *p, uint64_t index)
{
	struct sender *s;

	if (srtp_context_open(c, p->data, p->bytes, p->rtp.payload_offset, index) != 0)
		return false;
	s = find_sender(t, p->rtp.ssrc, c);
	if (!s)
		s = make_sender(t, p->rtp.ssrc, c);
	if (index > s->highest || s->heard_ns == 0)
		s->highest = index;
	if (p->arrival_ns > s->heard_ns)
		s->heard_ns = p->arrival_ns;
	return true;
}

/* Where the packet most likely is: where this sender is with this key; else at a key's begin, or
 * where the sender is with another key. */
static bool open_near(struct srtp_track *t, struct srtp_context *c, const struct sealed *p)
{
	const struct sender *s = find_sender(t, p->rtp.ssrc, c);
	const struct sender *other = s ? s : newest_sender(t, p->rtp.ssrc);
	uint64_t index = other ? estimate(other->highest, p->rtp.sequence) : p->rtp.sequence;

	if (open_at(t, c, p, index))
		return true;
	if (!s && index != p->rtp.sequence && open_at(t, c, p, p->rtp.sequence))
		return true;
	return s && open_at(t, c, p, index + (1U << CYCLE_BITS));
}

/* Every counter that it may be. */
static bool open_anywhere(struct srtp_track *t, struct srtp_context *c, const struct sealed *p)
{
	const struct sender *s = newest_sender(t, p->rtp.ssrc);
	uint64_t ahead = s ? s->highest >> CYCLE_BITS : 0;

	for (uint64_t i = 1; s && i <= SEARCH_AHEAD; i++)
		if (open_at(t, c, p, (ahead + i) << CYCLE_BITS | p->rtp.sequence))
			return true;
	for (uint64_t i = 0; i < SEARCH_FIRST; i++)
		if (open_at(t, c, p, i << CYCLE_BITS | p->rtp.sequence))
			return true;
	return false;
}

static bool may_search(struct srtp_track *t, uint64_t arrival_ns)
{
	if (arrival_ns >= t->refilled_ns + SECOND_NS) {
		t->refilled_ns = arrival_ns;
		t->searches += t->searches < SEARCHES_AT_ONCE;
	}
	if (t->searches == 0)
		return false;
	t->searches--;
	return true;
}

static bool open_by_authentication(struct srtp_track *t, const struct sealed *p)
{
	struct sender *last = newest_sender(t, p->rtp.ssrc);
	unsigned int keys = 0;

	if (last && !is_unauthenticated(last->context) && open_near(t, last->context, p))
		return true;
	for (unsigned int i = 0; i < t->count; i++) {
		struct srtp_context *c = t->contexts[i];

		if (is_unauthenticated(c))
			continue;
		keys++;
		if ((!last || c != last->context) && open_near(t, c, p))
			return true;
	}
	if (keys == 0 || !may_search(t, p->arrival_ns))
		return false;
	for (unsigned int i = 0; i < t->count; i++)
		if (!is_unauthenticated(t->contexts[i]) && open_anywhere(t, t->contexts[i], p))
			return true;
	return false;
}

/* The newest that was in force when the packet came. */
static struct srtp_context *unauthenticated_key(const struct srtp_track *t, uint64_t arrival_ns)
{
	for (unsigned int i = 0; i < t->count; i++)
		if (is_unauthenticated(t->contexts[i]) && t->since_ns[i] <= arrival_ns)
			return t->contexts[i];
	return NULL;
}

static bool open_unauthenticated(struct srtp_track *t, const struct sealed *p)
{
	struct srtp_context *c = unauthenticated_key(t, p->arrival_ns);
	struct sender *s;

	if (!c)
		return false;
	s = find_sender(t, p->rtp.ssrc, c);
	if (!s)
		return open_at(t, c, p, p->rtp.sequence);
	s->lost = s->lost || p->arrival_ns > s->heard_ns + UNHEARD_NS;
	return !s->lost && open_at(t, c, p, estimate(s->highest, p->rtp.sequence));
}

static bool is_plain(const struct srtp_track *t, uint64_t arrival_ns)
{
	return t->mode == SRTP_MODE_EITHER || t->mode == SRTP_MODE_PLAIN ||
	       (t->mode == SRTP_MODE_SEALED && arrival_ns < t->sealed_from_ns);
}

static bool open_packet(struct srtp_track *t, struct sealed *p)
{
	if (t->mode == SRTP_MODE_AWAIT || rtp_packet_parse_header(p->data, *p->bytes, &p->rtp) != 0)
		return false;
	return open_by_authentication(t, p) ||
	       (!is_plain(t, p->arrival_ns) && open_unauthenticated(t, p));
}

/* Moves a frame up to `to`, and returns its end there. */
static uint8_t *move_frame(uint8_t *to, const struct chunk_frame *frame)
{
	uint32_t bytes = (uint32_t)sizeof(*frame) + frame->length;
	uint32_t room = chunk_frame_bytes(frame->length);

	memmove(to, frame, bytes);
	memset(to + bytes, 0, room - bytes);
	return to + room;
}

struct srtp_opened srtp_track_open_chunk(struct srtp_track *t, struct chunk *chunk)
{
	const struct chunk_header *h = chunk_header_of(chunk);
	struct srtp_opened result = {0};
	uint8_t *from = chunk->data + sizeof(*h);
	uint8_t *to = from;

	for (uint32_t i = 0; i < chunk->frames; i++) {
		struct chunk_frame *frame = (struct chunk_frame *)from;
		struct sealed p = {.data = (uint8_t *)(frame + 1),
			.bytes = &frame->length,
			.arrival_ns = h->base_ns + (uint64_t)((int64_t)frame->arrival_us * 1000)};

		from += chunk_frame_bytes(frame->length);
		if (sender_report_is_control(p.data, frame->length)) {
			/* RTCP tells nothing that is secret, and is believed only where the packets
			 * agree. */
		} else if (open_packet(t, &p)) {
			result.opened++;
		} else if (!is_plain(t, p.arrival_ns)) {
			frame->flags |= CHUNK_FRAME_SEALED;
			result.sealed++;
		}
		to = move_frame(to, frame);
	}
	chunk->used = (uint32_t)(to - chunk->data);
	return result;
}
