#include "common/clock.h"

#include <stdatomic.h>
#include <time.h>

#include <rte_cycles.h>

/* ns = base_ns + (tsc - base_tsc) * rate, rate in 2^-32 ns a cycle. Written by the control thread,
 * read by all under the sequence lock. */
static struct {
	atomic_uint sequence;
	_Atomic uint64_t base_tsc;
	_Atomic uint64_t base_ns;
	_Atomic uint64_t rate;
} shared;

static struct {
	uint64_t tsc;
	uint64_t ns;
} fit; /* a pair taken at start: the long line that the rate is fitted to; control thread */

static uint64_t read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* A TSC value and the monotonic time that belongs to it: the tightest of several tries, for a
 * preempted one lies. */
static void read_pair(uint64_t *tsc, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;

	*tsc = 0;
	*ns = 0;
	for (int i = 0; i < 8; i++) {
		uint64_t before = rte_rdtsc();
		uint64_t now = read_ns(CLOCK_MONOTONIC);
		uint64_t after = rte_rdtsc();

		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			*ns = now;
		}
	}
}

static uint64_t convert(uint64_t cycles, uint64_t rate)
{
	return (uint64_t)(((unsigned __int128)cycles * rate) >> 32);
}

static void publish(uint64_t tsc, uint64_t ns, uint64_t rate)
{
	unsigned int sequence = atomic_load_explicit(&shared.sequence, memory_order_relaxed);

	atomic_store_explicit(&shared.sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&shared.base_tsc, tsc, memory_order_relaxed);
	atomic_store_explicit(&shared.base_ns, ns, memory_order_relaxed);
	atomic_store_explicit(&shared.rate, rate, memory_order_relaxed);
	atomic_store_explicit(&shared.sequence, sequence + 2, memory_order_release);
}

void clock_start(void)
{
	struct timespec pause = {.tv_nsec = 20000000};
	uint64_t tsc;
	uint64_t ns;

	read_pair(&fit.tsc, &fit.ns);
	nanosleep(&pause, NULL);
	read_pair(&tsc, &ns);
	publish(tsc, ns, (uint64_t)(((unsigned __int128)(ns - fit.ns) << 32) / (tsc - fit.tsc)));
}

uint64_t clock_now_ns(void)
{
	unsigned int sequence;
	uint64_t tsc;
	uint64_t ns;
	uint64_t rate;

	do {
		sequence = atomic_load_explicit(&shared.sequence, memory_order_acquire);
		tsc = atomic_load_explicit(&shared.base_tsc, memory_order_relaxed);
		ns = atomic_load_explicit(&shared.base_ns, memory_order_relaxed);
		rate = atomic_load_explicit(&shared.rate, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
	} while ((sequence & 1) ||
		 sequence != atomic_load_explicit(&shared.sequence, memory_order_relaxed));
	uint64_t now = rte_rdtsc();

	return now > tsc ? ns + convert(now - tsc, rate) : ns;
}

void clock_refit(void)
{
	uint64_t shown;
	uint64_t tsc;
	uint64_t ns;
	uint64_t rate;
	int64_t behind;

	read_pair(&tsc, &ns);
	if (ns - fit.ns < 10000000)
		return;
	rate = (uint64_t)(((unsigned __int128)(ns - fit.ns) << 32) / (tsc - fit.tsc));
	shown = atomic_load_explicit(&shared.base_ns, memory_order_relaxed) +
		convert(tsc - atomic_load_explicit(&shared.base_tsc, memory_order_relaxed),
			atomic_load_explicit(&shared.rate, memory_order_relaxed));
	behind = (int64_t)(ns - shown);
	if (behind > 10000000) /* behind by over 10 ms: a stopped machine; catch up at once */
		shown = ns;
	else if (behind < -500000000)
		behind = -500000000;
	if (behind <= 10000000) /* close the error over the next second; never run backwards */
		rate = (uint64_t)((__int128)rate * (1000000000 + behind) / 1000000000);
	publish(tsc, shown, rate);
}

int64_t clock_wall_offset_ns(void)
{
	return (int64_t)(read_ns(CLOCK_REALTIME) - read_ns(CLOCK_MONOTONIC));
}
