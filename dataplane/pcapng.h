/* Reader of the newer capture format (draft-ietf-opsawg-pcapng), over a capture_input. */
#ifndef LEGTAP_DATAPLANE_PCAPNG_H
#define LEGTAP_DATAPLANE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/capture.h"
#include "dataplane/capture_fault.h"
#include "dataplane/capture_input.h"

#define PCAPNG_INTERFACES_MAX 65536U /* of a section */

struct pcapng_interface {
	uint32_t link_type;   /* LINKTYPE_ number */
	uint32_t snap_bytes;  /* 0: no limit */
	uint32_t ns_per_unit; /* of a time stamp; 0: see resolution */
	uint8_t resolution;   /* if_tsresol: 10^-n, or 2^-n with the top bit set */
	int64_t offset_s;     /* if_tsoffset */
};

struct pcapng_reader {
	bool swapped;			     /* the section's byte order is not ours */
	struct pcapng_interface *interfaces; /* of the section */
	uint32_t interface_count;
	uint32_t interface_room;
	uint32_t interfaces_before; /* in earlier sections */
	uint64_t last_ns;	    /* time of the newest packet, for blocks that have none */
};

/* Whether a file that begins with these twelve bytes is pcapng. */
bool pcapng_is(const uint8_t header[12]);

void pcapng_reader_release(struct pcapng_reader *r);

/* The next packet, all but its `link`, which the caller knows from *link_type. 1, 0 or -ENOMEM. */
int pcapng_reader_next(struct pcapng_reader *r, struct capture_input *in,
	struct capture_faults *faults, struct capture_record *out, uint32_t *link_type);

#endif
