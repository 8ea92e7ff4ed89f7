#include "dataplane/packet.h"

#include <rte_mempool.h>

struct packet *packet_of(struct rte_mbuf *m)
{
	return &packet_area_of(m)->packet;
}

uint32_t packet_payload(struct rte_mbuf *m, void *buf, uint32_t size)
{
	const struct packet *p = packet_of(m);
	uint32_t want = size < p->payload_bytes ? size : p->payload_bytes;
	const void *bytes = rte_pktmbuf_read(m, p->payload_offset, want, buf);

	if (!bytes)
		return 0;
	if (bytes != buf)
		memcpy(buf, bytes, want);
	return want;
}

void packet_free(struct rte_mbuf *m)
{
	rte_pktmbuf_free(m);
}

/* True for an mbuf that is as its pool wants it. */
static inline bool is_plain(const struct rte_mbuf *m)
{
	return likely(m->nb_segs == 1 && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1);
}

void packet_free_burst(struct rte_mbuf *const mbufs[], unsigned int count)
{
	unsigned int i = 0;

	while (i < count) {
		struct rte_mempool *pool = mbufs[i]->pool;
		unsigned int first = i;

		while (i < count && mbufs[i]->pool == pool && is_plain(mbufs[i]))
			i++;
		if (i > first)
			rte_mempool_put_bulk(pool, (void *const *)(mbufs + first), i - first);
		else
			rte_pktmbuf_free(mbufs[i++]);
	}
}

void packet_describe(struct rte_mbuf *m, const struct decap *d, uint8_t rx)
{
	struct packet *p = packet_of(m);
	uint32_t scope = d->key.version == 4 ? d->key.v4.scope : d->key.v6.scope;

	p->source = flow_key_source(&d->key);
	p->destination = flow_key_destination(&d->key);
	p->encapsulation = scope & ((1U << ENCAPSULATION_BITS) - 1);
	p->tcp = d->verdict == DECAP_TCP;
	p->payload_bytes = d->payload_bytes;
	p->payload_offset = (uint16_t)d->payload_offset;
	p->rx = rx;
}

struct rte_mempool *packet_pool_create(
	const char *name, unsigned int count, uint32_t data_bytes, int socket)
{
	unsigned int cache = count / 8 < PACKET_POOL_CACHE ? count / 8 : PACKET_POOL_CACHE;
	uint32_t room = data_bytes + RTE_PKTMBUF_HEADROOM;

	return rte_pktmbuf_pool_create(name, count, cache, PACKET_AREA_BYTES,
		(uint16_t)(room < UINT16_MAX ? room : UINT16_MAX), socket);
}
