/* Times as the ledger and the reports write them: RFC 3339, UTC, milliseconds. Any thread. */
#ifndef LEGTAP_CONTROLPLANE_DATETIME_H
#define LEGTAP_CONTROLPLANE_DATETIME_H

#include <stdint.h>

#define DATETIME_TEXT_BYTES 32

/* "2026-01-31T23:59:59.999Z" of a Unix time in milliseconds, from the years 0 to 9999 (others are
 * shown as the nearest of them). Returns buf. */
char *datetime_format(int64_t unix_ms, char buf[DATETIME_TEXT_BYTES]);

/* Parses exactly that form. 0 or -EINVAL. */
int datetime_parse(const char *text, int64_t *unix_ms);

#endif
