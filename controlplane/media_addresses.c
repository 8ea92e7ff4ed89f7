#include "controlplane/media_addresses.h"

#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "common/log.h"

static_assert(CONFIG_SIPREC_LISTENERS_MAX <= DATAPLANE_OWN_MAX, "every media address has a place");

unsigned int media_addresses(
	const struct config *c, struct netaddr out[CONFIG_SIPREC_LISTENERS_MAX])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < c->siprec.media_address_count; i++)
		out[count++] = c->siprec.media_addresses[i].address;
	for (unsigned int i = 0; i < c->siprec.listen_count && !c->siprec.media_address_count;
		i++) {
		const struct netaddr *a = &c->siprec.listen[i].address;
		unsigned int k = 0;

		while (k < count && !netaddr_same_host(&out[k], a))
			k++;
		if (k == count)
			out[count++] = *a;
	}
	return count;
}

static bool is_at(const struct sockaddr *sa, const struct netaddr *address)
{
	struct netaddr at = {0};

	if (sa && sa->sa_family == AF_INET)
		at = netaddr_from_ipv4(&((const struct sockaddr_in *)sa)->sin_addr, 0);
	else if (sa && sa->sa_family == AF_INET6)
		at = netaddr_from_ipv6(&((const struct sockaddr_in6 *)sa)->sin6_addr, 0);
	return at.family && netaddr_same_host(&at, address);
}

unsigned int media_addresses_own(const struct config *c, struct own_address out[DATAPLANE_OWN_MAX])
{
	struct netaddr addresses[CONFIG_SIPREC_LISTENERS_MAX];
	unsigned int count = media_addresses(c, addresses);
	struct ifaddrs *interfaces = NULL;
	bool known = count == 0 || getifaddrs(&interfaces) == 0;

	if (!known)
		log_warning("siprec",
			"the kernel does not tell its addresses (%s): legtap answers no ARP for "
			"siprec.media_addresses",
			strerror(errno));
	for (unsigned int i = 0; i < count; i++) {
		out[i] = (struct own_address){.address = addresses[i], .kernels = !known};
		for (const struct ifaddrs *f = interfaces; f; f = f->ifa_next)
			out[i].kernels |= is_at(f->ifa_addr, &addresses[i]);
	}
	freeifaddrs(interfaces);
	return count;
}
