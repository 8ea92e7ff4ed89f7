/* Every outcome of a packet, frame or chunk has a counter here, and only here: status, metrics and
 * the accounting test are made from these tables.
 *
 * Each thread writes its own block; others read it (relaxed: a sum may lag by a burst). */
#ifndef LEGTAP_COMMON_COUNTERS_H
#define LEGTAP_COMMON_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

/* X(name, kind, help). kind: IN = enters the stage, OUT = the one outcome of a packet, HELD = how
 * many have none yet, NOTE = beside the sums. Rule 1: at an rx core, the sum of IN = the sum of OUT
 * and HELD, whenever it is between bursts. */
#define RX_COUNTERS(X) \
	X(polled, IN, "packets taken from the ports") \
	X(reinjected, IN, "packets of a flow that was unknown, given back by the control thread") \
	X(copied, IN, "copies of packets, for a further track that their flow feeds (SIPREC)") \
	X(reassembled, IN, "packets put together from IP fragments") \
	X(recorded, OUT, "packets copied into a chunk") \
	X(not_wanted, OUT, "RTP of a known stream that is not being recorded") \
	X(while_paused, OUT, "RTP of a stream whose recording is paused") \
	X(withheld, OUT, \
		"telephone events, and audio beside them, that an account keeps out of " \
		"recordings") \
	X(unknown, OUT, "RTP of a flow that no SIP explains") \
	X(to_control_unknown, OUT, \
		"first packets of an unknown flow, handed to the control thread") \
	X(to_control_sip, OUT, "SIP handed to the control thread") \
	X(to_control_rest, OUT, \
		"ARP, neighbour discovery and ping for an address of legtap's, handed to the " \
		"control thread") \
	X(rtcp_recorded, OUT, "RTCP copied into a chunk, beside the stream that it is of") \
	X(rtcp, OUT, "RTCP of streams that are not being recorded") \
	X(not_rtp, OUT, "UDP that is neither SIP nor RTP") \
	X(not_udp, OUT, "IP that is neither UDP nor TCP that SIP may be in") \
	X(not_ip, OUT, "frames that are not IP (ARP, LLDP, and such)") \
	X(fragment_joined, OUT, "IP fragments that were put together: see reassembled") \
	X(fragment_duplicate, OUT, "IP fragments that had come before") \
	X(fragment_refused, OUT, \
		"IP fragments that overlap or contradict others of their packet, or are too many " \
		"for one") \
	X(fragment_timeout, OUT, "IP fragments whose packet did not become whole in time") \
	X(fragment_cut, OUT, "IP fragments that the port or the capture cut") \
	X(fragment_waiting, HELD, "IP fragments that wait for the rest of their packet") \
	X(unknown_tunnel, OUT, \
		"packets in tunnels that are not followed (L2TP, GTP-U, TZSP, PPTP, NSH), or of " \
		"a kind that is not known in GRE, ERSPAN, VXLAN, GENEVE, MPLS") \
	X(too_deep, OUT, "frames with more headers in one another than are followed") \
	X(malformed, OUT, "frames whose headers contradict their length") \
	X(drop_sip_ring_full, OUT, "SIP lost: the ring to the control thread was full") \
	X(drop_unknown_ring_full, OUT, \
		"RTP of an unknown flow lost: the ring to the control thread was full") \
	X(drop_rest_ring_full, OUT, \
		"ARP, neighbour discovery and ping lost: the ring to the control thread was " \
		"full") \
	X(drop_no_chunk, OUT, "RTP lost: no chunk was free, for the writers are behind") \
	X(drop_too_long, OUT, "RTP lost: longer than a chunk") \
	X(drop_fragments_full, OUT, "IP fragments lost: as many wait as limits.fragments allows") \
	X(bytes, NOTE, "bytes of frames taken from the ports") \
	X(bad_checksum, NOTE, \
		"UDP or IP checksums that the port calls wrong (never dropped for it)") \
	X(fragments, NOTE, "IP fragments among the packets; each has an outcome of its own") \
	X(cut_frame, NOTE, "frames that the port or the capture cut") \
	X(chunks, NOTE, "chunks handed to writers") \
	X(frames_handed, NOTE, "packets in the chunks handed to writers") \
	X(empty_polls, NOTE, "polls that found no packet") \
	X(bursts, NOTE, "polls that found packets") \
	X(waits, NOTE, "times that reading waited for room, in --read only") \
	X(watched, NOTE, "telephone events handed to the control thread for an application") \
	X(watched_lost, NOTE, \
		"telephone events lost to an application: the ring to the control thread was " \
		"full") \
	X(commands, NOTE, "commands taken from the control thread")

/* Rule 1 at a writer: chunks_in = chunks_written + the drops + those in flight. */
#define WRITER_COUNTERS(X) \
	X(chunks_in, IN, "chunks taken from the rx cores") \
	X(chunks_written, OUT, "chunks written to track files") \
	X(drop_no_track, OUT, "chunks of a track that was closed or discarded") \
	X(drop_disk_full, OUT, "chunks lost: the spool is full") \
	X(drop_disk_error, OUT, "chunks lost: the spool failed") \
	X(frames_in, NOTE, "packets in the chunks taken") \
	X(frames_written, NOTE, "packets in the chunks written") \
	X(frames_dropped, NOTE, "packets in the chunks dropped") \
	X(frames_opened, NOTE, "SRTP packets that were decrypted") \
	X(frames_sealed, NOTE, \
		"SRTP packets that no key opened, kept as they came and out of the audio") \
	X(bytes_written, NOTE, "bytes written to track files") \
	X(writes_fixed, NOTE, "direct writes from registered buffers") \
	X(writes_plain, NOTE, "direct writes without a registered buffer") \
	X(writes_buffered, NOTE, "writes through the page cache") \
	X(write_retries, NOTE, "writes that were cut short and went on") \
	X(files_opened, NOTE, "track files opened") \
	X(files_grown, NOTE, "times that a track file was made longer ahead") \
	X(submits, NOTE, "io_uring submissions")

/* What became of the frames that a port's rx cores handed over to be answered (to_control_rest),
 * and what was said unasked. Written by the control thread; plain numbers. */
#define ANSWER_COUNTERS(X) \
	X(arp, NOTE, "answers to ARP requests") \
	X(neighbour, NOTE, "answers to IPv6 neighbour solicitations") \
	X(echo, NOTE, "answers to ping (ICMP and ICMPv6 echo)") \
	X(announced, NOTE, "ARP and IPv6 neighbour announcements, sent when the link comes up") \
	X(ignored, NOTE, "requests to another MAC address, or longer than is answered") \
	X(malformed, NOTE, "requests whose lengths, checksums or addresses cannot be") \
	X(conflict, NOTE, "ARP of other hosts that claim an address of legtap's") \
	X(limited, NOTE, "requests without answer: over 1,000 a second") \
	X(unsent, NOTE, "answers and announcements that the port did not take")

#define COUNTER_ENUM_RX(name, kind, help) RX_##name,
#define COUNTER_ENUM_WRITER(name, kind, help) WRITER_##name,
#define COUNTER_ENUM_ANSWER(name, kind, help) ANSWER_##name,
enum rx_counter { RX_COUNTERS(COUNTER_ENUM_RX) RX_COUNTER_COUNT };
enum writer_counter { WRITER_COUNTERS(COUNTER_ENUM_WRITER) WRITER_COUNTER_COUNT };
enum answer_counter { ANSWER_COUNTERS(COUNTER_ENUM_ANSWER) ANSWER_COUNTER_COUNT };

enum counter_kind { COUNTER_IN, COUNTER_OUT, COUNTER_HELD, COUNTER_NOTE };

struct counter_info {
	const char *name;
	enum counter_kind kind;
	const char *help;
};

extern const struct counter_info rx_counter_info[RX_COUNTER_COUNT];
extern const struct counter_info writer_counter_info[WRITER_COUNTER_COUNT];
extern const struct counter_info answer_counter_info[ANSWER_COUNTER_COUNT];

typedef _Atomic uint64_t counter;

/* By the owner thread only: a plain add, not an atomic one. */
static inline void counter_add(counter *c, uint64_t n)
{
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Any thread. */
static inline uint64_t counter_read(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

#endif
