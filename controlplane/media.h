/* Streams and the tracks they feed: how a flow finds its leg, and what its gate lets through
 * (control thread).
 *
 * A flow is known from its first packet on, as one of:
 *   held      no leg claims it yet; its first packets are kept for limits.unknown_hold_ms
 *   unknown   nobody claimed it in time; counted at the rx core by a look-up, and still claimable
 *   of a leg  its gate follows the leg's recording
 * To an address of legtap's own (media_route.h) a flow may feed several tracks. Each further one
 * has a copy: a media_stream of its own, in its leg's list, for whoever deals with legs and
 * recordings a stream like any other. A flow whose own leg is gone while copies are not is of no
 * leg, its gate off.
 * A flow to a leg's address that comes from elsewhere than its sender announced is the leg's only
 * by latch.h's rules; one that they refuse is held or unknown like others, and looked at again. A
 * flow whose leg has ended stays the leg's (its stragglers are not wanted) until another leg
 * announces its address or the leg is forgotten. */
#ifndef LEGTAP_CONTROLPLANE_MEDIA_H
#define LEGTAP_CONTROLPLANE_MEDIA_H

#include <stdint.h>

#include "controlplane/control.h"
#include "controlplane/media_route.h"
#include "dataplane/dataplane.h"

struct media;

/* Packets that gates, or the digit policy of an account, kept out of a track. */
struct kept_out {
	uint64_t while_paused;
	uint64_t withheld;
};

/* One flow of a leg. Made and freed by media.c; recording.c may read all and owns `ordinal`. */
struct media_stream {
	struct media_stream *next_of_leg;
	struct media_stream *next_by_source; /* chains of the tables; media.c */
	struct media_stream *next_by_destination;
	struct media_stream *next_held;
	struct media_stream *previous_held;
	struct media_stream *copies; /* list; those of copies: NULL */
	struct media_stream *next_copy;
	struct media_stream *copy_of;	  /* NULL: it is no copy, and in the tables */
	struct media_stream *next_judged; /* list; media.c */
	struct media_stream *previous_judged;
	struct leg *leg; /* NULL: held, unknown, or for its copies alone */
	enum track track;
	struct flow flow;
	stream_id id;			 /* 0: held */
	uint32_t ordinal;		 /* in the leg's recording; recordings.c */
	struct kept_out kept_out_before; /* when it joined the recording; recordings.c */
	uint32_t party;			 /* see storage_note_stream */
	bool separate;		   /* its port's; matched in its SIP's own encapsulation only */
	bool gate_owed;		   /* its command waits for memory; recording.c */
	bool watched;		   /* for digits; digit_source.c */
	bool held;		   /* in the list of those that wait for a leg */
	bool judged;		   /* in the list of those whose claim may change with time */
	bool refused;		   /* latch.h's rules kept it from a leg, and it was told of */
	struct rte_mbuf **packets; /* held; oldest first; NULL: none, or no memory for any */
	uint32_t packet_count;
	uint64_t since_ns;
	uint64_t latched_ns; /* when it became its leg's */
	uint64_t seen_ns;    /* its newest packet that came to the control thread, and its SSRC */
	uint32_t ssrc;
};

int media_create(struct media **out, struct control *control);
void media_destroy(struct media *m);

/* A packet of a flow that the stream table does not know; takes the mbuf. */
void media_unknown(struct media *m, struct rte_mbuf *mbuf);

/* A leg's end announced new addresses: flows that were waiting for them join the leg. */
void media_announced(struct media *m, struct leg *leg);

/* As media_routes_own and media_routes_disown. What comes there is no business of announcements. */
int media_own(struct media *m, const struct netaddr *address, media_router_h *router, void *owner);
void media_disown(struct media *m, const struct netaddr *address, const void *owner);

/* The routes of an owned address have changed. */
void media_reroute(struct media *m, const struct netaddr *address);

/* Takes all streams from a leg that is about to be freed. */
void media_forget(struct media *m, struct leg *leg);

/* Ends holds whose time is over; forgets unknown flows that fell silent. About ten times a second,
 * and in --read once a tick. */
void media_age(struct media *m, uint64_t now_ns);

/* Brings leg->last_media_ns up to date from the counts of its streams, and returns it (0: no packet
 * yet). */
uint64_t media_last_ns(struct control *c, struct leg *leg);

#define MEDIA_COUNTERS(X) \
	X(held, "packets of unknown flows kept for a moment") \
	X(claimed, "kept packets that a leg claimed") \
	X(expired, "kept packets that nobody claimed") \
	X(refused, "packets of unknown flows not kept: limits.unknown_flows or unknown_packets") \
	X(table_full, "flows refused: limits.streams") \
	X(foreign, "flows to a call's address kept out of its track: another source feeds it") \
	X(displaced, "flows taken out of a track: its own sender was heard")

#define MEDIA_ENUM(name, help) MEDIA_##name,
enum media_counter { MEDIA_COUNTERS(MEDIA_ENUM) MEDIA_COUNTER_COUNT };
uint64_t media_count(const struct media *m, enum media_counter c);
const char *media_counter_name(enum media_counter c);
const char *media_counter_help(enum media_counter c);

/* Packets kept now. */
uint32_t media_held_now(const struct media *m);

#endif
