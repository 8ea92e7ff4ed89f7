/* An IPv4 or IPv6 address with a port, and address prefixes. Plain values; any thread. */
#ifndef LEGTAP_COMMON_NETADDR_H
#define LEGTAP_COMMON_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETADDR_TEXT_BYTES 56 /* "[ipv6]:65535" and its end */

struct netaddr {
	uint8_t family; /* 0: none, 4 or 6 */
	uint8_t zero;
	uint16_t port;	/* host order; 0: none */
	uint8_t ip[16]; /* network order; IPv4 in the first four bytes, the rest zero */
};

struct netprefix {
	struct netaddr address; /* port unused */
	uint8_t bits;		/* 0 to 32 or 128 */
	uint8_t zero;		/* so that equal prefixes are equal bytes */
};

/* From bytes in network order; port in host order. */
struct netaddr netaddr_from_ipv4(const void *ip, uint16_t port);
struct netaddr netaddr_from_ipv6(const void *ip, uint16_t port);

/* Parses an address without a port ("10.0.0.1", "2001:db8::1", brackets allowed). 0 or -EINVAL. */
int netaddr_parse(const char *text, struct netaddr *out);

/* Parses an address with its port as netaddr_format gives it: "10.0.0.1:5060",
 * "[2001:db8::1]:5060". Port 0 is taken. 0 or -EINVAL. */
int netaddr_parse_port(const char *text, struct netaddr *out);

/* Equal address and port; equal address only. */
bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);
bool netaddr_same_host(const struct netaddr *a, const struct netaddr *b);

/* 0.0.0.0 or :: (RFC 3264's old hold), or no family. */
bool netaddr_is_unspecified(const struct netaddr *a);

/* "10.0.0.1:5060", "[2001:db8::1]:5060"; without the port (and brackets) when it is 0. Returns buf.
 */
char *netaddr_format(const struct netaddr *a, char buf[NETADDR_TEXT_BYTES]);

/* A hash of address and port, for tables in the control thread. */
uint32_t netaddr_hash(const struct netaddr *a);

/* Parses "10.0.0.0/8", or an address alone (all bits). 0 or -EINVAL. */
int netprefix_parse(const char *text, struct netprefix *out);
bool netprefix_contains(const struct netprefix *p, const struct netaddr *a);

/* Whether one of `count` prefixes contains it. */
bool netprefix_any_contains(
	const struct netprefix *list, unsigned int count, const struct netaddr *a);

#endif
