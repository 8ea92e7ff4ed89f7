/* Full chunks to disk: one thread in the place of an rx core hands chunks of many tracks, in random
 * order, to the writers, as fast as they come back. Prints the rate, what a write costs, and the
 * conditions. The chunks are filled once, so that the source costs next to nothing.
 *
 *   writer_bench [--mib N] [--tracks N] [--chunk-kib N] [--buffer-mib N] [--writers N] FOLDER */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "common/clock.h"
#include "storage/storage.h"
#include "storage/track_file.h"

#define PACKET_BYTES 172U /* RTP with 20 ms of G.711 */

struct options {
	uint64_t mib;
	uint32_t tracks;
	uint32_t chunk_kib;
	uint64_t buffer_mib;
	unsigned int writers;
	const char *folder;
};

struct bench {
	struct options options;
	struct topology topology;
	struct chunk_pool pool;
	struct storage *storage;
	char spool[256];
	uint32_t fresh; /* chunks that were never handed over */
	struct uuid *recordings;
	track_ref *refs;
	uint32_t *sent;
	uint64_t chunks;
	unsigned int opened;
	unsigned int closed;
	unsigned int removed;
	uint64_t random;
};

/* What was used up at a moment. */
struct usage {
	double wall_s;
	double writers_s; /* CPU of the writer threads */
	double process_s;
	double machine_s; /* busy time of all cores */
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "writer_bench: %s: %s\n", what, why);
	exit(1);
}

static void must(int err, const struct errmsg *e)
{
	if (err < 0)
		die("cannot start", e->text);
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (value == 0 || *end)
		die(text, "not a positive number");
	return value;
}

static struct options parse(int argc, char *argv[])
{
	static const struct option known[] = {{"mib", required_argument, NULL, 'm'},
		{"tracks", required_argument, NULL, 't'},
		{"chunk-kib", required_argument, NULL, 'c'},
		{"buffer-mib", required_argument, NULL, 'b'},
		{"writers", required_argument, NULL, 'w'}, {0}};
	struct options o = {
		.mib = 4096, .tracks = 1000, .chunk_kib = 64, .buffer_mib = 256, .writers = 1};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'm')
			o.mib = number(optarg);
		else if (c == 't')
			o.tracks = (uint32_t)number(optarg);
		else if (c == 'c')
			o.chunk_kib = (uint32_t)number(optarg);
		else if (c == 'b')
			o.buffer_mib = number(optarg);
		else if (c == 'w')
			o.writers = (unsigned int)number(optarg);
		else
			exit(2);
	}
	if (optind + 1 != argc)
		die("usage", "writer_bench [--mib N] [--tracks N] [--chunk-kib N] [--buffer-mib N] "
			     "[--writers N] FOLDER");
	o.folder = argv[optind];
	return o;
}

/* Files are sized ahead: up to three times what is written, and at least the first step each. */
static void check_space(const struct options *o)
{
	struct statvfs info;
	uint64_t needed = (3 * o->mib << 20) + ((uint64_t)o->tracks << 18);
	uint64_t there;
	char why[128];

	if (statvfs(o->folder, &info) != 0)
		die(o->folder, strerror(errno));
	there = (uint64_t)info.f_bavail * info.f_frsize;
	printf("space: %" PRIu64 " MiB needed at most, %" PRIu64 " MiB free in %s\n", needed >> 20,
		there >> 20, o->folder);
	snprintf(why, sizeof(why), "not enough space: lower --mib or --tracks");
	if (there < needed)
		die(o->folder, why);
}

static void start_eal(void)
{
	static char words[][24] = {"writer_bench", "--no-huge", "--no-shconf", "--no-pci",
		"--no-telemetry", "-m", "128", "--log-level=error"};
	char *argv[sizeof(words) / sizeof(words[0])];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		argv[i] = words[i];
	if (rte_eal_init(sizeof(words) / sizeof(words[0]), argv) < 0)
		die("EAL", "cannot be initialised");
	clock_start();
}

static void start(struct bench *b)
{
	struct storage_config config = {.spool_path = b->spool,
		.max_age_ns = 5000000000ULL,
		.writer_count = b->options.writers,
		.finisher_count = 1,
		.tracks_max = b->options.tracks,
		.idle_sleep = true};
	struct errmsg e;

	for (unsigned int i = 0; i < TOPOLOGY_WRITERS_MAX; i++)
		config.writer_cores[i] = TOPOLOGY_ANY_CORE;
	must(chunk_pool_create(
		     &b->pool, b->options.buffer_mib << 20, b->options.chunk_kib << 10, 1, &e),
		&e);
	must(topology_create(&b->topology, 1, b->options.writers, b->pool.per_rx, &e), &e);
	must(storage_create(&b->storage, &config, &b->topology, &b->pool, &e), &e);
	must(storage_start(b->storage, &e), &e);
}

/* --- Events --- */

static void on_opened(void *arg, const struct uuid *recording, int err)
{
	struct bench *b = arg;

	if (err != 0)
		die("cannot make a track file", strerror(-err));
	b->opened++;
}

static void on_closed(void *arg, const struct uuid *recording, const struct storage_closed *result)
{
	struct bench *b = arg;

	b->closed++;
}

static void on_removed(void *arg, const struct uuid *recording)
{
	struct bench *b = arg;

	b->removed++;
}

static void wait_for(struct bench *b, const unsigned int *count)
{
	const struct storage_handlers handlers = {
		.arg = b, .opened = on_opened, .closed = on_closed, .removed = on_removed};

	while (*count < b->options.tracks) {
		struct pollfd p = {.fd = storage_wake_fd(b->storage), .events = POLLIN};

		poll(&p, 1, 100);
		storage_poll(b->storage, &handlers);
	}
}

/* --- The tracks --- */

static void open_tracks(struct bench *b)
{
	struct recording_info info = {.tracks = TRACK_BIT(TRACK_INCOMING)};
	track_ref refs[TRACK_COUNT];

	for (uint32_t i = 0; i < b->options.tracks; i++) {
		if (uuid_random(&info.recording_id) != 0 ||
			storage_open(b->storage, &info, refs) != 0)
			die("tracks", "cannot be opened");
		b->recordings[i] = info.recording_id;
		b->refs[i] = refs[TRACK_INCOMING];
	}
	wait_for(b, &b->opened);
}

static void close_tracks(struct bench *b)
{
	struct recording_window window = {.reason = "hangup"};

	for (uint32_t i = 0; i < b->options.tracks; i++)
		storage_close(b->storage, &b->recordings[i], &window);
	wait_for(b, &b->closed);
}

static void remove_tracks(struct bench *b)
{
	for (uint32_t i = 0; i < b->options.tracks; i++)
		storage_remove(b->storage, &b->recordings[i]);
	wait_for(b, &b->removed);
}

/* --- Chunks --- */

static void fill(struct bench *b, struct chunk *c)
{
	struct chunk_header *h = chunk_header_of(c);
	uint32_t step = chunk_frame_bytes(PACKET_BYTES);

	*h = (struct chunk_header){.magic = CHUNK_MAGIC, .version = CHUNK_VERSION};
	c->used = sizeof(*h);
	for (; c->used + step <= b->pool.chunk_bytes; c->used += step) {
		struct chunk_frame *frame = (struct chunk_frame *)(c->data + c->used);

		*frame = (struct chunk_frame){
			.arrival_us = (int32_t)h->frames * 20000, .length = PACKET_BYTES};
		memset(frame + 1, (int)(c->index + h->frames), PACKET_BYTES);
		h->frames++;
	}
	h->used_bytes = c->used;
	c->frames = h->frames;
}

static struct chunk *next_chunk(struct bench *b)
{
	for (;;) {
		if (b->fresh < b->pool.count)
			return &b->pool.chunks[b->fresh++];
		for (unsigned int w = 0; w < b->options.writers; w++) {
			uint32_t index = 0;

			if (rte_ring_dequeue_elem(b->topology.empty[w][0], &index, sizeof(index)) ==
				0)
				return &b->pool.chunks[index];
		}
		/* The writers are behind: the core is theirs. */
		nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
	}
}

static void hand_over(struct bench *b)
{
	struct chunk *c = next_chunk(b);
	uint32_t track;

	b->random = b->random * 6364136223846793005ULL + 1442695040888963407ULL;
	track = (uint32_t)(b->random >> 33) % b->options.tracks;
	c->track = b->refs[track];
	b->sent[track]++;
	if (rte_ring_enqueue_elem(
		    b->topology.chunks[0][track_ref_slot(c->track) % b->options.writers], &c->index,
		    sizeof(c->index)) != 0)
		die("ring", "full");
}

static uint64_t sum(const struct bench *b, enum writer_counter which)
{
	uint64_t total = 0;

	for (unsigned int w = 0; w < b->options.writers; w++)
		total += counter_read(&storage_counters(b->storage, w)[which]);
	return total;
}

static void write_all(struct bench *b)
{
	for (uint64_t i = 0; i < b->chunks; i++)
		hand_over(b);
	while (sum(b, WRITER_chunks_written) + sum(b, WRITER_drop_disk_full) +
			sum(b, WRITER_drop_disk_error) + sum(b, WRITER_drop_no_track) <
		b->chunks)
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

/* --- Measuring --- */

static double clock_s(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds that all cores were not idle: proc(5), /proc/stat. */
static double busy_s(void)
{
	unsigned long long field[8] = {0};
	FILE *file = fopen("/proc/stat", "re");
	int got;

	if (!file)
		return 0;
	got = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &field[0], &field[1],
		&field[2], &field[3], &field[4], &field[5], &field[6], &field[7]);
	fclose(file);
	if (got != 8)
		return 0;
	return (double)(field[0] + field[1] + field[2] + field[5] + field[6]) /
	       (double)sysconf(_SC_CLK_TCK);
}

static struct usage take_usage(const struct bench *b)
{
	struct usage u = {.wall_s = clock_s(CLOCK_MONOTONIC),
		.process_s = clock_s(CLOCK_PROCESS_CPUTIME_ID),
		.machine_s = busy_s()};

	for (unsigned int i = 0; i < b->topology.thread_count; i++) {
		clockid_t id;

		if (b->topology.threads[i].kind == THREAD_WRITER &&
			pthread_getcpuclockid(b->topology.threads[i].id, &id) == 0)
			u.writers_s += clock_s(id);
	}
	return u;
}

static void print_result(const struct bench *b, const struct usage *from, const struct usage *to)
{
	double wall = to->wall_s - from->wall_s;
	double writes = (double)sum(b, WRITER_chunks_written);

	printf("written: %.0f MB in %.2f s: %.0f MB/s, %.0f writes/s\n",
		(double)sum(b, WRITER_bytes_written) / 1e6, wall,
		(double)sum(b, WRITER_bytes_written) / 1e6 / wall, writes / wall);
	printf("CPU per write: writer threads %.1f us, process %.1f us, whole machine %.1f us\n",
		(to->writers_s - from->writers_s) * 1e6 / writes,
		(to->process_s - from->process_s) * 1e6 / writes,
		(to->machine_s - from->machine_s) * 1e6 / writes);
	printf("writes: %" PRIu64 " fixed, %" PRIu64 " plain, %" PRIu64 " buffered; %" PRIu64
	       " submissions, %" PRIu64 " files made longer, %" PRIu64 " writes went on\n",
		sum(b, WRITER_writes_fixed), sum(b, WRITER_writes_plain),
		sum(b, WRITER_writes_buffered), sum(b, WRITER_submits), sum(b, WRITER_files_grown),
		sum(b, WRITER_write_retries));
	printf("dropped: %" PRIu64 " disk full, %" PRIu64 " disk error, %" PRIu64 " no track\n",
		sum(b, WRITER_drop_disk_full), sum(b, WRITER_drop_disk_error),
		sum(b, WRITER_drop_no_track));
}

/* Reads one track in `every` back. The number of tracks that differ. */
static unsigned int verify(const struct bench *b, uint32_t every)
{
	char folder[300];
	unsigned int read_back = 0;
	unsigned int wrong = 0;

	snprintf(folder, sizeof(folder), "%s/recordings", b->spool);
	for (uint32_t i = 0; i < b->options.tracks; i += every, read_back++) {
		const struct chunk_header *h;
		struct track_file *file;
		struct errmsg e;

		must(track_file_open(&file, folder, &b->recordings[i], TRACK_INCOMING, &e), &e);
		while (track_file_next(file, &h) == 1)
			continue;
		wrong += track_file_stats(file)->chunks != b->sent[i] ||
			 track_file_stats(file)->damaged_bytes != 0;
		track_file_close(file);
	}
	printf("verified: %u of %u tracks read back with their checksums, %u wrong\n", read_back,
		b->options.tracks, wrong);
	return wrong;
}

static void print_conditions(const struct bench *b)
{
	struct storage_stats stats;

	storage_stats(b->storage, &stats);
	printf("conditions: %u tracks in random order, chunks of %u KiB, %" PRIu64
	       " MiB of chunks %s, %u writer threads beside one source, direct I/O %s, registered "
	       "buffers %s\n",
		b->options.tracks, b->options.chunk_kib, b->options.buffer_mib,
		b->pool.huge ? "on huge pages" : "on ordinary pages", b->options.writers,
		stats.direct ? "yes" : "no", stats.fixed ? "yes" : "no");
}

static void stop(struct bench *b)
{
	storage_stop_writers(b->storage);
	storage_stop_finishers(b->storage, true);
	storage_destroy(b->storage);
	topology_destroy(&b->topology);
	chunk_pool_destroy(&b->pool);
	free(b->sent);
	free(b->refs);
	free(b->recordings);
}

static int run(struct bench *b)
{
	struct usage before;
	struct usage after;
	double made_s;
	unsigned int wrong;

	print_conditions(b);
	made_s = clock_s(CLOCK_MONOTONIC);
	open_tracks(b);
	made_s = clock_s(CLOCK_MONOTONIC) - made_s;
	printf("made: %.0f recordings/s, each a journal and a track file sized ahead\n",
		b->options.tracks / made_s);
	for (uint32_t i = 0; i < b->pool.count; i++)
		fill(b, &b->pool.chunks[i]);
	before = take_usage(b);
	write_all(b);
	after = take_usage(b);
	print_result(b, &before, &after);
	close_tracks(b);
	wrong = verify(b, b->options.tracks / 50 + 1);
	remove_tracks(b);
	return wrong == 0 && sum(b, WRITER_chunks_written) == b->chunks ? 0 : 1;
}

int main(int argc, char *argv[])
{
	struct bench b = {.options = parse(argc, argv), .random = 1};
	char command[300];
	int status;

	check_space(&b.options);
	snprintf(b.spool, sizeof(b.spool), "%.200s/writer_bench.%d", b.options.folder, getpid());
	b.chunks = (b.options.mib << 10) / b.options.chunk_kib;
	b.recordings = calloc(b.options.tracks, sizeof(*b.recordings));
	b.refs = calloc(b.options.tracks, sizeof(*b.refs));
	b.sent = calloc(b.options.tracks, sizeof(*b.sent));
	if (!b.recordings || !b.refs || !b.sent)
		die("tracks", "no memory");
	start_eal();
	start(&b);
	status = run(&b);
	stop(&b);
	snprintf(command, sizeof(command), "rm -r '%s'", b.spool);
	return system(command) == 0 ? status : 1;
}
