/* Telephone events (RFC 4733): from their packets to tones on a track's timeline.
 *
 * All packets of an event bear its begin as timestamp and its duration so far: the longest counts,
 * however many come, and whether or not its end does. */
#ifndef LEGTAP_STORAGE_TELEPHONE_EVENT_H
#define LEGTAP_STORAGE_TELEPHONE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/packet_index.h"
#include "storage/payload_reader.h"

struct telephone_event {
	uint8_t event;
	bool end;
	uint8_t volume;	   /* -dBm0, 0 to 63 */
	uint16_t duration; /* RTP ticks */
};

/* 0, or -EBADMSG. A pure function; any thread. */
int telephone_event_parse(const uint8_t *payload, size_t bytes, struct telephone_event *out);

/* An event on the timeline, in samples. */
struct event_tone {
	int64_t position;
	int64_t samples;
	uint32_t timestamp;
	uint16_t segment;
	uint16_t stream;
	uint8_t event;
	uint8_t volume;
};

struct event_tones {
	struct event_tone *list; /* by position */
	size_t count;
	size_t room;
};

/* Gathers the events of a track whose packets have their positions at rate_hz. 0, -ENOMEM, or the
 * reader's error. event_tones_free may be called after either. */
int event_tones_gather(struct event_tones *tones, const struct packet_index *index,
	struct payload_reader *reader, uint32_t rate_hz);
void event_tones_free(struct event_tones *tones);

#endif
