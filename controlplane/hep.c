#include "controlplane/hep.h"

#include <errno.h>
#include <string.h>

#include "common/byte_order.h"

#define CHUNK_HEAD_BYTES 6

/* Of vendor 0. */
enum chunk_type {
	CHUNK_FAMILY = 0x01,
	CHUNK_PROTOCOL = 0x02,
	CHUNK_SOURCE_IPV4 = 0x03,
	CHUNK_DESTINATION_IPV4 = 0x04,
	CHUNK_SOURCE_IPV6 = 0x05,
	CHUNK_DESTINATION_IPV6 = 0x06,
	CHUNK_SOURCE_PORT = 0x07,
	CHUNK_DESTINATION_PORT = 0x08,
	CHUNK_TIME_S = 0x09,
	CHUNK_TIME_US = 0x0a,
	CHUNK_PAYLOAD_TYPE = 0x0b,
	CHUNK_AGENT = 0x0c,
	CHUNK_KEY = 0x0e,
	CHUNK_PAYLOAD = 0x0f,
	CHUNK_COMPRESSED_PAYLOAD = 0x10,
	CHUNK_VLAN = 0x12,
};

#define FAMILY_IPV4 2 /* AF_INET and AF_INET6 as Linux numbers them */
#define FAMILY_IPV6 10

/* What the chunks of one message said, before it is known whether they belong together. */
struct chunks {
	uint8_t family;
	struct netaddr source[2]; /* IPv4, IPv6 */
	struct netaddr destination[2];
	uint16_t source_port;
	uint16_t destination_port;
};

int hep_length(const void *data, size_t bytes)
{
	static const char magic[] = {'H', 'E', 'P', '3'};
	const uint8_t *p = data;
	size_t length;

	if (memcmp(p, magic, bytes < sizeof(magic) ? bytes : sizeof(magic)) != 0)
		return -EBADMSG;
	if (bytes < HEP_HEAD_BYTES)
		return 0;
	length = be16(p + sizeof(magic));
	return length < HEP_HEAD_BYTES ? -EBADMSG : (int)length;
}

/* How long the value of a type must be; 0: any length, or none of ours. */
static size_t fixed_bytes(unsigned int type)
{
	static const uint8_t bytes[] = {
		[CHUNK_FAMILY] = 1,
		[CHUNK_PROTOCOL] = 1,
		[CHUNK_SOURCE_IPV4] = 4,
		[CHUNK_DESTINATION_IPV4] = 4,
		[CHUNK_SOURCE_IPV6] = 16,
		[CHUNK_DESTINATION_IPV6] = 16,
		[CHUNK_SOURCE_PORT] = 2,
		[CHUNK_DESTINATION_PORT] = 2,
		[CHUNK_TIME_S] = 4,
		[CHUNK_TIME_US] = 4,
		[CHUNK_PAYLOAD_TYPE] = 1,
		[CHUNK_AGENT] = 4,
		[CHUNK_VLAN] = 2,
	};

	return type < sizeof(bytes) ? bytes[type] : 0;
}

static void take_number(
	struct hep_message *m, struct chunks *c, unsigned int type, const uint8_t *value)
{
	switch (type) {
	case CHUNK_FAMILY:
		c->family = value[0];
		break;
	case CHUNK_PROTOCOL:
		m->protocol = value[0];
		break;
	case CHUNK_SOURCE_PORT:
		c->source_port = be16(value);
		break;
	case CHUNK_DESTINATION_PORT:
		c->destination_port = be16(value);
		break;
	case CHUNK_TIME_S:
		m->time_s = be32(value);
		break;
	case CHUNK_TIME_US:
		m->time_us = be32(value);
		break;
	case CHUNK_PAYLOAD_TYPE:
		m->payload_type = value[0];
		break;
	case CHUNK_AGENT:
		m->agent = be32(value);
		break;
	case CHUNK_VLAN:
		m->vlan = be16(value) & 0xfff;
		break;
	default:
		break;
	}
}

static void take(struct hep_message *m, struct chunks *c, unsigned int type, const uint8_t *value,
	size_t bytes)
{
	switch (type) {
	case CHUNK_SOURCE_IPV4:
		c->source[0] = netaddr_from_ipv4(value, 0);
		break;
	case CHUNK_DESTINATION_IPV4:
		c->destination[0] = netaddr_from_ipv4(value, 0);
		break;
	case CHUNK_SOURCE_IPV6:
		c->source[1] = netaddr_from_ipv6(value, 0);
		break;
	case CHUNK_DESTINATION_IPV6:
		c->destination[1] = netaddr_from_ipv6(value, 0);
		break;
	case CHUNK_KEY:
		m->key = (const char *)value;
		m->key_bytes = bytes;
		break;
	case CHUNK_PAYLOAD:
		m->payload = (const char *)value;
		m->payload_bytes = bytes;
		break;
	case CHUNK_COMPRESSED_PAYLOAD:
		m->compressed = true;
		break;
	default:
		take_number(m, c, type, value);
	}
}

static int take_chunks(struct hep_message *m, struct chunks *c, const uint8_t *p, size_t bytes)
{
	while (bytes > 0) {
		unsigned int vendor;
		unsigned int type;
		size_t length;
		size_t fixed;

		if (bytes < CHUNK_HEAD_BYTES)
			return -EBADMSG;
		vendor = be16(p);
		type = be16(p + 2);
		length = be16(p + 4);
		if (length < CHUNK_HEAD_BYTES || length > bytes)
			return -EBADMSG;
		if (vendor == 0) {
			fixed = fixed_bytes(type);
			if (fixed && length - CHUNK_HEAD_BYTES != fixed)
				return -EBADMSG;
			take(m, c, type, p + CHUNK_HEAD_BYTES, length - CHUNK_HEAD_BYTES);
		}
		p += length;
		bytes -= length;
	}
	return 0;
}

/* Where the payload came from and went to: in the family that was named. */
static int settle_addresses(struct hep_message *m, const struct chunks *c)
{
	unsigned int i = c->family == FAMILY_IPV6;

	if (c->family != FAMILY_IPV4 && c->family != FAMILY_IPV6)
		return -EBADMSG;
	if (!c->source[i].family || !c->destination[i].family)
		return -EBADMSG;
	m->source = c->source[i];
	m->source.port = c->source_port;
	m->destination = c->destination[i];
	m->destination.port = c->destination_port;
	return 0;
}

int hep_parse(struct hep_message *out, const void *data, size_t bytes)
{
	struct chunks c = {0};
	int length = bytes < HEP_HEAD_BYTES ? 0 : hep_length(data, bytes);

	memset(out, 0, sizeof(*out));
	if (length <= 0 || (size_t)length != bytes)
		return -EBADMSG;
	if (take_chunks(out, &c, (const uint8_t *)data + HEP_HEAD_BYTES, bytes - HEP_HEAD_BYTES) !=
		0)
		return -EBADMSG;
	if (!out->payload && !out->compressed)
		return -EBADMSG;
	return settle_addresses(out, &c);
}
