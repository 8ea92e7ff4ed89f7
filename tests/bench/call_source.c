#include "tests/bench/call_source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "common/clock.h"

#define IP_AT 14U
#define UDP_AT 34U
#define DATA_AT 42U
#define RTP_BYTES 12U
#define RTP_PORT 20000U
#define SIP_PORT 5060U
#define STEPS_PER_LEG 4U /* INVITE, a packet of either stream, 200 */
#define LAP_NS 20000000ULL

static uint32_t participant(uint32_t leg)
{
	return 0x0a000000U + leg + 1;
}

static uint32_t sbc(uint32_t leg)
{
	return 0xc0000201U + leg % 8;
}

/* Of the SBC: distinct for each leg at one of its addresses. */
static uint16_t sbc_port(uint32_t leg)
{
	return (uint16_t)(10000 + 2 * (leg / 8 % 27000));
}

static void put16(uint8_t *p, uint32_t value)
{
	uint16_t v = htons((uint16_t)value);

	memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t value)
{
	uint32_t v = htonl(value);

	memcpy(p, &v, sizeof(v));
}

/* A frame around `bytes` of UDP data; outgoing: from the SBC. */
static void write_headers(struct rte_mbuf *m, uint32_t leg, bool outgoing,
	uint16_t participant_port, uint16_t port_of_sbc, uint32_t bytes)
{
	uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);

	memset(f, 0, DATA_AT);
	f[12] = 0x08;
	f[IP_AT] = 0x45;
	put16(f + IP_AT + 2, DATA_AT - IP_AT + bytes);
	f[IP_AT + 8] = 64;
	f[IP_AT + 9] = IPPROTO_UDP;
	put32(f + IP_AT + 12, outgoing ? sbc(leg) : participant(leg));
	put32(f + IP_AT + 16, outgoing ? participant(leg) : sbc(leg));
	put16(f + UDP_AT, outgoing ? port_of_sbc : participant_port);
	put16(f + UDP_AT + 2, outgoing ? participant_port : port_of_sbc);
	put16(f + UDP_AT + 4, DATA_AT - UDP_AT + bytes);
	m->data_len = (uint16_t)(DATA_AT + bytes);
	m->pkt_len = DATA_AT + bytes;
}

static uint8_t octet(uint32_t stream, uint32_t lap, uint32_t i)
{
	return (uint8_t)(stream * 31 + lap * 7 + i);
}

static void write_rtp(struct call_source *s, struct rte_mbuf *m, uint32_t stream, uint32_t lap)
{
	static uint8_t ramp[256 + CALL_PAYLOAD_BYTES];
	uint8_t *rtp = rte_pktmbuf_mtod(m, uint8_t *) + DATA_AT;

	if (ramp[1] == 0)
		for (uint32_t i = 0; i < sizeof(ramp); i++)
			ramp[i] = (uint8_t)i;
	write_headers(m, stream / 2, stream % 2, RTP_PORT, sbc_port(stream / 2),
		RTP_BYTES + CALL_PAYLOAD_BYTES);
	put16(rtp, 0x8000);
	put16(rtp + 2, lap);
	put32(rtp + 4, lap * CALL_PAYLOAD_BYTES);
	put32(rtp + 8, stream);
	memcpy(rtp + RTP_BYTES, ramp + octet(stream, lap, 0), CALL_PAYLOAD_BYTES);
	atomic_store_explicit(&s->rtp, atomic_load_explicit(&s->rtp, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

bool call_source_check(const uint8_t *rtp, uint32_t bytes, uint32_t *stream, uint16_t *lap)
{
	if (bytes != RTP_BYTES + CALL_PAYLOAD_BYTES || rtp[0] != 0x80)
		return false;
	*lap = (uint16_t)(rtp[2] << 8 | rtp[3]);
	*stream =
		(uint32_t)rtp[8] << 24 | (uint32_t)rtp[9] << 16 | (uint32_t)rtp[10] << 8 | rtp[11];
	for (uint32_t i = 0; i < CALL_PAYLOAD_BYTES; i++)
		if (rtp[RTP_BYTES + i] != octet(*stream, *lap, i))
			return false;
	return true;
}

/* --- Signalling --- */

static int write_sdp(char *out, size_t size, uint32_t address, uint16_t port)
{
	char ip[INET_ADDRSTRLEN];
	struct in_addr in = {.s_addr = htonl(address)};

	inet_ntop(AF_INET, &in, ip, sizeof(ip));
	return snprintf(out, size,
		"v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
		"m=audio %u RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
		ip, ip, port);
}

static void write_sip(struct call_source *s, struct rte_mbuf *m, uint32_t leg, bool answer)
{
	char *text = (char *)rte_pktmbuf_mtod(m, uint8_t *) + DATA_AT;
	char sdp[256];
	int sdp_bytes = answer ? write_sdp(sdp, sizeof(sdp), sbc(leg), sbc_port(leg))
			       : write_sdp(sdp, sizeof(sdp), participant(leg), RTP_PORT);
	int n = snprintf(text, 1400,
		"%s\r\nVia: SIP/2.0/UDP p.example;branch=z9hG4bK%u\r\n"
		"From: <sip:+49%u@p.example>;tag=f%u\r\nTo: <sip:+4930@sbc.example>%s%u\r\n"
		"Call-ID: %u@p.example\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
		"Contact: <sip:x@p.example>\r\nContent-Type: application/sdp\r\n"
		"Content-Length: %d\r\n\r\n%s",
		answer ? "SIP/2.0 200 OK" : "INVITE sip:+4930@sbc.example SIP/2.0", leg, leg, leg,
		answer ? ";tag=t" : ";x=", leg, leg, sdp_bytes, sdp);

	write_headers(m, leg, answer, SIP_PORT, SIP_PORT, (uint32_t)n);
	atomic_store_explicit(&s->sip, atomic_load_explicit(&s->sip, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

static void give_step(struct call_source *s, struct rte_mbuf *m, uint64_t now_ns)
{
	uint32_t leg = s->legs_given;

	if (s->step == 0 || s->step == STEPS_PER_LEG - 1)
		write_sip(s, m, leg, s->step != 0);
	else
		write_rtp(s, m, 2 * leg + s->step - 1, 0);
	if (++s->step < STEPS_PER_LEG)
		return;
	s->step = 0;
	s->answered_ns[leg] = now_ns;
	s->legs_given++;
}

/* Looks whether the oldest legs that were answered have their incoming flow in the table. */
static void look(struct call_source *s, uint64_t now_ns)
{
	uint32_t seen = atomic_load_explicit(&s->legs_seen, memory_order_relaxed);

	for (unsigned int i = 0; i < 64 && seen < s->legs_given; i++, seen++) {
		struct flow flow = {0};
		uint32_t ends[2] = {htonl(participant(seen)), htonl(sbc(seen))};
		struct flow_key key;

		flow.source = netaddr_from_ipv4((const uint8_t *)&ends[0], RTP_PORT);
		flow.destination = netaddr_from_ipv4((const uint8_t *)&ends[1], sbc_port(seen));
		if (flow_key_of(&flow, &key) != 0 ||
			stream_table_find(s->table, &key, flow_key_hash(&key)) == STREAM_NONE)
			break;
		s->seen_us[seen] = (float)(now_ns - s->answered_ns[seen]) / 1000;
	}
	atomic_store_explicit(&s->legs_seen, seen, memory_order_release);
}

/* --- Audio --- */

static uint32_t random_below(struct call_source *s, uint32_t bound)
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

static uint32_t next_stream(struct call_source *s)
{
	uint32_t streams = 2 * s->legs;

	if (s->left == 0) {
		s->lap++;
		s->left = streams;
		s->at = random_below(s, streams);
		do {
			s->stride = 1 + random_below(s, streams);
		} while (common_divisor(s->stride, streams) != 1);
	}
	s->left--;
	s->at = (uint32_t)(((uint64_t)s->at + s->stride) % streams);
	return s->at;
}

/* Packets of the phase that should have been given by now. */
static uint64_t due(const struct call_source *s, uint64_t now_ns)
{
	double passed = (double)(now_ns - s->started_ns) / 1e9;

	if (atomic_load_explicit(&s->phase, memory_order_acquire) == CALLS_MEDIA)
		return (uint64_t)(passed * 2 * s->legs * 1e9 / LAP_NS);
	return (uint64_t)(passed * s->legs_per_s * STEPS_PER_LEG);
}

static uint16_t give_audio(
	struct call_source *s, struct rte_mbuf **m, uint16_t room, uint64_t waiting)
{
	uint16_t n = waiting < room ? (uint16_t)waiting : room;

	for (; waiting > CALL_BACKLOG_MOST; waiting--) {
		(void)next_stream(s);
		s->due_done++;
		atomic_fetch_add_explicit(&s->missed, 1, memory_order_relaxed);
	}
	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (uint16_t i = 0; i < n; i++) {
		uint32_t stream = next_stream(s);

		write_rtp(s, m[i], stream, s->lap);
	}
	s->due_done += n;
	return n;
}

static uint16_t give_set_up(struct call_source *s, struct rte_mbuf **m, uint16_t room,
	uint64_t waiting, uint64_t now_ns)
{
	uint16_t n = 0;

	look(s, now_ns);
	for (; n < room && n < waiting && s->legs_given < s->legs; n++)
		give_step(s, m[n], now_ns);
	s->due_done += n;
	return n;
}

static uint16_t give(uint16_t port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count,
	uint16_t most, void *arg)
{
	struct call_source *s = arg;
	uint64_t from = rte_rdtsc();
	uint64_t now_ns = clock_now_ns();
	int phase = atomic_load_explicit(&s->phase, memory_order_acquire);
	uint64_t all;
	uint16_t n = 0;

	if (s->started_ns == 0 || phase != s->began) {
		s->began = phase;
		s->started_ns = now_ns;
		s->due_done = 0;
	}
	all = due(s, now_ns);
	if (phase == CALLS_MEDIA && all > s->due_done)
		n = give_audio(s, mbufs, count, all - s->due_done);
	else if (phase == CALLS_SET_UP)
		n = give_set_up(s, mbufs, count, all - s->due_done, now_ns);
	rte_pktmbuf_free_bulk(mbufs + n, count - n);
	if (n > 0 && phase == CALLS_MEDIA)
		s->cycles += rte_rdtsc() - from;
	return n;
}

/* --- Making it --- */

int call_source_create(struct call_source *s, uint32_t legs, double legs_per_s)
{
	memset(s, 0, sizeof(*s));
	s->legs = legs;
	s->legs_per_s = legs_per_s;
	s->random = 1;
	s->answered_ns = calloc(legs, sizeof(*s->answered_ns));
	s->seen_us = calloc(legs, sizeof(*s->seen_us));
	if (s->answered_ns && s->seen_us)
		return 0;
	call_source_destroy(s);
	return -ENOMEM;
}

void call_source_destroy(struct call_source *s)
{
	free(s->answered_ns);
	free(s->seen_us);
}

int call_source_attach(struct call_source *s, uint16_t port)
{
	return rte_eth_add_rx_callback(port, 0, give, s) ? 0 : -ENOTSUP;
}
