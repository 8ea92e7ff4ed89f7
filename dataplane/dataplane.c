/* The dataplane's making and unmaking, its threads, and what comes from the rx cores to the control
 * thread. Streams and gates are in streams.c. */
#include "dataplane/plane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "common/clock.h"
#include "common/log.h"
#include "dataplane/packet.h"

#define COPIES 16383
#define COPY_BYTES 640 /* RTP in one segment; SIP in a few */
#define ACKS_PER_POLL 256U
#define PACKETS_PER_POLL 64U
#define REST_PER_POLL 16U

/* --- What EAL needs --- */

static bool is_duplicate(const struct dataplane_config *config, unsigned int i)
{
	char name[DEVICE_NAME_BYTES];
	char other[DEVICE_NAME_BYTES];

	if (device_name(config->ports[i].device, name) < 0)
		return false;
	for (unsigned int j = 0; j < i; j++)
		if (device_name(config->ports[j].device, other) == 0 && strcmp(name, other) == 0)
			return true;
	return false;
}

static int port_arg(
	const struct dataplane_config *config, unsigned int i, char **out, struct errmsg *e)
{
	const struct dataplane_port_config *port = &config->ports[i];
	char device[DEVICE_ARGS_BYTES];
	char name[DEVICE_NAME_BYTES];
	uint32_t frame_bytes = port->frame_bytes ? port->frame_bytes : PORT_FRAME_BYTES;

	if (device_name(port->device, name) < 0)
		return errmsg_set(
			e, -EINVAL, "ports[%u].device: \"%s\" names no device", i, port->device);
	if (is_duplicate(config, i))
		return errmsg_set(e, -EINVAL, "ports[%u].device: %s is there twice", i, name);
	if (device_complete(port->device, frame_bytes, device) < 0)
		return errmsg_set(e, -EINVAL, "ports[%u].device is too long", i);
	if (asprintf(out, "%s=%s", device_is_pci(device) ? "--allow" : "--vdev", device) < 0)
		return errmsg_set(e, -ENOMEM, "no memory for EAL's arguments");
	return 0;
}

int dataplane_eal_args(
	const struct dataplane_config *config, char *args[], int size, struct errmsg *e)
{
	int count = 0;

	for (unsigned int i = 0; i < config->port_count; i++) {
		int err = count < size
				  ? port_arg(config, i, &args[count], e)
				  : errmsg_set(e, -ENOSPC, "ports: too many for EAL's arguments");

		if (err == 0) {
			count++;
			continue;
		}
		while (count > 0)
			free(args[--count]);
		return err;
	}
	return count;
}

/* --- Making it --- */

static int check_config(const struct dataplane_config *config, struct errmsg *e)
{
	if (config->rx_count == 0 || config->rx_count > TOPOLOGY_RX_MAX)
		return errmsg_set(e, -EINVAL, "cores.rx: 1 to %d cores are possible, not %u",
			TOPOLOGY_RX_MAX, config->rx_count);
	if (config->port_count > DATAPLANE_PORTS_MAX)
		return errmsg_set(e, -EINVAL, "ports: %d are possible, not %u", DATAPLANE_PORTS_MAX,
			config->port_count);
	if (config->capture_path && config->rx_count != 1)
		return errmsg_set(e, -EINVAL, "cores.rx: a capture is read by one core, not %u",
			config->rx_count);
	if (!config->capture_path && config->port_count == 0)
		return errmsg_set(e, -EINVAL, "ports: there is none to receive from");
	return 0;
}

static int make_cores(struct dataplane *d, struct chunk_pool *pool, struct errmsg *e)
{
	for (unsigned int i = 0; i < d->config.rx_count; i++) {
		struct rx_config config = {
			.index = i,
			.dataplane = &d->config,
			.topology = d->topology,
			.pool = pool,
			.table = &d->table,
			.handover = d->config.lossless ? &d->handover : NULL,
			.fragments = d->fragments,
			.answered = d->answered,
		};

		if (rx_create(&d->rx[i].rx, &config) < 0)
			return errmsg_set(e, -ENOMEM, "no memory for rx core %u", i);
		command_queue_init(
			&d->rx[i].commands, d->topology->commands[i], d->topology->acks[i]);
	}
	return 0;
}

static int open_capture(struct dataplane *d, struct errmsg *e)
{
	struct rx_queue queue;
	int err = capture_port_create(&d->capture, d->config.capture_path, e);

	if (err < 0)
		return err;
	queue = capture_port_queue(d->capture);
	return rx_add_queue(d->rx[0].rx, &queue);
}

/* Queues go to the cores in turn, so that each core has its share of each port. */
static int open_ports(struct dataplane *d, struct errmsg *e)
{
	/* What rings hold, and bursts, and the pool's caches of all rx threads and of this one: a
	 * driver without an mbuf gives nothing, as from an empty queue, and by that gates open. */
	unsigned int spare =
		d->config.rx_count * (d->topology->sip_depth + 2 * d->topology->unknown_depth +
					     d->topology->rest_depth + 4 * BURST_PACKETS) +
		(d->config.rx_count + 1) * PACKET_POOL_CACHED_MAX;
	unsigned int next = 0;

	for (unsigned int i = 0; i < d->config.port_count; i++) {
		struct port *port = &d->ports[i];
		int err = port_open(port, &d->config.ports[i], i, d->config.rx_count, spare, e);

		if (err < 0)
			return err;
		d->port_count++;
		err = responder_create(&d->responders[i], port, &d->answered[i], e);
		if (err < 0)
			return err;
		for (unsigned int q = 0; q < port->queue_count; q++) {
			struct rx_queue queue = port_queue(port, q);

			if (rx_add_queue(d->rx[next++ % d->config.rx_count].rx, &queue) < 0)
				return errmsg_set(e, -ENOSPC,
					"ports: over %d queues for an rx core: see rx_queues",
					RX_QUEUES_MAX);
		}
	}
	if (next < d->config.rx_count)
		log_warning("dataplane",
			"%u rx cores but %u receive queues: some have nothing to do",
			d->config.rx_count, next);
	return 0;
}

static int make_copies(struct dataplane *d, struct errmsg *e)
{
	d->copies = packet_pool_create("copies", COPIES, COPY_BYTES, (int)rte_socket_id());
	if (d->copies)
		return 0;
	return errmsg_set(e, -ENOMEM,
		"no memory for %d packets of unknown flows: reserve more huge pages (%s)", COPIES,
		rte_strerror(rte_errno));
}

static int make_fragments(struct dataplane *d, struct errmsg *e)
{
	unsigned int count = d->config.rx_count * (d->config.fragments_max + FRAGMENT_SPARE) +
			     (d->config.rx_count + 1) * PACKET_POOL_CACHED_MAX;

	if (d->config.fragments_max == 0)
		return 0;
	d->fragments =
		packet_pool_create("fragments", count, FRAGMENT_ROOM_BYTES, (int)rte_socket_id());
	if (d->fragments)
		return 0;
	return errmsg_set(e, -ENOMEM,
		"no memory for limits.fragments (%u for each rx core, %u KiB): reserve more huge "
		"pages (%s)",
		d->config.fragments_max, count * (FRAGMENT_ROOM_BYTES + 512) / 1024,
		rte_strerror(rte_errno));
}

int dataplane_create(struct dataplane **out, const struct dataplane_config *config,
	struct topology *t, struct chunk_pool *pool, struct errmsg *e)
{
	struct dataplane *d;
	int err = check_config(config, e);

	*out = NULL;
	if (err < 0)
		return err;
	d = calloc(1, sizeof(*d));
	if (!d)
		return errmsg_set(e, -ENOMEM, "no memory for the dataplane");
	d->config = *config;
	d->topology = t;
	d->leaving = STREAM_NONE;
	d->handover.fd = -1;
	for (unsigned int i = 0; i < config->port_count; i++)
		responder_choose(config, i, &d->answered[i]);
	err = stream_table_create(&d->table, config->streams_max, e);
	if (err == 0 && config->lossless && (err = handover_create(&d->handover)) < 0)
		errmsg_set(e, err, "no eventfd: %s", strerror(-err));
	if (err == 0)
		err = make_copies(d, e);
	if (err == 0)
		err = make_fragments(d, e);
	if (err == 0)
		err = make_cores(d, pool, e);
	if (err == 0)
		err = config->capture_path ? open_capture(d, e) : open_ports(d, e);
	if (err < 0) {
		dataplane_destroy(d);
		return err;
	}
	*out = d;
	return 0;
}

static void free_ring(struct rte_ring *ring)
{
	void *m;

	while (ring && rte_ring_dequeue(ring, &m) == 0)
		rte_pktmbuf_free(m);
}

void dataplane_destroy(struct dataplane *d)
{
	if (!d)
		return;
	streams_drop_backlog(d);
	for (unsigned int i = 0; i < d->config.rx_count; i++) {
		free_ring(d->topology->sip[i]);
		free_ring(d->topology->unknown[i]);
		free_ring(d->topology->rest[i]);
		free_ring(d->topology->reinject[i]);
		command_queue_destroy(&d->rx[i].commands);
		rx_destroy(d->rx[i].rx);
	}
	for (unsigned int i = 0; i < d->port_count; i++) {
		port_close(&d->ports[i]);
		responder_destroy(&d->responders[i]);
	}
	capture_port_destroy(d->capture);
	rte_mempool_free(d->fragments);
	rte_mempool_free(d->copies);
	handover_destroy(&d->handover);
	stream_table_destroy(&d->table);
	free(d);
}

/* --- Its threads --- */

int dataplane_start(struct dataplane *d, struct errmsg *e)
{
	for (unsigned int i = 0; i < d->config.rx_count; i++) {
		int err = topology_start(
			d->topology, THREAD_RX, i, d->config.rx_cores[i], rx_run, d->rx[i].rx, e);

		if (err < 0) {
			dataplane_stop(d);
			return err;
		}
		d->running = true;
	}
	return 0;
}

void dataplane_stop(struct dataplane *d)
{
	if (d->config.lossless)
		handover_stop(&d->handover);
	topology_stop(d->topology, THREAD_RX);
	d->running = false;
}

/* --- What comes from the rx cores --- */

static unsigned int take_acks(
	struct dataplane *d, unsigned int rx, const struct dataplane_handlers *h)
{
	struct ack acks[ACKS_PER_POLL];
	unsigned int n = command_take_acks(&d->rx[rx].commands, acks, ACKS_PER_POLL);

	for (unsigned int i = 0; i < n; i++) {
		uint64_t cookie = acks[i].cookie;

		if (acks[i].removed)
			cookie = streams_removed(d, (uint32_t)acks[i].removed - 1);
		if (cookie)
			h->acked(h->arg, cookie);
	}
	return n;
}

static unsigned int take_packets(
	struct rte_ring *ring, void (*handler)(void *arg, struct rte_mbuf *m), void *arg)
{
	void *packets[PACKETS_PER_POLL];
	unsigned int n = rte_ring_sc_dequeue_burst(ring, packets, PACKETS_PER_POLL, NULL);

	for (unsigned int i = 0; i < n; i++)
		handler(arg, packets[i]);
	return n;
}

static void take_rest(struct dataplane *d, unsigned int rx)
{
	void *packets[REST_PER_POLL];
	unsigned int n =
		rte_ring_sc_dequeue_burst(d->topology->rest[rx], packets, REST_PER_POLL, NULL);

	for (unsigned int i = 0; i < n; i++) {
		const struct packet *p = packet_of(packets[i]);

		responder_take(&d->responders[p->port], packets[i], p->arrival_ns);
		rte_pktmbuf_free(packets[i]);
	}
}

static void announce(struct dataplane *d)
{
	for (unsigned int i = 0; i < d->port_count; i++)
		if (d->answered[i].count > 0)
			responder_announce(&d->responders[i], clock_now_ns());
}

/* Of a stream that is gone nobody wants them any more. */
static unsigned int take_watched(
	struct dataplane *d, unsigned int rx, const struct dataplane_handlers *h)
{
	struct watched_packet packets[PACKETS_PER_POLL];
	unsigned int n = rte_ring_sc_dequeue_burst_elem(
		d->topology->watched[rx], packets, sizeof(packets[0]), PACKETS_PER_POLL, NULL);

	for (unsigned int i = 0; i < n; i++) {
		void *watcher = stream_watcher(d, packets[i].id);

		if (watcher && h->watched)
			h->watched(h->arg, watcher, &packets[i]);
	}
	explicit_bzero(packets, n * sizeof(packets[0]));
	return n;
}

/* An asking of the rx core that is not about a ring. */
static void answer_time(struct dataplane *d, const struct dataplane_handlers *h)
{
	switch (d->handover.kind) {
	case HANDOVER_TICK:
		h->tick(h->arg, d->handover.now_ns);
		break;
	case HANDOVER_END:
		h->end(h->arg, d->handover.now_ns);
		break;
	case HANDOVER_RINGS:
		break;
	}
}

unsigned int dataplane_poll(struct dataplane *d, const struct dataplane_handlers *h)
{
	struct topology *t = d->topology;
	eventfd_t woken;
	bool asked = false;
	unsigned int done = 0;

	if (d->config.lossless) {
		(void)eventfd_read(d->handover.fd, &woken);
		asked = handover_asked(&d->handover); /* before the rings are looked at */
	}
	/* Before the acknowledgements: what a packet is taken for is what was in effect then. */
	for (unsigned int i = 0; i < d->config.rx_count; i++)
		done += take_watched(d, i, h);
	for (unsigned int i = 0; i < d->config.rx_count; i++)
		done += take_acks(d, i, h);
	for (unsigned int i = 0; i < d->config.rx_count; i++)
		done += take_packets(t->sip[i], h->sip, h->arg);
	for (unsigned int i = 0; i < d->config.rx_count; i++)
		done += take_packets(t->unknown[i], h->unknown, h->arg);
	for (unsigned int i = 0; i < d->config.rx_count; i++)
		take_rest(d, i);
	if (d->running)
		announce(d);
	if (asked)
		answer_time(d, h);
	done += streams_flush(d);
	if (asked) {
		handover_answer(&d->handover);
		done++;
	}
	return done;
}

int dataplane_wake_fd(const struct dataplane *d)
{
	return d->config.lossless ? d->handover.fd : -1;
}

/* --- What is going on --- */

char *dataplane_encapsulation(const struct dataplane *d, uint32_t id, char *buf, size_t size)
{
	return encapsulation_format(id, buf, size);
}

unsigned int dataplane_port_count(const struct dataplane *d)
{
	return d->port_count;
}

int dataplane_port_stats(struct dataplane *d, unsigned int port, struct dataplane_port_stats *out)
{
	if (port >= d->port_count)
		return -EINVAL;
	port_stats(&d->ports[port], out);
	out->answered = d->answered[port].count;
	memcpy(out->answers, d->responders[port].counts, sizeof(out->answers));
	return 0;
}

const counter *dataplane_counters(const struct dataplane *d, unsigned int rx)
{
	return d->rx[rx].rx->counters;
}

void dataplane_chunk_stats(
	const struct dataplane *d, unsigned int rx, struct dataplane_chunk_stats *out)
{
	const struct filling *f = &d->rx[rx].rx->filling;

	memset(out, 0, sizeof(*out));
	out->total = f->count;
	out->available = atomic_load_explicit(&f->shown_available, memory_order_relaxed);
	out->filling = atomic_load_explicit(&f->shown_filling, memory_order_relaxed);
	for (unsigned int w = 0; w < d->topology->writer_count; w++) {
		out->available += rte_ring_count(d->topology->empty[w][rx]);
		out->handed_over[w] = counter_read(&f->handed_over[w]);
	}
}

int dataplane_capture_stats(const struct dataplane *d, struct capture_stats *out)
{
	if (!d->capture)
		return -EINVAL;
	if (d->running && !capture_port_ended(d->capture))
		return -EAGAIN;
	capture_port_stats(d->capture, out);
	return 0;
}
