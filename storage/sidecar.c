#include "storage/sidecar.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cjson/cJSON.h>

#define RATIO_BYTES 32

/* cJSON's numbers print with up to 17 digits; these have as many decimals as they mean. */
static void add_decimals(cJSON *object, const char *name, double value, int decimals)
{
	char text[RATIO_BYTES];

	snprintf(text, sizeof(text), "%.*f", decimals, value);
	cJSON_AddRawToObject(object, name, text[0] == '-' && atof(text) == 0 ? text + 1 : text);
}

static void add_count(cJSON *object, const char *name, uint64_t value)
{
	char text[RATIO_BYTES];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	cJSON_AddRawToObject(object, name, text);
}

static void add_uuid(cJSON *object, const char *name, const struct uuid *id)
{
	char text[UUID_TEXT_BYTES];

	cJSON_AddStringToObject(object, name, uuid_format(id, text));
}

static void add_address(cJSON *object, const char *name, const struct netaddr *address)
{
	char text[NETADDR_TEXT_BYTES];

	cJSON_AddStringToObject(object, name, address->family ? netaddr_format(address, text) : "");
}

/* RFC 3339, UTC, milliseconds. */
static void add_time(cJSON *object, const char *name, int64_t unix_ms)
{
	char text[64];
	time_t seconds = (time_t)(unix_ms / 1000);
	size_t length;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + length, sizeof(text) - length, ".%03dZ", (int)(unix_ms % 1000));
	cJSON_AddStringToObject(object, name, text);
}

static void add_spans(cJSON *object, const char *name, const struct span *spans, size_t count,
	int64_t multiplier, int64_t divisor)
{
	cJSON *list = cJSON_AddArrayToObject(object, name);

	for (size_t i = 0; i < count; i++) {
		cJSON *span = cJSON_CreateObject();

		add_count(span, "start_ms", (uint64_t)(spans[i].start * multiplier / divisor));
		add_count(span, "end_ms", (uint64_t)(spans[i].end * multiplier / divisor));
		cJSON_AddItemToArray(list, span);
	}
}

static uint64_t ms_after_start(const struct sidecar *s, uint64_t at_ns)
{
	return at_ns > s->start_ns ? (at_ns - s->start_ns) / 1000000 : 0;
}

/* What the stream's payload types meant, in the order of their first packets. */
static void add_codecs(
	cJSON *object, const struct sidecar *s, const struct recorded_track *t, uint32_t index)
{
	cJSON *list = cJSON_AddArrayToObject(object, "codecs");
	const struct codec_use *use;

	for (uint32_t i = t->codec_uses.first[index]; i != CODEC_USE_NONE; i = use->next) {
		const struct codec *codec;
		cJSON *item = cJSON_CreateObject();

		use = &t->codec_uses.list[i];
		codec = &t->index.codecs.known[use->codec].codec;
		add_count(item, "payload_type", codec->payload_type);
		cJSON_AddStringToObject(item, "codec", codec->name);
		add_count(item, "received", use->received);
		add_count(item, "first_ms", ms_after_start(s, use->first_ns));
		add_count(item, "last_ms", ms_after_start(s, use->last_ns));
		cJSON_AddItemToArray(list, item);
	}
}

static cJSON *stream_object(const struct sidecar *s, const struct recorded_track *t, uint32_t index)
{
	const struct rtp_stream *stream = &t->streams.list[index];
	const struct reception *r = &t->receptions[index];
	const struct packet_flow *flow = &t->index.flows[stream->flow];
	const struct codec *codec = &t->index.codecs.known[stream->codec].codec;
	cJSON *object = cJSON_CreateObject();
	char ssrc[16];

	snprintf(ssrc, sizeof(ssrc), "%08x", stream->ssrc);
	cJSON_AddStringToObject(object, "ssrc", ssrc);
	add_count(object, "payload_type", codec->payload_type);
	cJSON_AddStringToObject(object, "codec", codec->name);
	add_address(object, "source", &flow->source);
	add_address(object, "destination", &flow->destination);
	add_count(object, "received", r->received);
	add_count(object, "lost", r->lost);
	add_count(object, "duplicate", r->duplicate);
	add_count(object, "reordered", r->reordered);
	add_count(object, "late", r->late);
	add_decimals(object, "jitter_ms", r->jitter_ms, 2);
	add_decimals(object, "jitter_max_ms", r->jitter_max_ms, 2);
	if (fabs(r->clock_ppm) <= CLOCK_FIT_PPM_MOST)
		add_decimals(object, "clock_ppm", r->clock_ppm, 1);
	add_count(object, "samples_added", stream->samples_added);
	add_count(object, "samples_removed", stream->samples_removed);
	add_count(object, "sender_reports", stream->reports);
	if (stream->moved_ns > 0)
		add_decimals(object, "anchor_moved_ms", (double)stream->moved_ns / 1e6, 2);
	add_codecs(object, s, t, index);
	return object;
}

static void add_undecodable_codecs(cJSON *object, const struct recorded_track *t)
{
	cJSON *list = NULL;
	cJSON *reasons = NULL;
	char text[TEXT_BYTES];

	for (unsigned int i = 0; i < t->index.codecs.known_count; i++) {
		const struct track_codec *codec = &t->index.codecs.known[i];

		if (codec->kind != PACKET_UNDECODABLE)
			continue;
		if (!list) {
			list = cJSON_AddArrayToObject(object, "undecodable_codecs");
			reasons = cJSON_AddArrayToObject(object, "undecodable_reasons");
		}
		snprintf(text, sizeof(text), "%s: %s", codec->codec.name,
			decoder_remedy(&codec->codec));
		cJSON_AddItemToArray(reasons, cJSON_CreateString(text));
		cJSON_AddItemToArray(list, cJSON_CreateString(codec->codec.name));
	}
}

/* Video and such, that shared the audio's ports. */
static void add_other_media(cJSON *object, const struct recorded_track *t)
{
	cJSON *list;

	if (t->index.other_media == 0)
		return;
	add_count(object, "other_media", t->index.other_media);
	list = cJSON_AddArrayToObject(object, "other_media_codecs");
	for (unsigned int i = 0; i < t->index.codecs.known_count; i++)
		if (t->index.codecs.known[i].kind == PACKET_OTHER_MEDIA)
			cJSON_AddItemToArray(
				list, cJSON_CreateString(t->index.codecs.known[i].codec.name));
}

static cJSON *track_object(const struct sidecar *s, enum track track)
{
	const struct recorded_track *t = &s->tracks[track];
	cJSON *object = cJSON_CreateObject();
	cJSON *streams = cJSON_CreateArray();
	struct reception sum = {0};

	for (uint32_t i = 0; i < t->streams.count; i++) {
		const struct reception *r = &t->receptions[i];

		if (r->received == 0)
			continue;
		sum.received += r->received;
		sum.lost += r->lost;
		sum.reordered += r->reordered;
		sum.duplicate += r->duplicate;
		sum.late += r->late;
		cJSON_AddItemToArray(streams, stream_object(s, t, i));
	}
	cJSON_AddStringToObject(object, "track", tracks_name(TRACK_BIT(track)));
	add_count(object, "received",
		sum.received + t->index.left_out + t->index.malformed + t->index.unauthenticated);
	add_count(object, "lost", sum.lost);
	add_count(object, "reordered", sum.reordered);
	add_count(object, "duplicate", sum.duplicate);
	add_count(object, "late", sum.late);
	add_count(object, "while_paused", s->journal->paused_packets[track]);
	if (s->journal->withheld_packets[track] > 0)
		add_count(object, "withheld", s->journal->withheld_packets[track]);
	if (t->index.recovered > 0)
		add_count(object, "recovered", t->index.recovered);
	add_count(object, "undecodable",
		t->index.undecodable + t->index.left_out + t->index.malformed);
	if (t->index.undecryptable > 0)
		add_count(object, "undecryptable", t->index.undecryptable);
	if (t->index.unauthenticated > 0)
		add_count(object, "unauthenticated", t->index.unauthenticated);
	add_undecodable_codecs(object, t);
	add_other_media(object, t);
	if (t->file.damaged_bytes > 0)
		add_count(object, "damaged_bytes", t->file.damaged_bytes);
	add_spans(object, "gaps", s->gaps[track], s->gap_count[track], 1000,
		(int64_t)s->format.rate_hz);
	if (s->conceal)
		add_spans(object, "concealed", t->concealed.list, t->concealed.count, 1000,
			(int64_t)s->format.rate_hz);
	cJSON_AddItemToObject(object, "streams", streams);
	return object;
}

static void add_identity(cJSON *object, const struct sidecar *s)
{
	const struct recording_info *info = &s->journal->info;
	char file[DESTINATION_BUCKET_BYTES + DESTINATION_KEY_BYTES];

	snprintf(file, sizeof(file), "%s%s%s", s->bucket_folders ? info->bucket : "",
		s->bucket_folders ? "/" : "", info->key);
	cJSON_AddStringToObject(object, "file", file);
	add_uuid(object, "recording_id", &info->recording_id);
	add_uuid(object, "transaction_id", &info->transaction_id);
	add_uuid(object, "call_id", &info->call_id);
	cJSON_AddStringToObject(object, "sip_call_id", info->sip_call_id);
	cJSON_AddStringToObject(object, "participant_tag", info->participant_tag);
	cJSON_AddStringToObject(object, "track", tracks_name(info->tracks));
	cJSON_AddStringToObject(object, "account", info->account);
	cJSON_AddStringToObject(object, "participant", info->participant);
}

static void add_course(cJSON *object, const struct sidecar *s)
{
	const struct recording_window *window = &s->journal->window;
	int64_t start_ms = ((int64_t)s->start_ns + s->journal->info.wall_offset_ns) / 1000000;

	add_time(object, "start", start_ms);
	add_time(object, "stop", start_ms + (int64_t)s->duration_ms);
	add_count(object, "duration_ms", s->duration_ms);
	cJSON_AddStringToObject(object, "reason", window->reason);
	if (window->cut_short[0] != '\0')
		cJSON_AddStringToObject(object, "cut_short", window->cut_short);
	if (s->failure)
		cJSON_AddStringToObject(object, "failure", s->failure);
	add_spans(object, "pauses", s->pauses, s->pause_count, 1, 1);
}

static void add_file(cJSON *object, const struct sidecar *s)
{
	if (s->failure)
		return;
	cJSON_AddStringToObject(object, "encoding", wav_encoding_name(&s->format));
	add_count(object, "sample_rate", s->format.rate_hz);
	add_count(object, "channels", s->format.channels);
	add_count(object, "bytes", s->bytes);
	cJSON_AddStringToObject(object, "sha256", s->sha256);
}

char *sidecar_format(const struct sidecar *s)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *tracks;
	char *text;

	add_identity(object, s);
	add_course(object, s);
	add_file(object, s);
	tracks = cJSON_AddArrayToObject(object, "tracks");
	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++)
		if (s->journal->info.tracks & TRACK_BIT(track))
			cJSON_AddItemToArray(tracks, track_object(s, track));
	text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	return text;
}
