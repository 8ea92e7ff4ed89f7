#include "controlplane/media_ports.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "controlplane/media_socket.h"

struct free_port {
	uint64_t since_ns; /* given back; 0: never taken */
	uint16_t port;
};

/* The free ports of an address: a ring, the one given back longest ago at its head. */
struct pool {
	struct netaddr address;
	int (*sockets)[2]; /* by port: of RTP and of RTCP; NULL: none are held; -1: none */
	bool warned;
	struct free_port *free;
	unsigned int head;
	unsigned int count;
};

struct media_ports {
	uint16_t first;
	unsigned int ports; /* of each address */
	unsigned int next;  /* the address whose turn it is */
	const uint64_t *now_ns;
	uint64_t rest_ns;
	uint64_t refused;
	unsigned int pool_count;
	struct pool pools[];
};

static int fill(struct pool *pool, unsigned int ports, unsigned int first)
{
	pool->free = calloc(ports, sizeof(pool->free[0]));
	if (!pool->free)
		return -ENOMEM;
	for (unsigned int i = 0; i < ports; i++)
		pool->free[i].port = (uint16_t)(first + 2 * i);
	pool->count = ports;
	return 0;
}

int media_ports_create(struct media_ports **out, const struct netaddr *addresses,
	unsigned int address_count, uint16_t first, uint16_t last)
{
	unsigned int even = (first + 1U) & ~1U;
	struct media_ports *p;

	if (address_count == 0 || even > last)
		return -EINVAL;
	p = calloc(1, sizeof(*p) + address_count * sizeof(p->pools[0]));
	if (!p)
		return -ENOMEM;
	p->first = (uint16_t)even;
	p->ports = (last - even) / 2 + 1;
	p->pool_count = address_count;
	for (unsigned int i = 0; i < address_count; i++) {
		p->pools[i].address = addresses[i];
		if (fill(&p->pools[i], p->ports, even) != 0) {
			media_ports_destroy(p);
			return -ENOMEM;
		}
	}
	*out = p;
	return 0;
}

static void close_sockets(int fds[2])
{
	for (unsigned int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

void media_ports_destroy(struct media_ports *p)
{
	if (!p)
		return;
	for (unsigned int i = 0; i < p->pool_count; i++) {
		for (unsigned int k = 0; p->pools[i].sockets && k < p->ports; k++)
			close_sockets(p->pools[i].sockets[k]);
		free(p->pools[i].sockets);
		free(p->pools[i].free);
	}
	free(p);
}

/* --- Sockets --- */

int media_ports_hold_sockets(struct media_ports *p)
{
	for (unsigned int i = 0; i < p->pool_count; i++) {
		p->pools[i].sockets = malloc(p->ports * sizeof(p->pools[i].sockets[0]));
		if (!p->pools[i].sockets)
			return -ENOMEM;
		memset(p->pools[i].sockets, 0xff, p->ports * sizeof(p->pools[i].sockets[0]));
	}
	return 0;
}

/* Without them media is recorded all the same. */
static void open_sockets(struct media_ports *p, struct pool *pool, uint16_t port)
{
	struct netaddr at = pool->address;
	char text[NETADDR_TEXT_BYTES];

	for (unsigned int i = 0; pool->sockets && i < 2; i++) {
		int *fd = &pool->sockets[(port - p->first) / 2][i];

		at.port = (uint16_t)(port + i);
		*fd = media_socket_open(&at);
		if (*fd < 0 && *fd != -EADDRNOTAVAIL && !pool->warned) {
			pool->warned = true;
			log_warning("siprec",
				"%s: the kernel may answer media with ICMP port unreachable: %s "
				"(told once)",
				netaddr_format(&at, text), strerror(-*fd));
		}
		if (*fd < 0)
			*fd = -1;
	}
}

void media_ports_let_rest(struct media_ports *p, const uint64_t *now_ns, uint64_t rest_ns)
{
	p->now_ns = now_ns;
	p->rest_ns = rest_ns;
}

/* The head is the one that has rested longest. */
static bool has_rested(const struct media_ports *p, const struct pool *pool)
{
	const struct free_port *head = &pool->free[pool->head];

	if (pool->count == 0)
		return false;
	return !p->now_ns || !head->since_ns || *p->now_ns >= head->since_ns + p->rest_ns;
}

static struct pool *choose(struct media_ports *p, uint8_t family)
{
	for (unsigned int i = 0; i < p->pool_count; i++) {
		struct pool *pool = &p->pools[(p->next + i) % p->pool_count];

		if (has_rested(p, pool) && (family == 0 || pool->address.family == family))
			return pool;
	}
	return NULL;
}

static bool has_family(const struct media_ports *p, uint8_t family)
{
	for (unsigned int i = 0; i < p->pool_count; i++)
		if (p->pools[i].address.family == family)
			return true;
	return false;
}

int media_ports_take(struct media_ports *p, uint8_t family, struct netaddr *out)
{
	struct pool *pool = choose(p, has_family(p, family) ? family : 0);

	if (!pool) {
		p->refused++;
		return -ENOSPC;
	}
	p->next = (unsigned int)(pool - p->pools + 1) % p->pool_count;
	*out = pool->address;
	out->port = pool->free[pool->head].port;
	pool->head = (pool->head + 1) % p->ports;
	pool->count--;
	open_sockets(p, pool, out->port);
	return 0;
}

void media_ports_give(struct media_ports *p, const struct netaddr *address)
{
	for (unsigned int i = 0; i < p->pool_count; i++) {
		struct pool *pool = &p->pools[i];

		if (!netaddr_same_host(&pool->address, address))
			continue;
		assert(pool->count < p->ports);
		if (pool->sockets)
			close_sockets(pool->sockets[(address->port - p->first) / 2]);
		pool->free[(pool->head + pool->count) % p->ports] = (struct free_port){
			.since_ns = p->now_ns ? *p->now_ns : 0, .port = address->port};
		pool->count++;
		return;
	}
}

uint64_t media_ports_refused(const struct media_ports *p)
{
	return p->refused;
}

unsigned int media_ports_used(const struct media_ports *p)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < p->pool_count; i++)
		used += p->ports - p->pools[i].count;
	return used;
}
