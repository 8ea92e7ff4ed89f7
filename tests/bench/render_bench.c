/* What rendering costs: one stereo recording of G.711, track files to WAV, again and again on one
 * thread, as a finisher does it, synced; beside it dd(1), which writes as many bytes and syncs
 * them. Medians over rounds; in each round both are measured.
 *
 *   render_bench [--minutes N] [--rounds N]      in a folder of its own in /tmp */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "recording_fixture.h"
#include "storage/render.h"

#define ROUNDS_MOST 101
#define PACKETS_PER_MINUTE 3000U

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "render_bench: %s: %s\n", what, why);
	exit(1);
}

static uint32_t number(const char *text, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (value == 0 || value > most || *end)
		die(text, "not a possible number");
	return (uint32_t)value;
}

static double clock_s(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), ascending);
	return values[count / 2];
}

static void make_recording(struct fixture *f, uint32_t minutes)
{
	struct recording_window w = {.start_ns = FIXTURE_START,
		.stop_ns = FIXTURE_START + 60ULL * minutes * FIXTURE_SECOND,
		.reason = "hangup"};

	fixture_begin(f, TRACKS_BOTH);
	for (uint32_t i = 0; i < minutes * PACKETS_PER_MINUTE; i++)
		for (unsigned int stream = 0; stream < 2; stream++)
			fixture_audio(f, stream, FIXTURE_START + 20ULL * i * FIXTURE_MS, 1 + stream,
				(uint16_t)i, 160 * i, 0);
	fixture_end(f, &w);
}

static uint64_t render(const struct fixture *f)
{
	struct render_result r;

	if (render_recording(&f->config, f->folder, &f->info.recording_id, &r) != 0 || r.failed)
		die("rendering", r.failure);
	free(r.json);
	return r.bytes;
}

/* Seconds that dd takes for as many bytes. */
static double write_plainly(const struct fixture *f, uint64_t bytes)
{
	char command[512];
	double from;

	snprintf(command, sizeof(command),
		"dd if=/dev/zero of=%s/plain bs=1M count=%" PRIu64
		" iflag=count_bytes conv=fsync 2>/dev/null",
		f->folder, bytes);
	from = clock_s(CLOCK_MONOTONIC);
	if (system(command) != 0)
		die("dd", "failed");
	return clock_s(CLOCK_MONOTONIC) - from;
}

int main(int argc, char *argv[])
{
	static const struct option known[] = {{"minutes", required_argument, NULL, 'm'},
		{"rounds", required_argument, NULL, 'r'}, {0}};
	static double wall[ROUNDS_MOST];
	static double cpu[ROUNDS_MOST];
	static double plain[ROUNDS_MOST];
	uint32_t minutes = 10;
	uint32_t rounds = 7;
	struct fixture f;
	uint64_t bytes = 0;
	double seconds;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'm')
			minutes = number(optarg, 600);
		else if (c == 'r')
			rounds = number(optarg, ROUNDS_MOST);
		else
			exit(2);
	}
	/* As legtapd does. */
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
	make_recording(&f, minutes);
	render(&f);
	for (uint32_t i = 0; i < rounds; i++) {
		double from = clock_s(CLOCK_MONOTONIC);
		double from_cpu = clock_s(CLOCK_THREAD_CPUTIME_ID);

		bytes = render(&f);
		wall[i] = clock_s(CLOCK_MONOTONIC) - from;
		cpu[i] = clock_s(CLOCK_THREAD_CPUTIME_ID) - from_cpu;
		plain[i] = write_plainly(&f, bytes);
	}
	fixture_remove(&f);
	seconds = 60.0 * minutes;
	printf("rendering: %.0f s of stereo G.711 (%" PRIu64
	       " bytes of WAV) in %.1f ms, of it %.1f ms CPU: "
	       "%.0f MB/s; %.0f times real time, %.0f by CPU\n",
		seconds, bytes, median(wall, rounds) * 1e3, median(cpu, rounds) * 1e3,
		(double)bytes / 1e6 / median(wall, rounds), seconds / median(wall, rounds),
		seconds / median(cpu, rounds));
	printf("baseline: dd writes and syncs the same bytes in %.1f ms: %.0f MB/s; ratio %.2f\n",
		median(plain, rounds) * 1e3, (double)bytes / 1e6 / median(plain, rounds),
		median(plain, rounds) / median(wall, rounds));
	printf("{\"bench\":\"render\",\"row\":\"stereo G.711\",\"times_real_time\":%.0f,"
	       "\"times_real_time_cpu\":%.0f,\"mb_per_s\":%.0f,\"baseline_mb_per_s\":%.0f,"
	       "\"ratio\":%.3f,\"goal\":0.3,\"goal_times\":20000}\n",
		seconds / median(wall, rounds), seconds / median(cpu, rounds),
		(double)bytes / 1e6 / median(wall, rounds),
		(double)bytes / 1e6 / median(plain, rounds),
		median(plain, rounds) / median(wall, rounds));
	return 0;
}
