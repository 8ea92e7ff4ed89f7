/* Times as text: RFC 3339, UTC, milliseconds. Pure functions; any thread. */
#ifndef LEGTAP_CONTROLPLANE_TIMESTAMP_H
#define LEGTAP_CONTROLPLANE_TIMESTAMP_H

#include <stdint.h>

#define TIMESTAMP_TEXT_BYTES 32

/* "2026-11-24T18:57:39.123Z" for Unix time in ms, from 1970 to 9999. Returns buf. */
char *timestamp_format(int64_t unix_ms, char buf[TIMESTAMP_TEXT_BYTES]);

/* Parses an RFC 3339 date ("2026-11-24": its first moment, UTC) or date-time (any offset, fractions
 * cut to ms; a blank in place of the offset's plus, as query strings make it). 0 or -EINVAL. */
int timestamp_parse(const char *text, int64_t *unix_ms);

#endif
