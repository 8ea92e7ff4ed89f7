#include "dataplane/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_pci.h>

#define RING_FRAMES 4096
#define RING_ALIGN 4096U
#define RING_FRAME_LEAST 2048U
/* Before a frame in the ring: struct tpacket2_hdr, struct sockaddr_ll, alignment, and room for a
 * VLAN tag that is put back (packet_mmap in the kernel's documentation). */
#define RING_HEADER_BYTES 128U

static size_t name_length(const char *device)
{
	return strcspn(device, ",");
}

static bool parse_pci(const char *device, struct rte_pci_addr *address)
{
	char name[DEVICE_NAME_BYTES];
	size_t length = name_length(device);

	if (length >= sizeof(name))
		return false;
	memcpy(name, device, length);
	name[length] = 0;
	return rte_pci_addr_parse(name, address) == 0;
}

bool device_is_pci(const char *device)
{
	struct rte_pci_addr address;

	return parse_pci(device, &address);
}

bool device_is_af_packet(const char *device)
{
	return strncmp(device, "net_af_packet", 13) == 0 ||
	       strncmp(device, "eth_af_packet", 13) == 0;
}

int device_name(const char *device, char out[DEVICE_NAME_BYTES])
{
	struct rte_pci_addr address;
	size_t length = name_length(device);

	if (length == 0 || length >= DEVICE_NAME_BYTES)
		return -EINVAL;
	if (parse_pci(device, &address)) {
		rte_pci_device_name(&address, out, DEVICE_NAME_BYTES);
		return 0;
	}
	memcpy(out, device, length);
	out[length] = 0;
	return 0;
}

int device_argument(const char *device, const char *key, char *out, size_t size)
{
	size_t key_length = strlen(key);
	const char *at = device + name_length(device);

	while (*at == ',') {
		const char *argument = at + 1;
		size_t length = strcspn(argument, ",");

		at = argument + length;
		if (length <= key_length || argument[key_length] != '=' ||
			strncmp(argument, key, key_length) != 0)
			continue;
		length -= key_length + 1;
		if (length >= size)
			return -ENOSPC;
		memcpy(out, argument + key_length + 1, length);
		out[length] = 0;
		return 0;
	}
	return -ENOENT;
}

/* A number of the string, or the default. */
static uint32_t number(const char *device, const char *key, uint32_t otherwise)
{
	char text[16];

	if (device_argument(device, key, text, sizeof(text)) != 0)
		return otherwise;
	return (uint32_t)strtoul(text, NULL, 10);
}

static uint32_t align_up(uint32_t bytes, uint32_t align)
{
	return (bytes + align - 1) / align * align;
}

/* The driver takes the ring for one array, so frames must fill its blocks without a rest. */
static uint32_t frame_size(uint32_t frame_bytes)
{
	uint32_t bytes = frame_bytes + RING_HEADER_BYTES;

	return bytes <= RING_FRAME_LEAST ? RING_FRAME_LEAST : align_up(bytes, RING_ALIGN);
}

uint32_t device_ring_frames(const char *device)
{
	return number(device, "framecnt", RING_FRAMES);
}

uint32_t device_ring_frame_bytes(const char *device, uint32_t frame_bytes)
{
	return number(device, "framesz", frame_size(frame_bytes));
}

static int append(char out[DEVICE_ARGS_BYTES], const char *key, uint32_t value)
{
	char text[16];
	size_t length = strlen(out);

	if (device_argument(out, key, text, sizeof(text)) != -ENOENT)
		return 0;
	if (snprintf(out + length, DEVICE_ARGS_BYTES - length, ",%s=%u", key, value) >=
		(int)(DEVICE_ARGS_BYTES - length))
		return -ENOSPC;
	return 0;
}

int device_complete(const char *device, uint32_t frame_bytes, char out[DEVICE_ARGS_BYTES])
{
	uint32_t frame = device_ring_frame_bytes(device, frame_bytes);

	if (strlen(device) >= DEVICE_ARGS_BYTES)
		return -ENOSPC;
	memcpy(out, device, strlen(device) + 1);
	if (!device_is_af_packet(device))
		return 0;
	if (append(out, "qpairs", 1) < 0 || append(out, "framesz", frame) < 0 ||
		append(out, "blocksz", align_up(frame, RING_ALIGN)) < 0)
		return -ENOSPC;
	return append(out, "framecnt", RING_FRAMES);
}
