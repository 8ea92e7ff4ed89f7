/* See trackcheck.h. */
#include "trackcheck.h"

#include <err.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "g711.h"
#include "noise.h"
#include "report.h"

#define US_PER_S 1000000.0
#define SAMPLES_MAX 4096 /* of a packet */
#define PROBES 3	 /* packets by which a stream's place is looked for */

struct checker {
	const char *subject;
	const struct wavfile *w;
	uint32_t channel;
	const struct truth_stream *s;
	const struct trackcheck_window *window;
	int16_t table[256];
};

enum duty { DUTY_SILENCE, DUTY_OPTIONAL, DUTY_REQUIRED };

static int16_t sample_at(const struct checker *c, int64_t frame)
{
	return c->w->samples[(uint64_t)frame * c->w->channels + c->channel];
}

static void decode_packet(const struct checker *c, uint32_t number, int16_t samples[SAMPLES_MAX])
{
	uint8_t codes[SAMPLES_MAX];
	uint32_t count = c->s->samples_per_packet;

	noise_codes(c->s->key, (uint64_t)number * count, codes, count);
	for (uint32_t i = 0; i < count; i++)
		samples[i] = c->table[codes[i]];
}

static bool is_required(const struct checker *c, const struct truth_packet *p)
{
	return (int64_t)p->arrival_us >= c->window->required_from_us &&
	       (int64_t)p->arrival_us < c->window->required_to_us;
}

/* Whether a packet stands in the file when packet 0 stands at `origin`. */
static bool stands_at(const struct checker *c, uint32_t number, int64_t origin)
{
	uint32_t count = c->s->samples_per_packet;
	int64_t frame = origin + (int64_t)number * count;
	int16_t samples[SAMPLES_MAX];

	if (frame < 0 || (uint64_t)frame + count > c->w->frames)
		return false;
	decode_packet(c, number, samples);
	for (uint32_t i = 0; i < count; i++) {
		if (sample_at(c, frame + i) != samples[i])
			return false;
	}
	return true;
}

/* Looks for a packet nearer and nearer to the far end of the search. */
static bool find_origin(const struct checker *c, uint32_t number, int64_t expected, int64_t *origin)
{
	int64_t reach = c->window->search_us * c->s->rate / (int64_t)US_PER_S;

	for (int64_t away = 0; away <= reach; away++) {
		for (int sign = -1; sign <= 1; sign += 2) {
			*origin = expected + sign * away;
			if (stands_at(c, number, *origin))
				return true;
		}
	}
	return false;
}

/* By a few packets amid those required: one alone may be damaged. */
static bool find_stream(const struct checker *c, int64_t expected, int64_t *origin)
{
	size_t first = 0, last = c->s->count;

	while (first < last && !is_required(c, &c->s->packets[first]))
		first++;
	while (last > first && !is_required(c, &c->s->packets[last - 1]))
		last--;
	for (size_t probe = 1; probe <= PROBES && first < last; probe++) {
		size_t i = first + (last - first) * probe / (PROBES + 1);

		if (find_origin(c, c->s->packets[i].number, expected, origin))
			return true;
	}
	return false;
}

/* What must be where: for each frame its duty and sample. */
struct expectation {
	uint8_t *duty;
	int16_t *sample;
	uint32_t *packet;
};

static void expect_packet(const struct checker *c, struct expectation *e,
	const struct truth_packet *p, int64_t origin)
{
	uint32_t count = c->s->samples_per_packet;
	int64_t frame = origin + (int64_t)p->number * count;
	uint8_t duty = is_required(c, p) ? DUTY_REQUIRED : DUTY_OPTIONAL;
	int16_t samples[SAMPLES_MAX];

	decode_packet(c, p->number, samples);
	for (uint32_t i = 0; i < count; i++, frame++) {
		if (frame < 0 || (uint64_t)frame >= c->w->frames)
			continue;
		e->sample[frame] = samples[i];
		e->packet[frame] = p->number;
		if (e->duty[frame] < duty)
			e->duty[frame] = duty;
	}
}

static bool is_right(const struct expectation *e, uint64_t frame, int16_t sample)
{
	switch (e->duty[frame]) {
	case DUTY_SILENCE:
		return sample == 0;
	case DUTY_OPTIONAL:
		return sample == 0 || sample == e->sample[frame];
	default:
		return sample == e->sample[frame];
	}
}

static void report_frame(const struct checker *c, const struct expectation *e, uint64_t frame,
	int64_t origin, uint64_t wrong)
{
	uint32_t number = e->packet[frame];
	int64_t place = origin + (int64_t)number * c->s->samples_per_packet;
	int16_t sample = sample_at(c, (int64_t)frame);

	if (e->duty[frame] == DUTY_SILENCE)
		report_difference(c->subject,
			"frame %" PRIu64 " is %d where nothing arrived (%" PRIu64 " wrong)", frame,
			sample, wrong);
	else
		report_difference(c->subject,
			"frame %" PRIu64 " is %d, not %d: sample %" PRId64
			" of packet %u, sequence %u (%" PRIu64 " wrong)",
			frame, sample, e->sample[frame], (int64_t)frame - place, number,
			(uint16_t)(c->s->sequence + number), wrong);
}

static void compare(const struct checker *c, const struct expectation *e, int64_t origin)
{
	uint64_t wrong = 0, first = 0;

	for (uint64_t frame = 0; frame < c->w->frames; frame++) {
		if (is_right(e, frame, sample_at(c, (int64_t)frame)))
			continue;
		if (wrong++ == 0)
			first = frame;
	}
	if (wrong)
		report_frame(c, e, first, origin, wrong);
}

static uint64_t check_frames(const struct checker *c, int64_t origin)
{
	struct expectation e = {
		.duty = calloc(c->w->frames + 1, sizeof(*e.duty)),
		.sample = calloc(c->w->frames + 1, sizeof(*e.sample)),
		.packet = calloc(c->w->frames + 1, sizeof(*e.packet)),
	};
	uint64_t required = 0;

	if (!e.duty || !e.sample || !e.packet)
		err(2, "%s", c->subject);
	for (size_t i = 0; i < c->s->count; i++) {
		expect_packet(c, &e, &c->s->packets[i], origin);
		required += is_required(c, &c->s->packets[i]);
	}
	compare(c, &e, origin);
	free(e.duty);
	free(e.sample);
	free(e.packet);
	return required;
}

static bool needs_nothing(const struct checker *c)
{
	for (size_t i = 0; i < c->s->count; i++) {
		if (is_required(c, &c->s->packets[i]))
			return false;
	}
	return true;
}

void trackcheck(const char *subject, const struct wavfile *w, uint32_t channel,
	const struct truth_stream *s, const struct trackcheck_window *window,
	struct trackcheck_result *result)
{
	struct checker c = {
		.subject = subject, .w = w, .channel = channel, .s = s, .window = window};
	int64_t expected = 0, origin = 0;

	*result = (struct trackcheck_result){0};
	if (s->samples_per_packet > SAMPLES_MAX)
		errx(2, "%s: packets of more than %d samples", subject, SAMPLES_MAX);
	g711_table(s->a_law, c.table);
	if (s->count)
		expected = llround(
			(double)(truth_anchor_us(s) - window->start_us) * s->rate / US_PER_S);
	origin = expected;
	if (!needs_nothing(&c)) {
		result->found = find_stream(&c, expected, &origin);
		if (!result->found) {
			report_difference(subject,
				"none of the stream's packets stands within %" PRId64
				" ms of its time",
				window->search_us / 1000);
			return;
		}
		result->late_us = llround((double)(origin - expected) * US_PER_S / s->rate);
	}
	result->packets = check_frames(&c, origin);
}
