#include "storage/telephone_event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_BYTES 4
#define OPEN_EVENTS 8 /* among so many of the newest, a packet looks for its own */

int telephone_event_parse(const uint8_t *payload, size_t bytes, struct telephone_event *out)
{
	if (bytes < EVENT_BYTES)
		return -EBADMSG;
	out->event = payload[0];
	out->end = payload[1] & 0x80;
	out->volume = payload[1] & 0x3f;
	out->duration = (uint16_t)(payload[2] << 8 | payload[3]);
	return 0;
}

static struct event_tone *find(
	const struct event_tones *tones, const struct packet *p, uint8_t event)
{
	for (size_t i = tones->count; i-- > 0 && tones->count - i <= OPEN_EVENTS;) {
		struct event_tone *tone = &tones->list[i];

		if (tone->timestamp == p->timestamp && tone->segment == p->segment &&
			tone->event == event)
			return tone;
	}
	return NULL;
}

static struct event_tone *append(struct event_tones *tones)
{
	if (tones->count == tones->room) {
		size_t room = tones->room ? 2 * tones->room : 16;
		struct event_tone *list = realloc(tones->list, room * sizeof(*list));

		if (!list)
			return NULL;
		tones->list = list;
		tones->room = room;
	}
	return &tones->list[tones->count++];
}

static int enter(struct event_tones *tones, const struct packet *p,
	const struct telephone_event *event, int64_t samples)
{
	struct event_tone *tone = find(tones, p, event->event);

	if (!tone) {
		tone = append(tones);
		if (!tone)
			return -ENOMEM;
		*tone = (struct event_tone){.position = p->position,
			.timestamp = p->timestamp,
			.segment = p->segment,
			.stream = p->stream,
			.event = event->event,
			.volume = event->volume};
	}
	if (samples > tone->samples)
		tone->samples = samples;
	return 0;
}

static int compare_position(const void *a, const void *b)
{
	const struct event_tone *x = a;
	const struct event_tone *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->event < y->event ? -1 : x->event > y->event;
}

int event_tones_gather(struct event_tones *tones, const struct packet_index *index,
	struct payload_reader *reader, uint32_t rate_hz)
{
	memset(tones, 0, sizeof(*tones));
	for (size_t i = 0; i < index->count; i++) {
		const struct packet *p = &index->packets[i];
		const struct track_codec *codec = packet_codec(index, p);
		struct telephone_event event;
		const uint8_t *payload;
		int err;

		if (codec->kind != PACKET_EVENT || p->duplicate)
			continue;
		payload = payload_read(reader, p->offset, p->payload_bytes);
		if (!payload)
			return reader->error;
		if (telephone_event_parse(payload, p->payload_bytes, &event) != 0)
			continue;
		err = enter(tones, p, &event,
			(int64_t)event.duration * rate_hz / codec->codec.clock_hz);
		if (err != 0)
			return err;
	}
	if (tones->count > 1)
		qsort(tones->list, tones->count, sizeof(tones->list[0]), compare_position);
	return 0;
}

void event_tones_free(struct event_tones *tones)
{
	free(tones->list);
	memset(tones, 0, sizeof(*tones));
}
