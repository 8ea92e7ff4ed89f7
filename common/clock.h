/* The recording clock of a live run: CLOCK_MONOTONIC in nanoseconds, read through the TSC.
 *
 * rte_get_tsc_hz() may be off by thousands of ppm, so the rate is fitted to CLOCK_MONOTONIC at
 * start and again every second by the control thread (clock_refit). Each refit continues from the
 * value just shown: the clock never steps back and closes its error within the next second.
 * `--read` does not use this clock: its time is the capture's. */
#ifndef LEGTAP_COMMON_CLOCK_H
#define LEGTAP_COMMON_CLOCK_H

#include <stdint.h>

/* Fits the rate over 20 ms. Once, before other threads start. */
void clock_start(void);

/* Nanoseconds of CLOCK_MONOTONIC. Any thread, no system call, no lock (retries while a refit is
 * being published). */
uint64_t clock_now_ns(void);

/* Refits the rate; the control thread only, about once a second. */
void clock_refit(void);

/* CLOCK_REALTIME minus CLOCK_MONOTONIC at this moment, in nanoseconds: add it to a time of this
 * clock. */
int64_t clock_wall_offset_ns(void);

#endif
