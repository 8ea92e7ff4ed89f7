#include "storage/clock_fit.h"

#include <stdlib.h>

#define BIN_NS_FIRST 1000000000ULL
#define SPAN_NS_LEAST 5000000000LL
#define BINS_LEAST 4

/* Halves the number of bins. */
static void coarsen(struct clock_fit *fit)
{
	unsigned int kept = 0;

	fit->bin_ns *= 2;
	for (unsigned int i = 0; i < fit->count; i++) {
		const struct clock_fit_bin *bin = &fit->bins[i];
		struct clock_fit_bin *last = kept > 0 ? &fit->bins[kept - 1] : NULL;

		if (!last ||
			(uint64_t)bin->at_ns / fit->bin_ns != (uint64_t)last->at_ns / fit->bin_ns)
			fit->bins[kept++] = *bin;
		else if (bin->delay_ns < last->delay_ns)
			*last = *bin;
	}
	fit->count = kept;
}

void clock_fit_add(struct clock_fit *fit, uint64_t arrival_ns, int64_t delay_ns)
{
	struct clock_fit_bin *last;
	int64_t at_ns;

	if (fit->count == 0) {
		fit->origin_ns = arrival_ns;
		fit->bin_ns = BIN_NS_FIRST;
	}
	at_ns = (int64_t)(arrival_ns - fit->origin_ns);
	last = fit->count > 0 ? &fit->bins[fit->count - 1] : NULL;
	if (last && (uint64_t)at_ns / fit->bin_ns == (uint64_t)last->at_ns / fit->bin_ns) {
		if (delay_ns < last->delay_ns)
			*last = (struct clock_fit_bin){delay_ns, at_ns};
		return;
	}
	while (fit->count == CLOCK_FIT_BINS)
		coarsen(fit);
	fit->bins[fit->count++] = (struct clock_fit_bin){delay_ns, at_ns};
}

static int compare_slopes(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double clock_fit_ppm(const struct clock_fit *fit)
{
	double slopes[CLOCK_FIT_BINS * (CLOCK_FIT_BINS - 1) / 2];
	unsigned int count = 0;

	if (fit->count < BINS_LEAST ||
		fit->bins[fit->count - 1].at_ns - fit->bins[0].at_ns < SPAN_NS_LEAST)
		return 0;
	for (unsigned int i = 0; i < fit->count; i++)
		for (unsigned int j = i + 1; j < fit->count; j++)
			slopes[count++] = (double)(fit->bins[j].delay_ns - fit->bins[i].delay_ns) /
					  (double)(fit->bins[j].at_ns - fit->bins[i].at_ns);
	qsort(slopes, count, sizeof(slopes[0]), compare_slopes);
	return -1e6 * (slopes[(count - 1) / 2] + slopes[count / 2]) / 2;
}
