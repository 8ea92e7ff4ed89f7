#include "storage/render.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/durable.h"
#include "storage/mixdown.h"
#include "storage/sidecar.h"
#include "storage/spool.h"

#define RATE_HZ_DEFAULT 8000
#define MS_NS 1000000ULL
#define SECOND_NS 1000000000LL

/* A recording while it is rendered. */
struct rendering {
	const struct storage_config *config;
	const char *folder;
	struct journal journal;
	struct recorded_track tracks[TRACK_COUNT];
	struct wav_format format;
	uint64_t start_ns;
	uint64_t duration_ms;
	struct span *pauses;	/* samples */
	struct span *pauses_ms; /* after the start */
	size_t pause_count;
	struct span *gaps[TRACK_COUNT];
	size_t gap_count[TRACK_COUNT];
	bool undecodable;
	char failure[TEXT_BYTES]; /* why there will be no file */
	struct errmsg e;
};

static bool has_track(const struct rendering *r, enum track track)
{
	return r->journal.info.tracks & TRACK_BIT(track);
}

static int open_tracks(struct rendering *r)
{
	const struct uuid *recording = &r->journal.info.recording_id;

	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++) {
		int err;

		if (!has_track(r, track))
			continue;
		err = recorded_track_open(
			&r->tracks[track], r->folder, recording, &r->journal, track, &r->e);
		if (err != 0)
			return err;
	}
	return 0;
}

/* The highest rate of the tracks; codes as they came when one law is all there is, and nothing is
 * to be mixed. */
static void choose_format(struct rendering *r)
{
	enum g711_law laws[TRACK_COUNT];
	bool coded = r->config->encode_g711;
	unsigned int with_audio = 0;

	r->format.rate_hz = RATE_HZ_DEFAULT;
	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++) {
		const struct recorded_track *t = &r->tracks[track];
		uint32_t rate_hz = has_track(r, track) ? recorded_track_rate_hz(t) : 0;

		r->format.channels += has_track(r, track);
		/* Parts are added up, even where nobody is heard. */
		coded = coded && t->index.part_count <= 1;
		if (rate_hz == 0)
			continue;
		if (rate_hz > r->format.rate_hz)
			r->format.rate_hz = rate_hz;
		coded = coded && recorded_track_is_g711(t, &laws[with_audio]);
		with_audio++;
	}
	r->format.coded = coded && with_audio > 0 && (with_audio == 1 || laws[0] == laws[1]);
	if (r->format.coded)
		r->format.law = laws[0];
}

/* The earliest sample of any track, down to a whole millisecond of wall time, so that nothing is
 * cut. */
static void start_at_media(struct rendering *r)
{
	uint64_t wall = (uint64_t)r->journal.info.wall_offset_ns;
	uint64_t start_ns = UINT64_MAX;

	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++) {
		const struct recorded_track *t = &r->tracks[track];
		uint64_t first_ns;

		if (has_track(r, track) && timeline_first_ns(&t->timeline, &t->index, &first_ns) &&
			first_ns < start_ns)
			start_ns = first_ns;
	}
	if (start_ns != UINT64_MAX)
		r->start_ns = start_ns - (start_ns + wall) % MS_NS;
}

/* Up to a whole millisecond, so that nothing is cut. */
static void stop_at_media(struct rendering *r)
{
	int64_t end = 0;

	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++)
		if (has_track(r, track) && r->tracks[track].index.count > 0) {
			int64_t track_end =
				recorded_track_end(&r->tracks[track], r->format.rate_hz);

			end = track_end > end ? track_end : end;
		}
	r->duration_ms = ((uint64_t)end * 1000 + r->format.rate_hz - 1) / r->format.rate_hz;
}

static int find_window(struct rendering *r)
{
	const struct recording_window *window = &r->journal.window;

	r->start_ns = window->start_ns;
	if (window->start_at_media)
		start_at_media(r);
	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++) {
		int err = has_track(r, track) ? recorded_track_position(&r->tracks[track],
							r->start_ns, r->format.rate_hz)
					      : 0;

		if (err != 0)
			return errmsg_set(&r->e, err, "cannot read a track: %s", strerror(-err));
	}
	if (window->stop_ns > r->start_ns)
		r->duration_ms = (window->stop_ns - r->start_ns + MS_NS / 2) / MS_NS;
	if (window->stop_at_media)
		stop_at_media(r);
	r->format.frames = (r->duration_ms * r->format.rate_hz + 500) / 1000;
	return 0;
}

/* A time of the recording clock in units after the start; before it, negative. */
static int64_t units_after_start(const struct rendering *r, uint64_t at_ns, uint64_t per_second)
{
	uint64_t bounded_ns = at_ns < PACKET_TIME_MAX ? at_ns : PACKET_TIME_MAX;
	__int128 units = (__int128)(int64_t)(bounded_ns - r->start_ns) * (int64_t)per_second;

	return (int64_t)((units + (units < 0 ? -SECOND_NS : SECOND_NS) / 2) / SECOND_NS);
}

static int64_t clip(int64_t value, uint64_t most)
{
	if (value < 0)
		return 0;
	return (uint64_t)value < most ? value : (int64_t)most;
}

/* In samples pauses stay whole, for their tones stand at their true ends; in milliseconds they are
 * cut to the recording. */
static int find_pauses(struct rendering *r)
{
	const struct journal *j = &r->journal;

	r->pauses = calloc(j->pause_count + 1UL, sizeof(r->pauses[0]));
	r->pauses_ms = calloc(j->pause_count + 1UL, sizeof(r->pauses_ms[0]));
	if (!r->pauses || !r->pauses_ms)
		return errmsg_set(&r->e, -ENOMEM, "no memory to render");
	for (unsigned int i = 0; i < j->pause_count; i++) {
		const struct journal_pause *p = &j->pauses[i];
		struct span ms = {units_after_start(r, p->start_ns, 1000),
			units_after_start(r, p->end_ns, 1000)};

		/* In milliseconds, as the duration is: one that is shorter than a sample, or in the
		 * last one, is listed all the same. */
		if (ms.start > ms.end || ms.end < 0 || ms.start > (int64_t)r->duration_ms)
			continue;
		r->pauses_ms[r->pause_count] =
			(struct span){clip(ms.start, r->duration_ms), clip(ms.end, r->duration_ms)};
		r->pauses[r->pause_count++] =
			(struct span){units_after_start(r, p->start_ns, r->format.rate_hz),
				units_after_start(r, p->end_ns, r->format.rate_hz)};
	}
	return 0;
}

static int count(struct rendering *r)
{
	const struct recording_window *window = &r->journal.window;
	const struct reception_window counted = {
		.from_ns = window->start_at_media ? 0 : window->start_ns,
		.to_ns = window->stop_at_media ? UINT64_MAX : window->stop_ns,
		.start_ns = r->start_ns,
		.rate_hz = r->format.rate_hz};
	int err = 0;

	for (enum track track = TRACK_INCOMING; err == 0 && track < TRACK_COUNT; track++) {
		if (!has_track(r, track))
			continue;
		err = recorded_track_finish(&r->tracks[track], &counted);
		if (err == 0)
			err = gaps_find(&r->gaps[track], &r->gap_count[track], &r->tracks[track],
				r->pauses, r->pause_count, (int64_t)r->format.frames,
				r->format.rate_hz);
	}
	return err == 0 ? 0 : errmsg_set(&r->e, err, "no memory to render");
}

/* Decides whether there can be a file at all: not when packets came and none of them decodes. */
static void judge(struct rendering *r)
{
	const struct codec *codec = NULL;
	bool decodable = false;

	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++) {
		const struct codec_map *codecs = &r->tracks[track].index.codecs;

		for (unsigned int i = 0; has_track(r, track) && i < codecs->known_count; i++) {
			enum packet_kind kind = codecs->known[i].kind;

			if (kind == PACKET_UNDECODABLE)
				codec = &codecs->known[i].codec;
			decodable = decodable ||
				    (kind != PACKET_UNDECODABLE && kind != PACKET_REDUNDANT &&
					    kind != PACKET_OTHER_MEDIA);
		}
	}
	r->undecodable = codec != NULL;
	if (codec && !decodable)
		snprintf(r->failure, sizeof(r->failure), "nothing here decodes %s: %s", codec->name,
			decoder_remedy(codec));
}

/* Cuts what was concealed to the file, and leaves out what a pause covers. */
static void list_concealed(struct rendering *r, struct span_list *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		struct span s = l->list[i];
		bool covered = false;

		if (s.start < 0)
			s.start = 0;
		if (s.end > (int64_t)r->format.frames)
			s.end = (int64_t)r->format.frames;
		for (size_t k = 0; k < r->pause_count; k++)
			covered = covered ||
				  (r->pauses[k].start <= s.start && s.end <= r->pauses[k].end);
		if (s.start < s.end && !covered)
			l->list[kept++] = s;
	}
	l->count = kept;
}

static int write_wav(struct rendering *r, const char *path, struct render_result *out)
{
	struct mixdown mix = {.tracks = r->tracks,
		.mask = r->journal.info.tracks,
		.conceal = r->config->conceal,
		.format = r->format,
		.pauses = r->pauses,
		.pause_count = r->pause_count,
		.tone_hz = r->config->pause_tone.tone_hz,
		.tone_ms = r->config->pause_tone.tone_ms,
		.tone_level_dbm0 = r->config->pause_tone.level_dbm0};

	struct wav_result wav;
	int err = mixdown_write(&mix, path, !r->config->lossless, &wav, &r->e);

	if (err != 0)
		return err;
	out->bytes = wav.bytes;
	memcpy(out->sha256, wav.sha256, sizeof(out->sha256));
	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++)
		list_concealed(r, &r->tracks[track].concealed);
	return 0;
}

static int write_sidecar(struct rendering *r, struct render_result *out)
{
	struct sidecar sidecar = {.journal = &r->journal,
		.bucket_folders = r->config->bucket_folders,
		.conceal = r->config->conceal,
		.failure = r->failure[0] != '\0' ? r->failure : NULL,
		.format = r->format,
		.sha256 = out->sha256,
		.bytes = out->bytes,
		.start_ns = r->start_ns,
		.duration_ms = r->duration_ms,
		.pauses = r->pauses_ms,
		.pause_count = r->pause_count,
		.tracks = r->tracks};
	char path[PATH_MAX];
	int err = spool_file_path(r->folder, &r->journal.info.recording_id, SPOOL_SIDECAR, path);

	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++) {
		sidecar.gaps[track] = r->gaps[track];
		sidecar.gap_count[track] = r->gap_count[track];
	}
	out->json = err == 0 ? sidecar_format(&sidecar) : NULL;
	if (!out->json)
		return errmsg_set(&r->e, err == 0 ? -ENOMEM : err, "cannot make the sidecar");
	return durable_write(path, out->json, strlen(out->json), !r->config->lossless, &r->e);
}

static int write_files(struct rendering *r, struct render_result *out)
{
	char path[PATH_MAX];
	int err = spool_file_path(r->folder, &r->journal.info.recording_id, SPOOL_WAV, path);

	if (err != 0)
		return errmsg_set(
			&r->e, err, "the path of the WAV in %.64s is too long", r->folder);
	if (r->failure[0] == '\0') {
		err = write_wav(r, path, out);
		if (err != 0)
			return err;
	} else {
		unlink(path);
	}
	return write_sidecar(r, out);
}

static int render(struct rendering *r, struct render_result *out)
{
	int err = open_tracks(r);

	if (err != 0)
		return err;
	choose_format(r);
	err = find_window(r);
	if (err == 0)
		err = find_pauses(r);
	if (err == 0)
		err = count(r);
	if (err != 0)
		return err;
	judge(r);
	err = write_files(r, out);
	out->start_ns = r->start_ns;
	out->duration_ms = r->duration_ms;
	out->undecodable = r->undecodable;
	out->failed = r->failure[0] != '\0';
	snprintf(out->failure, sizeof(out->failure), "%s", r->failure);
	return err;
}

static void release(struct rendering *r)
{
	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++) {
		recorded_track_close(&r->tracks[track]);
		free(r->gaps[track]);
	}
	free(r->pauses);
	free(r->pauses_ms);
	journal_free(&r->journal);
}

int render_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct render_result *out)
{
	struct rendering r = {.config = config, .folder = recordings_folder};
	int err;

	memset(out, 0, sizeof(*out));
	for (enum track track = TRACK_INCOMING; track < TRACK_COUNT; track++)
		r.tracks[track].fd = -1;
	err = journal_read(recordings_folder, recording, &r.journal, &r.e);
	/* A journal with a damaged line still tells what stands before it. */
	if (err == -EBADMSG && uuid_equal(&r.journal.info.recording_id, recording))
		err = 0;
	if (err == 0)
		err = render(&r, out);
	if (err != 0) {
		free(out->json);
		out->json = NULL;
		snprintf(out->failure, sizeof(out->failure), "%.*s", TEXT_BYTES - 1, r.e.text);
	}
	release(&r);
	return err;
}
