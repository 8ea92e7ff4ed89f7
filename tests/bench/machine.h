/* What the kernel tells of the machine, for the conditions beside a figure. */
#ifndef LEGTAP_BENCH_MACHINE_H
#define LEGTAP_BENCH_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* A line of /proc/meminfo ("MemAvailable:"), in KiB; 0 when there is none. */
uint64_t machine_memory_kib(const char *key);

/* Huge pages of the default size that are free, in KiB. */
uint64_t machine_free_huge_kib(void);

/* The CPU's name, or "". Returns buf. */
char *machine_cpu_model(char *buf, size_t size);

#endif
