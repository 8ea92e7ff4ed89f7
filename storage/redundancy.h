/* Redundant audio (RFC 2198): packets that bear what earlier ones bore once more.
 *
 * A packet stands for its own block; the copies beside it are kept apart, until the packets have
 * their places on the timeline. Then those whose own packet never came take its place. Nothing of
 * it is invented: the sender sent it. Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_REDUNDANCY_H
#define LEGTAP_STORAGE_REDUNDANCY_H

#include <stddef.h>
#include <stdint.h>

#include "storage/packet_index.h"

#define REDUNDANCY_BLOCKS_MAX 16

struct redundancy_block {
	uint16_t offset; /* in the payload */
	uint16_t bytes;
	uint16_t ticks; /* before the packet's own timestamp */
	uint8_t payload_type;
};

/* Cuts a payload into its blocks, the packet's own last. How many there are, or -EBADMSG: they do
 * not fit into it, or are too many. A pure function; any thread. */
int redundancy_parse(const uint8_t *payload, size_t bytes,
	struct redundancy_block blocks[REDUNDANCY_BLOCKS_MAX]);

/* Puts copies of packets that are missing into an index whose packets have their positions at
 * rate_hz; telephone events all, for their packets repeat each other anyway. 0 or -ENOMEM. */
int redundancy_fill(struct packet_index *index, uint32_t rate_hz);

#endif
