#include "storage/sender_report.h"

#include <errno.h>

#include "common/byte_order.h"

#define TYPE_FIRST 192
#define TYPE_LAST 223
#define TYPE_SENDER_REPORT 200
#define TYPE_DESCRIPTION 202
#define ITEM_CNAME 1
#define HEADER_BYTES 4U
#define REPORT_BYTES 28U /* up to the sender's octet count */

bool sender_report_is_control(const uint8_t *data, size_t bytes)
{
	return bytes >= HEADER_BYTES && data[0] >> 6 == 2 && data[1] >= TYPE_FIRST &&
	       data[1] <= TYPE_LAST;
}

/* FNV-1a; never 0. */
static uint32_t hash(const uint8_t *text, size_t bytes)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ text[i]) * 16777619U;
	return h ? h : 1;
}

/* The CNAME of an SSRC in a source description (RFC 3550, 6.5), hashed; 0: none. */
static uint32_t find_cname(const uint8_t *data, size_t bytes, uint32_t ssrc)
{
	size_t at = HEADER_BYTES;

	while (at + 4 <= bytes) {
		bool wanted = be32(data + at) == ssrc;

		for (at += 4; at + 2 <= bytes && data[at] != 0; at += 2U + data[at + 1]) {
			if (at + 2U + data[at + 1] > bytes)
				return 0;
			if (wanted && data[at] == ITEM_CNAME)
				return hash(data + at + 2, data[at + 1]);
		}
		at = (at + 4) & ~(size_t)3; /* one zero at least ends a chunk */
	}
	return 0;
}

static void take_report(const uint8_t *data, struct sender_report *out)
{
	uint64_t fraction = be32(data + 12);

	out->ssrc = be32(data + 4);
	out->ntp_ns = be32(data + 8) * 1000000000ULL + (fraction * 1000000000ULL >> 32);
	out->timestamp = be32(data + 16);
	out->cname = 0;
}

int sender_report_parse(const uint8_t *data, size_t bytes, struct sender_report *out)
{
	bool found = false;

	while (bytes >= HEADER_BYTES) {
		size_t length = (((size_t)data[2] << 8 | data[3]) + 1) * 4;

		if (data[0] >> 6 != 2 || length > bytes)
			return found ? 0 : -EBADMSG;
		if (!found && data[1] == TYPE_SENDER_REPORT && length >= REPORT_BYTES) {
			take_report(data, out);
			found = true;
		} else if (found && data[1] == TYPE_DESCRIPTION && out->cname == 0) {
			out->cname = find_cname(data, length, out->ssrc);
		}
		data += length;
		bytes -= length;
	}
	return found ? 0 : -ENOENT;
}
