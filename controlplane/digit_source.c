#include "controlplane/digit_source.h"

#include <stdlib.h>
#include <string.h>

#include "controlplane/application.h"
#include "controlplane/control.h"
#include "controlplane/key_press.h"
#include "controlplane/media.h"
#include "controlplane/recording.h"

/* Made when digits are first wanted of a leg; kept, for an event may go on from one ReceiveDigits
 * to the next. */
struct digit_source {
	bool wanted;
	struct key_presses presses;
};

static unsigned int types_of(const struct leg_media *media, uint8_t types[STREAM_WATCHED_TYPES])
{
	unsigned int count = 0;

	if (media->encrypted)
		return 0;
	for (unsigned int i = 0; i < media->codec_count && count < STREAM_WATCHED_TYPES; i++)
		if (strcmp(media->codecs[i].name, "TELEPHONE-EVENT") == 0)
			types[count++] = media->codecs[i].payload_type;
	return count;
}

/* A sender uses the payload types that the receiver has announced (RFC 3264, 5.1); its own where
 * the receiver's SDP was not seen. */
static bool find_types(const struct leg *leg, uint8_t types[STREAM_WATCHED_TYPES])
{
	memset(types, STREAM_WATCHED_NONE, STREAM_WATCHED_TYPES);
	return types_of(&leg->media[END_SBC], types) > 0 ||
	       types_of(&leg->media[END_PARTICIPANT], types) > 0;
}

void digit_source_stream(struct control *c, struct media_stream *s)
{
	const struct leg *leg = s->leg;
	uint8_t types[STREAM_WATCHED_TYPES];
	bool wanted = leg && leg->digit_source && leg->digit_source->wanted &&
		      s->track == TRACK_INCOMING && find_types(leg, types);

	if (!s->id || (!wanted && !s->watched))
		return;
	if (!wanted)
		memset(types, STREAM_WATCHED_NONE, sizeof(types));
	if (stream_watch(c->dataplane, s->id, types, s) == 0)
		s->watched = wanted;
}

void digit_source_media(struct control *c, struct leg *leg)
{
	if (!leg->digit_source)
		return;
	for (struct media_stream *s = leg->streams; s; s = s->next_of_leg)
		digit_source_stream(c, s);
}

void digit_source_want(struct control *c, struct leg *leg, bool wanted)
{
	if (!leg->digit_source && wanted)
		leg->digit_source = calloc(1, sizeof(*leg->digit_source));
	if (!leg->digit_source || leg->digit_source->wanted == wanted)
		return;
	leg->digit_source->wanted = wanted;
	digit_source_media(c, leg);
}

/* --- Digits --- */

static bool was_paused(const struct leg *leg, uint64_t at_ns)
{
	return leg->recording && recording_paused_at(leg->recording, at_ns);
}

static void tell(struct control *c, struct leg *leg, char digit, uint64_t at_ns, bool paused)
{
	application_digit(c->application, leg, digit, paused || was_paused(leg, at_ns));
}

void digit_source_packet(
	struct control *c, struct media_stream *s, const struct watched_packet *packet)
{
	struct leg *leg = s->leg;
	struct telephone_packet p = {.arrival_ns = packet->arrival_ns,
		.ssrc = packet->ssrc,
		.timestamp = packet->timestamp};
	char digit;

	if (!leg || !leg->digit_source || s->track != TRACK_INCOMING)
		return;
	memcpy(p.payload, packet->payload, sizeof(p.payload));
	digit = key_press_note(&leg->digit_source->presses, &p);
	explicit_bzero(&p, sizeof(p));
	if (digit != '\0' && leg->digit_source->wanted)
		tell(c, leg, digit, packet->arrival_ns, packet->gate == GATE_PAUSED);
}

void digit_source_info(struct control *c, struct leg *leg, char digit, uint64_t at_ns)
{
	tell(c, leg, digit, at_ns, false);
}

void digit_source_forget(struct leg *leg)
{
	if (leg->digit_source)
		explicit_bzero(leg->digit_source, sizeof(*leg->digit_source));
	free(leg->digit_source);
	leg->digit_source = NULL;
}
