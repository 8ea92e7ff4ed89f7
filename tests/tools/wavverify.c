/* wavverify: recordings against the truth about generated calls. Shares nothing with legtap.
 *
 * For each recording: its length is what its JSON says, its start and stop are the leg's, its
 * channels hold what was sent at the time when it arrived, its counts are those of the truth.
 * Differences go to stderr, a summary to stdout; exit status 0 only without differences. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recordings.h"
#include "report.h"
#include "trackcheck.h"
#include "truth.h"
#include "wavfile.h"

#define EXIT_USAGE 2
#define ROUNDING_US 1000 /* of times in the JSON */
#define SEARCH_US 500000

enum window { WINDOW_MEDIA, WINDOW_ANSWER, WINDOW_ANY };

struct arguments {
	const char *recordings;
	const char *directory;
	const char *truth;
	const char *tracks; /* what every recording must be of; NULL: anything */
	bool some;	    /* legs may have no recording, or several */
	enum window window;
	int64_t shift_us; /* recording time less capture time */
	int64_t tolerance_us;
	int64_t slack_us;
	int64_t tail_us; /* may be missing at the end of recordings that were cut short */
};

struct summary {
	uint64_t recordings;
	uint64_t tracks;
	uint64_t packets;
	uint64_t frames;
	int64_t latest_us;
	int64_t earliest_us;
};

enum argument {
	ARG_RECORDINGS = 1,
	ARG_DIRECTORY,
	ARG_TRUTH,
	ARG_TRACKS,
	ARG_SOME,
	ARG_WINDOW,
	ARG_SHIFT,
	ARG_TOLERANCE,
	ARG_SLACK,
	ARG_TAIL,
	ARG_HELP,
};

static const struct option options[] = {
	{"recordings", required_argument, NULL, ARG_RECORDINGS},
	{"directory", required_argument, NULL, ARG_DIRECTORY},
	{"truth", required_argument, NULL, ARG_TRUTH},
	{"tracks", required_argument, NULL, ARG_TRACKS},
	{"some", no_argument, NULL, ARG_SOME},
	{"window", required_argument, NULL, ARG_WINDOW},
	{"shift-us", required_argument, NULL, ARG_SHIFT},
	{"tolerance-ms", required_argument, NULL, ARG_TOLERANCE},
	{"slack-ms", required_argument, NULL, ARG_SLACK},
	{"tail-ms", required_argument, NULL, ARG_TAIL},
	{"help", no_argument, NULL, ARG_HELP},
	{0},
};

static const char help[] =
	"wavverify --recordings FILE --directory DIR --truth FILE [options]\n"
	"  --tracks BOTH|INCOMING|OUTGOING  what every recording is of (anything)\n"
	"  --some            not every leg has exactly one recording\n"
	"  --window W        media: from the first packet to the BYE, or to the end of the last\n"
	"                    packet (the default); answer: from the answer on; any: as the\n"
	"                    recording says\n"
	"  --shift-us N      calls were sent this much later than the capture says\n"
	"  --tolerance-ms N  between a channel and its arrival, and between channels (20)\n"
	"  --slack-ms N      between start and stop and the truth's, beside 1 ms (0)\n"
	"  --tail-ms N       of a recording that was cut short its end may be missing (0)\n";

static int64_t integer(const char *name, const char *text)
{
	char *end;
	int64_t n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		errx(EXIT_USAGE, "--%s %s: not a whole number", name, text);
	return n;
}

static enum window window_of(const char *text)
{
	static const char *const names[] = {"media", "answer", "any"};

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum window)i;
	}
	errx(EXIT_USAGE, "--window %s: media, answer or any", text);
}

static void set(struct arguments *a, int argument, const char *text)
{
	switch (argument) {
	case ARG_RECORDINGS:
		a->recordings = text;
		return;
	case ARG_DIRECTORY:
		a->directory = text;
		return;
	case ARG_TRUTH:
		a->truth = text;
		return;
	case ARG_TRACKS:
		a->tracks = text;
		return;
	case ARG_SOME:
		a->some = true;
		return;
	case ARG_WINDOW:
		a->window = window_of(text);
		return;
	case ARG_SHIFT:
		a->shift_us = integer("shift-us", text);
		return;
	case ARG_TOLERANCE:
		a->tolerance_us = integer("tolerance-ms", text) * 1000;
		return;
	case ARG_SLACK:
		a->slack_us = integer("slack-ms", text) * 1000;
		return;
	case ARG_TAIL:
		a->tail_us = integer("tail-ms", text) * 1000;
		return;
	default:
		fputs(help, argument == ARG_HELP ? stdout : stderr);
		exit(argument == ARG_HELP ? 0 : EXIT_USAGE);
	}
}

static void read_arguments(struct arguments *a, int argc, char **argv)
{
	int argument;

	*a = (struct arguments){.tolerance_us = 20000};
	while ((argument = getopt_long(argc, argv, "", options, NULL)) != -1)
		set(a, argument, optarg);
	if (optind < argc || !a->recordings || !a->directory || !a->truth) {
		fputs(help, stderr);
		exit(EXIT_USAGE);
	}
}

static bool has_track(const struct recording *r, int track)
{
	return strcmp(r->track, "BOTH") == 0 ||
	       (strcmp(r->track, "OUTGOING") == 0) == (track == TRUTH_OUTGOING);
}

/* Capture time of the first sample of a stream, and of the end of the last: where they stand. */
static int64_t first_sample_us(const struct truth_stream *s)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < s->count; i++)
		least = s->packets[i].number < least ? s->packets[i].number : least;
	return truth_anchor_us(s) + (int64_t)(least * truth_packet_us(s));
}

static int64_t last_sample_us(const struct truth_stream *s)
{
	uint32_t most = 0;

	for (size_t i = 0; i < s->count; i++)
		most = s->packets[i].number > most ? s->packets[i].number : most;
	return truth_anchor_us(s) + (int64_t)((most + 1) * truth_packet_us(s));
}

/* When a recording of these tracks should have started and stopped, in capture time. */
static void bounds_of(const struct recording *r, const struct truth_leg *leg, enum window window,
	int64_t *start_us, int64_t *stop_us)
{
	int64_t first = INT64_MAX, last = 0;

	for (int t = 0; t < TRUTH_TRACKS; t++) {
		const struct truth_stream *s = &leg->streams[t];

		if (!has_track(r, t) || s->count == 0)
			continue;
		first = first_sample_us(s) < first ? first_sample_us(s) : first;
		last = last_sample_us(s) > last ? last_sample_us(s) : last;
	}
	if (last == 0)
		first = last = (int64_t)leg->streams[0].answer_us;
	*start_us = window == WINDOW_ANSWER ? (int64_t)leg->streams[0].answer_us : first;
	*stop_us = leg->streams[0].bye_us ? (int64_t)leg->streams[0].bye_us : last;
}

/* The media's own bounds are known as well as a stream's place; those by SIP, to the millisecond.
 */
static void check_bounds(const struct arguments *a, const struct recording *r,
	const struct truth_leg *leg, int64_t start_us, int64_t stop_us)
{
	int64_t exact = ROUNDING_US + a->slack_us, loose = a->tolerance_us + a->slack_us;
	int64_t late_start = r->start_us - a->shift_us - start_us;
	int64_t late_stop = r->stop_us - a->shift_us - stop_us;

	if (llabs(late_start) > (a->window == WINDOW_ANSWER ? exact : loose))
		report_difference(r->file, "starts %.3f ms late", (double)late_start / 1000);
	if (llabs(late_stop) > (leg->streams[0].bye_us ? exact : loose) && !r->cut_short)
		report_difference(r->file, "stops %.3f ms late", (double)late_stop / 1000);
}

static struct trackcheck_window window_for(
	const struct arguments *a, const struct recording *r, const struct truth_leg *leg)
{
	int64_t bye = leg->streams[0].bye_us ? (int64_t)leg->streams[0].bye_us : INT64_MAX;
	struct trackcheck_window w = {
		.start_us = r->start_us - a->shift_us,
		.required_from_us = INT64_MIN,
		.required_to_us = bye,
		.search_us = SEARCH_US,
	};

	if (a->window == WINDOW_ANSWER)
		w.required_from_us = (int64_t)leg->streams[0].answer_us;
	if (a->window == WINDOW_ANY)
		w.required_from_us = w.start_us + ROUNDING_US + a->slack_us;
	if (a->window == WINDOW_ANY || r->cut_short) {
		int64_t stop = r->stop_us - a->shift_us - ROUNDING_US - a->slack_us;

		w.required_to_us = stop < bye ? stop : bye;
	}
	if (r->cut_short)
		w.required_to_us -= a->tail_us;
	return w;
}

static bool same_counts(const struct truth_counts *a, const struct truth_counts *b)
{
	return a->received == b->received && a->lost == b->lost && a->reordered == b->reordered &&
	       a->duplicate == b->duplicate;
}

/* Whether counting from `from` to some packet not before `to` gives what was recorded. Live, a
 * packet gets the time of its poll: those that came within the slack of the BYE may have it too. */
static bool counts_agree_from(const struct truth_stream *s, size_t from, size_t to,
	int64_t until_us, const struct truth_counts *recorded)
{
	for (; to <= s->count; to++) {
		for (int lowest = 0; lowest < 2; lowest++) {
			struct truth_counts counted = truth_count(s, from, to, lowest);

			if (same_counts(&counted, recorded))
				return true;
		}
		if (to < s->count && (int64_t)s->packets[to].arrival_us >= until_us)
			return false;
	}
	return false;
}

/* From where on packets may be counted: from the first; from those that arrived, end, or stand with
 * their end, after the start; live, from those within the slack before it. Where the first packets
 * came out of order, loss may be counted from the first to come or from the lowest. */
static bool counts_agree(const struct truth_stream *s, const struct trackcheck_window *w,
	int64_t slack_us, const struct truth_counts *recorded, struct truth_counts *expected)
{
	int64_t packet_us = (int64_t)truth_packet_us(s);
	int64_t until_us =
		w->required_to_us == INT64_MAX ? INT64_MAX : w->required_to_us + slack_us;
	size_t to = s->count, first = s->count;

	while (to > 0 && (int64_t)s->packets[to - 1].arrival_us >= w->required_to_us)
		to--;
	for (size_t i = to; i-- > 0;)
		if ((int64_t)s->packets[i].arrival_us >= w->required_from_us)
			first = i;
	if (first > to)
		first = to;
	*expected = truth_count(s, w->required_from_us == INT64_MIN ? 0 : first, to, false);
	if (counts_agree_from(s, 0, to, until_us, recorded) ||
		counts_agree_from(s, first, to, until_us, recorded))
		return true;
	for (size_t i = 0; i < to && w->required_from_us != INT64_MIN; i++) {
		int64_t arrival = (int64_t)s->packets[i].arrival_us;
		int64_t place = truth_anchor_us(s) + s->packets[i].number * packet_us;

		if ((arrival + packet_us > w->required_from_us ||
			    place + packet_us > w->required_from_us ||
			    arrival + slack_us >= w->required_from_us) &&
			i <= first && counts_agree_from(s, i, to, until_us, recorded))
			return true;
	}
	return false;
}

static void check_counts(const struct recording *r, const struct truth_stream *s,
	const struct trackcheck_window *w, int64_t slack_us)
{
	const struct recorded_track *t = &r->tracks[s->track];
	const struct truth_counts *c = &t->counts;
	const char *name = s->track == TRUTH_OUTGOING ? "OUTGOING" : "INCOMING";
	struct truth_counts e;

	if (!t->present) {
		report_difference(r->file, "its JSON lacks the track %s", name);
		return;
	}
	if (!counts_agree(s, w, slack_us, c, &e))
		report_difference(r->file,
			"%s: received %" PRIu64 ", lost %" PRIu64 ", reordered %" PRIu64
			", duplicate %" PRIu64 "; should be %" PRIu64 ", %" PRIu64 ", %" PRIu64
			", %" PRIu64,
			name, c->received, c->lost, c->reordered, c->duplicate, e.received, e.lost,
			e.reordered, e.duplicate);
	if (c->received && (t->stream_count != 1 || strcmp(t->ssrc, s->ssrc) != 0))
		report_difference(r->file, "%s: %u streams, the first %s; should be one, %s", name,
			t->stream_count, t->ssrc, s->ssrc);
	if (t->stream_received != c->received)
		report_difference(r->file, "%s: its streams received %" PRIu64 ", itself %" PRIu64,
			name, t->stream_received, c->received);
}

static void check_length(const struct recording *r, const struct wavfile *w, uint32_t rate)
{
	uint64_t frames = (uint64_t)llround((double)r->duration_ms * rate / 1000.0);
	uint32_t channels = strcmp(r->track, "BOTH") == 0 ? 2 : 1;

	if (w->rate != rate)
		report_difference(r->file, "rate %u, not %u", w->rate, rate);
	if (w->channels != channels)
		report_difference(r->file, "%u channels, not %u", w->channels, channels);
	if (w->frames != frames)
		report_difference(r->file, "%" PRIu64 " frames, but %" PRIu64 " ms are %" PRIu64,
			w->frames, r->duration_ms, frames);
	if (r->stop_us - r->start_us != (int64_t)r->duration_ms * 1000)
		report_difference(r->file, "stop is not start and duration_ms");
}

static void check_places(const struct arguments *a, const struct recording *r,
	const struct trackcheck_result results[TRUTH_TRACKS], struct summary *sum)
{
	int64_t latest = INT64_MIN, earliest = INT64_MAX;

	for (int t = 0; t < TRUTH_TRACKS; t++) {
		if (!results[t].found)
			continue;
		latest = results[t].late_us > latest ? results[t].late_us : latest;
		earliest = results[t].late_us < earliest ? results[t].late_us : earliest;
	}
	if (latest == INT64_MIN)
		return;
	if (latest > a->tolerance_us || earliest < -a->tolerance_us ||
		latest - earliest > a->tolerance_us)
		report_difference(r->file,
			"its channels stand %.3f and %.3f ms after their arrival",
			(double)earliest / 1000, (double)latest / 1000);
	sum->latest_us = latest > sum->latest_us ? latest : sum->latest_us;
	sum->earliest_us = earliest < sum->earliest_us ? earliest : sum->earliest_us;
}

static void check_tracks(const struct arguments *a, const struct recording *r,
	const struct truth_leg *leg, const struct wavfile *w, struct summary *sum)
{
	struct trackcheck_window window = window_for(a, r, leg);
	struct trackcheck_result results[TRUTH_TRACKS] = {0};
	uint32_t channel = 0;

	for (int t = 0; t < TRUTH_TRACKS; t++) {
		if (!has_track(r, t)) {
			if (r->tracks[t].present)
				report_difference(
					r->file, "its JSON has a track that it is not of");
			continue;
		}
		if (channel >= w->channels)
			return;
		trackcheck(r->file, w, channel++, &leg->streams[t], &window, &results[t]);
		/* How much of its end a recording lost that was cut short is not known. */
		if (!r->cut_short)
			check_counts(r, &leg->streams[t], &window, a->slack_us);
		sum->tracks++;
		sum->packets += results[t].packets;
		sum->frames += w->frames;
	}
	check_places(a, r, results, sum);
}

static void check_recording(const struct arguments *a, const struct recording *r,
	struct truth_leg *leg, struct summary *sum)
{
	struct wavfile w;
	char path[2048];
	const char *wrong;
	int64_t start_us, stop_us;

	leg->recordings++;
	sum->recordings++;
	if (strcmp(r->state, "delivered") != 0)
		report_difference(r->file, "is %s, not delivered", r->state);
	if (a->tracks && strcmp(r->track, a->tracks) != 0)
		report_difference(r->file, "is of %s, not %s", r->track, a->tracks);
	snprintf(path, sizeof(path), "%s/%s", a->directory, r->file);
	wrong = wavfile_read(&w, path);
	if (wrong) {
		report_difference(r->file, "%s", wrong);
	} else {
		check_length(r, &w, leg->streams[0].rate);
		bounds_of(r, leg, a->window, &start_us, &stop_us);
		if (a->window != WINDOW_ANY)
			check_bounds(a, r, leg, start_us, stop_us);
		check_tracks(a, r, leg, &w, sum);
	}
	wavfile_free(&w);
}

static void check_legs(const struct arguments *a, const struct truth *t)
{
	for (size_t i = 0; i < t->leg_count && !a->some; i++) {
		if (t->legs[i].recordings != 1)
			report_difference(t->legs[i].streams[0].sip_call_id,
				"%u recordings of the leg", t->legs[i].recordings);
	}
}

int main(int argc, char **argv)
{
	struct arguments a;
	struct truth truth;
	struct recordings recordings;
	struct summary sum = {0};

	read_arguments(&a, argc, argv);
	truth_read(&truth, a.truth);
	recordings_read(&recordings, a.recordings);
	for (size_t i = 0; i < recordings.count; i++) {
		const struct recording *r = &recordings.list[i];
		struct truth_leg *leg = truth_find(&truth, r->sip_call_id);

		if (leg)
			check_recording(&a, r, leg, &sum);
		else
			report_difference(r->file, "no leg has the SIP Call-ID %s", r->sip_call_id);
	}
	check_legs(&a, &truth);
	printf("%" PRIu64 " recordings of %zu legs, %" PRIu64 " tracks, %" PRIu64
	       " frames, %" PRIu64
	       " packets in place, %.3f to %.3f ms after their arrival; %" PRIu64 " differences\n",
		sum.recordings, truth.leg_count, sum.tracks, sum.frames, sum.packets,
		(double)sum.earliest_us / 1000, (double)sum.latest_us / 1000, report_count());
	free(recordings.list);
	truth_free(&truth);
	return report_count() ? 1 : 0;
}
