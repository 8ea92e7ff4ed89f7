/* Life-cycle events of recordings (docs/events.md). Control thread. */
#ifndef LEGTAP_CONTROLPLANE_EVENT_RECORDING_H
#define LEGTAP_CONTROLPLANE_EVENT_RECORDING_H

#include <stdint.h>

#include "storage/storage.h"

struct recording;

/* Each is skipped where there is no event log (--read). */
void event_recording_started(const struct recording *rec);
void event_recording_paused(const struct recording *rec);
void event_recording_resumed(const struct recording *rec);
void event_recording_stopped(const struct recording *rec);

/* By rec->json, its sidecar: packets that it lacks are told in a loss_seen, those that no key
 * opened in an undecryptable. */
void event_recording_shortcomings(const struct recording *rec);

void event_recording_rendered(const struct recording *rec);
void event_recording_delivered(const struct recording *rec);
void event_recording_failed(const struct recording *rec);
void event_delivery_failed(
	const struct recording *rec, long http_status, const char *why, uint32_t retry_ms);

/* A track is encrypted and nobody has its key; why: undecryptable_name. */
void event_recording_undecryptable(const struct recording *rec, enum track track, const char *why);

/* Packets that were received and did not get to the spool. */
void event_spool_loss(const struct recording *rec, uint64_t packets);

#endif
