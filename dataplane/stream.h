/* What is known of a stream, in three parts by who touches it how often.
 *
 * `struct stream` is the hot part: one line that an rx core touches once a packet. `struct
 * stream_gate` is the rx core's too, but only read when a chunk is opened or a gate is opening.
 * `struct stream_entry` is the control thread's. The control thread writes all of a stream before
 * it is published in the table; from then on the rule is beside each field. A stream belongs to one
 * rx core for its life. */
#ifndef LEGTAP_DATAPLANE_STREAM_H
#define LEGTAP_DATAPLANE_STREAM_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/chunk.h"
#include "dataplane/dataplane.h"
#include "dataplane/flow.h"

#define STREAM_NONE UINT32_MAX

enum stream_opening {
	OPENING_NONE,
	OPENING_QUEUE, /* when the queues have been cleared of what arrived before, see gate.h */
	OPENING_TIME,  /* with the first frame that did not arrive before open_ns */
};

/* Chunks are filled in units of 4 bytes, so that 64 KiB fit 16 bits. */
#define STREAM_UNIT_BYTES 4U

struct stream {
	struct flow_key4 key;	  /* control, before it is published; unused for IPv6 */
	uint64_t base_ns;	  /* rx; arrival of the first frame of its chunk */
	_Atomic uint64_t last_ns; /* rx; read by control */
	uint32_t chunk;		  /* rx; the chunk it fills, or CHUNK_NONE */
	uint16_t used;		  /* rx; units filled in it, the header counted */
	uint16_t limit;		  /* rx; units that may be filled */
	uint16_t frames;	  /* rx; in it */
	uint8_t gate;		  /* rx; enum gate in effect */
	uint8_t opening : 6;	  /* rx; enum stream_opening */
	uint8_t watched : 1;	  /* rx; stream_gate tells for what */
	uint8_t copied : 1;	  /* rx; its packets go to other tracks, too: stream_gate.copy */
	_Atomic uint32_t ssrc;	  /* rx; read by control, as are the counts below */
	_Atomic uint32_t recorded;
	_Atomic uint32_t not_wanted;
	_Atomic uint32_t while_paused;
	_Atomic uint32_t dropped;
} __attribute__((aligned(64)));
static_assert(sizeof(struct stream) == 64, "one line a packet");

/* Where a stream's frames go. */
struct stream_target {
	track_ref track;
	uint32_t ordinal;
	uint8_t gate; /* enum gate */
};

struct stream_gate {
	uint64_t open_ns;	     /* rx; frames that arrived earlier go by `before` */
	struct stream_target now;    /* rx */
	struct stream_target before; /* rx */
	stream_id watched_id;	     /* rx; goes with what is found to the control thread */
	struct stream_watch watch;   /* rx */
	uint64_t silent_until_ns;    /* rx; with WITHHOLD_AUDIO */
	_Atomic uint32_t withheld;   /* rx; read by control */
	/* rx; a flow's stream and its copies are a list: the next and the one before, or
	 * STREAM_NONE. A copy is a stream that no look-up finds. */
	uint32_t copy;
	uint32_t copy_before;
};

struct stream_entry {
	uint64_t freed_turn; /* control; its rx core may still look at it until this turn */
	uint64_t cookie;     /* control; of its removal */
	void *watcher;	     /* control; what the handler of watched packets is given */
	uint32_t generation; /* control; of the next or present user of this place */
	uint32_t next;	     /* control; in the list of free places */
	uint8_t version;     /* control; 4 or 6 */
	uint8_t rx;	     /* control */
	uint8_t kept;	     /* control; commands that room is kept for */
	bool live;	     /* control; its id is valid */
	bool indexed;	     /* control; a look-up finds it; never a copy */
};

/* By the owner thread only: a plain add, not an atomic one. */
static inline void stream_count_one(_Atomic uint32_t *c)
{
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}

#endif
