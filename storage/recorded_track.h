/* One track of a recording while it is rendered: its packets, their streams, places, events, and
 * what is to be told of them.
 *
 *   recorded_track_open      packets in the order of arrival, streams, segments
 *   recorded_track_position  positions for a start and a rate, events
 *   recorded_track_finish    counts within the window; packets in the order of position
 *
 * Owned by the finisher that made it. */
#ifndef LEGTAP_STORAGE_RECORDED_TRACK_H
#define LEGTAP_STORAGE_RECORDED_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "storage/codec_use.h"
#include "storage/reception.h"
#include "storage/span.h"
#include "storage/telephone_event.h"
#include "storage/timeline.h"

struct recorded_track {
	enum track track;
	int fd; /* of the track file; -1: there is none */
	struct track_file_stats file;
	struct packet_index index;
	struct rtp_streams streams;
	struct timeline timeline;
	struct payload_reader reader;
	struct event_tones tones;
	struct reception *receptions; /* of each stream */
	struct codec_uses codec_uses;
	struct span_list concealed; /* samples of the file, by its mixdown */
};

/* A track file that is not there is a track without packets. 0 or -errno with a message;
 * recorded_track_close may be called after either. */
int recorded_track_open(struct recorded_track *t, const char *folder, const struct uuid *recording,
	const struct journal *journal, enum track track, struct errmsg *e);
void recorded_track_close(struct recorded_track *t);

/* 0, -ENOMEM, or -errno of reading the track file. */
int recorded_track_position(struct recorded_track *t, uint64_t start_ns, uint32_t rate_hz);

/* The end of the last sample, after recorded_track_position; 0 or less: nothing after the start. */
int64_t recorded_track_end(const struct recorded_track *t, uint32_t rate_hz);

/* Counts what arrived in the window; its start and rate are those of recorded_track_position. 0 or
 * -ENOMEM. */
int recorded_track_finish(struct recorded_track *t, const struct reception_window *window);

/* The highest rate that its packets decode to; 0: none decodes. */
uint32_t recorded_track_rate_hz(const struct recorded_track *t);

/* Whether all that decodes is G.711 of one law; *law is it. */
bool recorded_track_is_g711(const struct recorded_track *t, enum g711_law *law);

/* Samples that a packet takes on the timeline, decodable or not. */
int64_t recorded_track_extent(
	const struct recorded_track *t, const struct packet *p, uint32_t rate_hz);

#endif
