/* Once rendered, the object is the sidecar's with `state` added; before that, what is known so far.
 */
#include "controlplane/recording_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "controlplane/recordings.h"
#include "controlplane/timestamp.h"
#include "controlplane/uuid_json.h"

/* A moment of the recording. */
static void add_ms(cJSON *o, const char *name, const struct recording *rec, uint64_t at_ns)
{
	uint64_t ms = (at_ns - rec->start_ns) / 1000000;

	cJSON_AddNumberToObject(o, name, (double)ms);
}

static void add_pauses(cJSON *o, const struct recording *rec)
{
	cJSON *pauses = cJSON_AddArrayToObject(o, "pauses");

	for (unsigned int i = 0; i < rec->pause_count; i++) {
		const struct recording_pause *p = &rec->pauses[i];
		cJSON *pause = cJSON_CreateObject();

		add_ms(pause, "start_ms", rec, p->start_ns);
		if (p->end_ns)
			add_ms(pause, "end_ms", rec, p->end_ns);
		cJSON_AddItemToArray(pauses, pause);
	}
}

static uint64_t duration_so_far_ms(const struct recording *rec)
{
	uint64_t end_ns = rec->window.stop_ns ? rec->window.stop_ns : rec->owner->control->now_ns;

	return rec->start_ns && end_ns > rec->start_ns ? (end_ns - rec->start_ns) / 1000000 : 0;
}

void recording_add_identity(struct cJSON *o, const struct recording *rec)
{
	const struct recording_facts *info = &rec->info;

	uuid_add_to_json(o, "recording_id", &info->recording_id);
	uuid_add_to_json(o, "transaction_id", &info->transaction_id);
	uuid_add_to_json(o, "call_id", &info->call_id);
	cJSON_AddStringToObject(o, "sip_call_id", info->sip_call_id);
	cJSON_AddStringToObject(o, "participant_tag", info->participant_tag);
	cJSON_AddStringToObject(o, "track", tracks_name(info->tracks));
	cJSON_AddStringToObject(o, "account", info->account);
}

/* A recording that has no sidecar yet. */
static cJSON *known_so_far(const struct recording *rec)
{
	char object[RECORDING_OBJECT_BYTES];
	char time[TIMESTAMP_TEXT_BYTES];
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "file", recording_object(rec, object));
	recording_add_identity(o, rec);
	cJSON_AddStringToObject(o, "participant", rec->info.participant);
	if (rec->started && rec->start_ns)
		cJSON_AddStringToObject(
			o, "start", timestamp_format(recording_wall_ms(rec, rec->start_ns), time));
	cJSON_AddNumberToObject(o, "duration_ms", (double)duration_so_far_ms(rec));
	if (rec->window.reason[0])
		cJSON_AddStringToObject(o, "reason", rec->window.reason);
	add_pauses(o, rec);
	return o;
}

static cJSON *to_object(const struct recording *rec)
{
	cJSON *o = rec->json ? cJSON_Parse(rec->json) : NULL;

	if (!o)
		o = known_so_far(rec);
	cJSON_AddStringToObject(o, "state", recording_state_name(rec->state));
	if (rec->failure)
		cJSON_AddStringToObject(o, "failure", rec->failure);
	return o;
}

bool recording_paused_at(const struct recording *rec, uint64_t at_ns)
{
	const struct recording_pause *newest =
		rec->pause_count ? &rec->pauses[rec->pause_count - 1] : NULL;

	if (rec->state == RECORDING_PAUSED)
		return true;
	return newest && at_ns >= newest->start_ns && (!newest->end_ns || at_ns <= newest->end_ns);
}

enum recording_state recording_state_of(const struct recording *rec)
{
	return rec->state;
}

const struct uuid *recording_id_of(const struct recording *rec)
{
	return &rec->info.recording_id;
}

unsigned int recordings_in_state(const struct recordings *r, enum recording_state s)
{
	unsigned int count = 0;

	for (const struct recording *rec = r->first; rec; rec = rec->next)
		count += rec->state == s;
	return count;
}

/* What an id names; NULL when it names nothing. */
static struct recording *find_by_text(struct recordings *r, const char *recording_id)
{
	struct uuid id;

	return uuid_parse(recording_id, &id) == 0 ? recording_find(r, &id) : NULL;
}

int recordings_page_to_json(
	struct recordings *r, const char *after, unsigned int limit, cJSON *list, bool *more)
{
	const struct recording *rec = after ? find_by_text(r, after) : r->first;

	if (after && !rec)
		return -ENOENT;
	if (after)
		rec = rec->next;
	for (; rec && limit > 0; rec = rec->next) {
		if (rec->state == RECORDING_ARMED)
			continue;
		cJSON_AddItemToArray(list, to_object(rec));
		limit--;
	}
	*more = rec != NULL;
	return 0;
}

cJSON *recording_to_json(struct recordings *r, const char *recording_id)
{
	struct recording *rec = find_by_text(r, recording_id);

	return rec ? to_object(rec) : NULL;
}

char *recording_line(const struct recording *rec)
{
	cJSON *o = to_object(rec);
	char *text = cJSON_PrintUnformatted(o);
	char *line = NULL;

	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	cJSON_free(text);
	cJSON_Delete(o);
	return line;
}
