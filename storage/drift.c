#include "storage/drift.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "storage/clock_fit.h"

#define SECOND_NS 1000000000LL
#define BIN_NS SECOND_NS
#define NOISE_SHARE \
	8		/* bins are widened until they scatter by less than this part of the limit \
			 */
#define NOISE_FACTOR 4	/* what scatters by so much less than the limit is no drift */
#define POINTS_LEAST 16 /* wider bins would be too few */
#define MEDIAN_REACH 2	/* points to each side */
#define SLEW_REST 16	/* a correction ends when so small a part of the limit is left */
#define SLOPE_MOST (CLOCK_FIT_PPM_MOST / 1e6)
#define SILENT_MOST 32	    /* of 32768 */
#define SILENT_SPACING 4    /* in silent packets one sample in so many may be changed */
#define DRIFT_CHANGE_MAX 63 /* fits packet.stretch */

static_assert(CLOCK_FIT_PPM_MOST * DRIFT_SPACING <= 1000000, "what is a clock can be corrected");

/* A segment while it is looked at. */
struct drift {
	struct packet **at; /* its packets */
	size_t count;
	struct packet_index *index;
	struct payload_reader *reader;
	uint64_t start_ns;
	uint32_t rate_hz;
	struct clock_fit_bin *points; /* least delays; at_ns counts from the start */
	size_t point_count;
	int64_t limit_ns;
	double slope;
	double line_ns;	 /* where the delays' line stands at the first point */
	int64_t applied; /* samples */
	bool slewing;
	uint64_t added;
	uint64_t removed;
};

static int64_t position_ns(const struct drift *d, const struct packet *p)
{
	__int128 ns = (__int128)p->position * SECOND_NS / d->rate_hz;

	if (ns > PACKET_TIME_MAX || ns < -PACKET_TIME_MAX)
		return ns < 0 ? -PACKET_TIME_MAX : PACKET_TIME_MAX;
	return (int64_t)ns;
}

static void find_points(struct drift *d)
{
	uint64_t first_ns;

	assert(d->count > 0 && d->at[0]); /* every place of a segment is filled */
	first_ns = d->at[0]->arrival_ns;
	d->point_count = 0;
	for (size_t i = 0; i < d->count; i++) {
		const struct packet *p = d->at[i];
		int64_t at_ns = (int64_t)(p->arrival_ns - d->start_ns);
		struct clock_fit_bin here = {at_ns - position_ns(d, p), at_ns};
		struct clock_fit_bin *last = d->points + d->point_count - 1;

		if (packet_codec(d->index, p)->kind == PACKET_EVENT)
			continue;
		if (d->point_count == 0 ||
			(uint64_t)(last->at_ns + (int64_t)(d->start_ns - first_ns)) / BIN_NS !=
				(p->arrival_ns - first_ns) / BIN_NS)
			d->points[d->point_count++] = here;
		else if (here.delay_ns < last->delay_ns)
			*last = here;
	}
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), compare_doubles);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* A point's distance from a line of the slope through the origin. */
static double above_line(const struct drift *d, size_t i)
{
	return (double)d->points[i].delay_ns - d->slope * (double)d->points[i].at_ns;
}

/* By how much neighbours scatter, the drift apart. */
static double noise_ns(const struct drift *d, double *scratch)
{
	for (size_t i = 0; i + 1 < d->point_count; i++) {
		double step = above_line(d, i + 1) - above_line(d, i);

		scratch[i] = step < 0 ? -step : step;
	}
	return median(scratch, d->point_count - 1);
}

static void merge_pairs(struct drift *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->point_count; i += 2) {
		size_t other = i + 1 < d->point_count ? i + 1 : i;

		d->points[kept++] =
			above_line(d, other) < above_line(d, i) ? d->points[other] : d->points[i];
	}
	d->point_count = kept;
}

/* Takes away lone bursts: each point's distance becomes the median of its neighbours'. */
static void smooth(struct drift *d, double *scratch)
{
	double near[2 * MEDIAN_REACH + 1];

	for (size_t i = 0; i < d->point_count; i++) {
		size_t count = 0;

		for (size_t k = i > MEDIAN_REACH ? i - MEDIAN_REACH : 0;
			k < d->point_count && k <= i + MEDIAN_REACH; k++)
			near[count++] = above_line(d, k);
		scratch[i] = median(near, count);
	}
	d->line_ns = scratch[0];
	for (size_t i = 0; i < d->point_count; i++)
		d->points[i].delay_ns =
			(int64_t)(scratch[i] + d->slope * (double)d->points[i].at_ns);
}

/* The drift at a time after the start: between the points a line, beyond them the slope. */
static double drift_ns(const struct drift *d, size_t *near, int64_t at_ns)
{
	const struct clock_fit_bin *a;
	const struct clock_fit_bin *b;
	double delay;

	while (*near + 1 < d->point_count && d->points[*near + 1].at_ns <= at_ns)
		(*near)++;
	a = &d->points[*near];
	b = a + 1;
	delay = (double)a->delay_ns;
	if (at_ns < a->at_ns || *near + 1 == d->point_count)
		delay += d->slope * (double)(at_ns - a->at_ns);
	else
		delay += (double)(b->delay_ns - a->delay_ns) * (double)(at_ns - a->at_ns) /
			 (double)(b->at_ns - a->at_ns);
	return delay - (d->line_ns + d->slope * (double)d->points[0].at_ns);
}

/* Draws the line and the curve through the delays. false: there is no drift to correct. */
static bool survey(struct drift *d, bool continues, double *scratch)
{
	struct clock_fit fit = {0};
	double noise;

	find_points(d);
	for (size_t i = 0; i < d->point_count; i++)
		clock_fit_add(
			&fit, d->start_ns + (uint64_t)d->points[i].at_ns, d->points[i].delay_ns);
	d->slope = -clock_fit_ppm(&fit) / 1e6;
	if (d->point_count < 2 || d->slope == 0 || fabs(d->slope) > SLOPE_MOST)
		return false;
	noise = noise_ns(d, scratch);
	while (noise * NOISE_SHARE > (double)d->limit_ns && d->point_count >= POINTS_LEAST) {
		merge_pairs(d);
		noise = noise_ns(d, scratch);
	}
	d->limit_ns += (int64_t)(NOISE_FACTOR * noise);
	smooth(d, scratch);
	if (continues) /* the clock that it goes on from has its anchor elsewhere */
		d->line_ns = -d->slope * (double)d->points[0].at_ns;
	for (size_t i = 0, near = 0; i < d->point_count; i++) {
		double drift = drift_ns(d, &near, d->points[i].at_ns);

		if (drift >= (double)d->limit_ns || -drift >= (double)d->limit_ns)
			return true;
	}
	return false;
}

/* Whether nobody would hear it if samples were missing. Only G.711 tells without its decoder. 1, 0,
 * or -errno. */
static int is_silent(const struct drift *d, const struct packet *p)
{
	const struct track_codec *codec = packet_codec(d->index, p);
	const uint8_t *payload;

	if (!codec->decoder->is_g711)
		return 0;
	payload = payload_read(d->reader, p->offset, p->payload_bytes);
	if (!payload)
		return d->reader->error;
	for (unsigned int i = 0; i < p->payload_bytes; i++) {
		int16_t value = g711_values[codec->decoder->law][payload[i]];

		if (value > SILENT_MOST || value < -SILENT_MOST)
			return 0;
	}
	return 1;
}

static int64_t clamp(int64_t v, int64_t least, int64_t most)
{
	return v < least ? least : v > most ? most : v;
}

static void count_change(struct drift *d, int64_t samples)
{
	d->applied += samples;
	if (samples > 0)
		d->added += (uint64_t)samples;
	else
		d->removed += (uint64_t)-samples;
}

/* Changes samples of one packet. 0 or -errno. */
static int stretch(struct drift *d, struct packet *p, int64_t left)
{
	uint32_t own_hz = packet_codec(d->index, p)->form.rate_hz;
	int64_t unit = d->rate_hz / own_hz;
	int64_t most = p->samples / unit / DRIFT_SPACING;
	int silent;

	if (d->rate_hz % own_hz != 0 || left / unit == 0)
		return 0;
	silent = is_silent(d, p);
	if (silent < 0)
		return silent;
	if (silent)
		most = p->samples / unit / SILENT_SPACING;
	else if (!d->slewing)
		return 0;
	if (most > DRIFT_CHANGE_MAX)
		most = DRIFT_CHANGE_MAX;
	p->stretch = (int8_t)clamp(left / unit, -most, most);
	count_change(d, p->stretch * unit);
	return 0;
}

/* Moves one packet. gap: samples of silence before it. */
static int move(struct drift *d, struct packet *p, int64_t wanted, int64_t gap)
{
	int64_t limit = d->limit_ns * d->rate_hz / SECOND_NS;
	int64_t left = wanted - d->applied;
	int64_t size;
	int err = 0;

	size = left < 0 ? -left : left;
	d->slewing = size >= (d->slewing ? limit / SLEW_REST : limit);
	if (d->slewing || size >= limit / 2) {
		if (gap > 0)
			count_change(d, left < -gap ? -gap : left);
		p->position += d->applied;
		if (p->samples > 0 && !p->duplicate)
			err = stretch(d, p, wanted - d->applied);
	} else {
		p->position += d->applied;
	}
	return err;
}

static int compare_position(const void *a, const void *b)
{
	const struct packet *x = *(struct packet *const *)a;
	const struct packet *y = *(struct packet *const *)b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int correct_segment(struct drift *d)
{
	int64_t end = INT64_MIN / 2;
	size_t near = 0;
	int err = 0;

	qsort(d->at, d->count, sizeof(d->at[0]), compare_position);
	end = d->at[0]->position;
	for (size_t i = 0; err == 0 && i < d->count; i++) {
		struct packet *p = d->at[i];
		int64_t from = p->position;
		double drift = drift_ns(d, &near, position_ns(d, p));

		err = move(d, p, (int64_t)(drift * d->rate_hz / SECOND_NS), from - end);
		if (from + p->samples > end)
			end = from + p->samples;
	}
	return err;
}

/* Groups the packets by segment: those of segment s end at ends[s]. */
static void group(struct packet_index *index, struct packet **at, size_t *ends, uint32_t segments)
{
	for (size_t i = 0; i < index->count; i++)
		ends[index->packets[i].segment + 1]++;
	for (uint32_t s = 1; s < segments; s++)
		ends[s] += ends[s - 1];
	for (size_t i = 0; i < index->count; i++)
		at[ends[index->packets[i].segment]++] = &index->packets[i];
}

int drift_correct(const struct timeline *t, struct packet_index *index,
	const struct rtp_streams *streams, struct payload_reader *reader, uint64_t start_ns,
	uint32_t rate_hz)
{
	struct packet **at = calloc(index->count + 1, sizeof(*at));
	size_t *ends = calloc(t->count + 1UL, sizeof(*ends));
	struct clock_fit_bin *points = calloc(index->count + 1, sizeof(*points));
	double *scratch = calloc(index->count + 1, sizeof(*scratch));
	int err = at && ends && points && scratch ? 0 : -ENOMEM;

	if (err == 0)
		group(index, at, ends, t->count);
	for (uint32_t s = 0, from = 0; err == 0 && s < t->count; s++) {
		struct rtp_stream *stream = &streams->list[t->segments[s].stream];
		struct drift d = {.at = at + from,
			.count = ends[s] - from,
			.index = index,
			.reader = reader,
			.start_ns = start_ns,
			.rate_hz = rate_hz,
			.points = points,
			.limit_ns = (int64_t)(stream->packet_ns / 2)};

		from = (uint32_t)ends[s];
		if (d.count == 0 || !survey(&d, t->segments[s].continues, scratch))
			continue;
		err = correct_segment(&d);
		stream->samples_added += d.added;
		stream->samples_removed += d.removed;
	}
	free(scratch);
	free(points);
	free(ends);
	free(at);
	return err;
}
