#include "dataplane/responder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "common/log.h"
#include "dataplane/device.h"

#define ANSWERS 1023 /* mbufs: twice what a transmit queue holds, and its cache */
#define SECOND_NS 1000000000ULL
#define ANSWER_INTERVAL_NS (SECOND_NS / 1000)
#define ANSWER_BURST 256
#define ANNOUNCEMENTS 3 /* RFC 4861, 10: MAX_NEIGHBOR_ADVERTISEMENT; RFC 5227 asks for 2 */
#define CONFLICT_TOLD_NS (60 * SECOND_NS)

/* --- Its life --- */

void responder_choose(
	const struct dataplane_config *config, unsigned int port, struct neighbour_addresses *out)
{
	const struct dataplane_port_config *p = &config->ports[port];
	/* The kernel has a look at the frames of an af_packet port, and answers for what it has. */
	bool all = p->answers == PORT_ANSWERS_ALWAYS && !device_is_af_packet(p->device);

	out->count = 0;
	for (unsigned int i = 0; i < config->own_count && p->answers != PORT_ANSWERS_NEVER; i++)
		if (all || !config->own[i].kernels)
			out->list[out->count++] = config->own[i].address;
}

static void tell(const struct responder *r)
{
	char text[NETADDR_TEXT_BYTES];

	for (unsigned int i = 0; i < r->self.addresses->count; i++)
		log_info("port", "%s answers ARP, neighbour discovery and ping for %s",
			r->port->name, netaddr_format(&r->self.addresses->list[i], text));
}

int responder_create(struct responder *r, const struct port *port,
	const struct neighbour_addresses *addresses, struct errmsg *e)
{
	struct rte_ether_addr mac;
	char name[32];
	int err;

	memset(r, 0, sizeof(*r));
	if (addresses->count == 0)
		return 0;
	err = port->transmits ? rte_eth_macaddr_get(port->id, &mac) : -ENOTSUP;
	if (err < 0)
		return errmsg_set(e, err,
			"ports[%u]: %s cannot answer ARP for siprec.media_addresses: %s (set "
			"ports[%u].answers to \"never\", and give others static entries)",
			port->index, port->name, rte_strerror(-err), port->index);
	snprintf(name, sizeof(name), "answers_%u", port->index);
	r->pool = rte_pktmbuf_pool_create(name, ANSWERS, 0, 0,
		NEIGHBOUR_FRAME_BYTES + RTE_PKTMBUF_HEADROOM, rte_eth_dev_socket_id(port->id));
	if (!r->pool)
		return errmsg_set(e, -ENOMEM, "ports[%u]: no memory for answers: %s", port->index,
			rte_strerror(rte_errno));
	if (!port->promiscuous) /* solicitations are multicast */
		(void)rte_eth_allmulticast_enable(port->id);
	memcpy(r->self.mac, mac.addr_bytes, sizeof(r->self.mac));
	r->self.addresses = addresses;
	r->port = port;
	r->announcements = ANNOUNCEMENTS;
	tell(r);
	return 0;
}

void responder_destroy(struct responder *r)
{
	rte_mempool_free(r->pool);
	r->pool = NULL;
	r->port = NULL;
}

/* --- Sending --- */

/* False when it is over. */
static bool spend(struct answer_budget *b, uint64_t now_ns)
{
	uint64_t full_ns = now_ns - ANSWER_BURST * ANSWER_INTERVAL_NS;

	if (b->spent_ns < full_ns)
		b->spent_ns = full_ns;
	if (b->spent_ns + ANSWER_INTERVAL_NS > now_ns)
		return false;
	b->spent_ns += ANSWER_INTERVAL_NS;
	return true;
}

static void send_frame(
	struct responder *r, const struct neighbour_frame *frame, enum answer_counter sent)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
	char *room = m ? rte_pktmbuf_append(m, (uint16_t)frame->count) : NULL;

	if (room) {
		memcpy(room, frame->bytes, frame->count);
		if (rte_eth_tx_burst(r->port->id, 0, &m, 1) == 1) {
			r->counts[sent]++;
			return;
		}
	}
	rte_pktmbuf_free(m);
	r->counts[ANSWER_unsent]++;
}

static void answer(struct responder *r, struct answer_budget *budget, uint64_t now_ns,
	const struct neighbour_frame *frame, enum answer_counter sent)
{
	if (spend(budget, now_ns))
		send_frame(r, frame, sent);
	else
		r->counts[ANSWER_limited]++;
}

/* RFC 5227, 2.4: what to do is for whoever gave the address twice. */
static void tell_of_conflict(struct responder *r, const uint8_t *frame, uint64_t now_ns)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	r->counts[ANSWER_conflict]++;
	if (r->conflict_ns && now_ns < r->conflict_ns + CONFLICT_TOLD_NS)
		return;
	r->conflict_ns = now_ns;
	rte_ether_format_addr(mac, sizeof(mac), (const struct rte_ether_addr *)(frame + 6));
	log_warning("port",
		"%s: the host with the MAC address %s claims an address of "
		"siprec.media_addresses for itself: two hosts have it",
		r->port->name, mac);
}

void responder_take(struct responder *r, struct rte_mbuf *m, uint64_t now_ns)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct neighbour_frame out;

	if (!r->port || m->nb_segs > 1) { /* longer than any answer */
		r->counts[ANSWER_ignored]++;
		return;
	}
	switch (neighbour_answer(&r->self, frame, m->data_len, &out)) {
	case NEIGHBOUR_ARP:
		answer(r, &r->neighbours, now_ns, &out, ANSWER_arp);
		break;
	case NEIGHBOUR_SOLICITED:
		answer(r, &r->neighbours, now_ns, &out, ANSWER_neighbour);
		break;
	case NEIGHBOUR_ECHO:
		answer(r, &r->echoes, now_ns, &out, ANSWER_echo);
		break;
	case NEIGHBOUR_IGNORED:
		r->counts[ANSWER_ignored]++;
		break;
	case NEIGHBOUR_MALFORMED:
		r->counts[ANSWER_malformed]++;
		break;
	case NEIGHBOUR_CONFLICT:
		tell_of_conflict(r, frame, now_ns);
		break;
	}
}

void responder_announce(struct responder *r, uint64_t now_ns)
{
	struct rte_eth_link link;
	struct neighbour_frame out;

	if (!r->port || now_ns < r->announce_ns)
		return;
	r->announce_ns = now_ns + SECOND_NS;
	if (rte_eth_link_get_nowait(r->port->id, &link) < 0 || !link.link_status) {
		r->announcements = ANNOUNCEMENTS;
		return;
	}
	if (r->announcements == 0)
		return;
	r->announcements--;
	for (unsigned int i = 0; i < r->self.addresses->count; i++) {
		neighbour_announce(&r->self, &r->self.addresses->list[i], &out);
		send_frame(r, &out, ANSWER_announced);
	}
}
