/* What was wrong with a capture, for one line of warning. */
#ifndef LEGTAP_DATAPLANE_CAPTURE_FAULT_H
#define LEGTAP_DATAPLANE_CAPTURE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture_faults {
	uint64_t damages;	    /* places where a header made no sense */
	uint64_t damage_offset;	    /* of the first, from the start of the file */
	uint64_t passed_over_bytes; /* to where records look right again */
	bool cut;		    /* the file ends within a record */
	uint64_t oversized;	    /* records over CAPTURE_RECORD_BYTES_MAX */
	uint64_t no_interface;	    /* packets of an interface that nothing describes */
	uint64_t foreign_link;	    /* packets of a link layer that we do not read */
	uint32_t foreign_link_type; /* the first such */
	uint64_t snapped;	    /* packets of which the capture has a part only */
	uint64_t timeless;	    /* packets without a time: simple packet blocks */
	uint64_t future;	    /* packets of CAPTURE_TIME_MAX and later */
	uint64_t backward;	    /* packets older than one before them, not sorted */
	int error;		    /* -errno of read(2) */
};

/* Counts a damage at this offset of the file. */
void capture_fault_damage(struct capture_faults *f, uint64_t offset);

/* Writes what there is to say, "" when nothing; cut at `size`. */
void capture_fault_describe(const struct capture_faults *f, char *text, size_t size);

#endif
