#include "storage/track_player.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "storage/concealer.h"
#include "storage/resampler.h"
#include "storage/tone.h"

#define SCRATCH_SAMPLES 65536
#define STRETCH_MAX 64 /* samples that packet.stretch may add */

/* Codes cannot be added up: who chooses the file's format sees to it. */
static int make_parts(struct track_player *player)
{
	int err = 0;

	assert(!player->lane.coded);
	player->parts = calloc(player->index->part_count, sizeof(player->parts[0]));
	if (!player->parts)
		return -ENOMEM;
	player->part_count = player->index->part_count;
	for (uint16_t i = 0; err == 0 && i < player->part_count; i++)
		err = lane_init(&player->parts[i], false, player->lane.law);
	return err;
}

int track_player_init(struct track_player *player, const struct packet_index *index,
	const struct rtp_streams *streams, const struct event_tones *tones,
	struct payload_reader *reader, uint32_t rate_hz, bool coded, enum g711_law law)
{
	int err;

	memset(player, 0, sizeof(*player));
	player->index = index;
	player->tones = tones;
	player->reader = reader;
	player->rate_hz = rate_hz;
	player->voice_count = streams->count;
	player->voices = calloc(streams->count + 1UL, sizeof(player->voices[0]));
	player->samples = malloc((SCRATCH_SAMPLES + STRETCH_MAX) * sizeof(player->samples[0]));
	if (!player->voices || !player->samples)
		return -ENOMEM;
	err = lane_init(&player->lane, coded, law);
	if (err == 0 && index->part_count > 1)
		err = make_parts(player);
	for (uint32_t i = 0; err == 0 && i < streams->count; i++)
		player->voices[i].lane =
			player->parts ? &player->parts[streams->list[i].part] : &player->lane;
	return err;
}

void track_player_free(struct track_player *player)
{
	for (uint32_t i = 0; player->voices && i < player->voice_count; i++) {
		decoder_free(player->voices[i].decoder);
		resampler_free(player->voices[i].resampler);
		concealer_free(player->voices[i].concealer);
	}
	free(player->voices);
	free(player->samples);
	for (uint16_t i = 0; i < player->part_count; i++)
		lane_free(&player->parts[i]);
	free(player->parts);
	lane_free(&player->lane);
	memset(player, 0, sizeof(*player));
}

static int end_run(struct track_player *player, struct voice *v)
{
	const int16_t *out;
	size_t count;
	int err;

	if (!v->runs)
		return 0;
	v->runs = false;
	err = resampler_end(v->resampler, &out, &count);
	if (err != 0)
		return err;
	/* No further than the run went: a fraction of a sample may be left over. */
	if (v->given + (int64_t)count > v->expected)
		count = v->expected > v->given ? (size_t)(v->expected - v->given) : 0;
	lane_put(v->lane, v->given - player->at, out, count);
	return 0;
}

/* Makes the voice ready for a packet: its decoder is made anew when the stream changes its codec. 0
 * or -ENOMEM. */
static int prepare(struct track_player *player, struct voice *v, const struct packet *p)
{
	const struct track_codec *codec = packet_codec(player->index, p);
	int err;

	if (v->decoder && v->codec == p->codec)
		return 0;
	err = end_run(player, v);
	resampler_free(v->resampler);
	v->resampler = NULL;
	decoder_free(v->decoder);
	v->decoder = NULL;
	concealer_free(v->concealer);
	v->concealer = NULL;
	v->has_last = false;
	v->codec = p->codec;
	if (err == 0 && codec->form.rate_hz != player->rate_hz)
		err = resampler_make(&v->resampler, codec->form.rate_hz, player->rate_hz);
	if (err == 0 && player->concealed && !codec->decoder->conceal)
		err = concealer_make(&v->concealer, codec->form.rate_hz);
	return err == 0 ? decoder_make(&v->decoder, codec->decoder, &codec->form) : err;
}

/* Puts samples at the decoder's rate to a position at the file's. */
static int put_samples(struct track_player *player, struct voice *v, int64_t at,
	const int16_t *samples, size_t count)
{
	int64_t off = at - v->expected;
	const int16_t *out;
	size_t out_count;
	int err = 0;

	if (!v->resampler) {
		lane_put_pcm(v->lane, at - player->at, samples, count);
		return 0;
	}
	if (v->runs && (off < -1 || off > 1))
		err = end_run(player, v);
	if (!v->runs) {
		v->runs = true;
		v->taken = 0;
		v->began = at;
		v->given = at;
	}
	if (err == 0)
		err = resampler_put(v->resampler, samples, count, &out, &out_count);
	if (err != 0)
		return err;
	lane_put(v->lane, v->given - player->at, out, out_count);
	v->given += (int64_t)out_count;
	v->taken += count;
	v->expected = v->began + (int64_t)(v->taken * player->rate_hz / v->decoder->form.rate_hz);
	return 0;
}

/* Takes samples away, or says some twice, at even distances. Returns how many there are then. */
static size_t stretch(void *samples, size_t count, size_t sample_bytes, int change)
{
	uint8_t *data = samples;
	size_t changes = (size_t)(change < 0 ? -change : change);
	size_t end = count;

	/* From the end on, the one at each cut goes, or makes room for its double. */
	for (size_t k = changes; k > 0; k--) {
		size_t cut = k * count / (changes + 1);

		if (change > 0)
			memmove(data + (cut + 1) * sample_bytes, data + cut * sample_bytes,
				(end - cut) * sample_bytes);
		else
			memmove(data + cut * sample_bytes, data + (cut + 1) * sample_bytes,
				(end - cut - 1) * sample_bytes);
		end = change > 0 ? end + 1 : end - 1;
	}
	return end;
}

/* Invents what was lost between a voice's last packet and this one. What a sender left out by
 * itself has no missing sequence number, and stays silence. */
static int conceal_before(struct track_player *player, struct voice *v, const struct packet *p,
	const uint8_t *payload)
{
	const struct decoder *d = v->decoder;
	int64_t gap = p->position - v->end;
	size_t count;
	int err;

	if (!v->has_last || p->sequence <= v->last_sequence + 1 || gap <= 0 ||
		gap > (int64_t)player->rate_hz * TRACK_PLAYER_CONCEAL_MS / 1000)
		return 0;
	count = (size_t)(gap * d->form.rate_hz / player->rate_hz);
	if (d->type->conceal)
		d->type->conceal(v->decoder, payload, p->payload_bytes, count, player->samples);
	else if (v->concealer)
		concealer_fill(v->concealer, player->samples, count);
	else
		return 0;
	err = put_samples(player, v, v->end, player->samples, count);
	return err == 0 ? span_list_add(player->concealed, v->end, p->position) : err;
}

/* Decodes a packet to player->samples, and *count of them; what was lost before it is put. */
static int decode(struct track_player *player, struct voice *v, const struct packet *p,
	const uint8_t *payload, size_t *count)
{
	const struct decoder_type *type = packet_codec(player->index, p)->decoder;
	int err = prepare(player, v, p);

	if (err == 0 && player->concealed)
		err = conceal_before(player, v, p, payload);
	if (err != 0)
		return err;
	type->decode(v->decoder, payload, p->payload_bytes, player->samples);
	*count = type->samples(type, &v->decoder->form, payload, p->payload_bytes);
	return v->concealer ? concealer_hear(v->concealer, player->samples, *count) : 0;
}

static int put_packet(struct track_player *player, const struct packet *p)
{
	const uint8_t *payload = payload_read(player->reader, p->offset, p->payload_bytes);
	struct voice *v = &player->voices[p->stream];
	int64_t extent = p->samples;
	size_t count;
	int err = 0;

	if (!payload)
		return player->reader->error;
	if (!player->lane.coded || player->concealed)
		err = decode(player, v, p, payload, &count);
	if (err != 0)
		return err;
	if (player->lane.coded) {
		memcpy(player->samples, payload, p->samples);
		count = stretch(player->samples, p->samples, 1, p->stretch);
		lane_put(v->lane, p->position - player->at, player->samples, count);
	} else {
		count = stretch(player->samples, count, sizeof(player->samples[0]), p->stretch);
		err = put_samples(player, v, p->position, player->samples, count);
	}
	if (p->stretch != 0)
		extent += (int64_t)p->stretch * player->rate_hz /
			  packet_codec(player->index, p)->form.rate_hz;
	v->has_last = true;
	v->last_sequence = p->sequence;
	v->end = p->position + extent;
	return err;
}

/* Ends the runs that no packet can go on with any more, while their ends are still in the lane. */
static int end_runs(struct track_player *player)
{
	bool over = player->next == player->index->count;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < player->voice_count; i++) {
		struct voice *v = &player->voices[i];

		if (v->runs && (over || v->expected + 1 < player->at + LANE_SAMPLES + LANE_AHEAD))
			err = end_run(player, v);
	}
	return err;
}

static void put_tone(struct track_player *player, const struct event_tone *event)
{
	struct tone tone;
	int64_t from = event->position > player->at ? event->position : player->at;
	int64_t to = event->position + event->samples;

	if (!tone_dtmf(event->event, event->volume, &tone))
		return;
	if (to > player->at + LANE_SAMPLES)
		to = player->at + LANE_SAMPLES;
	while (from < to) {
		size_t count = to - from < SCRATCH_SAMPLES ? (size_t)(to - from) : SCRATCH_SAMPLES;

		tone_fill(&tone, (uint64_t)(from - event->position), count, player->rate_hz,
			player->samples);
		lane_put_pcm(player->voices[event->stream].lane, from - player->at, player->samples,
			count);
		from += (int64_t)count;
	}
}

static void put_tones(struct track_player *player)
{
	const struct event_tones *tones = player->tones;

	while (player->first_tone < tones->count &&
		tones->list[player->first_tone].position +
				tones->list[player->first_tone].samples <=
			player->at)
		player->first_tone++;
	for (size_t i = player->first_tone;
		i < tones->count && tones->list[i].position < player->at + LANE_SAMPLES; i++)
		put_tone(player, &tones->list[i]);
}

static void mix(struct track_player *player)
{
	int16_t *out = (int16_t *)(void *)player->lane.data;

	for (size_t i = 0; player->parts && i < LANE_SAMPLES; i++) {
		int32_t sum = 0;

		for (uint16_t k = 0; k < player->part_count; k++)
			sum += lane_pcm(&player->parts[k])[i];
		out[i] = (int16_t)(sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum);
	}
}

int track_player_fill(struct track_player *player)
{
	const struct packet_index *index = player->index;
	int err;

	while (player->next < index->count &&
		index->packets[player->next].position < player->at + LANE_SAMPLES + LANE_AHEAD) {
		const struct packet *p = &index->packets[player->next++];

		err = 0;
		if (p->samples > 0 && !p->duplicate && p->position + p->samples > 0)
			err = put_packet(player, p);
		if (err != 0)
			return err;
	}
	err = end_runs(player);
	put_tones(player);
	mix(player);
	return err;
}

void track_player_next(struct track_player *player)
{
	player->at += LANE_SAMPLES;
	lane_next(&player->lane);
	for (uint16_t i = 0; i < player->part_count; i++)
		lane_next(&player->parts[i]);
}
