/* Commands from the control thread to an rx core, and their acknowledgements.
 *
 * A command is 32 bytes in the core's ring. What the ring has no room for, or what could later have
 * no room for its acknowledgement, waits in a backlog, in order. Everything here is the control
 * thread's; the rx core's side is gate.h. */
#ifndef LEGTAP_DATAPLANE_COMMAND_H
#define LEGTAP_DATAPLANE_COMMAND_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/topology.h"
#include "dataplane/stream.h"

struct rte_ring;

enum command_kind {
	COMMAND_SET,	/* a gate */
	COMMAND_REMOVE, /* close the gate for good; always acknowledged */
	COMMAND_WATCH,	/* which payload types are watched; never acknowledged */
	COMMAND_COPY,	/* the stream becomes a copy of another; never acknowledged */
};

struct command {
	union {
		uint64_t cookie; /* of a COMMAND_SET; 0: not acknowledged */
		stream_id id;	 /* of a COMMAND_WATCH */
	};
	union {
		struct {
			uint64_t open_ns; /* with GATE_RECORD */
			track_ref track;
			uint32_t ordinal;
		};
		struct stream_watch watch; /* of a COMMAND_WATCH */
		uint32_t copy_of;	   /* of a COMMAND_COPY */
	};
	uint32_t stream;
	uint8_t kind; /* enum command_kind */
	uint8_t gate; /* enum gate */
	uint8_t reserved[2];
};
static_assert(sizeof(struct command) == TOPOLOGY_COMMAND_BYTES, "an element of the ring");

/* Two elements of the ring of acknowledgements. */
struct ack {
	uint64_t removed; /* a stream and one, when it was removed; else 0 */
	uint64_t cookie;
};
static_assert(sizeof(struct ack) == 2 * sizeof(void *), "two elements of the ring");

struct command_queue {
	struct rte_ring *commands;
	struct rte_ring *acks;
	struct command *backlog; /* a ring of `size` commands */
	uint32_t size;
	uint32_t head;
	uint32_t count;
	uint32_t kept;		/* room in the backlog for commands to come */
	uint32_t under_way;	/* sent, to be acknowledged, not yet so */
	uint32_t under_way_max; /* what the ring of acknowledgements can hold */
};

void command_queue_init(struct command_queue *q, struct rte_ring *commands, struct rte_ring *acks);
void command_queue_destroy(struct command_queue *q);

/* Sends a command, or keeps it. 0 or -ENOMEM. */
int command_send(struct command_queue *q, const struct command *c);

/* Keeps room for `count` commands that must not fail when they are due. 0 or -ENOMEM. */
int command_keep_room(struct command_queue *q, uint32_t count);

/* No longer, for so many. */
void command_leave_room(struct command_queue *q, uint32_t count);

/* Sends a command, or keeps it in room that was kept, which it uses up. */
void command_send_kept(struct command_queue *q, const struct command *c);

/* Sends what can be sent of the backlog. Returns how many. */
unsigned int command_flush(struct command_queue *q);

/* Takes at most `max` acknowledgements. */
unsigned int command_take_acks(struct command_queue *q, struct ack *out, unsigned int max);

#endif
