#include "hep_frame.h"

#include <arpa/inet.h>
#include <string.h>

static void put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void hep_frame_begin(struct hep_frame *f)
{
	memcpy(f->data, "HEP3", 4);
	f->bytes = 6;
	put16(f->data + 4, f->bytes);
}

void hep_frame_add(struct hep_frame *f, unsigned int vendor, unsigned int type, const void *value,
	size_t bytes)
{
	uint8_t *p = f->data + f->bytes;

	put16(p, vendor);
	put16(p + 2, type);
	put16(p + 4, bytes + 6);
	memcpy(p + 6, value, bytes);
	f->bytes += bytes + 6;
	put16(f->data + 4, f->bytes);
}

void hep_frame_add_number(
	struct hep_frame *f, unsigned int type, uint32_t value, unsigned int bytes)
{
	uint32_t order = htonl(value);

	hep_frame_add(f, 0, type, (const uint8_t *)&order + 4 - bytes, bytes);
}

void hep_frame_add_head(struct hep_frame *f, const char *source, uint16_t source_port,
	const char *destination, uint16_t destination_port)
{
	in_addr_t from = inet_addr(source);
	in_addr_t to = inet_addr(destination);

	hep_frame_add_number(f, 1, 2, 1);
	hep_frame_add_number(f, 2, 17, 1);
	hep_frame_add(f, 0, 3, &from, 4);
	hep_frame_add(f, 0, 4, &to, 4);
	hep_frame_add_number(f, 7, source_port, 2);
	hep_frame_add_number(f, 8, destination_port, 2);
	hep_frame_add_number(f, 9, 1764000000, 4);
	hep_frame_add_number(f, 10, 123456, 4);
	hep_frame_add_number(f, 11, 1, 1);
	hep_frame_add_number(f, 12, 2001, 4);
}

void hep_frame_sip(struct hep_frame *f, const char *source, const char *destination,
	const char *payload, const char *key)
{
	hep_frame_begin(f);
	hep_frame_add_head(f, source, 5060, destination, 5060);
	if (key)
		hep_frame_add(f, 0, 14, key, strlen(key));
	hep_frame_add(f, 0, 15, payload, strlen(payload));
}
