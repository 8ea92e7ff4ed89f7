/* The whole recorder: legtapd's own process (rx core, control thread, writer, helpers, finishers,
 * ledger), on calls of call_source.h. First the legs are set up at a rate, then their audio comes
 * at real time. What is printed: how soon a flow is visible to the rx core, what a leg costs the
 * control thread and memory, and whether anything was lost. Every packet is accounted for, and a
 * sample of the track files is read back, octet by octet; exits with 1 when one is wrong.
 *
 *   whole_bench [--streams N] [--seconds S] [--legs-per-s N] [--buffer-mib N] [--idle] FOLDER
 *
 *   --idle    no rule records: the legs are known, their audio is not wanted. The event stream
 * keeps as few events as it may: they are no leg's, and bounded by limits.events FOLDER    spool,
 * ledger; on the file system that is measured */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <re.h>

#include "common/clock.h"
#include "controlplane/loop.h"
#include "controlplane/media.h"
#include "controlplane/process.h"
#include "controlplane/recordings.h"
#include "dataplane/plane.h"
#include "storage/spool.h"
#include "storage/track_file.h"
#include "storage/writer.h"
#include "tests/bench/call_source.h"

#define LOOK_MS 20
#define SAMPLE_TRACKS 500
#define EARLY_PER_LEG 2	  /* packets that the source sends before the answer */
#define FIRST_LAP_LEAST 2 /* laps 0 and 1: the first audio may come before its leg's answer */

struct options {
	uint32_t streams;
	double seconds;
	double legs_per_s;
	unsigned int buffer_mib;
	bool idle;
	const char *folder;
};

struct bench {
	struct options options;
	struct process process;
	struct call_source source;
	struct tmr timer;
	char folder[300];
	uint64_t heap_before;
	double control_s[3]; /* CPU: before set-up, after it, at the end */
	double rx_s[2];
	double writer_s[2];
	double wall_s[2]; /* of the audio */
	uint64_t stop_ns;
	uint64_t filling_most;
	bool timed_out;
};

static struct bench bench;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "whole_bench: %s: %s\n", what, why);
	exit(1);
}

/* --- Options --- */

static double number(const char *text, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (!(value > 0 && value <= most) || *end)
		die(text, "not a possible number");
	return value;
}

static struct options parse(int argc, char *argv[])
{
	static const struct option known[] = {{"streams", required_argument, NULL, 's'},
		{"seconds", required_argument, NULL, 't'},
		{"legs-per-s", required_argument, NULL, 'l'},
		{"buffer-mib", required_argument, NULL, 'b'}, {"idle", no_argument, NULL, 'i'},
		{0}};
	struct options o = {
		.streams = 10000, .seconds = 10, .legs_per_s = 1000, .buffer_mib = 1024};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 's')
			o.streams = (uint32_t)number(optarg, 400000) & ~1U;
		else if (c == 't')
			o.seconds = number(optarg, 3600);
		else if (c == 'l')
			o.legs_per_s = number(optarg, 1e6);
		else if (c == 'b')
			o.buffer_mib = (unsigned int)number(optarg, 65536);
		else if (c == 'i')
			o.idle = true;
		else
			exit(2);
	}
	if (optind + 1 != argc)
		die("usage", "whole_bench [--streams N] [--seconds S] [--legs-per-s N] "
			     "[--buffer-mib N] [--idle] FOLDER");
	o.folder = argv[optind];
	return o;
}

static void check_space(const struct options *o)
{
	struct statvfs info;
	uint64_t a_track = (uint64_t)(o->seconds * 9000) + 2 * WRITER_STEP_FIRST;
	uint64_t needed = o->idle ? 0 : o->streams * a_track;
	uint64_t there;

	if (statvfs(o->folder, &info) != 0)
		die(o->folder, strerror(errno));
	there = (uint64_t)info.f_bavail * info.f_frsize;
	printf("space: %" PRIu64 " MiB needed at most, %" PRIu64 " MiB free in %s\n", needed >> 20,
		there >> 20, o->folder);
	if (there < needed)
		die(o->folder, "not enough space: fewer --streams or --seconds");
}

static void configure(struct bench *b)
{
	const struct options *o = &b->options;
	struct errmsg e;
	char text[2048];
	int n = snprintf(text, sizeof(text),
		"{\"site\":\"bench\",\"ports\":[{\"device\":\"net_null0,size=238\",\"frame_bytes\":"
		"2048}],"
		"\"cores\":{\"rx\":[0],\"writers\":[1],\"finishers\":1},"
		"\"sbc\":{\"addresses\":[\"192.0.2.0/28\"],\"sip_ports\":[5060]},"
		"\"rules\":[%s],\"destination\":{\"type\":\"directory\",\"path\":\"%s/out\"},"
		"\"spool\":{\"path\":\"%s/spool\",\"reserve_mib\":64},\"ledger\":\"%s/ledger\","
		"\"admin\":{\"socket\":{\"path\":\"%s/socket\"}},\"log\":{\"level\":\"warning\"},"
		"\"limits\":{\"streams\":%u,\"tracks\":%u,\"legs\":%u,\"buffer_mib\":%u%s}}",
		o->idle ? "" : "{\"Track\":\"BOTH\"}", b->folder, b->folder, b->folder, b->folder,
		o->streams + o->streams / 4 + 1024, o->streams + 1024, o->streams / 2 + 1024,
		o->buffer_mib, o->idle ? ",\"events\":100" : "");

	if (config_defaults(&b->process.config) != 0)
		die("configuration", "no memory");
	if (config_parse(&b->process.config, text, (size_t)n, false, &e) != 0)
		die("configuration", e.text);
}

/* --- Measuring --- */

static double clock_s(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double thread_s(const struct bench *b, enum thread_kind kind)
{
	const struct topology *t = &b->process.topology;
	double sum = 0;

	for (unsigned int i = 0; i < t->thread_count; i++) {
		clockid_t id;

		if (t->threads[i].kind == kind && t->threads[i].started &&
			pthread_getcpuclockid(t->threads[i].id, &id) == 0)
			sum += clock_s(id);
	}
	return sum;
}

static uint64_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static int ascending(const void *a, const void *b)
{
	float x = *(const float *)a;
	float y = *(const float *)b;

	return x < y ? -1 : x > y;
}

static void print_set_up(struct bench *b)
{
	struct call_source *s = &b->source;
	double control_us = (b->control_s[1] - b->control_s[0]) * 1e6 / s->legs;
	double heap = (double)(heap_bytes() - b->heap_before) / s->legs;

	qsort(s->seen_us, s->legs, sizeof(*s->seen_us), ascending);
	printf("set up: %u legs at %.0f a second; from the answer to the flow: median %.0f us, p99 "
	       "%.0f us, most %.0f us; control thread %.1f us a leg: %.0f legs/s\n",
		s->legs, s->legs_per_s, s->seen_us[s->legs / 2],
		s->seen_us[(uint64_t)s->legs * 99 / 100], s->seen_us[s->legs - 1], control_us,
		1e6 / control_us);
	printf("memory: control thread's heap %.0f bytes a leg, %s\n", heap,
		b->options.idle ? "known and not recorded"
				: "its recording and two streams with it");
	printf("{\"bench\":\"whole\",\"row\":\"set "
	       "up\",\"legs\":%u,\"legs_per_s\":%.0f,\"p50_us\":%.1f,"
	       "\"p99_us\":%.1f,\"control_us_per_leg\":%.2f,\"capacity_legs_per_s\":%.0f,"
	       "\"goal_p99_us\":1000,\"goal_legs_per_s\":5000}\n",
		s->legs, s->legs_per_s, s->seen_us[s->legs / 2],
		s->seen_us[(uint64_t)s->legs * 99 / 100], control_us, 1e6 / control_us);
	printf("{\"bench\":\"whole\",\"row\":\"%s\",\"legs\":%u,\"heap_bytes_per_leg\":%.0f,"
	       "\"goal\":%d}\n",
		b->options.idle ? "idle leg" : "recorded leg", s->legs, heap,
		b->options.idle ? 2048 : 3072);
	fflush(stdout);
}

static void begin_audio(struct bench *b)
{
	b->control_s[1] = clock_s(CLOCK_THREAD_CPUTIME_ID);
	print_set_up(b);
	b->control_s[1] = clock_s(CLOCK_THREAD_CPUTIME_ID);
	b->rx_s[0] = thread_s(b, THREAD_RX);
	b->writer_s[0] = thread_s(b, THREAD_WRITER);
	b->wall_s[0] = clock_s(CLOCK_MONOTONIC);
	b->stop_ns = clock_now_ns() + (uint64_t)(b->options.seconds * 1e9);
	atomic_store(&b->source.phase, CALLS_MEDIA);
}

static void end_audio(struct bench *b)
{
	atomic_store(&b->source.phase, CALLS_STOPPED);
	b->control_s[2] = clock_s(CLOCK_THREAD_CPUTIME_ID);
	b->rx_s[1] = thread_s(b, THREAD_RX);
	b->writer_s[1] = thread_s(b, THREAD_WRITER);
	b->wall_s[1] = clock_s(CLOCK_MONOTONIC);
}

/* In the control thread's loop. */
static void look(void *arg)
{
	struct bench *b = arg;
	int phase = atomic_load(&b->source.phase);
	struct dataplane_chunk_stats chunks;

	tmr_start(&b->timer, LOOK_MS, look, b);
	dataplane_chunk_stats(b->process.control.dataplane, 0, &chunks);
	if (chunks.filling > b->filling_most)
		b->filling_most = chunks.filling;
	if (phase == CALLS_SET_UP) {
		if (atomic_load(&b->source.legs_seen) == b->source.legs)
			begin_audio(b);
		else if (clock_now_ns() > b->stop_ns) {
			b->timed_out = true;
			re_cancel();
		}
	} else if (phase == CALLS_MEDIA) {
		if (clock_now_ns() >= b->stop_ns)
			end_audio(b);
	} else {
		re_cancel();
	}
}

/* --- What came of it --- */

static uint64_t rx_count(const struct bench *b, enum rx_counter c)
{
	return counter_read(&dataplane_counters(b->process.control.dataplane, 0)[c]);
}

static uint64_t writer_count(const struct bench *b, enum writer_counter c)
{
	return counter_read(&storage_counters(b->process.control.storage, 0)[c]);
}

/* Rule 1. 0, or 1 when a packet is missing and no counter tells of it. */
static int account(const struct bench *b, bool *lossless)
{
	const struct media *media = b->process.control.media;
	uint64_t in = 0;
	uint64_t out = 0;

#define IN(x) in += rx_count(b, RX_##x);
#define OUT(x) out += rx_count(b, RX_##x);
#define HELD(x) OUT(x)
#define NOTE(x)
#define ADD(name, kind, help) kind(name)
	RX_COUNTERS(ADD)
#undef ADD
#undef NOTE
#undef HELD
#undef OUT
#undef IN
	uint64_t given = atomic_load(&b->source.rtp) + atomic_load(&b->source.sip);
	uint64_t rtp = atomic_load(&b->source.rtp);
	uint64_t kept = b->options.idle ? rx_count(b, RX_not_wanted) : rx_count(b, RX_recorded);
	/* What came before its leg's answer need not be recorded. */
	uint64_t early = (b->options.idle ? 0 : rx_count(b, RX_not_wanted)) +
			 rx_count(b, RX_unknown) + media_count(media, MEDIA_expired) +
			 media_count(media, MEDIA_refused);
	uint64_t lost = rtp - kept - early;
	bool sums =
		in == out && given == rx_count(b, RX_polled) &&
		early <= EARLY_PER_LEG * b->source.legs &&
		writer_count(b, WRITER_frames_in) == rx_count(b, RX_frames_handed) &&
		writer_count(b, WRITER_frames_written) + writer_count(b, WRITER_frames_dropped) ==
			writer_count(b, WRITER_frames_in);

	lost += writer_count(b, WRITER_frames_dropped);
	printf("accounts: %" PRIu64 " packets given, %" PRIu64 " missed before the poll; %" PRIu64
	       " of audio %s, %" PRIu64 " from before an answer not, %" PRIu64 " lost (%" PRIu64
	       " no chunk), %" PRIu64 " written: the sums %s\n",
		given, atomic_load(&b->source.missed), kept,
		b->options.idle ? "not wanted" : "recorded", early, lost,
		rx_count(b, RX_drop_no_chunk), writer_count(b, WRITER_frames_written),
		sums ? "agree" : "DO NOT AGREE");
	*lossless = lost == 0 && atomic_load(&b->source.missed) == 0;
	return sums && lost == rx_count(b, RX_drop_no_chunk) ? 0 : 1;
}

/* A track file: one stream, every octet as it was sent, every lap. Returns its frames; *wrong. */
static uint64_t read_track(
	const char *folder, const struct uuid *id, enum track track, unsigned int *wrong)
{
	const struct chunk_header *h;
	struct track_file *file;
	struct errmsg e;
	uint64_t frames = 0;
	uint32_t first_stream = 0;
	uint16_t last_lap = 0;
	bool right = true;

	if (track_file_open(&file, folder, id, track, &e) != 0)
		die("track file", e.text);
	while (track_file_next(file, &h) == 1) {
		struct track_frames at;
		struct track_frame frame;

		track_frames_begin(&at, h);
		while (track_frames_next(&at, &frame)) {
			uint32_t stream = 0;
			uint16_t lap = 0;

			right &= call_source_check(frame.packet, frame.length, &stream, &lap);
			right &= frames == 0 ? lap < FIRST_LAP_LEAST
					     : stream == first_stream && lap == last_lap + 1;
			first_stream = stream;
			last_lap = lap;
			frames++;
		}
	}
	*wrong += !right || track_file_stats(file)->damaged_bytes != 0;
	track_file_close(file);
	return frames;
}

static int verify(struct bench *b)
{
	struct recording *rec = b->process.control.recordings->first;
	uint32_t every = b->options.streams / SAMPLE_TRACKS + 1;
	char folder[400];
	unsigned int wrong = 0;
	unsigned int read_back = 0;
	uint64_t frames = 0;

	if (b->options.idle)
		return 0;
	snprintf(folder, sizeof(folder), "%s/spool/recordings", b->folder);
	for (uint32_t i = 0; rec; rec = rec->next, i++) {
		if (i % every != 0)
			continue;
		for (enum track t = 0; t < TRACK_COUNT; t++, read_back++)
			frames += read_track(folder, &rec->info.recording_id, t, &wrong);
	}
	wrong += frames < (uint64_t)(read_back * b->options.seconds * 45);
	printf("verified: %u track files, %" PRIu64 " packets, octet by octet: %u wrong\n",
		read_back, frames, wrong);
	return wrong == 0 && read_back > 0 ? 0 : 1;
}

static void print_audio(struct bench *b, bool lossless)
{
	double wall = b->wall_s[1] - b->wall_s[0];
	double packets = (double)b->options.streams * 50 * wall;
	double writes = (double)writer_count(b, WRITER_chunks_written);

	printf("audio: %u streams for %.1f s: %.2f Mpps, %.0f MB/s of chunks; rx core %.0f %% busy "
	       "polling, of it the source %.0f cycles a packet; writer %.1f %%, control %.1f %%; "
	       "%.1f KiB of chunks a stream at most\n",
		b->options.streams, wall, packets / wall / 1e6,
		(double)writer_count(b, WRITER_bytes_written) / wall / 1e6,
		(b->rx_s[1] - b->rx_s[0]) / wall * 100, (double)b->source.cycles / packets,
		(b->writer_s[1] - b->writer_s[0]) / wall * 100,
		(b->control_s[2] - b->control_s[1]) / wall * 100,
		(double)b->filling_most * b->process.pool.chunk_bytes / 1024 / b->options.streams);
	printf("{\"bench\":\"whole\",\"row\":\"%s\",\"streams\":%u,\"seconds\":%.0f,\"mpps\":%.3f,"
	       "\"missed\":%" PRIu64 ",\"lossless\":%s,\"writes\":%.0f,\"writer_share\":%.3f,"
	       "\"ratio\":%.3f,\"goal\":105000}\n",
		b->options.idle ? "not recorded" : "recorded", b->options.streams, wall,
		packets / wall / 1e6, atomic_load(&b->source.missed), lossless ? "true" : "false",
		writes, (b->writer_s[1] - b->writer_s[0]) / wall, b->options.streams / 105000.0);
}

/* --- Running --- */

static void start(struct bench *b)
{
	struct errmsg e;

	if (process_create(&b->process, &e) != 0)
		die("cannot start", e.text);
	b->source.table = &b->process.control.dataplane->table;
	if (call_source_attach(&b->source, b->process.control.dataplane->ports[0].id) != 0)
		die("port", "takes no callback");
	if (process_start(&b->process, &e) != 0)
		die("cannot start", e.text);
	b->heap_before = heap_bytes();
	b->control_s[0] = clock_s(CLOCK_THREAD_CPUTIME_ID);
	b->stop_ns =
		clock_now_ns() + (uint64_t)((b->source.legs / b->source.legs_per_s + 20) * 1e9);
	tmr_init(&b->timer);
	tmr_start(&b->timer, LOOK_MS, look, b);
}

static int run(struct bench *b)
{
	struct errmsg e;
	bool lossless;
	int status;

	start(b);
	if (control_run(&b->process.control, &e) != 0)
		die("cannot run", e.text);
	tmr_cancel(&b->timer);
	process_stop(&b->process);
	if (b->timed_out)
		printf("set up: only %u of %u legs have their flow\n",
			atomic_load(&b->source.legs_seen), b->source.legs);
	status = account(b, &lossless) | b->timed_out;
	if (!b->timed_out)
		print_audio(b, lossless);
	if (lossless)
		status |= verify(b);
	return status;
}

int main(int argc, char *argv[])
{
	struct bench *b = &bench;
	char command[512];
	int status;

	b->options = parse(argc, argv);
	check_space(&b->options);
	snprintf(
		b->folder, sizeof(b->folder), "%.200s/whole_bench.%d", b->options.folder, getpid());
	configure(b);
	if (mkdir(b->folder, 0700) != 0)
		die(b->folder, strerror(errno));
	if (call_source_create(&b->source, b->options.streams / 2, b->options.legs_per_s) != 0)
		die("source", "no memory");
	libre_init();
	status = run(b);
	snprintf(command, sizeof(command), "rm -r '%s'", b->folder);
	fflush(stdout);
	if (system(command) != 0)
		status = 1;
	/* The process ends here: what it holds need not be freed one by one. */
	_exit(status);
}
