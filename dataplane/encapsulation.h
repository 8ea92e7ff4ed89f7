/* The encapsulation id: what a packet's IP header stood in, as a number that tells equal addresses
 * in different VLANs apart.
 *
 * Layout of the 28 bits: 4 bits of kind, 24 bits of value. Up to two VLAN tags are the value
 * itself; more are a 24-bit digest of all of them. The upper 4 bits are zero, for the stream table
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

/* "", "vlan 100", "vlan 100.200" (outermost first), "vlans #a1b2c3". Returns buf. */
char *encapsulation_format(uint32_t id, char *buf, size_t size);

#endif
