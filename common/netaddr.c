#include "common/netaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct netaddr netaddr_from_ipv4(const void *ip, uint16_t port)
{
	struct netaddr a = {.family = 4, .port = port};

	memcpy(a.ip, ip, 4);
	return a;
}

struct netaddr netaddr_from_ipv6(const void *ip, uint16_t port)
{
	struct netaddr a = {.family = 6, .port = port};

	memcpy(a.ip, ip, 16);
	return a;
}

int netaddr_parse(const char *text, struct netaddr *out)
{
	char host[INET6_ADDRSTRLEN];
	struct netaddr a = {0};
	size_t length = strlen(text);

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_pton(AF_INET, host, a.ip) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, host, a.ip) == 1)
		a.family = 6;
	else
		return -EINVAL;
	*out = a;
	return 0;
}

int netaddr_parse_port(const char *text, struct netaddr *out)
{
	char host[NETADDR_TEXT_BYTES];
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	struct netaddr a;
	unsigned long port;
	char *end;

	if (length == 0 || length >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	port = strtoul(colon + 1, &end, 10);
	/* An IPv6 address without brackets may be one without a port. */
	if (*end || port > UINT16_MAX || (strchr(host, ':') && host[0] != '['))
		return -EINVAL;
	if (netaddr_parse(host, &a) != 0)
		return -EINVAL;
	a.port = (uint16_t)port;
	*out = a;
	return 0;
}

bool netaddr_same_host(const struct netaddr *a, const struct netaddr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
	return a->port == b->port && netaddr_same_host(a, b);
}

bool netaddr_is_unspecified(const struct netaddr *a)
{
	static const uint8_t zero[16];

	return a->family == 0 || memcmp(a->ip, zero, sizeof(zero)) == 0;
}

char *netaddr_format(const struct netaddr *a, char buf[NETADDR_TEXT_BYTES])
{
	char host[INET6_ADDRSTRLEN] = "-";

	if (a->family)
		inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, host, sizeof(host));
	if (a->port == 0)
		snprintf(buf, NETADDR_TEXT_BYTES, "%s", host);
	else
		snprintf(buf, NETADDR_TEXT_BYTES, a->family == 6 ? "[%s]:%u" : "%s:%u", host,
			a->port);
	return buf;
}

uint32_t netaddr_hash(const struct netaddr *a)
{
	uint32_t h = 2166136261U ^ a->port; /* FNV-1a */

	for (size_t i = 0; i < (a->family == 4 ? 4 : sizeof(a->ip)); i++)
		h = (h ^ a->ip[i]) * 16777619U;
	return h ^ (h >> 15);
}

int netprefix_parse(const char *text, struct netprefix *out)
{
	char host[NETADDR_TEXT_BYTES];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct netprefix p = {.zero = 0};
	unsigned long bits;
	char *end;

	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (netaddr_parse(host, &p.address) != 0)
		return -EINVAL;
	bits = p.address.family == 4 ? 32 : 128;
	if (slash) {
		unsigned long most = bits;

		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > most)
			return -EINVAL;
	}
	p.bits = (uint8_t)bits;
	*out = p;
	return 0;
}

bool netprefix_contains(const struct netprefix *p, const struct netaddr *a)
{
	unsigned int bytes = p->bits / 8;
	unsigned int rest = p->bits % 8;

	if (p->address.family != a->family || memcmp(p->address.ip, a->ip, bytes) != 0)
		return false;
	return rest == 0 || ((p->address.ip[bytes] ^ a->ip[bytes]) >> (8 - rest)) == 0;
}

bool netprefix_any_contains(
	const struct netprefix *list, unsigned int count, const struct netaddr *a)
{
	for (unsigned int i = 0; i < count; i++)
		if (netprefix_contains(&list[i], a))
			return true;
	return false;
}
