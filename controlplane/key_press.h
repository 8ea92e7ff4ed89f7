/* From the packets of telephone events (RFC 4733) to key presses, one each.
 *
 * An event is a run of packets of one timestamp, its last sent thrice; any of them may be lost,
 * late or there twice (a mirror of both ports). Its first packet that comes is the press; the end
 * is not waited for. An event too long for its 16-bit duration goes on under a new timestamp
 * (2.5.1.3). Senders that play the same packets again and again, timestamps and all, press anew
 * when a second has passed. Pure functions; any thread. */
#ifndef LEGTAP_CONTROLPLANE_KEY_PRESS_H
#define LEGTAP_CONTROLPLANE_KEY_PRESS_H

#include <stdbool.h>
#include <stdint.h>

#define KEY_PRESSES_KEPT 8 /* for their packets that come late */

struct telephone_packet {
	uint64_t arrival_ns;
	uint32_t ssrc;
	uint32_t timestamp;
	uint8_t payload[4];
};

struct key_press {
	uint64_t newest_ns; /* 0: none */
	uint32_t ssrc;
	uint32_t timestamp;
	uint16_t duration; /* RTP ticks, the longest seen */
	uint8_t event;
	bool ended;
};

/* Zeroes to begin with; one for each track. */
struct key_presses {
	struct key_press kept[KEY_PRESSES_KEPT];
	unsigned int next;
};

/* The key (0 to 9, *, #, A to D) that a packet is the first to tell of; else '\0'. */
char key_press_note(struct key_presses *k, const struct telephone_packet *p);

/* The key in the body of a SIP INFO: "Signal=5\r\nDuration=160" (application/dtmf-relay), or "5"
 * (application/dtmf), where 10 and 11 stand for * and #. content_type: of the message, NULL: none.
 * '\0': none. */
char key_press_of_info(const char *content_type, const char *body, uint32_t bytes);

#endif
