#include "dataplane/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "common/log.h"
#include "dataplane/packet.h"
#include "dataplane/packet_socket.h"

#define RX_DESCRIPTORS 2048
#define TX_DESCRIPTORS 256 /* answers to ARP and ping, at most */
#define RSS_KEY_BYTES_MAX 64
#define ETHERNET_OVERHEAD (RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN)

/* --- Finding it --- */

static int find_device(struct port *p, struct errmsg *e)
{
	const char *device = p->config->device;

	if (device_name(device, p->name) < 0)
		return errmsg_set(
			e, -EINVAL, "ports[%u].device: \"%s\" names no device", p->index, device);
	if (rte_eth_dev_get_port_by_name(p->name, &p->id) == 0)
		return 0;
	if (device_is_pci(device))
		return errmsg_set(e, -ENODEV,
			"ports[%u].device: no NIC at %s that DPDK can use: bind it to vfio-pci "
			"(dpdk-devbind.py -b vfio-pci %s)",
			p->index, p->name, p->name);
	if (p->interface[0])
		return errmsg_set(e, -ENODEV,
			"ports[%u].device: DPDK could not open \"%s\": is there an interface %s, "
			"and has the process CAP_NET_RAW and CAP_IPC_LOCK?",
			p->index, device, p->interface);
	return errmsg_set(e, -ENODEV,
		"ports[%u].device: DPDK could not make \"%s\": see its messages above", p->index,
		device);
}

static int count_queues(struct port *p, const struct rte_eth_dev_info *info, unsigned int rx_count,
	struct errmsg *e)
{
	unsigned int most = info->max_rx_queues;

	if (most > PORT_QUEUES_MAX)
		most = PORT_QUEUES_MAX;
	if (p->config->rx_queues > most)
		return errmsg_set(e, -EINVAL,
			"ports[%u].rx_queues: %s has %u receive queues, not %u", p->index, p->name,
			most, p->config->rx_queues);
	p->queue_count = p->config->rx_queues ? p->config->rx_queues : rx_count;
	if (p->queue_count > most)
		p->queue_count = most;
	if (p->queue_count == 0)
		return errmsg_set(
			e, -EINVAL, "ports[%u].device: %s has no receive queue", p->index, p->name);
	return 0;
}

/* --- Configuring it --- */

static uint16_t mtu_for(const struct port *p, const struct rte_eth_dev_info *info)
{
	uint32_t overhead = ETHERNET_OVERHEAD;
	uint32_t mtu;

	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	mtu = p->frame_bytes > overhead ? p->frame_bytes - overhead : RTE_ETHER_MIN_MTU;
	if (mtu > info->max_mtu)
		mtu = info->max_mtu;
	if (mtu > info->max_rx_pktlen - overhead)
		mtu = info->max_rx_pktlen - overhead;
	return (uint16_t)(mtu > info->min_mtu ? mtu : info->min_mtu);
}

/* The key of Woo and Park that hashes both directions of a flow to one queue. */
static void fill_symmetric_key(uint8_t *key, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		key[i] = i & 1 ? 0x5a : 0x6d;
}

/* Who sends by it: responder.h. */
static int set_up_transmit_queue(struct port *p, struct errmsg *e)
{
	uint16_t descriptors = TX_DESCRIPTORS;
	uint16_t rx_descriptors = RX_DESCRIPTORS;
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx_descriptors, &descriptors);

	if (err == 0)
		err = rte_eth_tx_queue_setup(p->id, 0, descriptors, SOCKET_ID_ANY, NULL);
	if (err < 0)
		return errmsg_set(e, err, "ports[%u]: %s refuses a transmit queue: %s", p->index,
			p->name, rte_strerror(-err));
	p->transmits = true;
	return 0;
}

static int configure(struct port *p, const struct rte_eth_dev_info *info, struct errmsg *e)
{
	uint8_t key[RSS_KEY_BYTES_MAX];
	struct rte_eth_conf conf = {0};
	uint64_t hash = (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP) & info->flow_type_rss_offloads;
	uint16_t tx_queues = info->max_tx_queues > 0; /* some drivers do not start without one */
	int err;

	conf.rxmode.mtu = mtu_for(p, info);
	conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM & info->rx_offload_capa;
	if (p->queue_count > 1 && hash != 0 && info->hash_key_size <= sizeof(key)) {
		fill_symmetric_key(key, info->hash_key_size);
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = hash;
		conf.rx_adv_conf.rss_conf.rss_key = info->hash_key_size ? key : NULL;
		conf.rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
	}
	err = rte_eth_dev_configure(p->id, (uint16_t)p->queue_count, tx_queues, &conf);
	if (err < 0)
		return errmsg_set(e, err,
			"ports[%u]: %s refuses %u queues for frames of %u bytes: "
			"%s (see rx_queues and frame_bytes)",
			p->index, p->name, p->queue_count, p->frame_bytes, rte_strerror(-err));
	return tx_queues ? set_up_transmit_queue(p, e) : 0;
}

/* The longest frame that the driver may put into an mbuf. */
static uint32_t data_bytes(const struct port *p)
{
	uint32_t ring =
		p->interface[0] ? device_ring_frame_bytes(p->config->device, p->frame_bytes) : 0;

	return ring > p->frame_bytes ? ring : p->frame_bytes;
}

static int make_pool(struct port *p, unsigned int descriptors, unsigned int spare, struct errmsg *e)
{
	unsigned int count = p->queue_count * descriptors + spare;
	uint32_t bytes = data_bytes(p);
	char name[32];

	snprintf(name, sizeof(name), "port_%u", p->index);
	p->pool = packet_pool_create(name, count, bytes, rte_eth_dev_socket_id(p->id));
	if (p->pool)
		return 0;
	return errmsg_set(e, -ENOMEM,
		"ports[%u]: no memory for %u packets of %u bytes (%lu MiB): reserve more huge "
		"pages, or lower ports[%u].frame_bytes or rx_queues",
		p->index, count, bytes, (unsigned long)count * bytes >> 20, p->index);
}

static int set_up_queues(struct port *p, unsigned int spare, struct errmsg *e)
{
	uint16_t descriptors = RX_DESCRIPTORS;
	uint16_t none = 0;
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &descriptors, &none);

	if (err == 0)
		err = make_pool(p, descriptors, spare, e);
	else
		errmsg_set(e, err, "ports[%u]: %s has no limits: %s", p->index, p->name,
			rte_strerror(-err));
	for (unsigned int q = 0; q < p->queue_count && err == 0; q++) {
		err = rte_eth_rx_queue_setup(p->id, (uint16_t)q, descriptors,
			(unsigned int)rte_eth_dev_socket_id(p->id), NULL, p->pool);
		if (err < 0)
			errmsg_set(e, err,
				"ports[%u]: %s refuses receive queue %u of %u: %s (see rx_queues)",
				p->index, p->name, q, p->queue_count, rte_strerror(-err));
		p->queues[q] = (struct port_queue){p->id, (uint16_t)q};
	}
	p->queue_capacity = descriptors;
	if (p->interface[0])
		p->queue_capacity = device_ring_frames(p->config->device);
	return err;
}

static int start(struct port *p, struct errmsg *e)
{
	int err = rte_eth_promiscuous_enable(p->id);

	p->promiscuous = err == 0;
	if (err < 0)
		log_warning("port",
			"%s cannot be made promiscuous (%s): it may show only frames that are "
			"addressed to it",
			p->name, rte_strerror(-err));
	err = rte_eth_dev_start(p->id);
	if (err < 0)
		return errmsg_set(e, err, "ports[%u]: %s does not start: %s", p->index, p->name,
			rte_strerror(-err));
	p->started = true;
	return 0;
}

int port_open(struct port *p, const struct dataplane_port_config *config, unsigned int index,
	unsigned int rx_count, unsigned int spare_packets, struct errmsg *e)
{
	struct rte_eth_dev_info info;
	int err;

	memset(p, 0, sizeof(*p));
	p->config = config;
	p->index = index;
	p->frame_bytes = config->frame_bytes ? config->frame_bytes : PORT_FRAME_BYTES;
	if (device_is_af_packet(config->device))
		(void)device_argument(config->device, "iface", p->interface, sizeof(p->interface));
	err = find_device(p, e);
	if (err < 0)
		return err;
	err = rte_eth_dev_info_get(p->id, &info);
	if (err < 0)
		return errmsg_set(e, err, "ports[%u]: %s tells nothing of itself: %s", index,
			p->name, rte_strerror(-err));
	p->driver = info.driver_name;
	err = count_queues(p, &info, rx_count, e);
	if (err == 0)
		err = configure(p, &info, e);
	if (err == 0)
		err = set_up_queues(p, spare_packets, e);
	if (err == 0)
		err = start(p, e);
	if (err < 0)
		port_close(p);
	return err;
}

void port_close(struct port *p)
{
	if (p->started)
		rte_eth_dev_stop(p->id);
	p->started = false;
	if (p->driver)
		rte_eth_dev_close(p->id);
	p->driver = NULL;
	rte_mempool_free(p->pool);
	p->pool = NULL;
}

/* --- Using it --- */

static uint16_t burst(void *source, struct rte_mbuf **mbufs, uint16_t count)
{
	const struct port_queue *q = source;

	return rte_eth_rx_burst(q->port, q->queue, mbufs, count);
}

struct rx_queue port_queue(struct port *p, unsigned int q)
{
	return (struct rx_queue){
		.burst = burst,
		.source = &p->queues[q],
		.capacity = p->queue_capacity,
		.port = (uint8_t)p->index,
	};
}

void port_stats(struct port *p, struct dataplane_port_stats *out)
{
	struct rte_eth_stats stats = {0};

	memset(out, 0, sizeof(*out));
	(void)rte_eth_stats_get(p->id, &stats);
	if (p->interface[0])
		(void)packet_socket_drops(p->interface, &p->socket_drops);
	out->device = p->config->device;
	out->driver = p->driver;
	out->queues = p->queue_count;
	out->promiscuous = p->promiscuous;
	out->received = stats.ipackets;
	out->missed = stats.imissed + p->socket_drops;
	out->errors = stats.ierrors;
	out->no_mbuf = stats.rx_nombuf;
}
