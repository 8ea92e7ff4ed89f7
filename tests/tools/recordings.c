/* See recordings.h. */
#include "recordings.h"

#include <cjson/cJSON.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define US_PER_S 1000000LL

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!m)
		errx(1, "a recording without \"%s\"", name);
	return m;
}

static void copy_string(const cJSON *object, const char *name, char *text, size_t size)
{
	const cJSON *m = member(object, name);

	if (!cJSON_IsString(m))
		errx(1, "a recording's \"%s\" is not a string", name);
	snprintf(text, size, "%s", m->valuestring);
}

static uint64_t number(const cJSON *object, const char *name)
{
	const cJSON *m = member(object, name);

	if (!cJSON_IsNumber(m) || m->valuedouble < 0)
		errx(1, "a recording's \"%s\" is not a number", name);
	return (uint64_t)m->valuedouble;
}

/* RFC 3339 in UTC with milliseconds. */
static int64_t time_of(const cJSON *object, const char *name)
{
	char text[64];
	struct tm tm = {0};
	const char *rest;
	char *end;
	double fraction;

	copy_string(object, name, text, sizeof(text));
	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest || *rest != '.')
		errx(1, "\"%s\": \"%s\" is not RFC 3339 with milliseconds", name, text);
	fraction = strtod(rest, &end);
	if (end != rest + 4 || strcmp(end, "Z") != 0)
		errx(1, "\"%s\": \"%s\" is not UTC with milliseconds", name, text);
	return timegm(&tm) * US_PER_S + (int64_t)(fraction * 1000 + 0.5) * 1000;
}

static void read_track(struct recorded_track *t, const cJSON *object)
{
	const cJSON *stream;

	t->present = true;
	t->counts.received = number(object, "received");
	t->counts.lost = number(object, "lost");
	t->counts.reordered = number(object, "reordered");
	t->counts.duplicate = number(object, "duplicate");
	cJSON_ArrayForEach(stream, member(object, "streams"))
	{
		if (t->stream_count++ == 0)
			copy_string(stream, "ssrc", t->ssrc, sizeof(t->ssrc));
		t->stream_received += number(stream, "received");
	}
}

static void read_recording(struct recording *r, const cJSON *object)
{
	const cJSON *track;
	char name[16];

	copy_string(object, "file", r->file, sizeof(r->file));
	copy_string(object, "sip_call_id", r->sip_call_id, sizeof(r->sip_call_id));
	copy_string(object, "track", r->track, sizeof(r->track));
	copy_string(object, "state", r->state, sizeof(r->state));
	r->cut_short = cJSON_GetObjectItemCaseSensitive(object, "cut_short") != NULL;
	r->start_us = time_of(object, "start");
	r->stop_us = time_of(object, "stop");
	r->duration_ms = number(object, "duration_ms");
	cJSON_ArrayForEach(track, member(object, "tracks"))
	{
		copy_string(track, "track", name, sizeof(name));
		read_track(
			&r->tracks[strcmp(name, "OUTGOING") == 0 ? TRUTH_OUTGOING : TRUTH_INCOMING],
			track);
	}
}

void recordings_read(struct recordings *r, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	cJSON *object;

	if (!f)
		err(2, "%s", path);
	*r = (struct recordings){0};
	while (getline(&line, &size, f) > 0) {
		object = cJSON_Parse(line);
		if (!object)
			errx(1, "%s: a line that is not JSON", path);
		r->list = reallocarray(r->list, r->count + 1, sizeof(*r->list));
		if (!r->list)
			err(2, "recordings");
		r->list[r->count] = (struct recording){0};
		read_recording(&r->list[r->count++], object);
		cJSON_Delete(object);
	}
	free(line);
	fclose(f);
}
