/* Reader of the classic capture format (draft-ietf-opsawg-pcap), over a capture_input. */
#ifndef LEGTAP_DATAPLANE_PCAP_H
#define LEGTAP_DATAPLANE_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/capture.h"
#include "dataplane/capture_fault.h"
#include "dataplane/capture_input.h"

struct pcap_reader {
	bool swapped;		   /* the file's byte order is not ours */
	uint32_t header_bytes;	   /* of a record */
	uint32_t fractions_second; /* 10^6 or 10^9 */
	uint32_t link_type;	   /* LINKTYPE_ number */
	uint32_t last_s;	   /* time of the newest record; 0: none yet */
};

/* Whether a file that begins with these four bytes is pcap. */
bool pcap_is(const uint8_t magic[4]);

/* Reads the file header. 0, or -EINVAL when it is cut. */
int pcap_reader_open(struct pcap_reader *r, struct capture_input *in);

/* The next record, all but its `link`, which the caller knows from *link_type. 1 or 0. */
int pcap_reader_next(struct pcap_reader *r, struct capture_input *in, struct capture_faults *faults,
	struct capture_record *out, uint32_t *link_type);

#endif
