/* A recording as the JSON object of recordings.jsonl and /v1/recordings (docs/formats.md). Control
 * thread. */
#ifndef LEGTAP_CONTROLPLANE_RECORDING_JSON_H
#define LEGTAP_CONTROLPLANE_RECORDING_JSON_H

struct cJSON;
struct recording;

/* Adds what tells which recording it is: its ids, leg, track, account. */
void recording_add_identity(struct cJSON *object, const struct recording *rec);

/* One line with its newline, to be freed; NULL without memory. */
char *recording_line(const struct recording *rec);

#endif
