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

static bool has_type(const struct stream_watch *w, uint8_t payload_type)
{
	return memchr(w->types, payload_type, sizeof(w->types)) != NULL;
}

/* Adds what one end announced. Returns how many types there are then. */
static unsigned int add_types(
	struct stream_watch *w, unsigned int count, const struct end_media *media)
{
	for (unsigned int i = 0; i < media->codec_count; i++) {
		const struct codec *codec = &media->codecs[i];

		/* Of SRTP the blocks can't be read: ciphertext would look like events. */
		if (strcmp(codec->name, "RED") == 0 && !media->encrypted)
			w->redundancy = codec->payload_type;
		if (count < STREAM_WATCHED_TYPES && strcmp(codec->name, "TELEPHONE-EVENT") == 0 &&
			!has_type(w, codec->payload_type))
			w->types[count++] = codec->payload_type;
	}
	return count;
}

/* A sender uses the payload types that the receiver has announced (RFC 3264, 5.1); its own where
 * the receiver's SDP was not seen. */
static bool find_asked_for(const struct leg *leg, struct stream_watch *w)
{
	const struct end_media *receiver = &leg->media[END_SBC];
	const struct end_media *sender = &leg->media[END_PARTICIPANT];

	return (!receiver->encrypted && add_types(w, 0, receiver) > 0) ||
	       (!sender->encrypted && add_types(w, 0, sender) > 0);
}

static uint8_t withhold_of(const struct leg *leg)
{
	switch (leg->account ? leg->account->digits : DIGITS_TONE) {
	case DIGITS_NONE:
		return WITHHOLD_EVENTS;
	case DIGITS_SILENCE:
		return WITHHOLD_AUDIO;
	default:
		return WITHHOLD_NOTHING;
	}
}

bool digit_source_withholds(const struct leg *leg)
{
	return withhold_of(leg) != WITHHOLD_NOTHING;
}

void digit_source_stream(struct control *c, struct media_stream *s)
{
	const struct leg *leg = s->leg;
	struct stream_watch w = {.redundancy = STREAM_WATCHED_NONE};

	memset(w.types, STREAM_WATCHED_NONE, sizeof(w.types));
	if (leg && leg->digit_source && leg->digit_source->wanted && s->track == TRACK_INCOMING)
		w.told = find_asked_for(leg, &w);
	if (leg)
		w.withhold = withhold_of(leg);
	if (!s->id || (!w.told && w.withhold == WITHHOLD_NOTHING && !s->watched))
		return;
	if (w.withhold != WITHHOLD_NOTHING) { /* whatever either end calls an event */
		enum leg_end sender = s->track == TRACK_INCOMING ? END_PARTICIPANT : END_SBC;
		unsigned int count;

		memset(w.types, STREAM_WATCHED_NONE, sizeof(w.types));
		w.redundancy = STREAM_WATCHED_NONE;
		count = add_types(&w, 0, &leg->media[sender]);
		/* The receiver's type of redundancy is the one that is sent: it comes last. */
		(void)add_types(
			&w, count, &leg->media[sender == END_SBC ? END_PARTICIPANT : END_SBC]);
	}
	if (stream_watch(c->dataplane, s->id, &w, s) == 0)
		s->watched = w.told || w.withhold != WITHHOLD_NOTHING;
}

void digit_source_media(struct control *c, struct leg *leg)
{
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

/* What is kept out of recordings is kept out of logs, too. */
static void tell(struct control *c, struct leg *leg, char digit, uint64_t at_ns, bool paused)
{
	bool secret = paused || digit_source_withholds(leg) || was_paused(leg, at_ns);

	application_digit(c->application, leg, digit, secret);
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
