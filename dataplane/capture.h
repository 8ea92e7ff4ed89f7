/* Packet captures as a source of packets: pcap (both byte orders, microseconds and nanoseconds,
 * Kuznetzov's longer record headers) and pcapng (both byte orders, several sections and interfaces,
 * any time resolution and offset).
 *
 * What is damaged is passed over: the reader looks for the next place where records look right
 * again, goes on there, and says so in its statistics. Formats: draft-ietf-opsawg-pcap,
 * draft-ietf-opsawg-pcapng, https://www.tcpdump.org/linktypes.html.
 *
 * A capture belongs to one thread at a time. Memory: 2 MiB, and what pcapng's interfaces take (at
 * most 2 MiB). */
#ifndef LEGTAP_DATAPLANE_CAPTURE_H
#define LEGTAP_DATAPLANE_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "dataplane/dataplane.h"
#include "dataplane/link.h"

/* Where pcap's seconds of 32 bits end, in February 2106: packets from then on, which only pcapng
 * can tell of, are skipped and warned of. */
#define CAPTURE_TIME_MAX ((1ULL << 32) * 1000000000ULL)

struct capture;

struct capture_record {
	const uint8_t *data; /* the frame, from its link layer on */
	uint32_t captured_bytes;
	uint32_t wire_bytes; /* as the capture claims; more than captured_bytes: it was cut */
	uint64_t time_ns;    /* since the epoch; never before it, and below CAPTURE_TIME_MAX */
	enum link_type link;
	unsigned int interface; /* counted through all sections of the file */
	uint64_t offset;	/* of data, from the start of the file */
};

/* Opens a file or a pipe and reads its header. 0 or -errno: of open(2) or read(2), -EISDIR,
 * -ENODATA (empty), -EINVAL (not a capture), -ENOMEM; the message names the path and, where there
 * is one, the remedy. */
int capture_open(struct capture **out, const char *path, struct errmsg *e);

/* The same for bytes in memory, which stay the caller's and must outlive the capture. */
int capture_open_memory(struct capture **out, const void *data, size_t bytes, struct errmsg *e);

void capture_close(struct capture *c);

/* The next record whose link layer is one that we read; out->data is valid until the next call.
 * 1: a record, 0: the end, -errno: reading failed (no more will come). */
int capture_next(struct capture *c, struct capture_record *out);

/* Times that go back are no fault: whoever asked has put them in order. */
void capture_forgive_order(struct capture *c);

/* What was read so far: `packets` and `bytes` are those that capture_next gave, first_ns and
 * last_ns the least and greatest of their times. Returns 0. */
int capture_stats_of(const struct capture *c, struct capture_stats *out);

#endif
