/* The event log's end of the recordings' world: nobody listens (events_test.c tests the log). */
#include "controlplane/event_recording.h"
#include "controlplane/event_watch.h"

void event_recording_started(const struct recording *rec)
{
}

void event_recording_paused(const struct recording *rec)
{
}

void event_recording_resumed(const struct recording *rec)
{
}

void event_recording_stopped(const struct recording *rec)
{
}

void event_recording_rendered(const struct recording *rec)
{
}

void event_recording_delivered(const struct recording *rec)
{
}

void event_recording_failed(const struct recording *rec)
{
}

void event_delivery_failed(
	const struct recording *rec, long http_status, const char *why, uint32_t retry_ms)
{
}

void event_recording_shortcomings(const struct recording *rec)
{
}

void event_recording_undecryptable(const struct recording *rec, enum track track, const char *why)
{
}

void event_spool_loss(const struct recording *rec, uint64_t packets)
{
}

void event_watch_unexplained(struct event_watch *w, const struct flow *flow, uint32_t packets)
{
}

void event_watch_foreign(
	struct event_watch *w, const struct leg *leg, enum track track, const struct flow *flow)
{
}
