/* The event log: what happened, one JSON object a line, for GET /v1/events (docs/events.md).
 *
 * A ring in memory holds the newest lines, bounded in count (limits.events) and bytes; an old line
 * makes room for a new one whether or not a reader has had it. A reader that comes too late is told
 * how many it lost, and goes on.
 *
 * EventId grows by one from event to event, and never falls back. The file events.id beside the
 * ledger holds an id that no event of this run will exceed: written once at start, before the
 * threads, and, with the newest id in its place, at an orderly end. So ids go on without a gap
 * after an orderly end, and with a leap after a crash; nothing is written in between. Without the
 * file they begin at the wall clock's microseconds. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_EVENTS_H
#define LEGTAP_CONTROLPLANE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

struct cJSON;
struct control;
struct events;

#define EVENT_READERS_MAX 16U
#define EVENT_LINE_BYTES_MAX ((size_t)64 * 1024) /* a longer one is told of, not kept */

/* `most` lines, ≥ 1. folder: of events.id; NULL: ids begin at 1 and are kept nowhere (tests).
 * Blocks. 0 or -errno with a message. */
int events_create(struct events **out, const char *folder, uint32_t most, struct errmsg *e);

/* Writes the newest id; blocks. Readers must have left. NULL is legal. */
void events_destroy(struct events *ev);

/* Adds an event with {EventId, Time, EventType} before the members of an object, which is taken;
 * members NULL: no memory, or no members. ev NULL: members are freed, nothing else. */
void events_add(struct events *ev, int64_t unix_ms, const char *type, struct cJSON *members);

/* The same with the control thread's time. */
void control_event(struct control *control, const char *type, struct cJSON *members);

/* --- Readers --- */

/* Lies in the object that owns it. */
struct event_reader {
	uint64_t next; /* the id it wants */
	bool waiting;
	void (*wake)(
		void *arg); /* called once, when what it waits for is there, or the log closed */
	void *arg;
};

/* Begins after this id; has_after = false: with the oldest that is kept. 0; -EINVAL: no event has
 * got so far; -EBUSY: EVENT_READERS_MAX read already; -ESHUTDOWN. */
int events_enter(struct events *ev, struct event_reader *r, bool has_after, uint64_t after);
void events_leave(struct events *ev, struct event_reader *r);

/* The next line with its newline, the caller's to free; NULL: none yet, or no memory. Where events
 * were lost to the reader it is an events_lost line. */
char *events_next(struct events *ev, struct event_reader *r, size_t *bytes);

/* wake is called when there is something to read. */
void events_wait(struct events *ev, struct event_reader *r);

/* No more events are to come: wakes all that wait. NULL is legal. */
void events_close(struct events *ev);
bool events_closed(const struct events *ev);

struct events_stats {
	uint64_t oldest; /* EventId of the oldest kept; newest + 1 when none is */
	uint64_t newest;
	unsigned int readers;
	uint64_t lost; /* told to readers as lost */
};
void events_stats(const struct events *ev, struct events_stats *out);

#endif
