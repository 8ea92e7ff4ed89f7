/* Gates, on the rx core's side: what is let through to which track.
 *
 * Closing is done when the command is taken, between bursts. Opening is harder: frames that arrived
 * while the gate was closed may still wait in a queue of the port. Where the frames bring their
 * arrival times (a capture), each is judged by its own. Where they don't, an opening waits for a
 * round: it takes effect when each queue of the core has been found empty once, or has given as
 * many frames as it can hold, since the round began. Openings that come during a round wait for the
 * next one. open_ns 0 opens at once.
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
	uint32_t stream; /* STREAM_NONE: it was overtaken by another command */
};

struct gates {
	struct stream_table *table;
	struct filling *filling;
	struct rte_ring *commands;
	struct rte_ring *acks;
	bool frame_times;  /* frames bring their arrival times */
	uint32_t in_round; /* openings of the round that is going on: the first ones */
	uint32_t waiting;  /* openings, those of the round counted */
	uint32_t acked;	   /* acknowledgements given so far */
	struct gate_opening openings[GATE_OPENINGS_MAX];
};

void gates_init(struct gates *g, struct stream_table *table, struct filling *filling,
	struct rte_ring *commands, struct rte_ring *acks, bool frame_times);

/* Takes commands from the ring and carries them out. Returns how many: less than
 * GATE_COMMANDS_PER_CALL, when there were no more. Between bursts only. */
unsigned int gates_take_commands(struct gates *g);

/* True while openings wait and no round goes on: the caller begins one by gates_begin_round, asks
 * its queues, and ends it by gates_end_round at now_ns. */
static inline bool gates_want_round(const struct gates *g)
{
	return g->waiting > 0 && g->in_round == 0;
}

static inline bool gates_in_round(const struct gates *g)
{
	return g->in_round > 0;
}

void gates_begin_round(struct gates *g);
void gates_end_round(struct gates *g, uint64_t now_ns);

/* What a stream's gate is for a frame that arrived at arrival_ns: for streams that are opening, and
 * for frames that bring their times. Completes an opening whose time has come. */
const struct stream_target *gates_judge(struct gates *g, uint32_t stream, uint64_t arrival_ns);

#endif
