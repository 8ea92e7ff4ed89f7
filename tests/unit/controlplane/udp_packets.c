#include "udp_packets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reader {
	void (*each)(void *arg, const struct udp_packet *p);
	void *arg;
	int frames;
	uint64_t unit_ns;
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void on_frame(struct reader *r, const uint8_t *frame, uint32_t bytes, uint64_t at_ns)
{
	struct udp_packet p = {.frame = (unsigned int)++r->frames, .at_ns = at_ns};
	const uint8_t *ip = frame;
	const uint8_t *udp;
	uint32_t length;

	if (bytes >= 14 && be16(frame + 12) == 0x0800 && frame[0] != 0x45)
		ip += 14;
	if (ip + 28 > frame + bytes || ip[0] >> 4 != 4 || ip[9] != 17 ||
		(be16(ip + 6) & 0x1fff) != 0)
		return;
	udp = ip + (ip[0] & 15) * 4;
	if (udp + 8 > frame + bytes)
		return;
	p.source = netaddr_from_ipv4(ip + 12, be16(udp));
	p.destination = netaddr_from_ipv4(ip + 16, be16(udp + 2));
	p.payload = (const char *)udp + 8;
	length = be16(udp + 4) < 8 ? 0 : be16(udp + 4) - 8U;
	p.bytes = (uint32_t)(frame + bytes - (udp + 8));
	if (length < p.bytes)
		p.bytes = length;
	r->each(r->arg, &p);
}

static void read_pcap(struct reader *r, const uint8_t *at, const uint8_t *end)
{
	for (at += 24; at + 16 <= end; at += 16 + le32(at + 8)) {
		uint64_t ns = le32(at) * 1000000000ULL + le32(at + 4) * 1000ULL;

		if (le32(at + 8) > (size_t)(end - at) - 16)
			break;
		on_frame(r, at + 16, le32(at + 8), ns);
	}
}

static void read_pcapng(struct reader *r, const uint8_t *at, const uint8_t *end)
{
	while (at + 12 <= end && le32(at + 4) >= 12 && le32(at + 4) <= (size_t)(end - at)) {
		uint64_t ticks = (uint64_t)le32(at + 12) << 32 | le32(at + 16);

		if (le32(at) == 6) /* enhanced packet block, of an interface that counts in µs */
			on_frame(r, at + 28, le32(at + 20), ticks * 1000);
		at += le32(at + 4);
	}
}

int udp_packets_read(
	const char *path, void (*each)(void *arg, const struct udp_packet *p), void *arg)
{
	static uint8_t file[8 << 20];
	struct reader r = {.each = each, .arg = arg};
	FILE *f = fopen(path, "rb");
	size_t bytes;

	if (!f)
		return -errno;
	bytes = fread(file, 1, sizeof(file), f);
	fclose(f);
	if (bytes < 28)
		return -EBADMSG;
	if (le32(file) == 0x0a0d0d0a)
		read_pcapng(&r, file, file + bytes);
	else
		read_pcap(&r, file, file + bytes);
	return r.frames;
}

const char *captures_folder(void)
{
	const char *folder = getenv("LEGTAP_CAPTURES"); /* meson.build: beside the source tree */

	if (folder && access(folder, R_OK) == 0)
		return folder;
	fprintf(stderr, "skipped: no captures at %s (LEGTAP_CAPTURES names the folder)\n",
		folder ? folder : "-");
	return NULL;
}
