/* See capturefile.h. */
#include "capturefile.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#define BUFFER_BYTES (1U << 20)
#define SNAP_BYTES 65535U
#define LINKTYPE_ETHERNET 1U
#define US_PER_S 1000000U

struct capturefile {
	FILE *file;
	const char *path;
	bool pcapng;
};

static void put(struct capturefile *c, const void *data, size_t bytes)
{
	if (fwrite_unlocked(data, 1, bytes, c->file) != bytes)
		err(1, "%s", c->path);
}

static void put_pcap_header(struct capturefile *c)
{
	/* magic, version 2.4, zone and accuracy, longest packet, link layer */
	const uint32_t header[] = {0xa1b2c3d4, 2 | 4U << 16, 0, 0, SNAP_BYTES, LINKTYPE_ETHERNET};

	put(c, header, sizeof(header));
}

static void put_pcapng_header(struct capturefile *c)
{
	/* type, length, magic, version 1.0, section length unknown (two words), length */
	const uint32_t section[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28};
	/* type, length, link layer, longest packet, length; microseconds go without saying */
	const uint32_t interface[] = {1, 20, LINKTYPE_ETHERNET, SNAP_BYTES, 20};

	put(c, section, sizeof(section));
	put(c, interface, sizeof(interface));
}

struct capturefile *capturefile_create(const char *path, bool pcapng)
{
	struct capturefile *c = calloc(1, sizeof(*c));

	if (!c)
		err(1, "%s", path);
	c->path = path;
	c->pcapng = pcapng;
	c->file = fopen(path, "we");
	if (!c->file || setvbuf(c->file, NULL, _IOFBF, BUFFER_BYTES) != 0)
		err(1, "%s", path);
	if (pcapng)
		put_pcapng_header(c);
	else
		put_pcap_header(c);
	return c;
}

static void put_packet_block(
	struct capturefile *c, uint64_t time_us, const void *data, uint32_t bytes)
{
	static const uint8_t zeros[3];
	uint32_t padding = -bytes & 3U;
	uint32_t length = 32 + bytes + padding;
	const uint32_t header[] = {
		6, length, 0, (uint32_t)(time_us >> 32), (uint32_t)time_us, bytes, bytes};

	put(c, header, sizeof(header));
	put(c, data, bytes);
	put(c, zeros, padding);
	put(c, &length, sizeof(length));
}

void capturefile_write(struct capturefile *c, uint64_t time_us, const void *data, size_t bytes)
{
	const uint32_t header[] = {(uint32_t)(time_us / US_PER_S), (uint32_t)(time_us % US_PER_S),
		(uint32_t)bytes, (uint32_t)bytes};

	if (c->pcapng) {
		put_packet_block(c, time_us, data, (uint32_t)bytes);
		return;
	}
	put(c, header, sizeof(header));
	put(c, data, bytes);
}

void capturefile_close(struct capturefile *c)
{
	if (fclose(c->file) != 0)
		err(1, "%s", c->path);
	free(c);
}
