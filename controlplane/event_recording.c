#include "controlplane/event_recording.h"

#include <cjson/cJSON.h>

#include "controlplane/control.h"
#include "controlplane/events.h"
#include "controlplane/recording_json.h"
#include "controlplane/recordings.h"
#include "controlplane/siprec_session.h"
#include "controlplane/timestamp.h"

static void add_time(cJSON *o, const char *name, const struct recording *rec, uint64_t ns)
{
	char text[TIMESTAMP_TEXT_BYTES];

	cJSON_AddStringToObject(o, name, timestamp_format(recording_wall_ms(rec, ns), text));
}

/* What every event of a recording bears; the names are those of recordings.jsonl. NULL: there is no
 * event log. */
static cJSON *describe(const struct recording *rec)
{
	char object[RECORDING_OBJECT_BYTES];
	cJSON *o;

	if (!rec->owner->control->events)
		return NULL;
	o = cJSON_CreateObject();
	recording_add_identity(o, rec);
	cJSON_AddStringToObject(o, "file", recording_object(rec, object));
	return o;
}

static void add(const struct recording *rec, const char *type, cJSON *o)
{
	if (o)
		control_event(rec->owner->control, type, o);
}

static void tell_siprec(const struct recording *rec)
{
	siprec_leg_recording(leg_by_call_id(rec->owner->control->legs, &rec->info.call_id));
}

void event_recording_started(const struct recording *rec)
{
	cJSON *o = describe(rec);

	if (o)
		add_time(o, "start", rec, rec->start_ns);
	add(rec, "recording_started", o);
	tell_siprec(rec);
}

static void add_offset(cJSON *o, const struct recording *rec, uint64_t ns)
{
	uint64_t offset_ms = ns > rec->start_ns ? (ns - rec->start_ns) / 1000000 : 0;

	cJSON_AddNumberToObject(o, "offset_ms", (double)offset_ms);
}

void event_recording_paused(const struct recording *rec)
{
	cJSON *o = describe(rec);

	if (o)
		add_offset(o, rec, rec->pauses[rec->pause_count - 1].start_ns);
	add(rec, "recording_paused", o);
	tell_siprec(rec);
}

void event_recording_resumed(const struct recording *rec)
{
	cJSON *o = describe(rec);

	if (o)
		add_offset(o, rec, rec->pauses[rec->pause_count - 1].end_ns);
	add(rec, "recording_resumed", o);
	tell_siprec(rec);
}

void event_recording_stopped(const struct recording *rec)
{
	cJSON *o = describe(rec);

	if (o) {
		add_time(o, "start", rec, rec->start_ns);
		cJSON_AddNumberToObject(o, "duration_ms", (double)recording_duration_ms(rec));
		cJSON_AddStringToObject(o, "reason", rec->window.reason);
	}
	add(rec, "recording_stopped", o);
	tell_siprec(rec);
}

static void add_file(cJSON *o, const struct recording *rec)
{
	cJSON_AddNumberToObject(o, "duration_ms", (double)rec->duration_ms);
	cJSON_AddNumberToObject(o, "bytes", (double)rec->bytes);
	cJSON_AddStringToObject(o, "sha256", rec->sha256);
}

static bool is_above_zero(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItem(object, name);

	return cJSON_IsNumber(item) && item->valuedouble > 0;
}

/* The tracks of a sidecar in which any of these counts is above 0, with what it has of these
 * members. */
static cJSON *tracks_with(
	const cJSON *sidecar, const char *const counts[], const char *const members[])
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *track;

	cJSON_ArrayForEach(track, cJSON_GetObjectItem(sidecar, "tracks"))
	{
		bool any = false;
		cJSON *item;

		for (const char *const *name = counts; *name; name++)
			any = any || is_above_zero(track, *name);
		if (!any)
			continue;
		item = cJSON_CreateObject();
		for (const char *const *name = members; *name; name++)
			if (cJSON_GetObjectItem(track, *name))
				cJSON_AddItemToObject(item, *name,
					cJSON_Duplicate(cJSON_GetObjectItem(track, *name), true));
		cJSON_AddItemToArray(list, item);
	}
	return list;
}

/* Takes the list. */
static void tell_tracks(
	const struct recording *rec, const char *type, const char *place, cJSON *tracks)
{
	cJSON *o;

	if (cJSON_GetArraySize(tracks) == 0) {
		cJSON_Delete(tracks);
		return;
	}
	o = describe(rec);
	cJSON_AddStringToObject(o, "place", place);
	cJSON_AddItemToObject(o, "tracks", tracks);
	add(rec, type, o);
}

void event_recording_shortcomings(const struct recording *rec)
{
	cJSON *sidecar;

	if (!rec->json || !rec->owner->control->events)
		return;
	sidecar = cJSON_Parse(rec->json);
	tell_tracks(rec, "loss_seen", "network",
		tracks_with(sidecar, (const char *const[]){"lost", NULL},
			(const char *const[]){"track", "received", "lost", NULL}));
	tell_tracks(rec, "undecryptable", "media",
		tracks_with(sidecar,
			(const char *const[]){"undecryptable", "unauthenticated", NULL},
			(const char *const[]){
				"track", "received", "undecryptable", "unauthenticated", NULL}));
	cJSON_Delete(sidecar);
}

void event_recording_undecryptable(const struct recording *rec, enum track track, const char *why)
{
	cJSON *list;
	cJSON *item;

	if (!rec->owner->control->events)
		return;
	list = cJSON_CreateArray();
	item = cJSON_CreateObject();
	cJSON_AddStringToObject(item, "track", tracks_name(TRACK_BIT(track)));
	cJSON_AddStringToObject(item, "reason", why);
	cJSON_AddItemToArray(list, item);
	tell_tracks(rec, "undecryptable", "signalling", list);
}

void event_recording_rendered(const struct recording *rec)
{
	cJSON *o = describe(rec);

	if (!o)
		return;
	add_file(o, rec);
	add(rec, "recording_rendered", o);
}

void event_recording_delivered(const struct recording *rec)
{
	cJSON *o = describe(rec);

	if (o)
		add_file(o, rec);
	add(rec, "recording_delivered", o);
}

void event_recording_failed(const struct recording *rec)
{
	cJSON *o = describe(rec);

	if (o)
		cJSON_AddStringToObject(o, "failure", rec->failure ? rec->failure : "");
	add(rec, "recording_failed", o);
	tell_siprec(rec);
}

void event_delivery_failed(
	const struct recording *rec, long http_status, const char *why, uint32_t retry_ms)
{
	cJSON *o = describe(rec);

	if (o) {
		if (http_status)
			cJSON_AddNumberToObject(o, "http_status", (double)http_status);
		cJSON_AddStringToObject(o, "failure", why);
		cJSON_AddNumberToObject(o, "retry_ms", retry_ms);
	}
	add(rec, "delivery_failed", o);
}

void event_spool_loss(const struct recording *rec, uint64_t packets)
{
	cJSON *o = describe(rec);

	if (o) {
		cJSON_AddStringToObject(o, "place", "spool");
		cJSON_AddNumberToObject(o, "lost", (double)packets);
	}
	add(rec, "loss_seen", o);
}
