/* Frames made by hand, layer by layer, and what the parser makes of them. */
#ifndef LEGTAP_TESTS_DECAP_FRAME_H
#define LEGTAP_TESTS_DECAP_FRAME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/decap.h"

/* A frame under construction. */
struct builder {
	uint8_t bytes[2048];
	uint32_t length;
};

#define PAYLOAD "payload"
#define UDP_BYTES (8 + sizeof(PAYLOAD) - 1)

void put(struct builder *b, const void *bytes, uint32_t n);

void put16(struct builder *b, unsigned int value);

void put_ethernet(struct builder *b, unsigned int type);

void put_vlan(struct builder *b, unsigned int tci, unsigned int type);

/* From 10.0.0.1 to 10.0.0.2. */
void put_ipv4(struct builder *b, unsigned int option_words, unsigned int fragment,
	unsigned int protocol, uint32_t inside);

/* From 2001:db8::1 to 2001:db8::2. */
void put_ipv6(struct builder *b, unsigned int protocol, uint32_t inside);

void put_udp(struct builder *b, const char *payload);

/* Parses the first `captured` bytes in a heap block of just that size, so that a sanitizer sees a
 * read too far. */
enum decap_verdict parse_cut(const struct builder *b, enum link_type link, uint32_t captured,
	uint32_t wire, struct decap *out);

enum decap_verdict parse(const struct builder *b, enum link_type link, struct decap *out);

void assert_flow(const struct decap *d, const char *source, const char *destination);

void assert_scope(const struct decap *d, const char *expected);

void assert_payload(const struct builder *b, const struct decap *d);

/* A whole packet of PAYLOAD, IPv4 and IPv6, and one in an Ethernet frame. */
#define PACKET_BYTES (20 + UDP_BYTES)
#define FRAME_BYTES (14 + PACKET_BYTES)
void put_packet(struct builder *b);
void put_packet6(struct builder *b);
void put_frame(struct builder *b);

/* Outer headers around `inside` bytes. */
void put_udp_header(struct builder *b, unsigned int port, uint32_t inside);
void put_gre(struct builder *b, const char *gre, uint32_t gre_bytes, uint32_t inside);
void put_vxlan(struct builder *b, const char *vni, uint32_t inside);

/* It is read to the payload, in its scope; and every part of it is malformed. */
void assert_read(const struct builder *b, enum link_type link, const char *scope);

void assert_verdict(const struct builder *b, enum decap_verdict verdict);

#endif
