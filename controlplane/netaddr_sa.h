/* Addresses of libre's sockets. */
#ifndef LEGTAP_CONTROLPLANE_NETADDR_SA_H
#define LEGTAP_CONTROLPLANE_NETADDR_SA_H

#include <arpa/inet.h>
#include <stdint.h>

#include <re.h>

#include "common/netaddr.h"

static inline struct netaddr netaddr_from_sa(const struct sa *sa)
{
	uint8_t ip[16];
	uint32_t ipv4;

	if (sa_af(sa) == AF_INET) {
		ipv4 = htonl(sa_in(sa));
		return netaddr_from_ipv4(&ipv4, sa_port(sa));
	}
	sa_in6(sa, ip);
	return netaddr_from_ipv6(ip, sa_port(sa));
}

#endif
