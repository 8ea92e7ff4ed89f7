/* A recording as the JSON object of recordings.jsonl and /v1/recordings (docs/formats.md). Control
 * thread. */
#ifndef LEGTAP_CONTROLPLANE_RECORDING_JSON_H
#define LEGTAP_CONTROLPLANE_RECORDING_JSON_H

#include <stdint.h>

struct recording;

#define TIME_TEXT_BYTES 32

/* RFC 3339, UTC, milliseconds: "2026-11-24T18:57:39.123Z". Returns buf. */
char *time_format_ms(int64_t unix_ms, char buf[TIME_TEXT_BYTES]);

/* One line with its newline, to be freed; NULL without memory. */
char *recording_line(const struct recording *rec);

#endif
