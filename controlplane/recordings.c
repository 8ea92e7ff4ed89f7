/* See recordings.h: the list of recordings, what legs and streams mean to them, what storage says
 * of them. */
#include "controlplane/recordings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "controlplane/account.h"
#include "controlplane/event_recording.h"
#include "controlplane/line_log.h"
#include "controlplane/recording_json.h"

/* recordings.jsonl stands beside the ledger. */
static int open_log(struct line_log **out, const char *folder)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/recordings.jsonl", folder);
	return line_log_open(out, path);
}

int recordings_create(struct recordings **out, struct control *control)
{
	struct recordings *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->control = control;
	r->record_tracks = TRACKS_BOTH;
	if (!control->read_mode) {
		int err = open_log(&r->log, control->config->ledger);

		if (err != 0) {
			free(r);
			return err;
		}
	}
	*out = r;
	return 0;
}

void recordings_destroy(struct recordings *r)
{
	if (!r)
		return;
	for (struct recording *rec = r->first, *next; rec; rec = next) {
		next = rec->next;
		recording_forget(rec);
	}
	line_log_close(r->log);
	free(r);
}

/* --- The list --- */

struct recording *recording_find(struct recordings *r, const struct uuid *id)
{
	struct recording *rec = r->by_id[uuid_hash(id) & (RECORDINGS_BUCKETS - 1)];

	while (rec && !uuid_equal(&rec->info.recording_id, id))
		rec = rec->next_by_id;
	return rec;
}

/* The oldest ended ones make room for a new one. */
static void keep_bound(struct recordings *r)
{
	struct recording *next;

	for (struct recording *rec = r->first;
		rec && r->ended > r->control->config->limits.recordings_kept; rec = next) {
		next = rec->next;
		if (!rec->counted_unfinished && !rec->leg && !rec->gates_pending &&
			!rec->ledger_pending)
			recording_forget(rec);
	}
}

static void append(struct recordings *r, struct recording *rec)
{
	struct recording **bucket =
		&r->by_id[uuid_hash(&rec->info.recording_id) & (RECORDINGS_BUCKETS - 1)];

	keep_bound(r);
	rec->owner = r;
	rec->next_by_id = *bucket;
	*bucket = rec;
	rec->previous = r->last;
	if (r->last)
		r->last->next = rec;
	else
		r->first = rec;
	r->last = rec;
	r->unfinished++;
	rec->counted_unfinished = true;
}

static void destroy(struct recording *rec)
{
	free(rec->info.texts);
	free(rec->failure);
	free(rec->pauses);
	free(rec->json);
	free(rec);
}

void recording_forget(struct recording *rec)
{
	struct recordings *r = rec->owner;
	struct recording **at =
		&r->by_id[uuid_hash(&rec->info.recording_id) & (RECORDINGS_BUCKETS - 1)];

	while (*at != rec)
		at = &(*at)->next_by_id;
	*at = rec->next_by_id;
	if (rec->previous)
		rec->previous->next = rec->next;
	else
		r->first = rec->next;
	if (rec->next)
		rec->next->previous = rec->previous;
	else
		r->last = rec->previous;
	if (rec->counted_unfinished)
		r->unfinished--;
	else
		r->ended--;
	destroy(rec);
}

/* 0 or -ENOMEM. */
static int keep_facts(struct recording_facts *f, const struct recording_info *info)
{
	const struct {
		const char **out;
		const char *text;
	} texts[] = {{&f->sip_call_id, info->sip_call_id},
		{&f->participant_tag, info->participant_tag}, {&f->participant, info->participant},
		{&f->account, info->account}, {&f->bucket, info->bucket}, {&f->key, info->key}};
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	size_t bytes = 0;
	char *at;

	for (size_t i = 0; i < count; i++)
		bytes += strlen(texts[i].text) + 1;
	f->texts = at = malloc(bytes);
	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		*texts[i].out = at;
		at = stpcpy(at, texts[i].text) + 1;
	}
	f->recording_id = info->recording_id;
	f->transaction_id = info->transaction_id;
	f->call_id = info->call_id;
	f->tracks = info->tracks;
	f->wall_offset_ns = info->wall_offset_ns;
	return 0;
}

void recording_set_failure(struct recording *rec, const char *why)
{
	char *kept = why && why[0] ? strndup(why, TEXT_BYTES - 1) : NULL;

	free(rec->failure);
	rec->failure = kept;
}

struct recording *recording_adopt(struct recordings *r, const struct recording_info *info)
{
	struct recording *rec = calloc(1, sizeof(*rec));

	if (!rec)
		return NULL;
	if (keep_facts(&rec->info, info) != 0) {
		free(rec);
		return NULL;
	}
	rec->started = true;
	rec->opened = true;
	append(r, rec);
	return rec;
}

/* --- Making one --- */

void recordings_default_location(const struct recordings *r, const struct leg *leg,
	const struct rule_config *rule, char bucket[DESTINATION_BUCKET_BYTES],
	char prefix[DESTINATION_KEY_BYTES])
{
	const char *text = rule ? rule->location : "";

	if (text[0] == '\0')
		text = leg->account->location;
	if (text[0] == '\0')
		text = r->control->config->destination.bucket;
	if (location_parse(text, bucket, prefix, NULL) !=
		0) { /* checked when the configuration was read */
		bucket[0] = '\0';
		prefix[0] = '\0';
	}
}

static int describe(struct recording_info *info, const struct recording *rec, const char *bucket,
	const char *prefix)
{
	const struct leg *leg = rec->leg;
	char call_id[UUID_TEXT_BYTES];
	char number[16];
	char offered[24];
	int64_t offered_ns = (int64_t)leg->offered_ns + leg->wall_offset_ns;
	const char *parts[] = {"recording", call_id, offered, number};

	info->transaction_id = leg->session->transaction_id;
	info->call_id = leg->call_id;
	uuid_format(&leg->call_id, call_id);
	/* Several legs may bear one CallId, one after the other: an INVITE that is refused for want
	 * of credentials and comes again. */
	snprintf(offered, sizeof(offered), "%" PRId64, offered_ns);
	snprintf(number, sizeof(number), "%u", leg->recordings_made);
	uuid_named(&info->recording_id, parts, 4);
	text_copy(info->sip_call_id, sizeof(info->sip_call_id), leg->sip_call_id);
	text_copy(info->participant_tag, sizeof(info->participant_tag), leg->participant_tag);
	text_copy(info->participant, sizeof(info->participant), leg->participant);
	text_copy(info->account, sizeof(info->account), leg->account->id);
	text_copy(info->bucket, sizeof(info->bucket), bucket);
	info->opened_ns = rec->owner->control->now_ns;
	info->wall_offset_ns = rec->owner->control->wall_offset_ns;
	return object_key(info->key, prefix, offered_ns / 1000000, &info->transaction_id,
		&info->call_id, rec->number);
}

#define OTHER_CLOCK_HZ 90000	/* nobody plays it */
#define CHANGE_NS 1000000000ULL /* for two ends to go over from RTP to SRTP */

/* Tells storage by which keys a track opens. A call that is in clear again may still send a few
 * packets by its old keys; one that changes to SRTP a few in clear. */
static void secure_track(struct recording *rec, enum track track, uint64_t at_ns)
{
	struct recording_track_security *told = &rec->security[track];
	struct track_security now;
	bool was_keyed = told->mode == SRTP_MODE_SEALED || told->mode == SRTP_MODE_EITHER;

	int err = 0;

	track_security_find(&now, rec->leg, track);
	if (now.mode == SRTP_MODE_PLAIN && was_keyed) {
		now.mode = SRTP_MODE_EITHER;
		end_media_get_keys(
			&rec->leg->media[track == TRACK_INCOMING ? END_PARTICIPANT : END_SBC],
			&now.keys);
	}
	if (now.mode == SRTP_MODE_SEALED && told->mode != SRTP_MODE_SEALED)
		told->sealed_from_ns = rec->told_of_security && rec->leg->state == LEG_ANSWERED
					       ? at_ns + CHANGE_NS
					       : 0;
	if (now.mode != SRTP_MODE_PLAIN || told->mode != SRTP_MODE_PLAIN)
		err = storage_set_keys(rec->owner->control->storage, &rec->info.recording_id, track,
			now.mode, &now.keys, at_ns, told->sealed_from_ns);
	srtp_keys_wipe(&now.keys);
	if (err == -ENOMEM) /* its packets stay what they were told to be, and nobody plays them */
		now = (struct track_security){.mode = told->mode, .why = UNDECRYPTABLE_NO_MEMORY};
	if (now.why != DECRYPTABLE && now.why != told->why)
		event_recording_undecryptable(rec, track, undecryptable_name(now.why));
	told->mode = now.mode;
	told->why = now.why;
}

/* Payload types of other media, where they are not of audio. Returns how many codecs there are
 * then.
 */
static unsigned int add_others(
	struct codec *codecs, unsigned int count, const struct end_media *media)
{
	for (unsigned int i = 0; i < media->other_count; i++) {
		struct codec *c = &codecs[count];
		unsigned int k = 0;

		while (k < count && codecs[k].payload_type != media->others[i].payload_type)
			k++;
		if (k < count)
			continue;
		*c = (struct codec){.payload_type = media->others[i].payload_type,
			.channels = 1,
			.clock_hz = OTHER_CLOCK_HZ};
		memcpy(c->name, media->others[i].name, sizeof(c->name));
		count++;
	}
	return count;
}

/* Payload types of a track: as its receiver announced them; those that only its sender named come
 * after. 0 or -ENOMEM. */
static int note_codecs(struct recording *rec, enum track track, uint64_t at_ns)
{
	const struct leg *leg = rec->leg;
	const struct end_media *receiver =
		&leg->media[track == TRACK_INCOMING ? END_SBC : END_PARTICIPANT];
	const struct end_media *sender =
		&leg->media[track == TRACK_INCOMING ? END_PARTICIPANT : END_SBC];
	enum undecryptable why = rec->security[track].why;
	struct codec codecs[2 * (LEG_CODECS_MAX + LEG_OTHERS_MAX)];
	unsigned int count = receiver->codec_count;

	if (count)
		memcpy(codecs, receiver->codecs, count * sizeof(codecs[0]));
	for (unsigned int i = 0; i < sender->codec_count; i++) {
		unsigned int j = 0;

		while (j < receiver->codec_count &&
			codecs[j].payload_type != sender->codecs[i].payload_type)
			j++;
		if (j == receiver->codec_count)
			codecs[count++] = sender->codecs[i];
	}
	/* Decoded as if it were in clear, SRTP is noise: no decoder has these names. */
	for (unsigned int i = 0; why != DECRYPTABLE && i < count; i++)
		codec_seal(&codecs[i], why == UNDECRYPTABLE_DTLS ? SEALED_DTLS : SEALED_SRTP);
	count = add_others(codecs, count, receiver);
	count = add_others(codecs, count, sender);
	if (count == 0)
		return 0;
	return storage_note_codecs(
		rec->owner->control->storage, &rec->info.recording_id, track, at_ns, codecs, count);
}

/* What the tracks' packets are, by what both ends have announced. 0, or -ENOMEM: what is encrypted
 * could be played as noise. */
static int note_media(struct recording *rec, uint64_t at_ns)
{
	int err = 0;

	for (unsigned int t = 0; t < TRACK_COUNT; t++) {
		if (!(rec->info.tracks & TRACK_BIT(t)))
			continue;
		secure_track(rec, (enum track)t, at_ns);
		if (note_codecs(rec, (enum track)t, at_ns) == -ENOMEM &&
			rec->security[t].why != DECRYPTABLE)
			err = -ENOMEM;
	}
	rec->told_of_security = true;
	return err;
}

static struct kept_out kept_out_of(struct recording *rec, const struct media_stream *s)
{
	struct stream_stats stats;

	if (!s->id || stream_stats(rec->owner->control->dataplane, s->id, &stats) != 0)
		return (struct kept_out){0};
	return (struct kept_out){stats.while_paused, stats.withheld};
}

/* A stream of the leg begins to feed the recording. */
static void take_stream(struct recording *rec, struct media_stream *s)
{
	char encapsulation[64];

	s->ordinal = rec->next_ordinal++;
	s->kept_out_before = kept_out_of(rec, s);
	dataplane_encapsulation(rec->owner->control->dataplane, s->flow.encapsulation,
		encapsulation, sizeof(encapsulation));
	storage_note_stream(rec->owner->control->storage, &rec->info.recording_id, s->track,
		s->ordinal, s->party, &s->flow.source, &s->flow.destination, encapsulation);
}

struct recording *recording_make(struct recordings *r, struct leg *leg, unsigned int tracks,
	const char *bucket, const char *prefix, int *err)
{
	struct recording_info info = {.tracks = tracks};
	struct recording *rec = calloc(1, sizeof(*rec));

	*err = -ENOMEM;
	if (!rec)
		return NULL;
	rec->owner = r;
	rec->leg = leg;
	rec->number = leg->recordings + 1;
	rec->gate = GATE_RECORD;
	*err = describe(&info, rec, bucket, prefix);
	if (*err == 0)
		*err = keep_facts(&rec->info, &info);
	if (*err == 0)
		*err = storage_open(r->control->storage, &info, rec->refs);
	if (*err != 0) {
		destroy(rec);
		return NULL;
	}
	append(r, rec);
	leg->recordings++;
	leg->recordings_made++;
	leg->recording = rec;
	leg_hold(leg);
	if (note_media(rec, r->control->now_ns) != 0) {
		*err = -ENOMEM;
		leg->recordings--;
		leg->recording = NULL;
		leg_release(r->control->legs, leg);
		recording_discard(rec);
		return NULL;
	}
	for (struct media_stream *s = leg->streams; s; s = s->next_of_leg)
		if (tracks & TRACK_BIT(s->track))
			take_stream(rec, s);
	return rec;
}

/* --- Streams --- */

void recordings_stream_joins(struct recordings *r, struct media_stream *s, struct gate_setting *out)
{
	struct recording *rec = s->leg->recording;

	*out = (struct gate_setting){.gate = GATE_OFF};
	if (!rec || rec->gate == GATE_OFF || !(rec->info.tracks & TRACK_BIT(s->track)))
		return;
	take_stream(rec, s);
	out->gate = rec->gate;
	out->track = rec->refs[s->track];
	out->ordinal = s->ordinal;
	out->open_ns = rec->open_ns;
}

void recordings_stream_joined(
	struct recordings *r, struct media_stream *s, const struct gate_setting *setting)
{
	if (setting->gate == GATE_OFF)
		(void)stream_set_gate(r->control->dataplane, s->id, setting, 0);
	else
		recording_set_gate(s->leg->recording, s);
}

void recording_count_kept_out(struct recording *rec, struct media_stream *s)
{
	struct kept_out now = kept_out_of(rec, s);
	struct kept_out *sum = &rec->kept_out[s->track];

	sum->while_paused += (uint32_t)(now.while_paused - s->kept_out_before.while_paused);
	sum->withheld += (uint32_t)(now.withheld - s->kept_out_before.withheld);
	s->kept_out_before = now;
}

void recordings_stream_leaves(struct recordings *r, struct media_stream *s)
{
	struct recording *rec = s->leg->recording;

	if (!rec || !s->id || !(rec->info.tracks & TRACK_BIT(s->track)))
		return;
	recording_count_kept_out(rec, s);
	recording_release_stream(rec, s);
}

/* --- Legs --- */

static void arm(struct recordings *r, struct leg *leg, unsigned int tracks,
	const struct rule_config *rule, enum rule_from from)
{
	char bucket[DESTINATION_BUCKET_BYTES];
	char prefix[DESTINATION_KEY_BYTES];
	struct recording *rec;
	int err;

	recordings_default_location(r, leg, rule, bucket, prefix);
	rec = recording_make(r, leg, tracks ? tracks : r->record_tracks, bucket, prefix, &err);
	if (!rec) {
		log_error("recording", "call %s is not recorded although a rule asks for it: %s",
			leg->sip_call_id,
			err == -ENOSPC ? "limits.tracks are open" : strerror(-err));
		r->failures++;
		return;
	}
	rec->by_rule = true;
	rec->from = from;
	recording_set_gates(rec, GATE_RECORD, 0);
}

void recordings_leg_offered(struct recordings *r, struct leg *leg)
{
	const struct rule_config *rule;

	if (r->control->ending || leg->not_by_itself)
		return;
	if (r->record_all) {
		arm(r, leg, 0, NULL, FROM_MEDIA);
		return;
	}
	rule = rule_match(r->control->config, leg);
	if (rule)
		arm(r, leg, rule->tracks, rule, rule->from);
	else if (leg->siprec && r->control->config->siprec.record)
		arm(r, leg, r->control->config->siprec.record, NULL, FROM_ANSWER);
}

void recordings_leg_media(struct recordings *r, struct leg *leg, enum leg_end end, uint64_t at_ns)
{
	struct recording *rec = leg->recording;

	if (!rec)
		return;
	if (note_media(rec, at_ns) != 0) {
		recording_fail(rec, "no memory to note that its media is encrypted", false);
		return;
	}
	if (rec->from == FROM_EARLY_MEDIA && leg->media[END_PARTICIPANT].address_count &&
		leg->media[END_SBC].address_count)
		recording_begin(rec, at_ns);
}

void recordings_leg_answered(struct recordings *r, struct leg *leg)
{
	if (leg->recording && leg->recording->by_rule)
		recording_begin(leg->recording, leg->answered_ns);
}

void recordings_leg_ended(struct recordings *r, struct leg *leg)
{
	if (!leg->recording)
		return;
	leg->recording->window.stop_at_media = strcmp(leg->reason, "capture_end") == 0;
	recording_end(leg->recording, leg->ended_ns, leg->reason);
}

/* --- Small facts --- */

int64_t recording_wall_ms(const struct recording *rec, uint64_t ns)
{
	return ((int64_t)ns + rec->info.wall_offset_ns) / 1000000; /* as the sidecar has it */
}

uint64_t recording_duration_ms(const struct recording *rec)
{
	return (rec->window.stop_ns - rec->start_ns + 500000) / 1000000;
}

char *recording_object(const struct recording *rec, char buf[RECORDING_OBJECT_BYTES])
{
	snprintf(buf, RECORDING_OBJECT_BYTES, "%s%s%s", rec->info.bucket,
		rec->info.bucket[0] ? "/" : "", rec->info.key);
	return buf;
}
