/* See wrap.h. Outer addresses are 192.0.2.1 and .2, or 2001:db8:ff::1 and ::2. */
#include "wrap.h"

#include <err.h>
#include <stdbool.h>
#include <string.h>

#define ADDRESSES_BYTES 12 /* of Ethernet */
#define EXIT_USAGE 2

const char wrap_names[] = "vlan qinq mpls pw pppoe gre gre-key nvgre erspan1 erspan2 erspan3 vxlan "
			  "geneve vxlan-gpe vntag etag ip ip6";

static const uint8_t addresses[ADDRESSES_BYTES] = {2, 0, 0, 0, 0xff, 1, 2, 0, 0, 0, 0xff, 2};

static void put_u16(struct frame *f, unsigned int v)
{
	frame_put(f, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put_ethernet(struct frame *f, unsigned int type)
{
	frame_put(f, addresses, sizeof(addresses));
	put_u16(f, type);
}

static unsigned int u16_at(const struct frame *f, size_t at)
{
	return (unsigned int)f->data[at] << 8 | f->data[at + 1];
}

/* Where the EtherType of what is behind the tags stands. */
static size_t type_at(const struct frame *f)
{
	size_t at = ADDRESSES_BYTES;

	while (u16_at(f, at) == 0x8100 || u16_at(f, at) == 0x88a8)
		at += 4;
	return at;
}

static void put_ipv4(struct frame *f, unsigned int protocol, size_t inside)
{
	size_t start = f->bytes;
	uint32_t sum = 0;

	frame_put(f, (uint8_t[]){0x45, 0}, 2);
	put_u16(f, (unsigned int)(20 + inside));
	frame_put(f, (uint8_t[]){0, 0, 0x40, 0, 64, (uint8_t)protocol, 0, 0}, 8);
	frame_put(f, (uint8_t[]){192, 0, 2, 1, 192, 0, 2, 2}, 8);
	for (size_t i = 0; i < 20; i += 2)
		sum += u16_at(f, start + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	f->data[start + 10] = (uint8_t)(~sum >> 8);
	f->data[start + 11] = (uint8_t)~sum;
}

static void put_ipv6(struct frame *f, unsigned int protocol, size_t inside)
{
	uint8_t ip[16] = {0x20, 1, 0x0d, 0xb8, 0, 0xff};

	frame_put(f, (uint8_t[]){0x60, 0, 0, 0}, 4);
	put_u16(f, (unsigned int)inside);
	frame_put(f, (uint8_t[]){(uint8_t)protocol, 64}, 2);
	ip[15] = 1;
	frame_put(f, ip, sizeof(ip));
	ip[15] = 2;
	frame_put(f, ip, sizeof(ip));
}

/* --- Headers between a frame's Ethernet header and its packet --- */

struct inserted {
	const char *name;
	unsigned int type; /* of what now follows Ethernet */
	size_t bytes;
	const char *data;
};

/* Tags and labels: they go on with the type that stood there, or tell it by other means. */
static const struct inserted tags[] = {
	{"vlan", 0x8100, 2, "\0\x65"},
	{"qinq", 0x88a8, 2, "\0\x66"},
	{"vntag", 0x8926, 4, "\x80\x05\0\x07"},
	{"etag", 0x893f, 6, "\0\0\0\x05\0\0"},
};
static const char labels[] = "\x00\x01\x00\x40\x00\x02\x01\x40";

static void put_between(struct frame *f, const struct frame *inner, const char *name)
{
	size_t at = type_at(inner);
	bool ipv6 = u16_at(inner, at) == 0x86dd;
	size_t packet = inner->bytes - at - 2;

	frame_put(f, inner->data, at);
	if (strcmp(name, "mpls") == 0) {
		put_u16(f, 0x8847);
		frame_put(f, labels, 8);
	} else if (strcmp(name, "pppoe") == 0) {
		put_u16(f, 0x8864);
		frame_put(f, (uint8_t[]){0x11, 0, 0x12, 0x34}, 4);
		put_u16(f, (unsigned int)packet + 2);
		put_u16(f, ipv6 ? 0x0057 : 0x0021);
	} else if (strcmp(name, "ip") == 0) {
		put_u16(f, 0x0800);
		put_ipv4(f, ipv6 ? 41 : 4, packet);
	} else {
		put_u16(f, 0x86dd);
		put_ipv6(f, ipv6 ? 41 : 4, packet);
	}
	frame_put(f, inner->data + at + 2, packet);
}

static bool insert(struct frame *f, const struct frame *inner, const char *name)
{
	static const char *const packets[] = {"mpls", "pppoe", "ip", "ip6"};

	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		if (strcmp(name, tags[i].name) != 0)
			continue;
		frame_put(f, inner->data, ADDRESSES_BYTES);
		put_u16(f, tags[i].type);
		frame_put(f, tags[i].data, tags[i].bytes);
		frame_put(f, inner->data + ADDRESSES_BYTES, inner->bytes - ADDRESSES_BYTES);
		return true;
	}
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		if (strcmp(name, packets[i]) != 0)
			continue;
		put_between(f, inner, name);
		return true;
	}
	return false;
}

/* --- Headers around a frame --- */

/* What stands between the outer IP header and the frame, or, for GRE's payload IP, the packet. */
static const struct tunnel {
	const char *name;
	unsigned int port; /* of UDP; 0: it is GRE */
	size_t bytes;
	const char *data;
} tunnels[] = {
	{"gre", 0, 4, "\0\0\0\0"}, /* the type is filled in */
	{"gre-key", 0, 12, "\x30\0\0\0\0\0\0\x2a\0\0\0\x01"},
	{"nvgre", 0, 8, "\x20\0\x65\x58\0\x50\x01\x7f"},
	{"erspan1", 0, 4, "\0\0\x88\xbe"},
	{"erspan2", 0, 16, "\x10\0\x88\xbe\0\0\0\x01\x10\x64\x00\x05\0\0\0\x02"},
	{"erspan3", 0, 20, "\x10\0\x22\xeb\0\0\0\x01\x20\x64\x00\x07\0\0\0\x02\0\0\0\0"},
	{"vxlan", 4789, 8, "\x08\0\0\0\0\x13\x88\0"},
	{"vxlan-gpe", 4790, 8, "\x0c\0\0\x03\0\x13\x88\0"},
	{"geneve", 6081, 16, "\x02\0\x65\x58\0\0\x2a\0\x01\x02\x03\x01\x04\x05\x06\x07"},
};

static void put_tunnel(struct frame *f, const struct frame *inner, const struct tunnel *t)
{
	bool bare = strncmp(t->name, "gre", 3) == 0;
	size_t skip = bare ? type_at(inner) + 2 : 0;
	size_t inside = inner->bytes - skip;
	size_t start;

	put_ethernet(f, 0x0800);
	put_ipv4(f, t->port ? 17 : 47, (t->port ? 8 : 0) + t->bytes + inside);
	if (t->port) {
		put_u16(f, 50000);
		put_u16(f, t->port);
		put_u16(f, (unsigned int)(8 + t->bytes + inside));
		put_u16(f, 0); /* no checksum */
	}
	start = f->bytes;
	frame_put(f, t->data, t->bytes);
	if (bare)
		memcpy(f->data + start + 2, inner->data + type_at(inner), 2);
	frame_put(f, inner->data + skip, inside);
}

static void put_around(struct frame *f, const struct frame *inner, const char *name)
{
	if (strcmp(name, "pw") == 0) {
		put_ethernet(f, 0x8847);
		frame_put(f, labels, 8);
		frame_put(f, "\0\0\0\x01", 4);
		frame_put(f, inner->data, inner->bytes);
		return;
	}
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(*tunnels); i++) {
		if (strcmp(name, tunnels[i].name) != 0)
			continue;
		put_tunnel(f, inner, &tunnels[i]);
		return;
	}
	errx(EXIT_USAGE, "--wrap %s: one of %s", name, wrap_names);
}

static void wrap_once(struct frame *f, const char *name)
{
	struct frame inner = *f;

	f->bytes = 0;
	if (!insert(f, &inner, name))
		put_around(f, &inner, name);
}

void wrap_frame(struct frame *f, const char *list)
{
	char names[256];
	char *last;

	if (!list)
		return;
	if (strlen(list) >= sizeof(names))
		errx(EXIT_USAGE, "--wrap: longer than %zu characters", sizeof(names) - 1);
	strcpy(names, list);
	while ((last = strrchr(names, ','))) {
		*last = '\0';
		wrap_once(f, last + 1);
	}
	wrap_once(f, names);
}
