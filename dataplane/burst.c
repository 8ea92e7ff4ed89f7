#include "dataplane/burst.h"

#include <arpa/inet.h>

#include "common/counters.h"
#include "dataplane/decap_straight.h"
#include "dataplane/packet.h"
#include "dataplane/rtp.h"
#include "dataplane/start_line.h"

#define SIP_PORT 5060
#define SIPS_PORT 5061
#define TCP_BEGINS_OR_ENDS 0x07 /* FIN, SYN, RST */

static bool is_sip_port(const struct burst_rules *rules, const struct flow_key *key)
{
	uint16_t from = key->version == 4 ? key->v4.source_port : key->v6.source_port;
	uint16_t to = key->version == 4 ? key->v4.destination_port : key->v6.destination_port;

	for (unsigned int i = 0; i < rules->sip_port_count; i++)
		if (rules->sip_ports[i] == from || rules->sip_ports[i] == to)
			return true;
	return rules->sip_port_count == 0;
}

static enum rx_counter outcome_of_payload(
	const struct burst *b, const struct burst_rules *rules, unsigned int i)
{
	const uint8_t *payload = burst_payload(b, i);
	uint32_t readable = burst_readable(b, i);

	switch (rtp_check(payload, readable, b->decaps[i].payload_wire)) {
	case RTP_MEDIA:
		return RX_recorded;
	case RTP_CONTROL:
		return RX_rtcp;
	case RTP_NEITHER:
		break;
	}
	if (is_sip_port(rules, &b->decaps[i].key) && start_line_is_sip(payload, readable))
		return RX_to_control_sip;
	return RX_not_rtp;
}

static bool has_port(const struct flow_key *key, uint16_t port)
{
	uint16_t from = key->version == 4 ? key->v4.source_port : key->v6.source_port;
	uint16_t to = key->version == 4 ? key->v4.destination_port : key->v6.destination_port;

	return from == htons(port) || to == htons(port);
}

/* The first message of a TLS client (RFC 8446, 5.1 and 4), that it may be told of. */
static bool is_tls_hello(const uint8_t *data, uint32_t bytes)
{
	return bytes > 5 && data[0] == 0x16 && data[1] == 3 && data[5] == 1;
}

/* Where one segment is from the middle of a message, its content tells nothing: ports do. Segments
 * that neither say something nor begin or end a connection are of no use. */
static enum rx_counter outcome_of_segment(
	const struct burst *b, const struct burst_rules *rules, unsigned int i)
{
	const uint8_t *h = burst_payload(b, i);
	const struct flow_key *key = &b->decaps[i].key;
	uint32_t header_bytes = (h[12] >> 4) * 4U;
	uint32_t readable = burst_readable(b, i);
	bool has_data = b->decaps[i].payload_bytes > header_bytes;

	if (!has_data && !(h[13] & TCP_BEGINS_OR_ENDS))
		return RX_not_udp;
	if (rules->sip_port_count > 0 ? is_sip_port(rules, key)
				      : rules->any_tcp || has_port(key, SIP_PORT))
		return RX_to_control_sip;
	if (has_port(key, SIPS_PORT) && has_data && readable > header_bytes &&
		is_tls_hello(h + header_bytes, readable - header_bytes))
		return RX_to_control_sip;
	return RX_not_udp;
}

/* A frame that is neither UDP nor TCP. What a capture or fragments brought (own_times) is nobody's
 * who waits for an answer. */
static enum rx_counter outcome_of_rest(const struct burst *b, const struct burst_rules *rules,
	unsigned int i, enum rx_counter otherwise)
{
	const struct neighbour_addresses *answered = rules->answered[b->port];
	const struct rte_mbuf *m = b->mbufs[i];

	if (likely(!answered) || b->own_times ||
		!neighbour_concerns(answered, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len))
		return otherwise;
	return RX_to_control_rest;
}

static enum rx_counter outcome_of(struct burst *b, const struct burst_rules *rules, unsigned int i)
{
	switch (b->decaps[i].verdict) {
	case DECAP_UDP:
		return outcome_of_payload(b, rules, i);
	case DECAP_TCP:
		return outcome_of_segment(b, rules, i);
	case DECAP_NOT_UDP:
		return outcome_of_rest(b, rules, i, RX_not_udp);
	case DECAP_NOT_IP:
		return outcome_of_rest(b, rules, i, RX_not_ip);
	case DECAP_FRAGMENT:
		b->fragment_count++;
		return RX_fragments;
	case DECAP_UNKNOWN_TUNNEL:
		return RX_unknown_tunnel;
	case DECAP_TOO_DEEP:
		return RX_too_deep;
	case DECAP_MALFORMED:
		break;
	}
	return RX_malformed;
}

static bool has_bad_checksum(const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD ||
	       (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD;
}

/* The frame in an mbuf. Its arrival goes to *arrival_ns when it brings its own. */
static inline struct frame frame_of(const struct burst *b, struct rte_mbuf *m, uint64_t *arrival_ns)
{
	struct frame f = {
		.bytes = rte_pktmbuf_mtod(m, const uint8_t *),
		.readable = m->data_len,
		.captured = m->pkt_len,
		.wire = m->pkt_len,
		.link = LINK_ETHERNET,
	};

	if (unlikely(b->own_times)) {
		const struct packet_area *area = packet_area_of(m);

		f.wire = area->wire_bytes;
		f.link = area->link;
		*arrival_ns = area->packet.arrival_ns;
	}
	return f;
}

static inline void set_rx(struct flow_key *key, unsigned int rx)
{
	if (likely(key->version == 4))
		key->v4.scope |= flow_scope(0, rx);
	else
		key->v6.scope |= flow_scope(0, rx);
}

static inline void begin_look_up(
	struct burst *b, const struct stream_table *table, unsigned int i, unsigned int rx)
{
	set_rx(&b->decaps[i].key, rx);
	b->look_up_of[i] = (uint8_t)b->media_count;
	b->media[b->media_count] = (uint8_t)i;
	look_up_begin(table, &b->look_ups[b->media_count++], &b->decaps[i].key);
}

static void parse_frame(struct burst *b, const struct burst_rules *rules,
	const struct stream_table *table, unsigned int i, const struct frame *f)
{
	decap_parse(f, &b->decaps[i]);
	b->outcomes[i] = (uint8_t)outcome_of(b, rules, i);
	if (b->outcomes[i] == RX_recorded)
		begin_look_up(b, table, i, rules->rx);
}

/* Anything may be in it. */
static void parse_any(struct burst *b, const struct burst_rules *rules,
	const struct stream_table *table, unsigned int i, uint64_t tally[RX_COUNTER_COUNT])
{
	struct frame f = frame_of(b, b->mbufs[i], &b->arrivals[i]);

	if (unlikely(f.wire > f.captured))
		tally[RX_cut_frame]++;
	parse_frame(b, rules, table, i, &f);
}

/* True when a packet is what nearly all are. */
static inline bool parse_straight(struct burst *b, unsigned int i)
{
	const struct rte_mbuf *m = b->mbufs[i];
	const struct decap *d = &b->decaps[i];

	if (unlikely(b->own_times || m->data_len != m->pkt_len))
		return false;
	b->outcomes[i] = RX_recorded;
	return decap_straight(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &b->decaps[i]) &&
	       rtp_is_plain(burst_payload(b, i), d->payload_bytes);
}

void burst_fill_area(struct burst *b, unsigned int i)
{
	struct packet_area *area = packet_area_of(b->mbufs[i]);

	if (b->own_times)
		return;
	area->packet.arrival_ns = b->arrivals[i];
	area->since_ns = b->since_ns;
	area->packet.port = b->port;
	area->wire_bytes = b->mbufs[i]->pkt_len;
	area->link = LINK_ETHERNET;
}

/* The same once more, or of another packet in its place. */
static __rte_noinline void parse_again(struct burst *b, const struct burst_rules *rules,
	const struct stream_table *table, unsigned int i)
{
	struct frame f = frame_of(b, b->mbufs[i], &b->arrivals[i]);

	parse_frame(b, rules, table, i, &f);
}

/* A fragment that makes its packet whole, which may be a fragment again, of the one that was in a
 * tunnel with it, has it in its place. */
static void take_fragment(struct burst *b, const struct burst_rules *rules,
	const struct stream_table *table, unsigned int i, uint64_t tally[RX_COUNTER_COUNT])
{
	while (b->outcomes[i] == RX_fragments) {
		struct rte_mbuf *whole =
			fragments_take(rules->fragments, b->mbufs[i], &b->decaps[i], tally);

		if (!whole)
			return;
		tally[RX_fragments]++;
		rte_pktmbuf_free(b->mbufs[i]);
		b->mbufs[i] = whole;
		parse_again(b, rules, table, i);
	}
}

/* Goes through the burst once more, for the RTP packets are listed in order. */
static __attribute__((noinline, cold)) void take_fragments(struct burst *b,
	const struct burst_rules *rules, const struct stream_table *table,
	uint64_t tally[RX_COUNTER_COUNT])
{
	for (unsigned int i = 0; i < b->count; i++)
		burst_fill_area(b, i);
	b->own_times = true;
	b->media_count = 0;
	for (unsigned int i = 0; i < b->count; i++) {
		if (b->outcomes[i] == RX_recorded)
			parse_again(b, rules, table, i);
		else if (b->outcomes[i] == RX_fragments)
			take_fragment(b, rules, table, i, tally);
	}
}

void burst_parse(struct burst *b, const struct burst_rules *rules, const struct stream_table *table,
	uint64_t tally[RX_COUNTER_COUNT])
{
	uint64_t bytes = 0;

	b->media_count = 0;
	b->fragment_count = 0;
	for (unsigned int i = 0; i < b->count; i++)
		rte_prefetch0(rte_pktmbuf_mtod(b->mbufs[i], const void *));
	for (unsigned int i = 0; i < b->count; i++) {
		b->arrivals[i] = b->now_ns;
		bytes += b->mbufs[i]->pkt_len;
		if (unlikely(has_bad_checksum(b->mbufs[i])))
			tally[RX_bad_checksum]++;
		if (likely(parse_straight(b, i)))
			begin_look_up(b, table, i, rules->rx);
		else
			parse_any(b, rules, table, i, tally);
	}
	tally[RX_bytes] += bytes;
	if (unlikely(b->fragment_count > 0))
		take_fragments(b, rules, table, tally);
}

void burst_find(struct burst *b, const struct stream_table *table, unsigned int from)
{
	stream_table_find_burst(table, b->look_ups + from, b->media_count - from);
}
