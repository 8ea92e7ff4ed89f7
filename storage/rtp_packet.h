/* An RTP packet's header (RFC 3550, 5.1), as the renderer needs it. A pure function; any thread. */
#ifndef LEGTAP_STORAGE_RTP_PACKET_H
#define LEGTAP_STORAGE_RTP_PACKET_H

#include <stddef.h>
#include <stdint.h>

struct rtp_packet {
	uint32_t timestamp;
	uint32_t ssrc;
	uint16_t sequence;
	uint16_t payload_offset; /* after CSRCs and header extension */
	uint16_t payload_bytes;	 /* without padding */
	uint8_t payload_type;
};

/* As rtp_packet_parse, but what the P bit says of the end is not looked at: in SRTP the end is not
 * the sender's. */
int rtp_packet_parse_header(const uint8_t *data, size_t bytes, struct rtp_packet *out);

/* 0, or -EBADMSG: not version 2, or its parts do not fit into `bytes` (at most 65,535). */
int rtp_packet_parse(const uint8_t *data, size_t bytes, struct rtp_packet *out);

#endif
