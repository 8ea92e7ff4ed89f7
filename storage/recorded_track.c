#include "storage/recorded_track.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/drift.h"
#include "storage/overlap.h"
#include "storage/redundancy.h"
#include "storage/report_anchor.h"
#include "storage/spool.h"

static_assert(PAYLOAD_WINDOW_BYTES == TRACK_FILE_WINDOW_BYTES, "one is handed to the other");

static int load(struct recorded_track *t, const struct uuid *recording)
{
	struct track_file *file;
	uint8_t *window;
	uint64_t start;
	size_t held;
	int err = track_file_attach(&file, t->fd, track_file_id(recording, t->track));

	if (err != 0)
		return err;
	err = packet_index_load(&t->index, file);
	t->file = *track_file_stats(file);
	window = track_file_take_window(file, &start, &held);
	track_file_close(file);
	if (err != 0) {
		free(window);
		return err;
	}
	return payload_reader_init(&t->reader, t->fd, window, start, held);
}

int recorded_track_open(struct recorded_track *t, const char *folder, const struct uuid *recording,
	const struct journal *journal, enum track track, struct errmsg *e)
{
	char path[PATH_MAX];
	int err;

	memset(t, 0, sizeof(*t));
	t->track = track;
	t->fd = -1;
	err = spool_file_path(folder, recording, (enum spool_file)track, path);
	if (err != 0)
		return errmsg_set(e, err, "the path of a track file in %.64s is too long", folder);
	err = packet_index_init(&t->index, journal, track);
	if (err == 0) {
		t->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (t->fd < 0 && errno != ENOENT)
			err = -errno;
	}
	if (err == 0 && t->fd >= 0)
		err = load(t, recording);
	else if (err == 0)
		err = payload_reader_init(&t->reader, t->fd, NULL, 0, 0);
	if (err == 0)
		err = rtp_streams_find(&t->streams, &t->index);
	if (err == 0)
		err = overlap_split(&t->streams, &t->index, &t->reader);
	if (err == 0)
		err = timeline_place(&t->timeline, &t->index, &t->streams);
	if (err == 0)
		err = report_anchor_correct(&t->timeline, &t->index, &t->streams);
	return err == 0 ? 0 : errmsg_set(e, err, "cannot read %s: %s", path, strerror(-err));
}

void recorded_track_close(struct recorded_track *t)
{
	codec_uses_free(&t->codec_uses);
	free(t->receptions);
	free(t->concealed.list);
	event_tones_free(&t->tones);
	payload_reader_free(&t->reader);
	timeline_free(&t->timeline);
	rtp_streams_free(&t->streams);
	packet_index_free(&t->index);
	if (t->fd >= 0)
		close(t->fd);
	memset(t, 0, sizeof(*t));
	t->fd = -1;
}

int recorded_track_position(struct recorded_track *t, uint64_t start_ns, uint32_t rate_hz)
{
	int err;

	for (size_t i = 0; i < t->index.count; i++)
		packet_scale_samples(&t->index, &t->index.packets[i], rate_hz);
	timeline_position(&t->timeline, &t->index, &t->streams, start_ns, rate_hz);
	err = drift_correct(&t->timeline, &t->index, &t->streams, &t->reader, start_ns, rate_hz);
	if (err == 0)
		err = redundancy_fill(&t->index, rate_hz);
	if (err != 0)
		return err;
	return event_tones_gather(&t->tones, &t->index, &t->reader, rate_hz);
}

int64_t recorded_track_extent(
	const struct recorded_track *t, const struct packet *p, uint32_t rate_hz)
{
	if (packet_codec(&t->index, p)->kind == PACKET_UNDECODABLE)
		return (int64_t)(t->streams.list[p->stream].packet_ns * rate_hz / 1000000000ULL);
	if (p->stretch == 0)
		return p->samples;
	return p->samples +
	       (int64_t)p->stretch * rate_hz / packet_codec(&t->index, p)->form.rate_hz;
}

int64_t recorded_track_end(const struct recorded_track *t, uint32_t rate_hz)
{
	int64_t end = 0;

	for (size_t i = 0; i < t->index.count; i++) {
		const struct packet *p = &t->index.packets[i];
		int64_t packet_end = p->position + recorded_track_extent(t, p, rate_hz);

		if (packet_end > end)
			end = packet_end;
	}
	for (size_t i = 0; i < t->tones.count; i++)
		if (t->tones.list[i].position + t->tones.list[i].samples > end)
			end = t->tones.list[i].position + t->tones.list[i].samples;
	return end;
}

int recorded_track_finish(struct recorded_track *t, const struct reception_window *window)
{
	int err = reception_count(&t->receptions, &t->streams, &t->index, window);

	if (err == 0)
		err = codec_uses_find(
			&t->codec_uses, &t->index, &t->streams, window->from_ns, window->to_ns);
	packet_index_by_position(&t->index);
	return err;
}

uint32_t recorded_track_rate_hz(const struct recorded_track *t)
{
	uint32_t rate_hz = 0;

	for (unsigned int i = 0; i < t->index.codecs.known_count; i++) {
		const struct track_codec *known = &t->index.codecs.known[i];

		if (known->decoder && known->form.rate_hz > rate_hz)
			rate_hz = known->form.rate_hz;
	}
	return rate_hz;
}

bool recorded_track_is_g711(const struct recorded_track *t, enum g711_law *law)
{
	const struct decoder_type *first = NULL;

	for (unsigned int i = 0; i < t->index.codecs.known_count; i++) {
		const struct decoder_type *decoder = t->index.codecs.known[i].decoder;

		if (!decoder)
			continue;
		if (!decoder->is_g711 || (first && first->law != decoder->law))
			return false;
		first = decoder;
	}
	if (first)
		*law = first->law;
	return first != NULL;
}
