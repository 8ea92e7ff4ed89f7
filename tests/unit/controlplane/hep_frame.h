/* HEPv3 messages for tests, made chunk by chunk. */
#ifndef LEGTAP_TESTS_UNIT_CONTROLPLANE_HEP_FRAME_H
#define LEGTAP_TESTS_UNIT_CONTROLPLANE_HEP_FRAME_H

#include <stddef.h>
#include <stdint.h>

struct hep_frame {
	uint8_t data[65535];
	size_t bytes;
};

void hep_frame_begin(struct hep_frame *f);
void hep_frame_add(struct hep_frame *f, unsigned int vendor, unsigned int type, const void *value,
	size_t bytes);
void hep_frame_add_number(
	struct hep_frame *f, unsigned int type, uint32_t value, unsigned int bytes);

/* The chunks of a UDP packet over IPv4 that kamailio's siptrace sends, without payload and key. */
void hep_frame_add_head(struct hep_frame *f, const char *source, uint16_t source_port,
	const char *destination, uint16_t destination_port);

/* A whole message: head, payload of type SIP, key unless NULL. */
void hep_frame_sip(struct hep_frame *f, const char *source, const char *destination,
	const char *payload, const char *key);

#endif
