/* HEPv3, the encapsulation in which proxies and SBCs send copies of their signalling (the protocol
 * of HOMER's capture agents; kamailio's siptrace, OpenSIPS' proto_hep, FreeSWITCH, captagent).
 *
 *   "HEP3", length of all (2 octets), then chunks: vendor (2), type (2), length with this head (2),
 *   value; everything in network order
 *
 * Chunks of unknown vendors or types are skipped. Pure functions; any thread. */
#ifndef LEGTAP_CONTROLPLANE_HEP_H
#define LEGTAP_CONTROLPLANE_HEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/netaddr.h"

#define HEP_HEAD_BYTES 6
#define HEP_BYTES_MAX 65535 /* the length has 16 bits */
#define HEP_SIP 1	    /* payload type */

struct hep_message {
	uint8_t protocol;     /* IP protocol that carried the payload: 17 UDP, 6 TCP; 0: not said */
	uint8_t payload_type; /* HEP_SIP, …; 0: not said */
	uint16_t vlan;	      /* 0: none */
	struct netaddr source; /* of the captured packet */
	struct netaddr destination;
	uint32_t time_s; /* Unix time of the capture, as its sender claims */
	uint32_t time_us;
	uint32_t agent;	 /* the sender's own id */
	const char *key; /* authentication key, in the parsed octets; NULL: none */
	size_t key_bytes;
	const char *payload; /* in the parsed octets */
	size_t payload_bytes;
	bool compressed; /* the payload is deflated, and not given here */
};

/* How long the message is that begins at data: 0 when more octets are needed to tell, else
 * HEP_HEAD_BYTES to HEP_BYTES_MAX; -EBADMSG when no HEPv3 message begins there. For streams. */
int hep_length(const void *data, size_t bytes);

/* Parses a whole message; what follows it is an error. Both addresses must be there, of the IP
 * family that the message names, and a payload, compressed or not. Of a chunk that is there twice
 * the last counts. 0 or -EBADMSG. */
int hep_parse(struct hep_message *out, const void *data, size_t bytes);

#endif
