/* Any bytes as fragments: for each a byte says what time has passed and of which of a few packets
 * it is, one where it stands, one how long it is and whether it is the last. What is put together
 * has the bytes that were given for it, and every fragment has its outcome. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <rte_eal.h>

#include "dataplane/fragment.h"
#include "dataplane/packet.h"

#define POOL 255
#define MAX 40
#define HOLD_NS 1000000000ULL
#define FRAME_BYTES 2100U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct rte_mempool *pool;
static struct rte_mempool *frames;

static void start(void)
{
	static char words[][20] = {"fragment_fuzz", "--no-huge", "--no-shconf", "--no-pci",
		"--no-telemetry", "-m", "64", "--log-level=error"};
	char *argv[sizeof(words) / sizeof(words[0])];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		argv[i] = words[i];
	if (rte_eal_init(sizeof(words) / sizeof(words[0]), argv) < 0)
		abort();
	pool = packet_pool_create("fragments", POOL, FRAGMENT_ROOM_BYTES, SOCKET_ID_ANY);
	frames = packet_pool_create("frames", POOL, FRAME_BYTES, SOCKET_ID_ANY);
	if (!pool || !frames)
		abort();
}

/* Each byte of a packet says where it stands, so that the whole can be checked. */
static uint8_t byte_at(uint8_t id, uint32_t offset)
{
	return (uint8_t)(offset / 8 + offset * 3 + id);
}

static struct rte_mbuf *make(const uint8_t say[3], uint64_t now_ns, struct decap *d)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(frames);
	uint8_t id = say[0] & 3;
	uint32_t offset = say[1] * 8U;
	uint32_t length = (say[2] & 0x7fU) * 8U + (say[2] & 0x80 ? 3 : 0);
	uint8_t *frame;
	struct frame f;

	if (!m)
		abort();
	frame = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(34 + length));
	memset(frame, 0, 34);
	frame[12] = 8;
	frame[14] = 0x45;
	frame[16] = (uint8_t)((20 + length) >> 8);
	frame[17] = (uint8_t)(20 + length);
	frame[19] = id;
	frame[20] = (uint8_t)((say[2] & 0x80 ? 0 : 0x20) | offset / 8 >> 8);
	frame[21] = (uint8_t)(offset / 8);
	frame[23] = IPPROTO_UDP;
	for (uint32_t i = 0; i < length; i++)
		frame[34 + i] = byte_at(id, offset + i);
	*packet_area_of(m) =
		(struct packet_area){.packet = {.arrival_ns = now_ns}, .since_ns = now_ns};
	f = (struct frame){frame, m->data_len, m->pkt_len, m->pkt_len, LINK_ETHERNET};
	decap_parse(&f, d);
	return m;
}

static void check_whole(struct rte_mbuf *whole, uint8_t id)
{
	uint8_t bytes[8192];
	uint32_t length = whole->pkt_len - LINK_INNER_BYTES - 20;
	const uint8_t *read = rte_pktmbuf_read(whole, LINK_INNER_BYTES + 20, length, bytes);

	if (length > sizeof(bytes) || !read)
		abort();
	for (uint32_t i = 0; i < length; i++)
		if (read[i] != byte_at(id, i))
			abort();
	rte_pktmbuf_free(whole);
}

static void check_accounts(const uint64_t tally[RX_COUNTER_COUNT], uint64_t given)
{
	uint64_t out = 0;

	for (unsigned int i = 0; i < RX_COUNTER_COUNT; i++)
		if (rx_counter_info[i].kind == COUNTER_OUT ||
			rx_counter_info[i].kind == COUNTER_HELD)
			out += tally[i];
	if (out != given)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	uint64_t tally[RX_COUNTER_COUNT] = {0};
	uint64_t given = 0;
	uint64_t now_ns = 1;
	struct fragments *f;

	if (!pool)
		start();
	if (fragments_create(&f, MAX, HOLD_NS, pool) != 0)
		abort();
	for (; bytes >= 3; data += 3, bytes -= 3) {
		struct decap d = {0};
		struct rte_mbuf *m;
		struct rte_mbuf *whole;

		now_ns += (data[0] >> 2) * 10000000ULL;
		m = make(data, now_ns, &d);
		if (d.verdict == DECAP_FRAGMENT) {
			given++;
			whole = fragments_take(f, m, &d, tally);
			if (whole)
				check_whole(whole, data[0] & 3);
			check_accounts(tally, given);
		}
		rte_pktmbuf_free(m);
	}
	fragments_finish(f, tally);
	check_accounts(tally, given);
	if (tally[RX_fragment_waiting] != 0)
		abort();
	fragments_destroy(f);
	if (rte_mempool_avail_count(pool) != POOL || rte_mempool_avail_count(frames) != POOL)
		abort();
	return 0;
}
