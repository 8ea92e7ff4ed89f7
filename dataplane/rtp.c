#include "dataplane/rtp.h"

#include <rte_branch_prediction.h>

#define VERSION_MASK 0xc0
#define VERSION_2 0x80
#define EXTENSION 0x10
#define RTCP_FIRST 192 /* RFC 5761, section 4 */
#define RTCP_LAST 223

/* Each report of a compound tells its length in words less one; the first must fit. */
static bool fits_rtcp(const uint8_t *p, uint32_t readable, uint32_t bytes)
{
	return readable >= 4 && ((p[2] << 8 | p[3]) + 1U) * 4U <= bytes;
}

enum rtp_verdict rtp_check(const uint8_t *p, uint32_t readable, uint32_t bytes)
{
	uint32_t header;

	if (readable < 2 || (p[0] & VERSION_MASK) != VERSION_2)
		return RTP_NEITHER;
	if (unlikely(p[1] >= RTCP_FIRST && p[1] <= RTCP_LAST))
		return fits_rtcp(p, readable, bytes) ? RTP_CONTROL : RTP_NEITHER;
	header = RTP_HEADER_BYTES + (p[0] & 0x0fU) * 4U;
	if (readable < RTP_HEADER_BYTES || bytes < header)
		return RTP_NEITHER;
	if (unlikely(p[0] & EXTENSION)) {
		if (bytes < header + 4)
			return RTP_NEITHER;
		if (readable >= header + 4)
			header += 4U + (p[header + 2] << 8 | p[header + 3]) * 4U;
		if (bytes < header)
			return RTP_NEITHER;
	}
	return RTP_MEDIA;
}

uint32_t rtp_header_bytes(const uint8_t *p, uint32_t readable)
{
	uint32_t header = RTP_HEADER_BYTES + (p[0] & 0x0fU) * 4U;

	if ((p[0] & EXTENSION) && readable >= header + 4)
		header += 4U + (p[header + 2] << 8 | p[header + 3]) * 4U;
	return header;
}
