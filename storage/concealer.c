#include "storage/concealer.h"

#ifdef LEGTAP_SPANDSP

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <spandsp/telephony.h>
#include <spandsp/plc.h>

#define RATE_HZ_MOST 16000

struct concealer {
	plc_state_t *state;
	int16_t *copy; /* spandsp smooths what it hears; the file keeps it as it was */
	size_t room;
};

int concealer_make(struct concealer **out, uint32_t rate_hz)
{
	struct concealer *c;

	*out = NULL;
	if (rate_hz > RATE_HZ_MOST)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->state = plc_init(NULL);
	if (!c->state) {
		free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void concealer_free(struct concealer *c)
{
	if (!c)
		return;
	plc_free(c->state);
	free(c->copy);
	free(c);
}

int concealer_hear(struct concealer *c, const int16_t *samples, size_t count)
{
	if (count > c->room) {
		int16_t *copy = realloc(c->copy, count * sizeof(*copy));

		if (!copy)
			return -ENOMEM;
		c->copy = copy;
		c->room = count;
	}
	if (count == 0)
		return 0;
	memcpy(c->copy, samples, count * sizeof(*samples));
	plc_rx(c->state, c->copy, (int)count);
	return 0;
}

void concealer_fill(struct concealer *c, int16_t *out, size_t count)
{
	plc_fillin(c->state, out, (int)count);
}

#else

int concealer_make(struct concealer **out, uint32_t rate_hz)
{
	*out = NULL;
	return 0;
}

void concealer_free(struct concealer *c)
{
}

int concealer_hear(struct concealer *c, const int16_t *samples, size_t count)
{
	return 0;
}

void concealer_fill(struct concealer *c, int16_t *out, size_t count)
{
}

#endif
