/* Whether a UDP payload is a SIP message, by its start line (RFC 3261, section 7.1 and 7.2): found
 * by content, for SIP uses any port. A pure function; any thread. */
#ifndef LEGTAP_DATAPLANE_START_LINE_H
#define LEGTAP_DATAPLANE_START_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for "METHOD uri SIP/2.0" and for "SIP/2.0 …", empty lines before it allowed (section 7.5).
 * `bytes` are those that may be read; a line that goes on beyond them is not taken for SIP. A
 * payload of empty lines alone (a keep-alive, RFC 5626) is none. */
bool start_line_is_sip(const uint8_t *payload, size_t bytes);

#endif
