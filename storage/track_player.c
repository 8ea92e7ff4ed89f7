#include "storage/track_player.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "storage/tone.h"

#define SCRATCH_SAMPLES 65536

int track_player_init(struct track_player *player, const struct packet_index *index,
	const struct rtp_streams *streams, const struct event_tones *tones,
	struct payload_reader *reader, uint32_t rate_hz, bool coded, enum g711_law law)
{
	memset(player, 0, sizeof(*player));
	player->index = index;
	player->tones = tones;
	player->reader = reader;
	player->rate_hz = rate_hz;
	player->decoder_count = streams->count;
	player->decoders = calloc(streams->count + 1UL, sizeof(player->decoders[0]));
	player->samples = malloc(SCRATCH_SAMPLES * sizeof(player->samples[0]));
	if (!player->decoders || !player->samples)
		return -ENOMEM;
	return lane_init(&player->lane, coded, law);
}

void track_player_free(struct track_player *player)
{
	for (uint32_t i = 0; player->decoders && i < player->decoder_count; i++)
		decoder_free(player->decoders[i]);
	free(player->decoders);
	free(player->samples);
	lane_free(&player->lane);
	memset(player, 0, sizeof(*player));
}

/* The decoder of a packet's stream, made anew when the stream changes its codec. NULL: no memory.
 */
static struct decoder *decoder_for(struct track_player *player, const struct packet *p)
{
	const struct decoder_type *type = packet_codec(player->index, p)->decoder;
	struct decoder **slot = &player->decoders[p->stream];
	struct decoder *old = *slot;

	if (old && old->type == type)
		return old;
	decoder_free(old);
	*slot = NULL;
	return type->make(slot, type) == 0 ? *slot : NULL;
}

static int put_packet(struct track_player *player, const struct packet *p)
{
	const uint8_t *payload = payload_read(player->reader, p->offset, p->payload_bytes);
	struct decoder *decoder;

	if (!payload)
		return player->reader->error;
	if (player->lane.coded) {
		lane_put(&player->lane, p->position - player->at, payload, p->samples);
		return 0;
	}
	decoder = decoder_for(player, p);
	if (!decoder)
		return -ENOMEM;
	decoder->type->decode(decoder, payload, p->payload_bytes, player->samples);
	lane_put(&player->lane, p->position - player->at, player->samples, p->samples);
	return 0;
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
		lane_put_pcm(&player->lane, from - player->at, player->samples, count);
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

int track_player_fill(struct track_player *player)
{
	const struct packet_index *index = player->index;

	while (player->next < index->count &&
		index->packets[player->next].position < player->at + LANE_SAMPLES) {
		const struct packet *p = &index->packets[player->next++];
		int err = 0;

		if (p->samples > 0 && !p->duplicate && p->position + p->samples > 0)
			err = put_packet(player, p);
		if (err != 0)
			return err;
	}
	put_tones(player);
	return 0;
}

void track_player_next(struct track_player *player)
{
	player->at += LANE_SAMPLES;
	lane_next(&player->lane);
}
