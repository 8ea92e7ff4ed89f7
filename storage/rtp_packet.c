#include "storage/rtp_packet.h"

#include <errno.h>

#include "common/byte_order.h"

#define HEADER_BYTES 12U
#define WORD_BYTES 4U

/* Bytes of padding at the end; `bytes` when there cannot be so many. */
static size_t padding_bytes(const uint8_t *data, size_t bytes, size_t offset)
{
	size_t padding = 0;

	if (data[0] & 0x20) {
		if (bytes == offset || data[bytes - 1] == 0)
			return bytes;
		padding = data[bytes - 1];
	}
	return padding;
}

int rtp_packet_parse_header(const uint8_t *data, size_t bytes, struct rtp_packet *out)
{
	size_t offset = HEADER_BYTES;

	if (bytes < HEADER_BYTES || bytes > UINT16_MAX || data[0] >> 6 != 2)
		return -EBADMSG;
	offset += (data[0] & 0x0fU) * WORD_BYTES;
	if (data[0] & 0x10) {
		if (offset + WORD_BYTES > bytes)
			return -EBADMSG;
		offset += WORD_BYTES + be16(data + offset + 2) * WORD_BYTES;
	}
	if (offset > bytes)
		return -EBADMSG;
	out->payload_type = data[1] & 0x7f;
	out->sequence = be16(data + 2);
	out->timestamp = be32(data + 4);
	out->ssrc = be32(data + 8);
	out->payload_offset = (uint16_t)offset;
	out->payload_bytes = (uint16_t)(bytes - offset);
	return 0;
}

int rtp_packet_parse(const uint8_t *data, size_t bytes, struct rtp_packet *out)
{
	size_t padding;

	if (rtp_packet_parse_header(data, bytes, out) != 0)
		return -EBADMSG;
	padding = padding_bytes(data, bytes, out->payload_offset);
	if (padding > out->payload_bytes)
		return -EBADMSG;
	out->payload_bytes = (uint16_t)(out->payload_bytes - padding);
	return 0;
}
