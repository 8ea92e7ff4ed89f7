/* The encoding half of the journal: typed calls to lines. */
#include "storage/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* A line in the making. Once something has failed the rest is in vain. */
struct line {
	cJSON *object;
	bool failed;
};

static void add_text(struct line *l, const char *key, const char *value)
{
	l->failed |= !cJSON_AddStringToObject(l->object, key, value);
}

static void add_number(struct line *l, const char *key, uint32_t value)
{
	l->failed |= !cJSON_AddNumberToObject(l->object, key, value);
}

static void add_bool(struct line *l, const char *key, bool value)
{
	l->failed |= !cJSON_AddBoolToObject(l->object, key, value);
}

static void add_u64(struct line *l, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	add_text(l, key, text);
}

static void add_i64(struct line *l, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	add_text(l, key, text);
}

static void add_uuid(struct line *l, const char *key, const struct uuid *value)
{
	char text[UUID_TEXT_BYTES];

	add_text(l, key, uuid_format(value, text));
}

static void add_address(struct line *l, const char *key, const struct netaddr *value)
{
	char text[NETADDR_TEXT_BYTES];
	struct netaddr host = *value;
	struct line inner = {.object = cJSON_AddObjectToObject(l->object, key)};

	host.port = 0;
	add_text(&inner, "ip", value->family ? netaddr_format(&host, text) : "");
	add_number(&inner, "port", value->port);
	l->failed |= inner.failed;
}

static struct line begin(const char *event)
{
	struct line l = {.object = cJSON_CreateObject()};

	add_text(&l, "event", event);
	return l;
}

static char *finish(struct line *l)
{
	char *printed = l->failed ? NULL : cJSON_PrintUnformatted(l->object);
	char *text = NULL;

	if (printed && asprintf(&text, "%s\n", printed) < 0)
		text = NULL;
	cJSON_free(printed);
	cJSON_Delete(l->object);
	return text;
}

static char *timed(const char *event, uint64_t at_ns)
{
	struct line l = begin(event);

	add_u64(&l, "at_ns", at_ns);
	return finish(&l);
}

char *journal_line_open(const struct recording_info *info, const struct uuid *run)
{
	struct line l = begin("open");

	add_number(&l, "version", JOURNAL_VERSION);
	add_uuid(&l, "run", run);
	add_uuid(&l, "recording_id", &info->recording_id);
	add_uuid(&l, "transaction_id", &info->transaction_id);
	add_uuid(&l, "call_id", &info->call_id);
	add_text(&l, "sip_call_id", info->sip_call_id);
	add_text(&l, "participant_tag", info->participant_tag);
	add_text(&l, "participant", info->participant);
	add_text(&l, "account", info->account);
	add_text(&l, "track", tracks_name(info->tracks));
	add_text(&l, "bucket", info->bucket);
	add_text(&l, "key", info->key);
	add_u64(&l, "opened_ns", info->opened_ns);
	add_i64(&l, "wall_offset_ns", info->wall_offset_ns);
	return finish(&l);
}

char *journal_line_stream(enum track track, uint32_t ordinal, uint32_t party,
	const struct netaddr *source, const struct netaddr *destination, const char *encapsulation)
{
	struct line l = begin("stream");
	char cut[JOURNAL_ENCAPSULATION_BYTES];

	snprintf(cut, sizeof(cut), "%s", encapsulation ? encapsulation : "");
	add_text(&l, "track", tracks_name(TRACK_BIT(track)));
	add_number(&l, "stream", ordinal);
	if (party)
		add_number(&l, "party", party);
	add_address(&l, "source", source);
	add_address(&l, "destination", destination);
	add_text(&l, "encapsulation", cut);
	return finish(&l);
}

static void add_codec(struct line *l, cJSON *array, const struct codec *codec)
{
	struct line inner = {.object = cJSON_CreateObject()};

	add_number(&inner, "payload_type", codec->payload_type);
	add_number(&inner, "channels", codec->channels);
	add_number(&inner, "clock_hz", codec->clock_hz);
	add_text(&inner, "name", codec->name);
	add_text(&inner, "fmtp", codec->fmtp);
	if (inner.failed || !cJSON_AddItemToArray(array, inner.object)) {
		cJSON_Delete(inner.object);
		l->failed = true;
	}
}

char *journal_line_codecs(
	enum track track, uint64_t at_ns, const struct codec *codecs, unsigned int count)
{
	struct line l = begin("codecs");
	cJSON *array;

	add_text(&l, "track", tracks_name(TRACK_BIT(track)));
	add_u64(&l, "at_ns", at_ns);
	array = cJSON_AddArrayToObject(l.object, "codecs");
	l.failed |= !array;
	for (unsigned int i = 0; i < count && i < JOURNAL_CODECS_MAX; i++)
		add_codec(&l, array, &codecs[i]);
	return finish(&l);
}

char *journal_line_start(uint64_t at_ns)
{
	return timed("start", at_ns);
}

char *journal_line_pause(uint64_t at_ns)
{
	return timed("pause", at_ns);
}

char *journal_line_resume(uint64_t at_ns)
{
	return timed("resume", at_ns);
}

static char *packets_of(const char *event, enum track track, uint64_t packets)
{
	struct line l = begin(event);

	add_text(&l, "track", tracks_name(TRACK_BIT(track)));
	add_u64(&l, "packets", packets);
	return finish(&l);
}

char *journal_line_paused_packets(enum track track, uint64_t packets)
{
	return packets_of("paused_packets", track, packets);
}

char *journal_line_withheld_packets(enum track track, uint64_t packets)
{
	return packets_of("withheld_packets", track, packets);
}

char *journal_line_close(const struct recording_window *window)
{
	struct line l = begin("close");

	add_u64(&l, "start_ns", window->start_ns);
	add_u64(&l, "stop_ns", window->stop_ns);
	add_bool(&l, "start_at_media", window->start_at_media);
	add_bool(&l, "stop_at_media", window->stop_at_media);
	add_text(&l, "reason", window->reason);
	add_text(&l, "cut_short", window->cut_short);
	return finish(&l);
}

char *journal_line_rendered(const struct journal_rendered *rendered)
{
	struct line l = begin("rendered");

	add_u64(&l, "start_ns", rendered->start_ns);
	add_u64(&l, "duration_ms", rendered->duration_ms);
	add_u64(&l, "bytes", rendered->bytes);
	add_text(&l, "sha256", rendered->sha256);
	add_bool(&l, "failed", rendered->failed);
	add_bool(&l, "undecodable", rendered->undecodable);
	add_text(&l, "failure", rendered->failure);
	return finish(&l);
}

char *journal_line_delivered(void)
{
	struct line l = begin("delivered");

	return finish(&l);
}
