/* The tracks that a flow feeds: its own, and a copy for each further one (media.h). Between media.c
 * and the dataplane; control thread. */
#ifndef LEGTAP_CONTROLPLANE_MEDIA_TRACKS_H
#define LEGTAP_CONTROLPLANE_MEDIA_TRACKS_H

#include "controlplane/media.h"

/* Adds a flow of no leg to the stream table, all its tracks at once. False when there is no room
 * for it: it is of no leg then, and without copies. */
bool media_tracks_begin(struct control *c, struct media_stream *s, const struct media_route *routes,
	unsigned int count);

/* A flow that is in the stream table: its tracks that are still meant keep what they have, so that
 * nothing is lost to them; others go, and come. Returns for how many there was no room. */
unsigned int media_tracks_change(struct control *c, struct media_stream *s,
	const struct media_route *routes, unsigned int count);

/* Whether the flow's own track is one of these. */
bool media_is_routed(
	const struct media_stream *s, const struct media_route *routes, unsigned int count);

void media_copy_remove(struct control *c, struct media_stream *copy);

/* Its gate is shut, if a recording had it. */
void media_take_from_leg(struct control *c, struct media_stream *s);

#endif
