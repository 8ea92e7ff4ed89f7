/* RTCP sender reports (RFC 3550, 6.4.1): which RTP timestamp a sender's wall clock meant. Plain
 * values; any thread. */
#ifndef LEGTAP_STORAGE_SENDER_REPORT_H
#define LEGTAP_STORAGE_SENDER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sender_report {
	uint64_t arrival_ns;
	uint64_t ntp_ns; /* since 1900, or 2036: only differences mean something */
	uint32_t flow;	 /* packet_index: of the RTP that it is about */
	uint32_t ssrc;
	uint32_t timestamp;
	uint32_t cname; /* a hash of the sender's canonical name; 0: none was given */
};

/* Whether a packet is RTCP (RFC 5761, 4). */
bool sender_report_is_control(const uint8_t *data, size_t bytes);

/* Takes a compound packet: its first report, and the CNAME that it gives for the same SSRC. 0,
 * -ENOENT: there is none, -EBADMSG: its lengths contradict each other. arrival_ns and flow are left
 * alone. */
int sender_report_parse(const uint8_t *data, size_t bytes, struct sender_report *out);

#endif
