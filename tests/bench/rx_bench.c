/* What a packet costs an rx core: rx_turn, as legtapd's rx threads run it, under loads (rx_load.h)
 * whose packets come from inside the process.
 *
 * Each figure is the median over rounds. In each round the baseline (the same packets from the same
 * source, polled and freed) is measured beside the load, and what is beyond it is the rx core's;
 * beside them the same packets polled, parsed and freed, and polled, parsed, looked up and freed,
 * so that it shows where the time goes. Times are CPU times of the thread, so that neighbours on
 * the core do not count; cycles are those of the TSC.
 *
 *   rx_bench [--streams N] [--seconds S] [--chunk-kib N] [--payload-bytes N] [--packets N]
 *            [--only LOAD] [--curve] [--json FILE] [--no-huge] [--huge-mib]
 *
 *   --seconds    of each figure
 *   --packets    mbufs in the source's pool
 *   --only       the loads whose names begin so, for perf(1)
 *   --curve      loads with ever more streams, instead of those with goals
 *   --json       appends an object a figure, one a line (docs of the fields: print_json)
 *   --huge-mib   prints how many MiB of huge pages the run can use, and ends */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "common/clock.h"
#include "tests/bench/machine.h"
#include "tests/bench/rx_load.h"

#define ROUNDS 7
#define STAGES 4
#define SLICES_PER_ROUND 6 /* the load's three, one for each other stage */
#define WARM_LAPS 12
#define TURNS_PER_LOOK 64 /* at the clock */
#define TURNS_PER_SINK 16
#define FEW_STREAMS 8000
/* Of 105,000 streams: 262,000 and a million. */
#define MORE(streams) ((uint32_t)RTE_MIN((streams)*262ULL / 105, (uint64_t)TRACK_SLOTS_MAX))
#define MANY(streams) ((uint32_t)RTE_MIN((streams)*1000ULL / 105, (uint64_t)TRACK_SLOTS_MAX))
#define EAL_MIB 192UL
#define HUGE_PAGE_MIB 2
#define PACKETS_LEAST (2 * SOURCE_DESCRIPTORS + 1024) /* descriptors, caches, bursts */
#define LOADS_MAX 16
#define RATIO_TO "recorded, all" /* the load that ratios are to */

struct options {
	struct load_options load;
	uint32_t streams;
	double seconds;
	const char *only;
	const char *json;
	bool curve;
	bool no_huge;
	bool huge_mib;
};

/* Of a load's packet: what it may cost beyond the baseline, or how many times what it costs under
 * another load. */
struct goal {
	double ns;	 /* 0: none */
	double ratio;	 /* 0: none */
	unsigned int of; /* the load that the ratio is to */
};

struct bench_row {
	struct load load;
	struct goal goal;
};

struct result {
	bool measured;
	double stage_ns[STAGES]; /* polled and freed; + parsed; + looked up; all */
	double beyond_ns;
	double sink_ns; /* of it */
	uint64_t chunks;
	uint64_t frames_read;
};

/* --- Options and conditions --- */

static double number(const char *text, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (!(value > 0 && value <= most) || *end)
		bench_die(text, "not a possible number");
	return value;
}

static void set_option(struct options *o, int c)
{
	if (c == 's')
		o->streams = (uint32_t)number(optarg, TRACK_SLOTS_MAX);
	else if (c == 't')
		o->seconds = number(optarg, 3600);
	else if (c == 'c')
		o->load.chunk_kib = (uint32_t)number(optarg, CHUNK_BYTES_MAX >> 10);
	else if (c == 'b')
		o->load.payload_bytes = (uint32_t)number(optarg, 1400);
	else if (c == 'p')
		o->load.packets = (uint32_t)number(optarg, 1 << 20);
	else if (c == 'o')
		o->only = optarg;
	else if (c == 'j')
		o->json = optarg;
	else if (c == 'u')
		o->curve = true;
	else if (c == 'n')
		o->no_huge = true;
	else if (c == 'm')
		o->huge_mib = true;
	else
		exit(2);
}

static struct options parse(int argc, char *argv[])
{
	static const struct option known[] = {{"streams", required_argument, NULL, 's'},
		{"seconds", required_argument, NULL, 't'},
		{"chunk-kib", required_argument, NULL, 'c'},
		{"payload-bytes", required_argument, NULL, 'b'},
		{"packets", required_argument, NULL, 'p'}, {"only", required_argument, NULL, 'o'},
		{"json", required_argument, NULL, 'j'}, {"curve", no_argument, NULL, 'u'},
		{"no-huge", no_argument, NULL, 'n'}, {"huge-mib", no_argument, NULL, 'm'}, {0}};
	struct options o = {
		.load = {.chunk_kib = 16, .payload_bytes = 160, .packets = 8191},
		.streams = 105000,
		.seconds = 10,
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		set_option(&o, c);
	if (optind != argc)
		bench_die("usage",
			"rx_bench [--streams N] [--seconds S] [--chunk-kib N] [--payload-bytes N] "
			"[--packets N] [--only LOAD] [--curve] [--json FILE] [--no-huge] "
			"[--huge-mib]");
	if (o.load.packets < PACKETS_LEAST)
		bench_die("--packets", "too few for two sources");
	return o;
}

static bool is_wanted(const struct options *o, const struct bench_row *row)
{
	return !o->only || strncmp(row->load.name, o->only, strlen(o->only)) == 0;
}

/* What the largest of the loads takes, beside EAL's. */
static uint64_t loads_mib(
	const struct options *o, const struct bench_row rows[], unsigned int count)
{
	uint64_t most = 0;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t bytes = loaded_rx_bytes(&rows[i].load, &o->load);

		if (is_wanted(o, &rows[i]) && bytes > most)
			most = bytes;
	}
	/* Each block is of whole pages. */
	return (most >> 20) + 16UL * HUGE_PAGE_MIB;
}

static void check_memory(uint64_t needed_mib)
{
	uint64_t there = (machine_memory_kib("MemAvailable:") + machine_free_huge_kib()) >> 10;

	printf("memory: %" PRIu64 " MiB needed, %" PRIu64 " MiB there\n", needed_mib, there);
	if (there < needed_mib)
		bench_die("memory", "not enough: lower --streams or --chunk-kib");
}

static void start_eal(bool huge)
{
	static char ordinary[][16] = {"--no-huge", "--no-shconf"};
	static char words[][24] = {"rx_bench", "--no-pci", "--no-telemetry", "--log-level=error",
		"-m", "192", "--in-memory"};
	char *argv[sizeof(words) / sizeof(words[0]) + 1];
	int argc = 0;

	for (; argc < (int)(sizeof(words) / sizeof(words[0])); argc++)
		argv[argc] = words[argc];
	if (!huge) {
		argv[argc - 1] = ordinary[0];
		argv[argc++] = ordinary[1];
	}
	if (rte_eal_init(argc, argv) < 0)
		bench_die("EAL", "cannot be initialised: try --no-huge");
	clock_start();
}

static void print_conditions(const struct options *o, bool huge)
{
	char model[128];

	printf("conditions: %s, TSC of %.0f MHz; mbufs on %s pages; streams in random order, new "
	       "in "
	       "each lap; %u bytes of payload, frames of %u; chunks of %u KiB; %u mbufs, %u "
	       "descriptors, bursts of %d; medians of %d rounds; CPU time of the thread\n",
		machine_cpu_model(model, sizeof(model)), (double)rte_get_tsc_hz() / 1e6,
		huge ? "huge" : "ordinary", o->load.payload_bytes, o->load.payload_bytes + 54,
		o->load.chunk_kib, o->load.packets, SOURCE_DESCRIPTORS, BURST_PACKETS, ROUNDS);
}

/* --- Measuring --- */

static double cpu_ns(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Polled, taken through the first stages of a burst, freed. */
static void stage_turns(struct loaded_rx *l, unsigned int stages)
{
	static struct burst b;
	uint64_t tally[RX_COUNTER_COUNT] = {0};

	for (unsigned int i = 0; i < TURNS_PER_LOOK; i++) {
		b.count = packet_source_burst(&l->freed, b.mbufs, BURST_PACKETS);
		if (stages > 0)
			burst_parse(&b, &l->rx->rules, &l->table, tally);
		if (stages > 1)
			burst_find(&b, &l->table, 0);
		rte_pktmbuf_free_bulk(b.mbufs, b.count);
	}
}

static void rx_turns(struct loaded_rx *l)
{
	for (unsigned int i = 0; i < TURNS_PER_LOOK; i++) {
		rx_turn(l->rx);
		if (i % TURNS_PER_SINK == 0)
			loaded_rx_drain(l);
	}
}

/* ns per packet; the last stage is the rx core's whole turn. */
static double measure(struct loaded_rx *l, unsigned int stage, double seconds)
{
	const struct packet_source *source = stage == STAGES - 1 ? &l->source : &l->freed;
	uint64_t sent = source->sent;
	double from = cpu_ns();
	double ns;

	do {
		if (stage == STAGES - 1)
			rx_turns(l);
		else
			stage_turns(l, stage);
		ns = cpu_ns() - from;
	} while (ns < seconds * 1e9);
	return ns / (double)(source->sent - sent);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static struct result run(const struct load *load, const struct options *o)
{
	static struct loaded_rx l;
	double ns[STAGES][ROUNDS];
	double beyond[ROUNDS];
	double slice = o->seconds / ROUNDS / SLICES_PER_ROUND;
	struct result r = {.measured = true};

	loaded_rx_create(&l, load, &o->load);
	while (l.source.lap <= WARM_LAPS)
		rx_turns(&l);
	l.sink.cycles = 0;
	r.sink_ns = (double)l.source.sent;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		for (unsigned int s = 0; s < STAGES; s++)
			ns[s][i] = measure(&l, s,
				s == STAGES - 1 ? slice * (SLICES_PER_ROUND - STAGES + 1) : slice);
		beyond[i] = ns[STAGES - 1][i] - ns[0][i];
		loaded_rx_check(&l);
	}
	r.sink_ns = (double)l.sink.cycles / (double)rte_get_tsc_hz() * 1e9 /
		    ((double)l.source.sent - r.sink_ns);
	loaded_rx_finish(&l);
	loaded_rx_destroy(&l);
	for (unsigned int s = 0; s < STAGES; s++)
		r.stage_ns[s] = median(ns[s]);
	r.beyond_ns = median(beyond);
	r.chunks = l.sink.chunks;
	r.frames_read = l.sink.frames_read;
	return r;
}

/* --- Telling --- */

/* Of beyond_ns to that of the load which the goal names; 0: there is none. */
static double ratio(const struct bench_row *row, const struct result results[], unsigned int i)
{
	const struct result *to = &results[row->goal.of];

	return row->goal.ratio > 0 && to->measured ? results[i].beyond_ns / to->beyond_ns : 0;
}

static void print(const struct bench_row *row, const struct result results[], unsigned int i)
{
	const struct result *r = &results[i];
	double times = ratio(row, results, i);

	printf("%-36s %8u %8u %8.1f %7.1f %7.1f %7.1f %7.1f %6.1f %8.2f", row->load.name,
		row->load.known, row->load.sending, r->stage_ns[0], r->stage_ns[1] - r->stage_ns[0],
		r->stage_ns[2] - r->stage_ns[1], r->stage_ns[3] - r->stage_ns[2], r->beyond_ns,
		r->sink_ns, 1e3 / r->stage_ns[3]);
	if (row->goal.ns > 0)
		printf("   goal %.0f ns", row->goal.ns);
	if (times > 0)
		printf("   %.2f times the ns of \"%s\", goal %.1f", times, "recorded, all",
			row->goal.ratio);
	if (r->chunks > 0)
		printf("   (%" PRIu64 " chunks, %" PRIu64 " frames read back)", r->chunks,
			r->frames_read);
	printf("\n");
	fflush(stdout);
}

/* bench, row, streams (sending), known; ns per packet: baseline_ns (polled and freed), parse_ns,
 * look_up_ns, rest_ns (gate, copy, rings, freeing) and beyond_ns, their sum, as it was measured;
 * ns: all; sink_ns: of beyond_ns, the bench's own sink; cycles: beyond_ns in cycles of the TSC;
 * mpps: of one core, baseline included; goal: of beyond_ns; ratio, ratio_goal: of beyond_ns to that
 * of the row `ratio_to`; met: the goal is, or the ratio's; huge_pages. */
static void print_json(FILE *file, const struct options *o, const struct bench_row *row,
	const struct result results[], unsigned int i)
{
	const struct result *r = &results[i];
	double times = ratio(row, results, i);

	fprintf(file,
		"{\"bench\":\"rx\",\"row\":\"%s\",\"streams\":%u,\"known\":%u,\"chunk_kib\":%u,"
		"\"huge_pages\":%s,\"baseline_ns\":%.2f,\"parse_ns\":%.2f,\"look_up_ns\":%.2f,"
		"\"rest_ns\":%.2f,\"beyond_ns\":%.2f,\"ns\":%.2f,\"sink_ns\":%.2f,\"cycles\":%.1f,"
		"\"mpps\":%.2f",
		row->load.name, row->load.sending, row->load.known, o->load.chunk_kib,
		rte_eal_has_hugepages() ? "true" : "false", r->stage_ns[0],
		r->stage_ns[1] - r->stage_ns[0], r->stage_ns[2] - r->stage_ns[1],
		r->stage_ns[3] - r->stage_ns[2], r->beyond_ns, r->stage_ns[3], r->sink_ns,
		r->beyond_ns * (double)rte_get_tsc_hz() / 1e9, 1e3 / r->stage_ns[3]);
	if (row->goal.ns > 0)
		fprintf(file, ",\"goal\":%.0f,\"met\":%s", row->goal.ns,
			r->beyond_ns <= row->goal.ns ? "true" : "false");
	if (times > 0)
		fprintf(file, ",\"ratio\":%.3f,\"ratio_goal\":%.1f,\"ratio_to\":\"%s\",\"met\":%s",
			times, row->goal.ratio, RATIO_TO,
			times <= row->goal.ratio ? "true" : "false");
	fprintf(file, "}\n");
	fflush(file);
}

/* --- The loads --- */

/* The loads that have goals; the sixth is what others are compared to. */
static unsigned int goal_rows(uint32_t streams, struct bench_row rows[LOADS_MAX])
{
	struct load off = {.name = "known, not wanted",
		.known = streams,
		.sending = streams,
		.outcome = RX_not_wanted};
	struct load recorded = {.name = RATIO_TO,
		.known = streams,
		.sending = streams,
		.gate = GATE_RECORD,
		.outcome = RX_recorded};
	unsigned int n = 0;

	rows[n++] = (struct bench_row){off, {.ns = 25}};
	rows[n] = (struct bench_row){off, {.ns = 25}};
	rows[n].load.name = "RTP that is known as unknown";
	rows[n].load.gate = GATE_UNKNOWN;
	rows[n++].load.outcome = RX_unknown;
	rows[n] = (struct bench_row){off, {.ns = 25}};
	rows[n].load.name = "RTP of no stream, to control";
	rows[n].load.no_stream = true;
	rows[n++].load.outcome = RX_to_control_unknown;
	rows[n] = (struct bench_row){off, {.ns = 25}};
	rows[n].load.name = "not RTP";
	rows[n].load.not_rtp = true;
	rows[n].load.no_stream = true;
	rows[n++].load.outcome = RX_not_rtp;
	rows[n] = (struct bench_row){recorded, {.ns = 60}};
	rows[n].load.name = "recorded, few";
	rows[n].load.known = FEW_STREAMS;
	rows[n++].load.sending = FEW_STREAMS;
	rows[n] = (struct bench_row){recorded, {.ns = 60}};
	for (unsigned int to = n++; n <= to + 5; n++) {
		rows[n] = rows[to];
		rows[n].goal = (struct goal){.ratio = 1.2, .of = to};
	}
	rows[n - 5].load.name = "recorded, 2.5 times as many";
	rows[n - 5].load.known = MORE(streams);
	rows[n - 5].load.sending = MORE(streams);
	rows[n - 5].goal.ratio = 1.6;
	rows[n - 4].load.name = "recorded, of many more known";
	rows[n - 4].load.known = MANY(streams);
	rows[n - 3].load.name = "recorded, in 4,000 VLANs";
	rows[n - 3].load.tagged = true;
	rows[n - 2].load.name = "recorded, from 8 ports";
	rows[n - 2].load.queues = LOAD_QUEUES_MAX;
	rows[n - 1].load.name = "recorded, after many ended";
	rows[n - 1].load.ended = MANY(streams);
	return n;
}

static unsigned int curve_rows(struct bench_row rows[LOADS_MAX])
{
	static const uint32_t streams[] = {1000, 8000, 32000, 105000, 262000, 1000000};
	const struct load off = {.name = "not wanted, curve", .outcome = RX_not_wanted};
	const struct load recorded = {
		.name = "recorded, curve", .gate = GATE_RECORD, .outcome = RX_recorded};
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		for (unsigned int wanted = 0; wanted < 2; wanted++, n++) {
			rows[n].load = wanted ? recorded : off;
			rows[n].load.known = streams[i];
			rows[n].load.sending = streams[i];
		}
	}
	/* As many chunks as streams that send: of a million only a part. */
	rows[n - 1].load.sending = 262000;
	return n;
}

int main(int argc, char *argv[])
{
	static struct bench_row rows[LOADS_MAX];
	static struct result results[LOADS_MAX];
	struct options o = parse(argc, argv);
	unsigned int count = o.curve ? curve_rows(rows) : goal_rows(o.streams, rows);
	uint64_t mib = loads_mib(&o, rows, count);
	FILE *json = NULL;
	bool huge = !o.no_huge && machine_free_huge_kib() >= EAL_MIB << 10;

	if (o.huge_mib) {
		printf("%" PRIu64 "\n", mib + EAL_MIB);
		return 0;
	}
	if (o.json && !(json = fopen(o.json, "ae")))
		bench_die(o.json, strerror(errno));
	check_memory(mib + EAL_MIB);
	start_eal(huge);
	print_conditions(&o, huge);
	printf("%-36s %8s %8s %8s %7s %7s %7s %7s %6s %8s\n", "ns per packet", "known", "sending",
		"baseline", "parse", "look-up", "rest", "beyond", "sink", "Mpps");
	for (unsigned int i = 0; i < count; i++) {
		if (!is_wanted(&o, &rows[i]))
			continue;
		results[i] = run(&rows[i].load, &o);
		print(&rows[i], results, i);
		if (json)
			print_json(json, &o, &rows[i], results, i);
	}
	printf("accounts: every packet sent has the outcome that is right, every frame recorded "
	       "came to the sink, every mbuf came back\n");
	rte_eal_cleanup();
	if (json)
		fclose(json);
	return 0;
}
