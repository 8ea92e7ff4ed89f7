/* A burst of packets on its way through an rx core: what they are, and of which streams.
 *
 * Stages over the whole burst, so that the misses of one packet pass beside those of the others:
 * parse and hash; look up; ask for the lines that are to be written. Owned by the rx core. */
#ifndef LEGTAP_DATAPLANE_BURST_H
#define LEGTAP_DATAPLANE_BURST_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/dataplane.h"
#include "dataplane/decap.h"
#include "dataplane/fragment.h"
#include "dataplane/neighbour.h"
#include "dataplane/stream_table.h"

#define BURST_PACKETS 64

/* What burst_parse needs to know of its rx core. */
struct burst_rules {
	unsigned int rx;
	struct fragments *fragments; /* the core's */
	bool any_tcp;		     /* with sip_port_count 0: TCP may be SIP on any port */
	unsigned int sip_port_count; /* 0: SIP may be on any port */
	uint16_t sip_ports[DATAPLANE_SIP_PORTS_MAX]; /* network order */
	/* By port; NULL: nothing is answered there. */
	const struct neighbour_addresses *answered[DATAPLANE_PORTS_MAX];
};

struct burst {
	unsigned int count;
	bool own_times;	   /* each packet's private area tells its times, link and length */
	uint64_t now_ns;   /* arrival of all of them otherwise */
	uint64_t since_ns; /* none of them arrived before, otherwise */
	uint8_t port;	   /* that they came from */
	unsigned int media_count;
	unsigned int fragment_count;
	struct rte_mbuf *mbufs[BURST_PACKETS];
	uint64_t arrivals[BURST_PACKETS];
	/* enum rx_counter; RX_recorded stands for RTP, whose stream is yet to decide */
	uint8_t outcomes[BURST_PACKETS];
	uint8_t media[BURST_PACKETS];	   /* the RTP packets: places in the arrays above */
	uint8_t look_up_of[BURST_PACKETS]; /* of an RTP packet: its place in look_ups */
	struct decap decaps[BURST_PACKETS];
	struct look_up look_ups[BURST_PACKETS];
};

/* Parses the `count` packets in mbufs, sets arrivals, decaps and outcomes, and begins the look-ups
 * of those that are RTP. `tally` gets the notes: bytes, bad_checksum, cut_frame.
 *
 * Fragments go to rules->fragments, which counts what becomes of them; their outcome here is
 * RX_fragments. One that makes a packet whole has it in its place. With fragments in it a burst has
 * own_times afterwards. */
void burst_parse(struct burst *b, const struct burst_rules *rules, const struct stream_table *table,
	uint64_t tally[RX_COUNTER_COUNT]);

/* Finds the streams of the RTP packets from place `from` on. Look-ups must have begun. */
void burst_find(struct burst *b, const struct stream_table *table, unsigned int from);

/* Fills the private area of packet i, but for what packet_describe says, when the burst has no
 * own_times. */
void burst_fill_area(struct burst *b, unsigned int i);

/* The UDP payload of packet i, as far as it is in the first segment. */
static inline const uint8_t *burst_payload(const struct burst *b, unsigned int i)
{
	return rte_pktmbuf_mtod_offset(b->mbufs[i], const uint8_t *, b->decaps[i].payload_offset);
}

static inline uint32_t burst_readable(const struct burst *b, unsigned int i)
{
	uint32_t in_segment = b->mbufs[i]->data_len - b->decaps[i].payload_offset;
	uint32_t bytes = b->decaps[i].payload_bytes;

	return bytes < in_segment ? bytes : in_segment;
}

#endif
