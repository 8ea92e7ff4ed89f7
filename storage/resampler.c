#include "storage/resampler.h"

#include <errno.h>
#include <samplerate.h>
#include <stdlib.h>

struct resampler {
	SRC_STATE *state;
	double ratio;
	float *in;
	float *out;
	int16_t *samples;
	size_t in_room;
	size_t out_room;
};

int resampler_make(struct resampler **out, uint32_t from_hz, uint32_t to_hz)
{
	struct resampler *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->ratio = (double)to_hz / (double)from_hz;
	r->state = src_new(SRC_SINC_MEDIUM_QUALITY, 1, &err);
	if (!r->state) {
		free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void resampler_free(struct resampler *r)
{
	if (!r)
		return;
	src_delete(r->state);
	free(r->in);
	free(r->out);
	free(r->samples);
	free(r);
}

static int make_room(struct resampler *r, size_t count)
{
	size_t out_room = (size_t)((double)count * r->ratio) + 2UL * RESAMPLER_LAG;
	float *in = r->in;
	float *out = r->out;
	int16_t *samples = r->samples;

	if (count > r->in_room || !in) {
		in = realloc(r->in, (count + 1) * sizeof(*in));
		if (!in)
			return -ENOMEM;
		r->in = in;
		r->in_room = count;
	}
	if (out_room <= r->out_room)
		return 0;
	out = realloc(r->out, out_room * sizeof(*out));
	if (!out)
		return -ENOMEM;
	r->out = out;
	samples = realloc(r->samples, out_room * sizeof(*samples));
	if (!samples)
		return -ENOMEM;
	r->samples = samples;
	r->out_room = out_room;
	return 0;
}

static int run(struct resampler *r, const int16_t *in, size_t count, int end, const int16_t **out,
	size_t *out_count)
{
	SRC_DATA data = {.src_ratio = r->ratio, .end_of_input = end};
	int err = make_room(r, count);

	*out_count = 0;
	if (err != 0)
		return err;
	src_short_to_float_array(in, r->in, (int)count);
	data.data_in = r->in;
	data.input_frames = (long)count;
	while (*out_count < r->out_room) {
		data.data_out = r->out + *out_count;
		data.output_frames = (long)(r->out_room - *out_count);
		if (src_process(r->state, &data) != 0)
			return -ENOMEM;
		*out_count += (size_t)data.output_frames_gen;
		data.data_in += data.input_frames_used;
		data.input_frames -= data.input_frames_used;
		if (data.output_frames_gen == 0 || (data.input_frames == 0 && !end))
			break;
	}
	src_float_to_short_array(r->out, r->samples, (int)*out_count);
	*out = r->samples;
	return 0;
}

int resampler_put(struct resampler *r, const int16_t *in, size_t count, const int16_t **out,
	size_t *out_count)
{
	return run(r, in, count, 0, out, out_count);
}

int resampler_end(struct resampler *r, const int16_t **out, size_t *out_count)
{
	static const int16_t nothing;
	int err = run(r, &nothing, 0, 1, out, out_count);

	src_reset(r->state);
	return err;
}
