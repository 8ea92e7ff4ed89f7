/* Where SIP messages begin and end in a stream of bytes (RFC 3261, 18.3). Pure functions; any
 * thread. */
#ifndef LEGTAP_CONTROLPLANE_SIP_FRAMING_H
#define LEGTAP_CONTROLPLANE_SIP_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

enum sip_frame_kind {
	SIP_FRAME_MESSAGE, /* of `bytes` bytes, at the beginning of the text */
	SIP_FRAME_PART,	   /* of a message that may become whole */
	SIP_FRAME_NONE,	   /* no message begins here */
};

struct sip_frame {
	enum sip_frame_kind kind; /* of what is behind `skip` */
	uint32_t skip; /* bytes to be passed over first: keep-alives, or what is no SIP */
	uint32_t bytes;
	bool no_length; /* a message with a Content-Type and no Content-Length (RFC 3261, 20.14,
			   wants one): the body is what is there before the next message */
};

/* in_step: the text begins where a message ended, or the connection began; else what is before the
 * first line that begins a message is passed over. When skip is 0 and no message is whole, more
 * must be appended. */
struct sip_frame sip_framing_next(const char *text, uint32_t bytes, bool in_step);

/* Whether a message begins at the first byte: its first line is whole. */
bool sip_framing_begins(const char *text, uint32_t bytes);

#endif
