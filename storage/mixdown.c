#include "storage/mixdown.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "storage/tone.h"
#include "storage/track_player.h"

/* What the writing of one file needs beside its description. */
struct desk {
	struct mixdown *mix;
	struct track_player players[TRACK_COUNT];
	unsigned int player_count;
	int16_t *tone; /* tone_samples of the pause tone */
	int64_t tone_samples;
	size_t pause; /* those before are over */
	int16_t *interleaved;
};

static int set_up_tone(struct desk *d)
{
	const struct mixdown *mix = d->mix;
	struct tone tone = tone_single(mix->tone_hz, mix->tone_level_dbm0);

	d->tone_samples = (int64_t)((uint64_t)mix->tone_ms * mix->format.rate_hz / 1000);
	d->tone = malloc(((size_t)d->tone_samples + 1) * sizeof(d->tone[0]));
	if (!d->tone)
		return -ENOMEM;
	tone_fill(&tone, 0, (size_t)d->tone_samples, mix->format.rate_hz, d->tone);
	return 0;
}

static int set_up(struct desk *d)
{
	struct mixdown *mix = d->mix;
	int err = set_up_tone(d);

	d->interleaved = malloc(LANE_SAMPLES * TRACK_COUNT * sizeof(d->interleaved[0]));
	if (err != 0 || !d->interleaved)
		return -ENOMEM;
	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++) {
		struct recorded_track *t = &mix->tracks[track];

		if (!(mix->mask & TRACK_BIT(track)))
			continue;
		err = track_player_init(&d->players[d->player_count++], &t->index, &t->streams,
			&t->tones, &t->reader, mix->format.rate_hz, mix->format.coded,
			mix->format.law);
		if (err != 0)
			return err;
		if (mix->conceal)
			d->players[d->player_count - 1].concealed = &t->concealed;
	}
	return 0;
}

static void tear_down(struct desk *d)
{
	for (unsigned int i = 0; i < d->player_count; i++)
		track_player_free(&d->players[i]);
	free(d->interleaved);
	free(d->tone);
}

/* Silence, and a tone at each end, from the whole pause's point of view: the lane cuts. */
static void lay_pause(const struct desk *d, struct lane *lane, int64_t lane_at, struct span pause)
{
	int64_t half = (pause.end - pause.start) / 2;
	int64_t samples = d->tone_samples < half ? d->tone_samples : half;

	lane_silence(lane, pause.start - lane_at, pause.end - lane_at);
	lane_put_pcm(lane, pause.start - lane_at, d->tone, (size_t)samples);
	lane_put_pcm(lane, pause.end - samples - lane_at, d->tone, (size_t)samples);
}

static void lay_pauses(struct desk *d)
{
	const struct mixdown *mix = d->mix;
	int64_t at = d->players[0].at;

	while (d->pause < mix->pause_count && mix->pauses[d->pause].end <= at)
		d->pause++;
	for (size_t i = d->pause; i < mix->pause_count && mix->pauses[i].start < at + LANE_SAMPLES;
		i++)
		for (unsigned int p = 0; p < d->player_count; p++)
			lay_pause(d, &d->players[p].lane, at, mix->pauses[i]);
}

static void interleave_codes(uint8_t *out, const uint8_t *left, const uint8_t *right, size_t frames)
{
	for (size_t i = 0; i < frames; i++) {
		out[2 * i] = left[i];
		out[2 * i + 1] = right[i];
	}
}

static void interleave_pcm(int16_t *out, const int16_t *left, const int16_t *right, size_t frames)
{
	for (size_t i = 0; i < frames; i++) {
		out[2 * i] = left[i];
		out[2 * i + 1] = right[i];
	}
}

/* The stretch as it stands in the file. */
static const void *interleave(struct desk *d, size_t frames)
{
	const struct lane *left = &d->players[0].lane;
	const struct lane *right = &d->players[1].lane;

	if (d->player_count == 1)
		return left->data;
	if (left->coded)
		interleave_codes((uint8_t *)d->interleaved, left->data, right->data, frames);
	else
		interleave_pcm(d->interleaved, lane_pcm(left), lane_pcm(right), frames);
	return d->interleaved;
}

static int write_stretch(struct desk *d, struct wav *w, size_t frames, struct errmsg *e)
{
	int err = 0;

	for (unsigned int i = 0; i < d->player_count; i++) {
		err = track_player_fill(&d->players[i]);
		if (err != 0)
			return errmsg_set(e, err, "cannot read a track: %s", strerror(-err));
	}
	lay_pauses(d);
	err = wav_write(w, interleave(d, frames), frames, e);
	for (unsigned int i = 0; i < d->player_count; i++)
		track_player_next(&d->players[i]);
	return err;
}

static int write_all(struct desk *d, struct wav *w, struct errmsg *e)
{
	uint64_t left = d->mix->format.frames;

	while (left > 0) {
		size_t frames = left < LANE_SAMPLES ? (size_t)left : LANE_SAMPLES;
		int err = write_stretch(d, w, frames, e);

		if (err != 0)
			return err;
		left -= frames;
	}
	return 0;
}

int mixdown_write(
	struct mixdown *mix, const char *path, bool sync, struct wav_result *out, struct errmsg *e)
{
	struct desk desk = {.mix = mix};
	struct wav *w = NULL;
	int err = set_up(&desk);

	if (err != 0)
		errmsg_set(e, err, "no memory to render %s", path);
	else
		err = wav_create(&w, path, &mix->format, e);
	if (err == 0)
		err = write_all(&desk, w, e);
	if (err == 0)
		err = wav_finish(w, sync, out, e);
	else
		wav_abandon(w);
	tear_down(&desk);
	return err;
}
