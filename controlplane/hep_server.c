/* Memory is bounded: HEP_CONNECTIONS_MAX connections with at most one unfinished message of 64 KiB
 * each. Whoever may send can end any call in legtap's eyes, so addresses are checked first, then
 * the key.
 *
 * Time is counted in sweeps: no clock is asked for each message. */
#include "controlplane/hep_server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <re.h>

#include "common/log.h"
#include "controlplane/hep.h"
#include "controlplane/netaddr_sa.h"

#define SOCKET_BUFFER_BYTES (4 * 1024 * 1024) /* bursts while the control thread is busy */

struct connection {
	struct le le;
	struct hep_server *server;
	struct tcp_conn *tcp;
	struct mbuf *rest;   /* an unfinished message; NULL: none */
	unsigned int sweeps; /* since the newest whole message */
	char peer[NETADDR_TEXT_BYTES];
};

struct listener {
	struct hep_server *server;
	struct udp_sock *udp;
	struct tcp_sock *tcp;
};

struct hep_server {
	const struct config *config;
	hep_sip_h *sip;
	void *arg;
	struct listener listeners[CONFIG_HEP_LISTENERS_MAX];
	unsigned int listener_count;
	struct list connections;
	struct tmr sweep;
	uint64_t counts[HEP_COUNTER_COUNT];
};

#define HEP_NAME(name, help) [HEP_##name] = #name,
#define HEP_HELP(name, help) [HEP_##name] = help,
static const char *const counter_names[] = {HEP_COUNTERS(HEP_NAME)};
static const char *const counter_helps[] = {HEP_COUNTERS(HEP_HELP)};

uint64_t hep_count(const struct hep_server *s, enum hep_counter c)
{
	return s ? s->counts[c] : 0;
}

const char *hep_counter_name(enum hep_counter c)
{
	return counter_names[c];
}

const char *hep_counter_help(enum hep_counter c)
{
	return counter_helps[c];
}

unsigned int hep_connections(const struct hep_server *s)
{
	return s ? list_count(&s->connections) : 0;
}

/* --- Who may send --- */

/* A listener at "::" sees IPv4 senders as ::ffff:192.0.2.1 (RFC 4291, 2.5.5.2). */
static struct netaddr netaddr_of(const struct sa *sa)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct netaddr a = netaddr_from_sa(sa);

	if (sa_af(sa) != AF_INET && memcmp(a.ip, mapped, sizeof(mapped)) == 0)
		return netaddr_from_ipv4(a.ip + sizeof(mapped), sa_port(sa));
	return a;
}

static bool may_send(struct hep_server *s, const struct sa *peer)
{
	struct netaddr from = netaddr_of(peer);
	char text[NETADDR_TEXT_BYTES];

	if (netprefix_any_contains(s->config->hep.allow, s->config->hep.allow_count, &from))
		return true;
	if (s->counts[HEP_refused_address]++ == 0)
		log_warning("hep", "%s may not send: it is not in hep.allow (told once)",
			netaddr_format(&from, text));
	return false;
}

/* In a time that does not tell how much of the key was right. */
static bool key_fits(struct hep_server *s, const struct hep_message *m)
{
	const char *key = s->config->hep.key;
	size_t bytes = strlen(key);

	if (bytes == 0)
		return true;
	if (m->key && m->key_bytes == bytes && CRYPTO_memcmp(m->key, key, bytes) == 0)
		return true;
	if (s->counts[HEP_refused_key]++ == 0)
		log_warning("hep", "a message with a %s key was refused (told once)",
			m->key ? "wrong" : "missing");
	return false;
}

/* --- Messages --- */

static void on_message(struct hep_server *s, const void *data, size_t bytes)
{
	struct hep_message m;

	s->counts[HEP_received]++;
	if (hep_parse(&m, data, bytes) != 0) {
		s->counts[HEP_malformed]++;
		return;
	}
	if (!key_fits(s, &m))
		return;
	if (m.payload_type != HEP_SIP) {
		s->counts[HEP_other]++;
	} else if (!m.payload) {
		if (s->counts[HEP_compressed]++ == 0)
			log_warning("hep",
				"compressed payloads are not read: turn compression off at the "
				"sender (told once)");
	} else {
		s->counts[HEP_sip]++;
		s->sip(s->arg, &m);
	}
}

static void on_datagram(const struct sa *source, struct mbuf *mb, void *arg)
{
	struct listener *l = arg;

	if (may_send(l->server, source))
		on_message(l->server, mbuf_buf(mb), mbuf_get_left(mb));
}

/* --- Connections --- */

static void connection_free(void *arg)
{
	struct connection *c = arg;

	list_unlink(&c->le);
	mem_deref(c->tcp);
	mem_deref(c->rest);
}

/* Takes the whole messages off the front. The octets left, or -EBADMSG. */
static ssize_t take_messages(struct connection *c, const uint8_t *data, size_t bytes)
{
	while (bytes > 0) {
		int length = hep_length(data, bytes);

		if (length < 0)
			return length;
		if (length == 0 || (size_t)length > bytes)
			break;
		c->sweeps = 0;
		on_message(c->server, data, (size_t)length);
		data += length;
		bytes -= (size_t)length;
	}
	return (ssize_t)bytes;
}

/* Puts what came behind what there was. */
static struct mbuf *join(struct connection *c, struct mbuf *mb)
{
	if (!c->rest)
		return mem_ref(mb);
	c->rest->pos = c->rest->end;
	if (mbuf_write_mem(c->rest, mbuf_buf(mb), mbuf_get_left(mb)) != 0)
		return NULL;
	c->rest->pos = 0;
	return mem_ref(c->rest);
}

static int keep_rest(struct connection *c, const struct mbuf *all, size_t left)
{
	struct mbuf *rest = left ? mbuf_alloc(left) : NULL;

	if (left && (!rest || mbuf_write_mem(rest, all->buf + all->end - left, left) != 0)) {
		mem_deref(rest);
		return -ENOMEM;
	}
	mem_deref(c->rest);
	c->rest = rest;
	return 0;
}

/* Octets that are no HEPv3 message leave no way to find the next one. */
static void on_octets(struct mbuf *mb, void *arg)
{
	struct connection *c = arg;
	struct mbuf *all = join(c, mb);
	ssize_t left = -ENOMEM;

	if (all)
		left = take_messages(c, mbuf_buf(all), mbuf_get_left(all));
	if (left == -EBADMSG) {
		c->server->counts[HEP_received]++;
		c->server->counts[HEP_malformed]++;
	}
	if (left >= 0)
		left = keep_rest(c, all, (size_t)left);
	mem_deref(all);
	if (left < 0) {
		log_info("hep", "%s: closed: %s", c->peer,
			left == -EBADMSG ? "what it sends is not HEPv3" : "no memory");
		mem_deref(c);
	}
}

static void on_close(int err, void *arg)
{
	struct connection *c = arg;

	log_debug("hep", "%s: closed by its peer: %s", c->peer, strerror(err));
	mem_deref(c);
}

static void on_connection(const struct sa *peer, void *arg)
{
	struct listener *l = arg;
	struct hep_server *s = l->server;
	struct netaddr from = netaddr_of(peer);
	struct connection *c = NULL;

	if (!may_send(s, peer)) {
		tcp_reject(l->tcp);
		return;
	}
	if (hep_connections(s) < HEP_CONNECTIONS_MAX)
		c = mem_zalloc(sizeof(*c), connection_free);
	if (!c) {
		s->counts[HEP_refused_connections]++;
		tcp_reject(l->tcp);
		return;
	}
	c->server = s;
	netaddr_format(&from, c->peer);
	list_append(&s->connections, &c->le, c);
	if (tcp_accept(&c->tcp, l->tcp, NULL, on_octets, on_close, c) != 0)
		mem_deref(c);
}

void hep_server_sweep(struct hep_server *s)
{
	struct le *next;

	for (struct le *le = list_head(&s->connections); le; le = next) {
		struct connection *c = le->data;

		next = le->next;
		if (++c->sweeps < (c->rest ? HEP_SWEEPS_PARTIAL : HEP_SWEEPS_IDLE))
			continue;
		s->counts[HEP_closed_idle]++;
		mem_deref(c);
	}
}

static void on_sweep(void *arg)
{
	struct hep_server *s = arg;

	hep_server_sweep(s);
	tmr_start(&s->sweep, HEP_SWEEP_MS, on_sweep, s);
}

/* --- Listening --- */

static int listen_at(struct listener *l, const struct listen_address *at)
{
	struct netaddr host = at->address;
	char text[NETADDR_TEXT_BYTES];
	struct sa sa;
	int err;

	host.port = 0;
	err = sa_set_str(&sa, netaddr_format(&host, text), at->address.port);
	if (err)
		return -err;
	if (at->transport == LISTEN_TCP)
		return -tcp_listen(&l->tcp, &sa, on_connection, l);
	err = udp_listen(&l->udp, &sa, on_datagram, l);
	if (err)
		return -err;
	udp_rxsz_set(l->udp, HEP_BYTES_MAX);
	(void)udp_sockbuf_set(l->udp, SOCKET_BUFFER_BYTES);
	return 0;
}

int hep_server_create(struct hep_server **out, const struct config *config, hep_sip_h *sip,
	void *arg, struct errmsg *e)
{
	struct hep_server *s;
	char text[NETADDR_TEXT_BYTES];

	*out = NULL;
	if (config->hep.listen_count == 0)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return errmsg_set(e, -ENOMEM, "no memory for the HEP listeners");
	s->config = config;
	s->sip = sip;
	s->arg = arg;
	for (unsigned int i = 0; i < config->hep.listen_count; i++) {
		const struct listen_address *at = &config->hep.listen[i];
		struct listener *l = &s->listeners[s->listener_count++];
		int err;

		l->server = s;
		err = listen_at(l, at);
		netaddr_format(&at->address, text);
		if (err != 0) {
			hep_server_destroy(s);
			return errmsg_set(e, err, "hep.listen[%u]: %s:%s: %s", i,
				listen_transport_name(at->transport), text, strerror(-err));
		}
		log_info("hep", "listening at %s:%s", listen_transport_name(at->transport), text);
	}
	tmr_start(&s->sweep, HEP_SWEEP_MS, on_sweep, s);
	*out = s;
	return 0;
}

uint16_t hep_server_port(const struct hep_server *s, unsigned int i)
{
	const struct listener *l = &s->listeners[i];
	struct sa sa;

	sa_init(&sa, AF_INET);
	if (l->tcp ? tcp_sock_local_get(l->tcp, &sa) : udp_local_get(l->udp, &sa))
		return 0;
	return sa_port(&sa);
}

void hep_server_destroy(struct hep_server *s)
{
	if (!s)
		return;
	tmr_cancel(&s->sweep);
	list_flush(&s->connections);
	for (unsigned int i = 0; i < s->listener_count; i++) {
		mem_deref(s->listeners[i].tcp);
		mem_deref(s->listeners[i].udp);
	}
	free(s);
}
