/* The encapsulation id: what a packet's IP header stood in, as a number that tells equal addresses
 * in different VLANs, virtual networks and sessions apart.
 *
 * Layout of the 28 bits: 4 bits of kind, 24 bits of value. Up to two VLAN tags, and one VNI, key or
 * session, are the value itself; more, in one another, are a 24-bit digest of all of them. What
 * differs between the two directions of one call, or says where the mirror sends, is no part of it:
 * addresses of tunnels, MPLS labels. The upper 4 bits are zero, for the stream table
 * keeps the rx core there (flow.h). Pure functions; any thread. */
#ifndef LEGTAP_DATAPLANE_ENCAPSULATION_H
#define LEGTAP_DATAPLANE_ENCAPSULATION_H

#include <stddef.h>
#include <stdint.h>

#define ENCAPSULATION_NONE 0U
#define ENCAPSULATION_BITS 28

/* The id of what is inside a VLAN tag (IEEE 802.1Q) in `id`. vlan: 0 to 4095; 0 marks a priority
 * only and changes nothing. */
uint32_t encapsulation_push_vlan(uint32_t id, uint16_t vlan);

/* The same of a virtual network (VXLAN, GENEVE, NVGRE: 24 bits), of a GRE key, of a PPPoE session,
 * and of an ERSPAN session (10 bits). */
uint32_t encapsulation_push_vni(uint32_t id, uint32_t vni);
uint32_t encapsulation_push_key(uint32_t id, uint32_t key);
uint32_t encapsulation_push_pppoe(uint32_t id, uint16_t session);
uint32_t encapsulation_push_erspan(uint32_t id, uint16_t session);

/* "", "vlan 100", "vlan 100.200" (outermost first), "vlans #a1b2c3", "vni 5000", "key 7",
 * "pppoe 17", "erspan 1", "nested #a1b2c3". Returns buf. */
char *encapsulation_format(uint32_t id, char *buf, size_t size);

#endif
