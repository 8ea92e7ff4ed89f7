#include "dataplane/capture_port.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "dataplane/capture.h"
#include "dataplane/capture_order.h"
#include "dataplane/packet.h"

/* The burst that is being worked on, and what the control thread may hold for a moment. */
#define POOL_PACKETS 255
#define FRAME_BYTES_MAX UINT16_MAX

struct capture_port {
	struct capture *capture;
	struct capture_order *order; /* NULL: as the file has them */
	struct rte_mempool *pool;
	atomic_bool ended; /* written by rx, read by control */
};

int capture_port_create(struct capture_port **out, const char *path, struct errmsg *e)
{
	struct capture_port *p = calloc(1, sizeof(*p));
	int err;

	*out = NULL;
	if (!p)
		return errmsg_set(e, -ENOMEM, "no memory to read %s", path);
	err = capture_open(&p->capture, path, e);
	if (err == 0)
		err = capture_order_create(&p->order, path, e);
	if (err < 0)
		goto fail;
	p->pool =
		packet_pool_create("capture", POOL_PACKETS, FRAME_BYTES_MAX, (int)rte_socket_id());
	if (!p->pool) {
		err = errmsg_set(e, -ENOMEM, "no memory for the packets of %s: %s", path,
			rte_strerror(rte_errno));
		goto fail;
	}
	*out = p;
	return 0;

fail:
	capture_port_destroy(p);
	return err;
}

void capture_port_destroy(struct capture_port *p)
{
	if (!p)
		return;
	capture_order_destroy(p->order);
	capture_close(p->capture);
	rte_mempool_free(p->pool);
	free(p);
}

static void fill(struct rte_mbuf *m, const struct capture_record *r)
{
	struct packet_area *area = packet_area_of(m);
	uint32_t bytes = r->captured_bytes < m->buf_len ? r->captured_bytes : m->buf_len;

	m->data_off = 0;
	m->data_len = (uint16_t)bytes;
	m->pkt_len = bytes;
	memcpy(rte_pktmbuf_mtod(m, void *), r->data, bytes);
	area->packet.arrival_ns = r->time_ns;
	area->since_ns = r->time_ns;
	area->packet.port = 0;
	area->link = (uint8_t)r->link;
	area->wire_bytes = r->wire_bytes > r->captured_bytes ? r->wire_bytes : r->captured_bytes;
}

static int next(struct capture_port *p, struct capture_record *out)
{
	return p->order ? capture_order_next(p->order, out) : capture_next(p->capture, out);
}

static uint16_t burst(void *port, struct rte_mbuf **mbufs, uint16_t count)
{
	struct capture_port *p = port;
	struct capture_record record;
	uint16_t n = 0;

	if (atomic_load_explicit(&p->ended, memory_order_relaxed))
		return 0;
	for (; n < count; n++) {
		mbufs[n] = rte_pktmbuf_alloc(p->pool);
		if (!mbufs[n])
			break;
		if (next(p, &record) != 1) {
			rte_pktmbuf_free(mbufs[n]);
			atomic_store_explicit(&p->ended, true, memory_order_release);
			break;
		}
		fill(mbufs[n], &record);
	}
	return n;
}

bool capture_port_ended(void *port)
{
	struct capture_port *p = port;

	return atomic_load_explicit(&p->ended, memory_order_acquire);
}

struct rx_queue capture_port_queue(struct capture_port *p)
{
	return (struct rx_queue){
		.burst = burst,
		.ended = capture_port_ended,
		.source = p,
		.own_times = true,
	};
}

void capture_port_stats(const struct capture_port *p, struct capture_stats *out)
{
	if (p->order)
		capture_order_stats(p->order, out);
	else
		capture_stats_of(p->capture, out);
}
