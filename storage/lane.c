#include "storage/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (LANE_SAMPLES + LANE_BEYOND)

static void fill(struct lane *lane, size_t from, size_t to)
{
	memset(lane->data + from * lane->sample_bytes, lane->coded ? g711_silence(lane->law) : 0,
		(to - from) * lane->sample_bytes);
}

int lane_init(struct lane *lane, bool coded, enum g711_law law)
{
	lane->coded = coded;
	lane->law = law;
	lane->sample_bytes = coded ? 1 : sizeof(int16_t);
	lane->data = malloc(ROOM * lane->sample_bytes);
	if (!lane->data)
		return -ENOMEM;
	fill(lane, 0, ROOM);
	return 0;
}

void lane_free(struct lane *lane)
{
	free(lane->data);
	lane->data = NULL;
}

void lane_next(struct lane *lane)
{
	memcpy(lane->data, lane->data + LANE_SAMPLES * lane->sample_bytes,
		LANE_BEYOND * lane->sample_bytes);
	fill(lane, LANE_BEYOND, ROOM);
}

void lane_silence(struct lane *lane, int64_t from, int64_t to)
{
	if (from < 0)
		from = 0;
	if (to > ROOM)
		to = ROOM;
	if (from < to)
		fill(lane, (size_t)from, (size_t)to);
}

/* Cuts a span to the room. false: nothing is left. */
static bool cut(int64_t *at, size_t *count, size_t *skipped)
{
	*skipped = 0;
	if (*at >= ROOM || *at + (int64_t)*count <= 0)
		return false;
	if (*at < 0) {
		*skipped = (size_t) - *at;
		*count -= *skipped;
		*at = 0;
	}
	if (*count > (size_t)(ROOM - *at))
		*count = (size_t)(ROOM - *at);
	return true;
}

void lane_put(struct lane *lane, int64_t at, const void *samples, size_t count)
{
	size_t skipped;

	if (cut(&at, &count, &skipped))
		memcpy(lane->data + (size_t)at * lane->sample_bytes,
			(const uint8_t *)samples + skipped * lane->sample_bytes,
			count * lane->sample_bytes);
}

void lane_put_pcm(struct lane *lane, int64_t at, const int16_t *samples, size_t count)
{
	size_t skipped;

	if (!lane->coded) {
		lane_put(lane, at, samples, count);
		return;
	}
	if (!cut(&at, &count, &skipped))
		return;
	for (size_t i = 0; i < count; i++)
		lane->data[(size_t)at + i] = g711_encode(lane->law, samples[skipped + i]);
}
