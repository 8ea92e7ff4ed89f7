/* UTF-8 (RFC 3629): JSON from outside must be it, and JSON that is sent must be it whatever a SIP
 * header held. Pure functions; any thread. */
#ifndef LEGTAP_CONTROLPLANE_UTF8_H
#define LEGTAP_CONTROLPLANE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const char *text, size_t bytes);

/* Puts '?' in place of each octet that belongs to no valid sequence. */
void utf8_repair(char *text, size_t bytes);

#endif
