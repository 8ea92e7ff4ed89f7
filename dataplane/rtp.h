/* What in a UDP payload can be RTP (RFC 3550), what is RTCP beside it (RFC 5761), and what is
 * neither (STUN, DTLS, and such: RFC 7983). A pure function; any thread. */
#ifndef LEGTAP_DATAPLANE_RTP_H
#define LEGTAP_DATAPLANE_RTP_H

#include <stdbool.h>
#include <stdint.h>

#define RTP_HEADER_BYTES 12

enum rtp_verdict { RTP_MEDIA, RTP_CONTROL, RTP_NEITHER };

/* payload: `readable` bytes may be read, of the `bytes` that the datagram had (more, when its frame
 * was cut or has a second segment: then what lies beyond is not checked). What the P bit says of
 * the last octet is not: in SRTP that octet is ciphertext, or of the tag (RFC 3711, 3.1), and which
 * flows are SRTP the rx core does not know. The renderer checks it in what is in clear. */
enum rtp_verdict rtp_check(const uint8_t *payload, uint32_t readable, uint32_t bytes);

/* True for nearly all RTP: no padding, extension or CSRC. False: rtp_check has the say. */
static inline bool rtp_is_plain(const uint8_t *payload, uint32_t readable)
{
	return readable >= RTP_HEADER_BYTES && payload[0] == 0x80 &&
	       (payload[1] & 0xe0) != 0xc0; /* RTCP: 192 to 223, RFC 5761, section 4 */
}

/* Where the payload begins in a packet that is RTP_MEDIA: after the CSRCs and the extension, as far
 * as that can be read. */
uint32_t rtp_header_bytes(const uint8_t *payload, uint32_t readable);

/* The SSRC of a packet that is RTP_MEDIA. */
static inline uint32_t rtp_ssrc(const uint8_t *payload)
{
	return (uint32_t)payload[8] << 24 | (uint32_t)payload[9] << 16 |
	       (uint32_t)payload[10] << 8 | payload[11];
}

#endif
