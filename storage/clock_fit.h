/* How far a sender's clock runs from ours: a line through the least delays of a stream, by the
 * median of slopes (Theil and Sen), which jitter does not bend. Plain values; any thread. */
#ifndef LEGTAP_STORAGE_CLOCK_FIT_H
#define LEGTAP_STORAGE_CLOCK_FIT_H

#include <stdint.h>

#define CLOCK_FIT_BINS 32
#define CLOCK_FIT_PPM_MOST 12500 /* no clock is so wrong: the timestamps count something else */

struct clock_fit_bin {
	int64_t delay_ns; /* least in the bin */
	int64_t at_ns;	  /* when, since origin */
};

/* All zero: empty. */
struct clock_fit {
	uint64_t origin_ns;
	uint64_t bin_ns;
	unsigned int count;
	struct clock_fit_bin bins[CLOCK_FIT_BINS];
};

/* Takes a packet's arrival and its delay (arrival less RTP time, from any origin). In the order of
 * arrival. */
void clock_fit_add(struct clock_fit *fit, uint64_t arrival_ns, int64_t delay_ns);

/* Parts per million that the sender's clock is fast; 0 when there is too little to tell (5 s). */
double clock_fit_ppm(const struct clock_fit *fit);

#endif
