#include "tests/bench/packet_source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_prefetch.h>

#include "dataplane/packet.h"

#define ADDRESSES_BYTES 12U /* of Ethernet */
#define TAG_BYTES 4U
#define TYPE_VLAN 0x8100
/* Offsets in a frame without tags. */
#define IP_AT 14U
#define ADDRESSES_AT (IP_AT + 12U) /* both addresses, then both ports */
#define UDP_AT (IP_AT + 20U)
#define RTP_AT (UDP_AT + 8U)
#define RTP_BYTES 12U
#define PAYLOAD_AT (RTP_AT + RTP_BYTES)
#define FRAME_TICKS 160U /* of a timestamp, in 20 ms of 8 kHz */

/* Addresses and ports as they stand in a frame. */
struct ends {
	uint32_t source;
	uint32_t destination;
	uint16_t source_port;
	uint16_t destination_port;
};
static_assert(sizeof(struct ends) == 12, "written as one piece");

static struct ends ends_of(uint32_t stream)
{
	return (struct ends){
		.source = htonl(0x0a000000U + stream),
		.destination = htonl(0xc0000200U + stream % 16),
		.source_port = htons((uint16_t)(16384 + 2 * (stream % 16000))),
		.destination_port = htons((uint16_t)(16384 + 2 * (stream / 16 % 16000))),
	};
}

static uint16_t vlan_of(uint32_t stream)
{
	return (uint16_t)(1 + stream % PACKET_SOURCE_VLANS);
}

struct flow packet_source_flow(uint32_t stream, bool tagged)
{
	struct ends ends = ends_of(stream);

	return (struct flow){
		.encapsulation =
			tagged ? encapsulation_push_vlan(ENCAPSULATION_NONE, vlan_of(stream))
			       : ENCAPSULATION_NONE,
		.source = netaddr_from_ipv4((const uint8_t *)&ends.source, ntohs(ends.source_port)),
		.destination = netaddr_from_ipv4(
			(const uint8_t *)&ends.destination, ntohs(ends.destination_port)),
	};
}

/* --- The pool --- */

static void put16(uint8_t *p, uint32_t value)
{
	uint16_t big_endian = htons((uint16_t)value);

	memcpy(p, &big_endian, sizeof(big_endian));
}

/* The payload tells its first octet by each of the others. */
static uint8_t octet(uint8_t first, uint32_t i)
{
	return (uint8_t)(first + 7 * i);
}

/* What write_frame is told. */
struct shape {
	uint32_t payload_bytes;
	bool tagged;
};

static void write_frame(struct rte_mempool *pool, void *shape, void *object, unsigned int index)
{
	const struct shape *of = shape;
	struct rte_mbuf *m = object;
	uint8_t *frame = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
	uint32_t bytes = of->payload_bytes;

	memset(frame, 0, PAYLOAD_AT + TAG_BYTES);
	if (of->tagged) {
		put16(frame + ADDRESSES_BYTES, TYPE_VLAN);
		frame += TAG_BYTES;
	}
	frame[ADDRESSES_BYTES] = 0x08;
	frame[IP_AT] = 0x45;
	put16(frame + IP_AT + 2, PAYLOAD_AT - IP_AT + bytes);
	frame[IP_AT + 8] = 64;
	frame[IP_AT + 9] = IPPROTO_UDP;
	put16(frame + UDP_AT + 4, PAYLOAD_AT - UDP_AT + bytes);
	for (uint32_t i = 0; i < bytes; i++)
		frame[PAYLOAD_AT + i] = octet((uint8_t)index, i);
}

struct rte_mempool *packet_source_pool(unsigned int count, uint32_t payload_bytes, bool tagged)
{
	struct rte_mempool *pool = packet_pool_create("source", count, 2048, SOCKET_ID_ANY);
	struct shape shape = {payload_bytes, tagged};

	if (pool)
		rte_mempool_obj_iter(pool, write_frame, &shape);
	return pool;
}

/* --- The order --- */

static uint32_t random_below(struct packet_source *s, uint32_t bound)
{
	s->random = s->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((s->random >> 32) * bound >> 32);
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void begin_lap(struct packet_source *s)
{
	s->lap++;
	s->left = s->sending;
	s->at = random_below(s, s->sending);
	do {
		s->step = 1 + random_below(s, s->sending);
	} while (common_divisor(s->step, s->sending) != 1);
}

static uint32_t next_stream(struct packet_source *s)
{
	uint32_t stream = s->order[s->at];

	s->at += s->step;
	if (s->at >= s->sending)
		s->at -= s->sending;
	if (--s->left == 0)
		begin_lap(s);
	return stream;
}

static void shuffle(struct packet_source *s)
{
	for (uint32_t i = 0; i < s->streams; i++)
		s->order[i] = i;
	for (uint32_t i = s->streams - 1; i > 0; i--) {
		uint32_t j = random_below(s, i + 1);
		uint32_t other = s->order[j];

		s->order[j] = s->order[i];
		s->order[i] = other;
	}
}

/* --- The packets --- */

static inline void fill(struct packet_source *s, struct rte_mbuf *m)
{
	uint32_t lap = s->lap;
	uint32_t stream = next_stream(s);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct ends ends = ends_of(stream);
	uint32_t words[3] = {
		htonl((s->rtp ? 0x80000000U : 0) | (lap & 0xffff)),
		htonl(lap * FRAME_TICKS),
		htonl(stream),
	};

	if (s->tagged) {
		put16(frame + ADDRESSES_BYTES + 2, vlan_of(stream));
		frame += TAG_BYTES;
	}
	memcpy(frame + ADDRESSES_AT, &ends, sizeof(ends));
	memcpy(frame + RTP_AT, words, sizeof(words));
}

/* What a driver writes into its mbufs when it is polled. */
static void describe(const struct packet_source *s, struct rte_mbuf **mbufs, uint16_t count)
{
	uint16_t bytes = (uint16_t)(PAYLOAD_AT + s->payload_bytes + (s->tagged ? TAG_BYTES : 0));

	for (uint16_t i = 0; i < count; i++)
		rte_prefetch0(mbufs[i]);
	for (uint16_t i = 0; i < count; i++) {
		mbufs[i]->data_len = bytes;
		mbufs[i]->pkt_len = bytes;
	}
}

/* As many mbufs as were taken take their descriptors. */
static int refill(struct packet_source *s, uint32_t from, uint16_t count)
{
	if (rte_pktmbuf_alloc_bulk(s->pool, &s->descriptors[from], count) != 0)
		return -ENOMEM;
	for (uint16_t i = 0; i < count; i++)
		fill(s, s->descriptors[from + i]);
	return 0;
}

int packet_source_create(struct packet_source *s, struct rte_mempool *pool,
	const struct packet_source_config *config)
{
	memset(s, 0, sizeof(*s));
	s->pool = pool;
	s->streams = config->streams;
	s->sending = config->sending;
	s->payload_bytes = config->payload_bytes;
	s->rtp = config->rtp;
	s->tagged = config->tagged;
	s->random = 1;
	s->order = malloc(s->streams * sizeof(*s->order));
	if (!s->order)
		return -ENOMEM;
	shuffle(s);
	begin_lap(s);
	if (refill(s, 0, SOURCE_DESCRIPTORS) == 0)
		return 0;
	free(s->order);
	return -ENOMEM;
}

void packet_source_destroy(struct packet_source *s)
{
	rte_pktmbuf_free_bulk(s->descriptors, SOURCE_DESCRIPTORS);
	free(s->order);
}

uint16_t packet_source_burst(void *source, struct rte_mbuf **mbufs, uint16_t count)
{
	struct packet_source *s = source;
	uint32_t from = s->next;

	if (count > SOURCE_DESCRIPTORS - from)
		count = (uint16_t)(SOURCE_DESCRIPTORS - from);
	memcpy(mbufs, &s->descriptors[from], count * sizeof(*mbufs));
	if (refill(s, from, count) != 0) {
		/* Without an mbuf a NIC keeps what it has, and gives nothing. */
		memcpy(&s->descriptors[from], mbufs, count * sizeof(*mbufs));
		return 0;
	}
	describe(s, mbufs, count);
	s->next = (from + count) % SOURCE_DESCRIPTORS;
	s->sent += count;
	return count;
}

bool packet_source_check(
	const uint8_t *rtp, uint32_t payload_bytes, uint32_t *stream, uint16_t *lap)
{
	const uint8_t *payload = rtp + RTP_BYTES;

	if (rtp[0] != 0x80)
		return false;
	*lap = (uint16_t)(rtp[2] << 8 | rtp[3]);
	*stream =
		(uint32_t)rtp[8] << 24 | (uint32_t)rtp[9] << 16 | (uint32_t)rtp[10] << 8 | rtp[11];
	for (uint32_t i = 1; i < payload_bytes; i++)
		if (payload[i] != octet(payload[0], i))
			return false;
	return true;
}
