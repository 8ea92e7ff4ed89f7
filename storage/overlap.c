#include "storage/overlap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BIN_MS 100U
#define BIN_NS (BIN_MS * 1000000ULL)
#define BINS_LEAST (OVERLAP_LEAST_MS / BIN_MS)
#define LOOK_PACKETS 4096U /* of a track, in which two sources are compared */
#define COMPARED_MOST 128U /* payloads of each source, */
#define COMPARED_LEAST 8U  /* and of the one that has more; else they tell nothing */
#define NOBODY UINT16_MAX

/* One that sends audio: a flow and an SSRC. */
struct source {
	uint32_t flow;
	uint32_t ssrc;
	uint16_t party; /* its part before */
	uint16_t part;
	bool heard;
	uint64_t bin; /* in which it was heard last */
};

/* Two of them. */
struct pair {
	uint32_t bins; /* in which both were heard */
	size_t first;  /* the packet at which they first were */
};

struct overlap {
	struct rtp_streams *streams;
	struct packet_index *index;
	struct payload_reader *reader;
	uint16_t *source_of; /* each stream's, or NOBODY */
	struct source sources[OVERLAP_SOURCES_MAX];
	uint16_t count;
	struct pair pairs[OVERLAP_SOURCES_MAX][OVERLAP_SOURCES_MAX]; /* [later][earlier] */
};

/* Payloads of a source that are not all one octet, by which it can be known. */
struct print {
	uint64_t hashes[COMPARED_MOST];
	unsigned int count;
};

static uint16_t find_source(struct overlap *o, const struct rtp_stream *stream)
{
	struct source *s;

	for (uint16_t i = 0; i < o->count; i++)
		if (o->sources[i].flow == stream->flow && o->sources[i].ssrc == stream->ssrc)
			return i;
	if (!stream->has_media || o->count == OVERLAP_SOURCES_MAX)
		return NOBODY;
	s = &o->sources[o->count];
	s->flow = stream->flow;
	s->ssrc = stream->ssrc;
	s->party = stream->part;
	s->part = stream->part;
	return o->count++;
}

static bool is_heard(const struct packet *p)
{
	return p->samples > 0 && !p->duplicate;
}

static void note(struct overlap *o, uint16_t source, size_t at)
{
	uint64_t bin = o->index->packets[at].arrival_ns / BIN_NS;
	struct source *s = &o->sources[source];

	if (s->heard && s->bin == bin)
		return;
	s->heard = true;
	s->bin = bin;
	for (uint16_t i = 0; i < o->count; i++) {
		struct pair *pair = i < source ? &o->pairs[source][i] : &o->pairs[i][source];

		if (i == source || !o->sources[i].heard || o->sources[i].bin != bin)
			continue;
		if (pair->bins++ == 0)
			pair->first = at;
	}
}

/* FNV-1a, of 64 bits. */
static uint64_t hash(const uint8_t *data, size_t bytes)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ data[i]) * 0x100000001b3ULL;
	return h;
}

/* Silence is the same of all. */
static bool tells_nothing(const uint8_t *data, size_t bytes)
{
	return bytes < 2 || memcmp(data, data + 1, bytes - 1) == 0;
}

static int take_print(struct overlap *o, struct print *print, const struct packet *p)
{
	const uint8_t *payload = payload_read(o->reader, p->offset, p->payload_bytes);

	if (!payload)
		return o->reader->error;
	if (print->count < COMPARED_MOST && !tells_nothing(payload, p->payload_bytes))
		print->hashes[print->count++] = hash(payload, p->payload_bytes);
	return 0;
}

static unsigned int count_common(const struct print *a, const struct print *b)
{
	unsigned int common = 0;

	for (unsigned int i = 0; i < a->count; i++)
		for (unsigned int k = 0; k < b->count; k++)
			if (a->hashes[i] == b->hashes[k]) {
				common++;
				break;
			}
	return common;
}

/* Whether two sources send the same audio. When all is silence, the SSRC decides. 1, 0, or -errno.
 */
static int is_same(struct overlap *o, uint16_t a, uint16_t b, size_t first)
{
	struct print prints[2] = {0};
	size_t end = first + LOOK_PACKETS;
	unsigned int fewest;
	unsigned int most;

	for (size_t i = first; i < end && i < o->index->count; i++) {
		const struct packet *p = &o->index->packets[i];
		uint16_t source = o->source_of[p->stream];
		int err;

		if ((source != a && source != b) || !is_heard(p))
			continue;
		err = take_print(o, &prints[source == b], p);
		if (err != 0)
			return err;
	}
	fewest = prints[0].count < prints[1].count ? prints[0].count : prints[1].count;
	most = prints[0].count < prints[1].count ? prints[1].count : prints[0].count;
	if (most < COMPARED_LEAST)
		return o->sources[a].ssrc == o->sources[b].ssrc;
	return 2 * count_common(&prints[0], &prints[1]) > fewest;
}

/* Whether a source cannot be in a part, for another one in it is heard at the same time. 1, 0, or
 * -errno. */
static int is_taken(struct overlap *o, uint16_t source, uint16_t part)
{
	for (uint16_t i = 0; i < source; i++) {
		const struct pair *pair = &o->pairs[source][i];
		int same;

		if (o->sources[i].part != part || pair->bins < BINS_LEAST)
			continue;
		same = is_same(o, i, source, pair->first);
		if (same <= 0)
			return same < 0 ? same : 1;
	}
	return 0;
}

/* Finds a source the first part of its party in which nobody else speaks while it does. */
static int place(struct overlap *o, uint16_t source)
{
	struct source *s = &o->sources[source];
	int taken = is_taken(o, source, s->party);

	for (uint16_t i = 0; taken > 0 && i < source; i++)
		if (o->sources[i].party == s->party) {
			s->part = o->sources[i].part;
			taken = is_taken(o, source, s->part);
		}
	if (taken <= 0)
		return taken;
	s->part = o->index->part_count < PACKET_PARTS_MAX ? o->index->part_count++ : s->party;
	return 0;
}

/* A stream of no audio (events by an SSRC of their own) goes with its flow's. */
static void give_parts(struct overlap *o)
{
	for (uint32_t k = 0; k < o->streams->count; k++) {
		struct rtp_stream *stream = &o->streams->list[k];
		uint16_t source = o->source_of[k];

		for (uint16_t i = 0; source == NOBODY && i < o->count; i++)
			if (o->sources[i].flow == stream->flow)
				source = i;
		if (source != NOBODY)
			stream->part = o->sources[source].part;
	}
}

static int split(struct overlap *o)
{
	int err = 0;

	for (size_t i = 0; i < o->index->count; i++) {
		const struct packet *p = &o->index->packets[i];

		if (is_heard(p) && o->source_of[p->stream] != NOBODY)
			note(o, o->source_of[p->stream], i);
	}
	for (uint16_t i = 1; err == 0 && i < o->count; i++)
		err = place(o, i);
	if (err == 0)
		give_parts(o);
	return err;
}

int overlap_split(
	struct rtp_streams *streams, struct packet_index *index, struct payload_reader *reader)
{
	struct overlap *o;
	int err = 0;

	if (streams->count < 2)
		return 0;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->streams = streams;
	o->index = index;
	o->reader = reader;
	o->source_of = malloc(streams->count * sizeof(o->source_of[0]));
	if (!o->source_of)
		err = -ENOMEM;
	for (uint32_t i = 0; err == 0 && i < streams->count; i++)
		o->source_of[i] = find_source(o, &streams->list[i]);
	if (err == 0 && o->count > 1)
		err = split(o);
	free(o->source_of);
	free(o);
	return err;
}
