#include "storage/packet_seals.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* Of one source, while its packets are gone through. */
struct seal_run {
	int64_t length; /* sealed packets since the last that was opened */
	bool opened;	/* it has any that were */
};

static bool is_sealed(const struct packet *p)
{
	return p->position != 0;
}

static void number_runs(struct packet_index *index, struct seal_run *runs)
{
	for (size_t i = 0; i < index->count; i++) {
		struct packet *p = &index->packets[i];
		struct seal_run *run = &runs[p->stream];

		if (is_sealed(p)) {
			p->position = ++run->length;
			continue;
		}
		run->length = 0;
		run->opened = true;
	}
}

/* Backwards, the first number met of a run is its length: all its packets take that over. */
static void spread_lengths(struct packet_index *index, struct seal_run *runs)
{
	for (uint32_t i = 0; i < index->source_count; i++)
		runs[i].length = 0;
	for (size_t i = index->count; i-- > 0;) {
		struct packet *p = &index->packets[i];
		struct seal_run *run = &runs[p->stream];

		if (!is_sealed(p))
			run->length = 0;
		else if (run->length == 0)
			run->length = p->position;
		else
			p->position = run->length;
	}
}

static void become_undecodable(struct packet_index *index, struct packet *p)
{
	p->codec = codec_map_find_sealed(&index->codecs, p->codec, p->arrival_ns);
	p->position = 0;
	index->undecryptable++;
	index->undecodable++;
}

int packet_seals_settle(struct packet_index *index)
{
	struct seal_run *runs;
	size_t kept = 0;

	if (index->sealed == 0)
		return 0;
	runs = calloc(index->source_count + 1UL, sizeof(*runs));
	if (!runs)
		return -ENOMEM;
	number_runs(index, runs);
	spread_lengths(index, runs);
	for (size_t i = 0; i < index->count; i++) {
		struct packet *p = &index->packets[i];

		if (is_sealed(p) && runs[p->stream].opened && p->position < PACKET_SEALS_RUN) {
			index->unauthenticated++;
			continue;
		}
		if (is_sealed(p))
			become_undecodable(index, p);
		index->packets[kept++] = *p;
	}
	index->count = kept;
	index->sealed = 0;
	free(runs);
	return 0;
}
