#include "controlplane/media_tracks.h"

#include <stdlib.h>

#include "controlplane/digit_source.h"
#include "controlplane/recordings.h"

void media_take_from_leg(struct control *c, struct media_stream *s)
{
	struct media_stream **at = &s->leg->streams;

	recordings_stream_leaves(c->recordings, s);
	while (*at != s)
		at = &(*at)->next_of_leg;
	*at = s->next_of_leg;
	s->leg = NULL;
}

/* Appended, so that ordinals follow the order of arrival. */
static void give_to_leg(struct media_stream *s, const struct media_route *to)
{
	struct media_stream **at = &to->leg->streams;

	while (*at)
		at = &(*at)->next_of_leg;
	*at = s;
	s->next_of_leg = NULL;
	s->leg = to->leg;
	s->track = to->track;
	s->party = to->party;
}

static bool goes(const struct media_stream *s, const struct media_route *to)
{
	return s->leg == to->leg && s->track == to->track;
}

static const struct gate_setting off = {.gate = GATE_OFF};

/* --- Copies --- */

/* NULL without memory. */
static struct media_stream *add_copy(
	struct control *c, struct media_stream *s, const struct media_route *to)
{
	struct media_stream *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->flow = s->flow;
	copy->separate = s->separate;
	copy->since_ns = c->now_ns;
	copy->copy_of = s;
	copy->next_copy = s->copies;
	s->copies = copy;
	give_to_leg(copy, to);
	return copy;
}

void media_copy_remove(struct control *c, struct media_stream *copy)
{
	struct media_stream **at = &copy->copy_of->copies;

	while (*at != copy)
		at = &(*at)->next_copy;
	*at = copy->next_copy;
	media_take_from_leg(c, copy);
	if (copy->id)
		stream_remove(c->dataplane, copy->id, 0);
	free(copy);
}

static bool has(const struct media_stream *s, const struct media_route *to)
{
	bool found = goes(s, to);

	for (const struct media_stream *o = s->copies; o && !found; o = o->next_copy)
		found = goes(o, to);
	return found;
}

bool media_is_routed(
	const struct media_stream *s, const struct media_route *routes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (goes(s, &routes[i]))
			return true;
	return false;
}

static bool begin_copy(struct control *c, struct media_stream *s, const struct media_route *to)
{
	struct media_stream *copy = add_copy(c, s, to);
	struct gate_setting setting;
	bool withholds;

	if (!copy)
		return false;
	recordings_stream_joins(c->recordings, copy, &setting);
	withholds = digit_source_withholds(copy->leg);
	if (stream_copy(c->dataplane, s->id, withholds ? &off : &setting, &copy->id) != 0) {
		media_copy_remove(c, copy);
		return false;
	}
	digit_source_stream(c, copy);
	if (withholds)
		recordings_stream_joined(c->recordings, copy, &setting);
	return true;
}

/* --- Where a flow goes --- */

/* A flow that is in the stream table: its tracks that are still meant keep what they have, so that
 * nothing is lost to them. */
unsigned int media_tracks_change(struct control *c, struct media_stream *s,
	const struct media_route *routes, unsigned int count)
{
	struct gate_setting setting;
	unsigned int refused = 0;

	for (struct media_stream *copy = s->copies, *next; copy; copy = next) {
		next = copy->next_copy;
		if (!media_is_routed(copy, routes, count))
			media_copy_remove(c, copy);
	}
	if (s->leg && !media_is_routed(s, routes, count))
		media_take_from_leg(c, s);
	for (unsigned int i = 0; i < count; i++) {
		if (has(s, &routes[i]))
			continue;
		if (s->leg) {
			refused += !begin_copy(c, s, &routes[i]);
			continue;
		}
		give_to_leg(s, &routes[i]);
		recordings_stream_joins(c->recordings, s, &setting);
		digit_source_stream(c, s);
		recordings_stream_joined(c->recordings, s, &setting);
	}
	digit_source_stream(c, s);
	return refused;
}

/* Adds the flow to the table, with what its tracks' gates are to be. What keeps digits out is there
 * before a gate opens. */
static void add_to_table(struct control *c, struct media_stream **streams,
	const struct gate_setting *settings, unsigned int count)
{
	struct gate_setting first[MEDIA_ROUTES_MAX];
	stream_id ids[MEDIA_ROUTES_MAX] = {0};

	for (unsigned int i = 0; i < count; i++)
		first[i] = digit_source_withholds(streams[i]->leg) ? off : settings[i];
	(void)stream_add_copied(c->dataplane, &streams[0]->flow, first, count, ids);
	for (unsigned int i = 0; i < count && ids[0]; i++) {
		streams[i]->id = ids[i];
		digit_source_stream(c, streams[i]); /* before its packets are given back */
		if (digit_source_withholds(streams[i]->leg))
			recordings_stream_joined(c->recordings, streams[i], &settings[i]);
	}
}

bool media_tracks_begin(struct control *c, struct media_stream *s, const struct media_route *routes,
	unsigned int count)
{
	struct media_stream *streams[MEDIA_ROUTES_MAX] = {s};
	struct gate_setting settings[MEDIA_ROUTES_MAX] = {{.gate = GATE_OFF}};
	unsigned int made = 1;

	give_to_leg(s, &routes[0]);
	recordings_stream_joins(c->recordings, s, &settings[0]);
	for (unsigned int i = 1; i < count; i++) {
		struct media_stream *copy = add_copy(c, s, &routes[i]);

		if (!copy)
			continue;
		recordings_stream_joins(c->recordings, copy, &settings[made]);
		streams[made++] = copy;
	}
	add_to_table(c, streams, settings, made);
	if (s->id)
		return true;
	for (struct media_stream *copy = s->copies, *next; copy; copy = next) {
		next = copy->next_copy;
		media_copy_remove(c, copy);
	}
	media_take_from_leg(c, s);
	return false;
}

uint64_t media_last_ns(struct control *c, struct leg *leg)
{
	struct stream_stats stats;

	for (const struct media_stream *s = leg->streams; s; s = s->next_of_leg)
		if (stream_stats(c->dataplane, s->id, &stats) == 0 &&
			stats.last_ns > leg->last_media_ns)
			leg->last_media_ns = stats.last_ns;
	return leg->last_media_ns;
}
