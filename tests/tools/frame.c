/* See frame.h. */
#include "frame.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_SERVICE_VLAN 0x88a8
#define PROTOCOL_UDP 17
#define HOPS 64
#define UDP_HEADER_BYTES 8
#define IPV4_HEADER_BYTES 20

void frame_put(struct frame *f, const void *data, size_t bytes)
{
	if (f->bytes + bytes > sizeof(f->data)) {
		fprintf(stderr, "frame longer than %zu bytes\n", sizeof(f->data));
		abort();
	}
	memcpy(f->data + f->bytes, data, bytes);
	f->bytes += bytes;
}

static void put_u16(struct frame *f, uint16_t v)
{
	v = htons(v);
	frame_put(f, &v, sizeof(v));
}

/* The ones' complement sum of RFC 1071, not yet folded, in network order as it lies. */
static uint64_t sum_of(const void *data, size_t bytes, uint64_t sum)
{
	const uint8_t *p = data;
	uint32_t word;

	for (; bytes >= sizeof(word); p += sizeof(word), bytes -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, p, bytes);
	return sum + word;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A locally administered address that tells the host. */
static void put_mac(struct frame *f, const struct endpoint *e)
{
	uint8_t mac[6] = {0x02, 0};

	memcpy(mac + 2, e->ipv6 ? e->ip + 12 : e->ip, 4);
	if (e->ipv6)
		mac[1] = e->ip[5];
	frame_put(f, mac, sizeof(mac));
}

static void put_ethernet(struct frame *f, const struct framing *framing,
	const struct endpoint *source, const struct endpoint *destination)
{
	put_mac(f, destination);
	put_mac(f, source);
	for (uint32_t i = 0; i < framing->vlan_count; i++) {
		put_u16(f, i + 1 < framing->vlan_count ? ETHERTYPE_SERVICE_VLAN : ETHERTYPE_VLAN);
		put_u16(f, framing->vlans[i]);
	}
	put_u16(f, source->ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
}

static void put_ipv4(struct frame *f, struct framing *framing, const struct endpoint *source,
	const struct endpoint *destination, size_t udp_bytes)
{
	size_t start = f->bytes;
	uint16_t sum;

	frame_put(f, (uint8_t[]){0x45, 0}, 2);
	put_u16(f, (uint16_t)(IPV4_HEADER_BYTES + udp_bytes));
	put_u16(f, framing->ip_id++);
	put_u16(f, 0x4000); /* don't fragment */
	frame_put(f, (uint8_t[]){HOPS, PROTOCOL_UDP, 0, 0}, 4);
	frame_put(f, source->ip, 4);
	frame_put(f, destination->ip, 4);
	sum = fold(sum_of(f->data + start, IPV4_HEADER_BYTES, 0));
	memcpy(f->data + start + 10, &sum, sizeof(sum));
}

static void put_ipv6(struct frame *f, const struct endpoint *source,
	const struct endpoint *destination, size_t udp_bytes)
{
	frame_put(f, (uint8_t[]){0x60, 0, 0, 0}, 4);
	put_u16(f, (uint16_t)udp_bytes);
	frame_put(f, (uint8_t[]){PROTOCOL_UDP, HOPS}, 2);
	frame_put(f, source->ip, 16);
	frame_put(f, destination->ip, 16);
}

static void put_udp(struct frame *f, const struct endpoint *source,
	const struct endpoint *destination, const void *payload, size_t bytes)
{
	size_t start = f->bytes, udp_bytes = UDP_HEADER_BYTES + bytes;
	size_t ip_bytes = source->ipv6 ? 16 : 4;
	uint64_t pseudo = htons((uint16_t)udp_bytes) + htons(PROTOCOL_UDP);
	uint16_t sum;

	put_u16(f, source->port);
	put_u16(f, destination->port);
	put_u16(f, (uint16_t)udp_bytes);
	put_u16(f, 0);
	frame_put(f, payload, bytes);
	pseudo = sum_of(source->ip, ip_bytes, pseudo);
	pseudo = sum_of(destination->ip, ip_bytes, pseudo);
	sum = fold(sum_of(f->data + start, udp_bytes, pseudo));
	if (sum == 0)
		sum = 0xffff; /* 0 would say that there is none */
	memcpy(f->data + start + 6, &sum, sizeof(sum));
}

void frame_udp(struct frame *f, struct framing *framing, const struct endpoint *source,
	const struct endpoint *destination, const void *payload, size_t bytes)
{
	f->bytes = 0;
	put_ethernet(f, framing, source, destination);
	if (source->ipv6)
		put_ipv6(f, source, destination, UDP_HEADER_BYTES + bytes);
	else
		put_ipv4(f, framing, source, destination, UDP_HEADER_BYTES + bytes);
	put_udp(f, source, destination, payload, bytes);
}
