/* Gates, on the rx core's side: what is let through to which track.
 *
 * Closing is done when the command is taken, between bursts. Opening is harder: frames that arrived
 * while the gate was closed may still wait in a queue of the port, and the time of their poll says
 * nothing of it. So each frame is judged by a time that it surely did not arrive before: its own
 * arrival where it brings one (a capture), else the last time that its queue is known to have been
 * cleared of all that had arrived (rx.h), which a packet keeps when it goes to the control thread
 * and comes back. An opening takes effect, and is acknowledged, when all queues of the core have
 * been cleared of what arrived before open_ns: often at once, for open_ns lies in the past when a
 * stream joins a recording that is going on. open_ns 0 opens at once.
 *
 * Owned by the rx core. */
#ifndef LEGTAP_DATAPLANE_GATE_H
#define LEGTAP_DATAPLANE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/command.h"
#include "dataplane/filling.h"
#include "dataplane/stream_table.h"

#define GATE_OPENINGS_MAX 4096 /* that wait; more commands are not taken meanwhile */
#define GATE_COMMANDS_PER_CALL 32

struct gate_opening {
	uint64_t cookie;
	uint64_t open_ns;
	uint32_t stream; /* STREAM_NONE: it was overtaken by another command */
};

struct gates {
	struct stream_table *table;
	struct filling *filling;
	struct rte_ring *commands;
	struct rte_ring *acks;
	bool frame_times;  /* frames bring their arrival times */
	uint64_t clear_ns; /* what arrived before has been polled, from every queue */
	uint64_t now_ns;
	uint32_t waiting; /* openings */
	uint32_t acked;	  /* acknowledgements given so far */
	struct gate_opening openings[GATE_OPENINGS_MAX];
};

void gates_init(struct gates *g, struct stream_table *table, struct filling *filling,
	struct rte_ring *commands, struct rte_ring *acks, bool frame_times);

/* Takes commands from the ring and carries them out. Returns how many: less than
 * GATE_COMMANDS_PER_CALL, when there were no more. Between bursts only. */
unsigned int gates_take_commands(struct gates *g);

/* At now_ns, every frame that arrived before clear_ns has been polled, whatever the queue: openings
 * that waited for that take effect. Between bursts only. */
void gates_cleared(struct gates *g, uint64_t clear_ns, uint64_t now_ns);

/* What a stream's gate is for a frame that did not arrive before since_ns: for streams that are
 * opening, and for frames that bring their times. Completes an opening whose time has come. */
const struct stream_target *gates_judge(struct gates *g, uint32_t stream, uint64_t since_ns);

#endif
