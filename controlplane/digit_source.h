/* Where the digits that an application asked for come from: telephone events of the participant's
 * track, which the rx cores copy for us while they are wanted, and SIP INFO. And which streams the
 * rx cores keep them out of, for the digit policy of an account. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_DIGIT_SOURCE_H
#define LEGTAP_CONTROLPLANE_DIGIT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/leg.h"
#include "dataplane/dataplane.h"

struct control;
struct media_stream;

/* Digits of the leg are wanted, or no more. Without memory they do not come. */
void digit_source_want(struct control *c, struct leg *leg, bool wanted);

/* Whether the leg's account keeps telephone events out of recordings (`accounts[].digits`). */
bool digit_source_withholds(const struct leg *leg);

/* A stream joins a track: what is looked for in it. Before its gate opens. */
void digit_source_stream(struct control *c, struct media_stream *s);

/* What a leg's ends announced has changed: other payload types may be telephone events now. */
void digit_source_media(struct control *c, struct leg *leg);

/* A packet of a watched stream. */
void digit_source_packet(
	struct control *c, struct media_stream *s, const struct watched_packet *packet);

/* A digit that came by SIP. at_ns: its packet's arrival. */
void digit_source_info(struct control *c, struct leg *leg, char digit, uint64_t at_ns);

/* The leg goes. */
void digit_source_forget(struct leg *leg);

#endif
