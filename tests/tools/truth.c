/* See truth.h. */
#include "truth.h"

#include <cjson/cJSON.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US_PER_S 1000000ULL

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!m)
		errx(2, "truth without \"%s\"", name);
	return m;
}

static uint64_t number(const cJSON *object, const char *name)
{
	const cJSON *m = member(object, name);

	if (!cJSON_IsNumber(m))
		errx(2, "truth: \"%s\" is not a number", name);
	return (uint64_t)m->valuedouble;
}

static const char *string(const cJSON *object, const char *name)
{
	const cJSON *m = member(object, name);

	if (!cJSON_IsString(m))
		errx(2, "truth: \"%s\" is not a string", name);
	return m->valuestring;
}

static void read_packets(struct truth_stream *s, const cJSON *object)
{
	const cJSON *packets = member(object, "packets");
	const cJSON *packet = packets->child, *arrival = member(object, "arrivals_us")->child;
	uint64_t first_us = number(object, "first_us");

	s->count = (size_t)cJSON_GetArraySize(packets);
	s->packets = calloc(s->count + 1, sizeof(*s->packets));
	if (!s->packets)
		err(2, "truth");
	for (size_t i = 0; i < s->count; i++) {
		if (!arrival)
			errx(2, "truth: fewer arrivals than packets");
		s->packets[i].number = (uint32_t)packet->valuedouble;
		s->packets[i].arrival_us = first_us + (uint64_t)arrival->valuedouble;
		packet = packet->next;
		arrival = arrival->next;
	}
}

static void read_stream(struct truth_stream *s, const cJSON *object)
{
	snprintf(s->sip_call_id, sizeof(s->sip_call_id), "%s", string(object, "sip_call_id"));
	snprintf(s->ssrc, sizeof(s->ssrc), "%s", string(object, "ssrc"));
	s->track =
		strcmp(string(object, "track"), "OUTGOING") == 0 ? TRUTH_OUTGOING : TRUTH_INCOMING;
	s->a_law = strcmp(string(object, "law"), "PCMA") == 0;
	s->rate = (uint32_t)number(object, "rate");
	s->key = strtoull(string(object, "key"), NULL, 16);
	s->samples_per_packet = (uint32_t)number(object, "samples_per_packet");
	s->sequence = (uint16_t)number(object, "sequence");
	s->answer_us = number(object, "answer_us");
	s->bye_us = number(object, "bye_us");
	read_packets(s, object);
}

/* The two streams of a leg stand in two lines, one below the other. */
static void add_stream(struct truth *t, const char *line)
{
	struct truth_stream s = {0};
	cJSON *object = cJSON_Parse(line);

	if (!object)
		errx(2, "truth: a line that is not JSON");
	read_stream(&s, object);
	cJSON_Delete(object);
	if (s.track == TRUTH_INCOMING) {
		t->legs = reallocarray(t->legs, t->leg_count + 1, sizeof(*t->legs));
		if (!t->legs)
			err(2, "truth");
		t->legs[t->leg_count++] = (struct truth_leg){0};
	}
	if (t->leg_count == 0)
		errx(2, "truth: begins with OUTGOING");
	t->legs[t->leg_count - 1].streams[s.track] = s;
}

void truth_read(struct truth *t, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!f)
		err(2, "%s", path);
	*t = (struct truth){0};
	while (getline(&line, &size, f) > 0)
		add_stream(t, line);
	free(line);
	fclose(f);
}

void truth_free(struct truth *t)
{
	for (size_t i = 0; i < t->leg_count; i++) {
		free(t->legs[i].streams[TRUTH_INCOMING].packets);
		free(t->legs[i].streams[TRUTH_OUTGOING].packets);
	}
	free(t->legs);
}

struct truth_leg *truth_find(struct truth *t, const char *sip_call_id)
{
	for (size_t i = 0; i < t->leg_count; i++) {
		if (strcmp(t->legs[i].streams[TRUTH_INCOMING].sip_call_id, sip_call_id) == 0)
			return &t->legs[i];
	}
	return NULL;
}

uint64_t truth_packet_us(const struct truth_stream *s)
{
	return s->samples_per_packet * US_PER_S / s->rate;
}

int64_t truth_anchor_us(const struct truth_stream *s)
{
	int64_t packet_us = (int64_t)truth_packet_us(s), least = INT64_MAX;

	for (size_t i = 0; i < s->count; i++) {
		const struct truth_packet *p = &s->packets[i];
		int64_t anchor = (int64_t)p->arrival_us - p->number * packet_us;

		if (p->arrival_us - s->packets[0].arrival_us > US_PER_S)
			break;
		if (anchor < least)
			least = anchor;
	}
	return least;
}

static uint32_t highest_number(const struct truth_stream *s)
{
	uint32_t highest = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (s->packets[i].number > highest)
			highest = s->packets[i].number;
	}
	return highest;
}

struct truth_counts truth_count(
	const struct truth_stream *s, size_t from, size_t to, bool from_lowest)
{
	struct truth_counts c = {.received = to - from};
	uint32_t first, highest;
	uint64_t span;
	bool *seen;

	if (from >= to)
		return (struct truth_counts){0};
	seen = calloc(highest_number(s) + 1, sizeof(*seen));
	if (!seen)
		err(2, "counts");
	first = highest = s->packets[from].number;
	for (size_t i = from; i < to; i++) {
		uint32_t n = s->packets[i].number;

		if (seen[n])
			c.duplicate++;
		else if (n < highest)
			c.reordered++;
		seen[n] = true;
		highest = n > highest ? n : highest;
		first = from_lowest && n < first ? n : first;
	}
	free(seen);
	span = highest - first + 1;
	c.lost = span > c.received - c.duplicate ? span - (c.received - c.duplicate) : 0;
	return c;
}
