#include "heard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct recording_window window(uint64_t duration_ms)
{
	return (struct recording_window){
		.start_ns = FIXTURE_START, .stop_ns = AT(duration_ms), .reason = "hangup"};
}

void hear(struct fixture *f, struct heard *h)
{
	char path[256];
	SNDFILE *file;

	memset(h, 0, sizeof(*h));
	assert_int_equal(
		render_recording(&f->config, f->folder, &f->info.recording_id, &h->result), 0);
	assert_non_null(h->result.json);
	h->json = cJSON_Parse(h->result.json);
	assert_non_null(h->json);
	if (h->result.failed)
		return;
	fixture_path(f, ".wav", path);
	file = sf_open(path, SFM_READ, &h->info);
	assert_non_null(file);
	h->samples = malloc((size_t)(h->info.frames * h->info.channels + 1) * sizeof(int16_t));
	assert_int_equal(sf_readf_short(file, h->samples, h->info.frames), h->info.frames);
	sf_close(file);
}

void forget(struct fixture *f, struct heard *h)
{
	cJSON_Delete(h->json);
	free(h->samples);
	free(h->result.json);
	fixture_remove(f);
}

int16_t sample(const struct heard *h, int channel, int64_t at)
{
	assert_in_range(at, 0, h->info.frames - 1);
	return h->samples[at * h->info.channels + channel];
}

void expect_packet(const struct heard *h, int channel, int64_t at, uint32_t ssrc, uint16_t sequence,
	enum g711_law law)
{
	for (unsigned int i = 0; i < PACKET; i++) {
		int64_t frame = at + i;

		if (frame < 0 || frame >= h->info.frames)
			continue;
		assert_int_equal(sample(h, channel, frame),
			g711_values[law][fixture_byte(ssrc, sequence, i)]);
	}
}

void expect_silence(const struct heard *h, int channel, int64_t from, int64_t to)
{
	for (int64_t at = from; at < to; at++)
		assert_int_equal(sample(h, channel, at), 0);
}

const cJSON *track_json(const struct heard *h, int index)
{
	return cJSON_GetArrayItem(cJSON_GetObjectItem(h->json, "tracks"), index);
}

const cJSON *stream_json(const struct heard *h, int track, int index)
{
	return cJSON_GetArrayItem(cJSON_GetObjectItem(track_json(h, track), "streams"), index);
}

double number(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItem(object, name);

	assert_true(cJSON_IsNumber(item));
	return item->valuedouble;
}

int16_t octet(uint32_t ssrc, int64_t at)
{
	if (at < 0)
		return 0;
	return g711_values[G711_ULAW][fixture_byte(
		ssrc, (uint16_t)(at / PACKET), (unsigned int)(at % PACKET))];
}

int16_t clipped(int32_t sum)
{
	return (int16_t)(sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum);
}
