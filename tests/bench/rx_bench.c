/* What a packet costs an rx core: rx_turn, as legtapd's rx threads run it, on packets of a source
 * inside the process (packet_source.h), with a sink behind it that takes full chunks from the ring,
 * looks into a few of them, and gives them back.
 *
 * Each figure is the median over rounds. In each round the baseline (the same packets from the same
 * source, polled and freed) is measured beside the load, and what is beyond it is the rx core's.
 * Times are CPU times of the thread, so that neighbours on the core do not count. Every packet is
 * accounted for; exits with 1 when one is not.
 *
 *   rx_bench [--streams N] [--seconds S] [--chunk-kib N] [--payload-bytes N] [--packets N]
 *            [--only LOAD] [--no-huge]
 *
 *   --seconds    of each figure
 *   --packets    mbufs in the source's pool
 *   --only       the loads whose names begin so, for perf(1) */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "common/clock.h"
#include "dataplane/rx.h"
#include "tests/bench/machine.h"
#include "tests/bench/packet_source.h"

#define ROUNDS 7
#define SLICES_PER_ROUND 3 /* the load's time in a round, to the baseline's one */
#define WARM_LAPS 12
#define TURNS_PER_LOOK 64 /* at the clock */
#define TURNS_PER_SINK 16
#define SINK_BURST 256
#define CHUNKS_PER_LOOK 256 /* one of so many is read by the sink */
#define SPARE_CHUNKS 4096
#define FEW_STREAMS 8000
#define MAX_AGE_NS 5000000000ULL
#define EAL_MIB 192UL
#define PACKETS_LEAST (2 * SOURCE_DESCRIPTORS + 1024) /* descriptors, caches, bursts */

struct options {
	uint32_t streams;
	double seconds;
	uint32_t chunk_kib;
	uint32_t payload_bytes;
	uint32_t packets;
	const char *only;
	bool no_huge;
};

/* What the packets are to the recorder. */
struct load {
	const char *name;
	uint32_t streams;
	bool rtp;
	bool known;
	enum gate gate;
	enum rx_counter outcome; /* that each packet must have */
};

struct sink {
	uint64_t cycles;
	uint64_t packets; /* that came to the control thread */
	uint64_t chunks;
	uint64_t frames;
	uint64_t chunks_read;
	uint64_t frames_read;
	uint64_t wrong; /* frames */
};

struct bench {
	struct options options;
	const struct load *load;
	struct rte_mempool *packets;
	struct packet_source source;
	struct packet_source freed; /* the baseline's, so that the load sees every lap */
	struct topology topology;
	struct chunk_pool chunks;
	struct stream_table table;
	struct rx *rx;
	struct sink sink;
};

/* A rate over some time. */
struct figure {
	double packet_ns;
	double sink_ns; /* of it */
};

struct result {
	double baseline_ns;
	double packet_ns;
	double beyond_ns;
	double sink_ns;
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "rx_bench: %s: %s\n", what, why);
	exit(1);
}

static void must(int err, const struct errmsg *e)
{
	if (err < 0)
		die("cannot start", e->text);
}

/* --- Options and conditions --- */

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
		{"chunk-kib", required_argument, NULL, 'c'},
		{"payload-bytes", required_argument, NULL, 'b'},
		{"packets", required_argument, NULL, 'p'}, {"only", required_argument, NULL, 'o'},
		{"no-huge", no_argument, NULL, 'n'}, {0}};
	struct options o = {.streams = 105000,
		.seconds = 10,
		.chunk_kib = 16,
		.payload_bytes = 160,
		.packets = 8191,
		.only = ""};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 's')
			o.streams = (uint32_t)number(optarg, TRACK_SLOTS_MAX);
		else if (c == 't')
			o.seconds = number(optarg, 3600);
		else if (c == 'c')
			o.chunk_kib = (uint32_t)number(optarg, CHUNK_BYTES_MAX >> 10);
		else if (c == 'b')
			o.payload_bytes = (uint32_t)number(optarg, 1400);
		else if (c == 'p')
			o.packets = (uint32_t)number(optarg, 1 << 20);
		else if (c == 'o')
			o.only = optarg;
		else if (c == 'n')
			o.no_huge = true;
		else
			exit(2);
	}
	if (optind != argc)
		die("usage",
			"rx_bench [--streams N] [--seconds S] [--chunk-kib N] [--payload-bytes N] "
			"[--packets N] [--only LOAD] [--no-huge]");
	if (o.packets < PACKETS_LEAST)
		die("--packets", "too few for two sources");
	return o;
}

static bool has_huge_pages(const struct options *o)
{
	uint64_t free_kib = machine_free_huge_kib();

	return !o->no_huge && free_kib >= EAL_MIB << 10;
}

static uint64_t chunk_bytes(const struct bench *b, uint32_t streams)
{
	return ((uint64_t)streams + SPARE_CHUNKS) * (b->options.chunk_kib << 10);
}

static void check_memory(const struct bench *b)
{
	uint64_t needed = (chunk_bytes(b, b->options.streams) >> 20) + EAL_MIB +
			  ((uint64_t)b->options.streams * 600 >> 20);
	uint64_t there = machine_memory_kib("MemAvailable:") >> 10;

	printf("memory: %" PRIu64 " MiB needed, %" PRIu64 " MiB there\n", needed, there);
	if (there < needed)
		die("memory", "not enough: lower --streams or --chunk-kib");
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
		die("EAL", "cannot be initialised: try --no-huge");
	clock_start();
}

static void print_conditions(const struct options *o, bool huge)
{
	char model[128];

	printf("conditions: %s; mbufs on %s pages; %u streams in random order, new in each lap; "
	       "%u bytes of payload, frames of %u; chunks of %u KiB; %u mbufs, %u descriptors, "
	       "bursts of %d; medians of %d rounds; CPU time of the thread\n",
		machine_cpu_model(model, sizeof(model)), huge ? "huge" : "ordinary", o->streams,
		o->payload_bytes, o->payload_bytes + 54, o->chunk_kib, o->packets,
		SOURCE_DESCRIPTORS, BURST_PACKETS, ROUNDS);
}

/* --- The sink: the control thread and the writers --- */

/* Reads a chunk: one stream, no packet missing, every octet as it was sent. */
static void read_chunk(struct bench *b, const struct chunk *c)
{
	const struct chunk_header *h = chunk_header_of(c);
	uint32_t at = sizeof(*h);
	uint32_t stream = 0;
	uint16_t lap = 0;

	for (uint32_t i = 0; i < h->frames; i++) {
		const struct chunk_frame *frame = (const struct chunk_frame *)(c->data + at);
		uint32_t of = 0;
		uint16_t in = 0;
		bool right = frame->length == b->options.payload_bytes + 12 &&
			     packet_source_check((const uint8_t *)(frame + 1),
				     b->options.payload_bytes, &of, &in);

		if (!right || h->stream != of ||
			(i > 0 && (of != stream || in != (uint16_t)(lap + 1))))
			b->sink.wrong++;
		stream = of;
		lap = in;
		at += chunk_frame_bytes(frame->length);
	}
	b->sink.wrong += at != h->used_bytes;
	b->sink.chunks_read++;
	b->sink.frames_read += h->frames;
}

static unsigned int take_chunks(struct bench *b)
{
	uint32_t indexes[SINK_BURST];
	unsigned int n = rte_ring_sc_dequeue_burst_elem(
		b->topology.chunks[0][0], indexes, sizeof(*indexes), SINK_BURST, NULL);

	for (unsigned int i = 0; i < n; i++) {
		const struct chunk *c = &b->chunks.chunks[indexes[i]];

		b->sink.frames += c->frames;
		if (b->sink.chunks++ % CHUNKS_PER_LOOK == 0)
			read_chunk(b, c);
	}
	if (n > 0)
		rte_ring_sp_enqueue_bulk_elem(
			b->topology.empty[0][0], indexes, sizeof(*indexes), n, NULL);
	return n;
}

static unsigned int take_packets(struct bench *b)
{
	struct rte_mbuf *mbufs[SINK_BURST];
	unsigned int n =
		rte_ring_sc_dequeue_burst(b->topology.unknown[0], (void **)mbufs, SINK_BURST, NULL);

	rte_pktmbuf_free_bulk(mbufs, n);
	b->sink.packets += n;
	return n;
}

static void drain(struct bench *b)
{
	uint64_t from = rte_rdtsc();

	while (take_chunks(b) + take_packets(b) > 0)
		continue;
	b->sink.cycles += rte_rdtsc() - from;
}

/* --- A load --- */

static void add_streams(struct bench *b)
{
	for (uint32_t i = 0; i < b->load->streams; i++) {
		struct stream_target target = {.gate = (uint8_t)b->load->gate};
		struct flow flow = packet_source_flow(i);
		struct flow_key key;
		uint32_t stream;

		if (b->load->gate == GATE_RECORD) {
			target.track = track_ref_make(i, 1);
			target.ordinal = i;
		}
		if (flow_key_of(&flow, &key) < 0 ||
			stream_table_add(&b->table, &key, &target, &stream) < 0)
			die("streams", "cannot be added");
	}
}

/* Pages are there before the first packet, as they are where a writer has registered them. */
static void touch(struct chunk_pool *pool)
{
	for (unsigned int i = 0; i < pool->piece_count; i++)
		memset(pool->pieces[i].base, 0xee, pool->pieces[i].bytes);
}

static void make_source(struct bench *b, struct packet_source *source)
{
	if (packet_source_create(source, b->packets, b->load->streams, b->options.payload_bytes,
		    b->load->rtp) < 0)
		die(b->load->name, "no memory for its packets");
}

static void set_up(struct bench *b)
{
	struct dataplane_config dataplane = {.max_age_ns = MAX_AGE_NS};
	struct rx_config config = {.dataplane = &dataplane,
		.topology = &b->topology,
		.pool = &b->chunks,
		.table = &b->table};
	struct rx_queue queue = {
		.burst = packet_source_burst, .source = &b->source, .capacity = SOURCE_DESCRIPTORS};
	uint32_t recorded = b->load->gate == GATE_RECORD ? b->load->streams : 1;
	struct errmsg e;

	memset(&b->sink, 0, sizeof(b->sink));
	must(chunk_pool_create(
		     &b->chunks, chunk_bytes(b, recorded), b->options.chunk_kib << 10, 1, &e),
		&e);
	touch(&b->chunks);
	must(topology_create(&b->topology, 1, 1, b->chunks.per_rx, &e), &e);
	must(stream_table_create(&b->table, b->load->streams, &e), &e);
	if (b->load->known)
		add_streams(b);
	if (rx_create(&b->rx, &config) < 0 || rx_add_queue(b->rx, &queue) < 0)
		die(b->load->name, "no memory");
	make_source(b, &b->source);
	make_source(b, &b->freed);
}

static void tear_down(struct bench *b)
{
	packet_source_destroy(&b->freed);
	packet_source_destroy(&b->source);
	rx_destroy(b->rx);
	stream_table_destroy(&b->table);
	topology_destroy(&b->topology);
	chunk_pool_destroy(&b->chunks);
	if (rte_mempool_avail_count(b->packets) != b->options.packets)
		die(b->load->name, "mbufs were lost");
}

/* --- Accounting --- */

static _Noreturn void miscounted(
	const struct bench *b, const char *what, uint64_t one, uint64_t other)
{
	fprintf(stderr, "rx_bench: %s: %s: %" PRIu64 " and %" PRIu64 "\n", b->load->name, what, one,
		other);
	for (unsigned int i = 0; i < RX_COUNTER_COUNT; i++)
		if (counter_read(&b->rx->counters[i]) > 0)
			fprintf(stderr, "  %-24s %" PRIu64 "\n", rx_counter_info[i].name,
				counter_read(&b->rx->counters[i]));
	exit(1);
}

static void must_be_equal(const struct bench *b, const char *what, uint64_t one, uint64_t other)
{
	if (one != other)
		miscounted(b, what, one, other);
}

static uint64_t sum(const struct bench *b, enum counter_kind kind)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < RX_COUNTER_COUNT; i++)
		if (rx_counter_info[i].kind == kind)
			total += counter_read(&b->rx->counters[i]);
	return total;
}

/* Frames in the chunks that are being filled. */
static uint64_t frames_being_filled(const struct bench *b)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < b->load->streams; i++)
		if (b->load->known && b->table.streams[i].chunk != CHUNK_NONE)
			total += b->table.streams[i].frames;
	return total;
}

/* Between bursts: received = recorded + not wanted + dropped + in flight, to the packet. */
static void check_accounts(struct bench *b)
{
	uint64_t polled = b->source.sent;
	const counter *c = b->rx->counters;

	drain(b);
	must_be_equal(b, "packets sent and polled", polled, counter_read(&c[RX_polled]));
	must_be_equal(
		b, "packets polled and their outcomes", sum(b, COUNTER_IN), sum(b, COUNTER_OUT));
	must_be_equal(b, "packets, and those with the outcome that is right", polled,
		counter_read(&c[b->load->outcome]));
	must_be_equal(b, "packets recorded, and frames handed over or in flight",
		counter_read(&c[RX_recorded]), b->sink.frames + frames_being_filled(b));
	must_be_equal(b, "packets to the control thread, and there",
		counter_read(&c[RX_to_control_unknown]), b->sink.packets);
	must_be_equal(b, "frames that are not as they were sent", b->sink.wrong, 0);
}

/* After the last burst: nothing is in flight. */
static void check_end(struct bench *b)
{
	rx_finish(b->rx);
	drain(b);
	must_be_equal(b, "packets recorded, and frames handed over",
		counter_read(&b->rx->counters[RX_recorded]), b->sink.frames);
	if (b->load->outcome == RX_recorded && b->sink.frames_read == 0)
		miscounted(b, "frames read back", 0, 0);
}

/* --- Measuring --- */

static double cpu_ns(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void baseline_turns(struct bench *b)
{
	struct rte_mbuf *mbufs[BURST_PACKETS];

	for (unsigned int i = 0; i < TURNS_PER_LOOK; i++) {
		uint16_t n = packet_source_burst(&b->freed, mbufs, BURST_PACKETS);

		rte_pktmbuf_free_bulk(mbufs, n);
	}
}

static void rx_turns(struct bench *b)
{
	for (unsigned int i = 0; i < TURNS_PER_LOOK; i++) {
		rx_turn(b->rx);
		if (i % TURNS_PER_SINK == 0)
			drain(b);
	}
}

static struct figure measure(struct bench *b, void (*turns)(struct bench *b),
	const struct packet_source *source, double seconds)
{
	uint64_t sent = source->sent;
	uint64_t sink = b->sink.cycles;
	double from = cpu_ns();
	double ns;

	do {
		turns(b);
		ns = cpu_ns() - from;
	} while (ns < seconds * 1e9);
	sent = source->sent - sent;
	return (struct figure){ns / (double)sent,
		(double)(b->sink.cycles - sink) / (double)rte_get_tsc_hz() * 1e9 / (double)sent};
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

static struct result run(struct bench *b, const struct load *load)
{
	double baseline[ROUNDS];
	double packet[ROUNDS];
	double beyond[ROUNDS];
	double sink[ROUNDS];
	double slice = b->options.seconds / ROUNDS / (SLICES_PER_ROUND + 1);

	b->load = load;
	set_up(b);
	while (b->source.lap <= WARM_LAPS)
		rx_turns(b);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct figure f;

		baseline[i] = measure(b, baseline_turns, &b->freed, slice).packet_ns;
		f = measure(b, rx_turns, &b->source, slice * SLICES_PER_ROUND);
		packet[i] = f.packet_ns;
		sink[i] = f.sink_ns;
		beyond[i] = packet[i] - baseline[i];
		check_accounts(b);
	}
	check_end(b);
	tear_down(b);
	return (struct result){median(baseline), median(packet), median(beyond), median(sink)};
}

static void print(const struct bench *b, const struct result *r)
{
	printf("%-34s %8u %9.1f %9.1f %9.1f %9.2f %8.1f", b->load->name, b->load->streams,
		r->baseline_ns, r->packet_ns, r->beyond_ns, 1e3 / r->packet_ns, r->sink_ns);
	if (b->sink.chunks > 0)
		printf("   %" PRIu64 " chunks, %" PRIu64 " frames read back", b->sink.chunks,
			b->sink.frames_read);
	printf("\n");
	fflush(stdout);
}

static void run_all(struct bench *b)
{
	uint32_t streams = b->options.streams;
	const struct load loads[] = {
		{"known, not wanted", streams, true, true, GATE_OFF, RX_not_wanted},
		{"RTP that is known as unknown", streams, true, true, GATE_UNKNOWN, RX_unknown},
		{"RTP of no stream, to control", streams, true, false, GATE_OFF,
			RX_to_control_unknown},
		{"not RTP", streams, false, false, GATE_OFF, RX_not_rtp},
		{"recorded", FEW_STREAMS, true, true, GATE_RECORD, RX_recorded},
		{"recorded", streams, true, true, GATE_RECORD, RX_recorded},
	};

	printf("%-34s %8s %9s %9s %9s %9s %8s\n", "ns per packet", "streams", "baseline", "all",
		"beyond it", "Mpps, all", "sink");
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		struct result r;

		if (strncmp(loads[i].name, b->options.only, strlen(b->options.only)) != 0)
			continue;
		r = run(b, &loads[i]);
		print(b, &r);
	}
	printf("accounts: every packet sent has the outcome that is right, every frame recorded "
	       "came "
	       "to the sink, every mbuf came back\n");
}

int main(int argc, char *argv[])
{
	static struct bench b;
	bool huge;

	b.options = parse(argc, argv);
	huge = has_huge_pages(&b.options);
	check_memory(&b);
	start_eal(huge);
	print_conditions(&b.options, huge);
	b.packets = packet_source_pool(b.options.packets, b.options.payload_bytes);
	if (!b.packets)
		die("mbufs", "no memory: lower --packets");
	run_all(&b);
	rte_mempool_free(b.packets);
	rte_eal_cleanup();
	return 0;
}
