#include "dataplane/flow.h"

#include <arpa/inet.h>
#include <errno.h>

int flow_key_of(const struct flow *flow, struct flow_key *out)
{
	const struct netaddr *from = &flow->source;
	const struct netaddr *to = &flow->destination;

	if (from->family != to->family || flow->rx >= TOPOLOGY_RX_MAX ||
		flow->encapsulation >> ENCAPSULATION_BITS)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->version = from->family;
	switch (from->family) {
	case 4:
		memcpy(out->v4.source, from->ip, sizeof(out->v4.source));
		memcpy(out->v4.destination, to->ip, sizeof(out->v4.destination));
		out->v4.source_port = htons(from->port);
		out->v4.destination_port = htons(to->port);
		out->v4.scope = flow_scope(flow->encapsulation, flow->rx);
		return 0;
	case 6:
		memcpy(out->v6.source, from->ip, sizeof(out->v6.source));
		memcpy(out->v6.destination, to->ip, sizeof(out->v6.destination));
		out->v6.source_port = htons(from->port);
		out->v6.destination_port = htons(to->port);
		out->v6.scope = flow_scope(flow->encapsulation, flow->rx);
		return 0;
	default:
		return -EINVAL;
	}
}

struct netaddr flow_key_source(const struct flow_key *k)
{
	if (k->version == 4)
		return netaddr_from_ipv4(k->v4.source, ntohs(k->v4.source_port));
	return netaddr_from_ipv6(k->v6.source, ntohs(k->v6.source_port));
}

struct netaddr flow_key_destination(const struct flow_key *k)
{
	if (k->version == 4)
		return netaddr_from_ipv4(k->v4.destination, ntohs(k->v4.destination_port));
	return netaddr_from_ipv6(k->v6.destination, ntohs(k->v6.destination_port));
}
