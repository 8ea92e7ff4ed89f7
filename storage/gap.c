#include "storage/gap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define GAPS_PER_SECOND 10 /* a gap is longer than 100 ms */

/* What covers the timeline: packets, events and pauses, taken in one order. */
struct cover {
	const struct recorded_track *t;
	const struct span *pauses;
	size_t pause_count;
	uint32_t rate_hz;
	size_t packet;
	size_t tone;
	size_t pause;
};

static bool take(struct cover *c, struct span *out)
{
	const struct packet_index *index = &c->t->index;
	const struct packet *p = c->packet < index->count ? &index->packets[c->packet] : NULL;
	const struct event_tone *tone =
		c->tone < c->t->tones.count ? &c->t->tones.list[c->tone] : NULL;
	const struct span *pause = c->pause < c->pause_count ? &c->pauses[c->pause] : NULL;

	if (!p && !tone && !pause)
		return false;
	if (p && (!tone || p->position <= tone->position) &&
		(!pause || p->position <= pause->start)) {
		*out = (struct span){
			p->position, p->position + recorded_track_extent(c->t, p, c->rate_hz)};
		c->packet++;
	} else if (tone && (!pause || tone->position <= pause->start)) {
		*out = (struct span){tone->position, tone->position + tone->samples};
		c->tone++;
	} else {
		*out = *pause;
		c->pause++;
	}
	return true;
}

int gaps_find(struct span **out, size_t *count, const struct recorded_track *t,
	const struct span *pauses, size_t pause_count, int64_t frames, uint32_t rate_hz)
{
	struct cover cover = {
		.t = t, .pauses = pauses, .pause_count = pause_count, .rate_hz = rate_hz};
	int64_t longest_silence = rate_hz / GAPS_PER_SECOND;
	int64_t covered = 0;
	struct span_list gaps = {0};
	bool more = true;

	*out = NULL;
	*count = 0;
	while (more && covered < frames) {
		struct span span;

		more = take(&cover, &span);
		if (!more || span.start > frames)
			span = (struct span){frames, frames};
		if (span.start - covered > longest_silence &&
			span_list_add(&gaps, covered, span.start) != 0) {
			free(gaps.list);
			return -ENOMEM;
		}
		if (span.end > covered)
			covered = span.end;
	}
	*out = gaps.list;
	*count = gaps.count;
	return 0;
}
