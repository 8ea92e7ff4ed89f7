/* legtapctl calls, recordings, metrics: what is going on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/command.h"
#include "controlplane/table.h"

static const char *text_of(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static double number_of(const cJSON *o, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void add_duration(struct table *t, const cJSON *o)
{
	char text[TABLE_DURATION_BYTES];
	double ms = number_of(o, "duration_ms");

	table_add(t, table_duration(ms > 0 ? (uint64_t)ms : 0, text));
}

static int print(const struct arguments *a, struct table *t)
{
	return table_print(t, stdout) == 0 ? 0 : command_fail(a, COMMAND_FAILED, "no memory");
}

/* --- Calls --- */

static void add_call(struct table *t, const cJSON *call)
{
	const cJSON *recording = cJSON_GetObjectItemCaseSensitive(call, "recording");
	const char *state = text_of(call, "state");

	table_add(t, text_of(call, "call_id"));
	table_add(t, text_of(call, "participant_tag"));
	table_add(t, text_of(call, "from"));
	table_add(t, text_of(call, "to"));
	table_addf(t, "%s%s", state ? state : "-",
		cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(call, "on_hold")) ? ", on hold" : "");
	add_duration(t, call);
	table_add(t, text_of(recording, "state"));
	table_add(t, text_of(call, "account"));
	table_add(t, text_of(call, "transaction_id"));
}

int command_calls(const struct arguments *a, struct client *c)
{
	struct table *t;
	cJSON *o;
	cJSON *call;
	int status = command_get_list(a, c, "/v1/calls", "calls", &o);

	if (status)
		return status;
	if (a->json) {
		status = command_print_json(a, o);
	} else {
		t = table_create("CALL ID|LEG|FROM|TO|STATE|>TALK|RECORDING|ACCOUNT|TRANSACTION");
		cJSON_ArrayForEach(call, cJSON_GetObjectItem(o, "calls"))
		{
			add_call(t, call);
		}
		status = print(a, t);
	}
	cJSON_Delete(o);
	return status;
}

/* --- Recordings --- */

/* Lost packets over all tracks, and their share; "-" before the file is rendered. */
static void add_loss(struct table *t, const cJSON *recording)
{
	const cJSON *tracks = cJSON_GetObjectItemCaseSensitive(recording, "tracks");
	const cJSON *track;
	double lost = 0;
	double distinct = 0;

	if (!tracks) {
		table_add(t, NULL);
		return;
	}
	cJSON_ArrayForEach(track, tracks)
	{
		lost += number_of(track, "lost");
		distinct += number_of(track, "received") - number_of(track, "duplicate");
	}
	table_addf(t, "%.0f (%.2f %%)", lost,
		lost + distinct > 0 ? 100 * lost / (lost + distinct) : 0);
}

static void add_recording(struct table *t, const cJSON *recording)
{
	table_add(t, text_of(recording, "recording_id"));
	table_add(t, text_of(recording, "state"));
	table_add(t, text_of(recording, "participant_tag"));
	table_add(t, text_of(recording, "track"));
	table_add(t, text_of(recording, "start"));
	add_duration(t, recording);
	add_loss(t, recording);
	table_add(t, text_of(recording, "account"));
	table_add(t, text_of(recording, "participant"));
	table_add(t, text_of(recording, "file"));
}

static int list_recordings(const struct arguments *a, const cJSON *o)
{
	const cJSON *recording;
	struct table *t = table_create("RECORDING|STATE|LEG|TRACK|START|>DURATION|>LOST|ACCOUNT|"
				       "PARTICIPANT|FILE");

	cJSON_ArrayForEach(recording, cJSON_GetObjectItem(o, "recordings"))
	{
		add_recording(t, recording);
	}
	return print(a, t);
}

static void add_streams(struct table *t, const cJSON *track)
{
	const cJSON *stream;

	cJSON_ArrayForEach(stream, cJSON_GetObjectItemCaseSensitive(track, "streams"))
	{
		table_add(t, text_of(track, "track"));
		table_add(t, text_of(stream, "ssrc"));
		table_add(t, text_of(stream, "codec"));
		table_add(t, text_of(stream, "source"));
		table_add(t, text_of(stream, "destination"));
		table_addf(t, "%.0f", number_of(stream, "received"));
		table_addf(t, "%.0f", number_of(stream, "lost"));
		table_addf(t, "%.0f", number_of(stream, "duplicate"));
		table_addf(t, "%.0f", number_of(stream, "reordered"));
		table_addf(t, "%.1f", number_of(stream, "jitter_ms"));
		table_addf(t, "%.1f", number_of(stream, "jitter_max_ms"));
	}
}

/* Its texts and numbers as they are named, then its tracks and streams. */
static int show_recording(const struct arguments *a, const cJSON *o)
{
	const cJSON *item;
	const cJSON *track;
	struct table *t = table_create("FIELD|VALUE");
	int status;

	cJSON_ArrayForEach(item, o)
	{
		if (cJSON_IsArray(item) || cJSON_IsObject(item))
			continue;
		table_add(t, item->string);
		if (cJSON_IsNumber(item))
			table_addf(t, "%.0f", item->valuedouble);
		else
			table_add(t, cJSON_GetStringValue(item));
	}
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(o, "pauses"))
	{
		table_add(t, "pause");
		if (cJSON_HasObjectItem(item, "end_ms"))
			table_addf(t, "%.0f to %.0f ms", number_of(item, "start_ms"),
				number_of(item, "end_ms"));
		else
			table_addf(t, "since %.0f ms", number_of(item, "start_ms"));
	}
	status = print(a, t);
	if (status || !cJSON_HasObjectItem(o, "tracks"))
		return status;
	puts("");
	t = table_create("TRACK|SSRC|CODEC|SOURCE|DESTINATION|>RECEIVED|>LOST|>DUPLICATE|"
			 ">REORDERED|>JITTER MS|>MOST");
	cJSON_ArrayForEach(track, cJSON_GetObjectItemCaseSensitive(o, "tracks"))
	{
		add_streams(t, track);
	}
	return print(a, t);
}

static int one_recording(const struct arguments *a, struct client *c)
{
	char *id = client_escape(c, a->operand);
	char path[512];
	cJSON *o;
	int status;

	if (!id)
		return command_fail(a, COMMAND_FAILED, "no memory");
	snprintf(path, sizeof(path), "/v1/recordings/%s", id);
	free(id);
	status = command_get(a, c, path, &o);
	if (status)
		return status;
	status = a->json ? command_print_json(a, o) : show_recording(a, o);
	cJSON_Delete(o);
	return status;
}

int command_recordings(const struct arguments *a, struct client *c)
{
	cJSON *o;
	int status;

	if (a->operand)
		return one_recording(a, c);
	status = command_get_list(a, c, "/v1/recordings", "recordings", &o);
	if (status)
		return status;
	status = a->json ? command_print_json(a, o) : list_recordings(a, o);
	cJSON_Delete(o);
	return status;
}

/* --- Metrics --- */

int command_metrics(const struct arguments *a, struct client *c)
{
	struct client_answer answer;
	struct errmsg e;
	int status = 0;

	if (client_get(c, "/metrics", "application/openmetrics-text", &answer, &e) != 0)
		return command_fail(a, COMMAND_NOT_REACHABLE, "%s", e.text);
	if (answer.status == 200)
		fputs(answer.body, stdout);
	else
		status = command_fail(
			a, COMMAND_FAILED, "HTTP status %ld: %.300s", answer.status, answer.body);
	free(answer.body);
	return status;
}
