#include "tests/bench/rx_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#define SINK_BURST 256
#define CHUNKS_PER_LOOK 256 /* one of so many is read by the sink */
#define SPARE_CHUNKS 4096
#define MAX_AGE_NS 5000000000ULL
#define LIVE_MEANWHILE 50000U /* of the streams that ended before, so many at once */
#define FLOWS_APART 2000000U  /* between them and the load's */

void bench_die(const char *what, const char *why)
{
	fprintf(stderr, "rx_bench: %s: %s\n", what, why);
	exit(1);
}

static void must(int err, const struct errmsg *e)
{
	if (err < 0)
		bench_die("cannot start", e->text);
}

/* --- The sink: the control thread and the writers --- */

/* Reads a chunk: one stream, no packet missing, every octet as it was sent. */
static void read_chunk(struct loaded_rx *l, const struct chunk *c)
{
	const struct chunk_header *h = chunk_header_of(c);
	uint32_t at = sizeof(*h);
	uint32_t stream = 0;
	uint16_t lap = 0;

	for (uint32_t i = 0; i < h->frames; i++) {
		const struct chunk_frame *frame = (const struct chunk_frame *)(c->data + at);
		uint32_t of = 0;
		uint16_t in = 0;
		bool right = frame->length == l->options.payload_bytes + 12 &&
			     packet_source_check((const uint8_t *)(frame + 1),
				     l->options.payload_bytes, &of, &in);

		if (!right || h->stream != of ||
			(i > 0 && (of != stream || in != (uint16_t)(lap + 1))))
			l->sink.wrong++;
		stream = of;
		lap = in;
		at += chunk_frame_bytes(frame->length);
	}
	l->sink.wrong += at != h->used_bytes;
	l->sink.chunks_read++;
	l->sink.frames_read += h->frames;
}

static unsigned int take_chunks(struct loaded_rx *l)
{
	uint32_t indexes[SINK_BURST];
	unsigned int n = rte_ring_sc_dequeue_burst_elem(
		l->topology.chunks[0][0], indexes, sizeof(*indexes), SINK_BURST, NULL);

	for (unsigned int i = 0; i < n; i++) {
		const struct chunk *c = &l->chunks.chunks[indexes[i]];

		l->sink.frames += c->frames;
		if (l->sink.chunks++ % CHUNKS_PER_LOOK == 0)
			read_chunk(l, c);
	}
	if (n > 0)
		rte_ring_sp_enqueue_bulk_elem(
			l->topology.empty[0][0], indexes, sizeof(*indexes), n, NULL);
	return n;
}

static unsigned int take_packets(struct loaded_rx *l)
{
	struct rte_mbuf *mbufs[SINK_BURST];
	unsigned int n =
		rte_ring_sc_dequeue_burst(l->topology.unknown[0], (void **)mbufs, SINK_BURST, NULL);

	rte_pktmbuf_free_bulk(mbufs, n);
	l->sink.packets += n;
	return n;
}

void loaded_rx_drain(struct loaded_rx *l)
{
	uint64_t from = rte_rdtsc();

	while (take_chunks(l) + take_packets(l) > 0)
		continue;
	l->sink.cycles += rte_rdtsc() - from;
}

/* --- Making it --- */

static uint32_t add_stream(struct loaded_rx *l, uint32_t i, const struct stream_target *target)
{
	struct flow flow = packet_source_flow(i, l->load->tagged);
	struct flow_key key;
	uint32_t stream;

	if (flow_key_of(&flow, &key) < 0 || stream_table_add(&l->table, &key, target, &stream) < 0)
		bench_die("streams", "cannot be added");
	return stream;
}

static void add_streams(struct loaded_rx *l)
{
	for (uint32_t i = 0; i < l->load->known; i++) {
		struct stream_target target = {.gate = (uint8_t)l->load->gate};

		if (l->load->gate == GATE_RECORD) {
			target.track = track_ref_make(i, 1);
			target.ordinal = i;
		}
		(void)add_stream(l, i, &target);
	}
}

/* Calls that ended before: the table's places are then used again in an order of their own. */
static void add_and_remove(struct loaded_rx *l)
{
	static uint32_t live[LIVE_MEANWHILE];
	struct stream_target off = {.gate = GATE_OFF};

	for (uint32_t i = 0; i < l->load->ended + LIVE_MEANWHILE; i++) {
		uint32_t *place = &live[i * 7919ULL % LIVE_MEANWHILE];

		if (i >= LIVE_MEANWHILE) {
			stream_table_remove(&l->table, *place);
			stream_table_free(&l->table, *place);
		}
		if (i < l->load->ended)
			*place = add_stream(l, FLOWS_APART + i, &off);
	}
}

static uint64_t chunk_pool_bytes(const struct load *load, const struct load_options *o)
{
	uint64_t recorded = load->gate == GATE_RECORD ? load->sending : 1;

	return (recorded + SPARE_CHUNKS) * (o->chunk_kib << 10);
}

/* Places for streams: those that end before need theirs, too. */
static uint32_t table_places(const struct load *load)
{
	return load->ended > 0 && load->known < LIVE_MEANWHILE ? LIVE_MEANWHILE : load->known;
}

uint64_t loaded_rx_bytes(const struct load *load, const struct load_options *o)
{
	uint64_t chunks = chunk_pool_bytes(load, o);

	return chunks + chunks / (o->chunk_kib << 10) * sizeof(struct chunk) +
	       stream_table_bytes(table_places(load));
}

/* Pages are there before the first packet, as they are where a writer has registered them. */
static void touch(struct chunk_pool *pool)
{
	for (unsigned int i = 0; i < pool->piece_count; i++)
		memset(pool->pieces[i].base, 0xee, pool->pieces[i].bytes);
}

static void make_source(struct loaded_rx *l, struct packet_source *source)
{
	struct packet_source_config config = {
		.streams = l->load->known,
		.sending = l->load->sending,
		.payload_bytes = l->options.payload_bytes,
		.rtp = !l->load->not_rtp,
		.tagged = l->load->tagged,
	};

	if (packet_source_create(source, l->packets, &config) < 0)
		bench_die(l->load->name, "no memory for its packets");
}

static void make_rx(struct loaded_rx *l)
{
	struct dataplane_config dataplane = {.max_age_ns = MAX_AGE_NS};
	struct rx_config config = {.dataplane = &dataplane,
		.topology = &l->topology,
		.pool = &l->chunks,
		.table = &l->table};
	struct rx_queue queue = {
		.burst = packet_source_burst, .source = &l->source, .capacity = SOURCE_DESCRIPTORS};
	unsigned int queues = l->load->queues ? l->load->queues : 1;

	if (rx_create(&l->rx, &config) < 0)
		bench_die(l->load->name, "no memory");
	for (unsigned int q = 0; q < queues; q++) {
		queue.port = (uint8_t)q;
		if (rx_add_queue(l->rx, &queue) < 0)
			bench_die(l->load->name, "too many queues");
	}
}

void loaded_rx_create(
	struct loaded_rx *l, const struct load *load, const struct load_options *options)
{
	struct errmsg e;

	memset(l, 0, sizeof(*l));
	l->options = *options;
	l->load = load;
	l->packets = packet_source_pool(options->packets, options->payload_bytes, load->tagged);
	if (!l->packets)
		bench_die("mbufs", "no memory: lower --packets");
	must(chunk_pool_create(
		     &l->chunks, chunk_pool_bytes(load, options), options->chunk_kib << 10, 1, &e),
		&e);
	touch(&l->chunks);
	must(topology_create(&l->topology, 1, 1, l->chunks.per_rx, &e), &e);
	must(stream_table_create(&l->table, table_places(load), &e), &e);
	if (load->ended > 0)
		add_and_remove(l);
	if (!load->no_stream)
		add_streams(l);
	make_rx(l);
	make_source(l, &l->source);
	make_source(l, &l->freed);
}

void loaded_rx_destroy(struct loaded_rx *l)
{
	packet_source_destroy(&l->freed);
	packet_source_destroy(&l->source);
	rx_destroy(l->rx);
	stream_table_destroy(&l->table);
	topology_destroy(&l->topology);
	chunk_pool_destroy(&l->chunks);
	if (rte_mempool_avail_count(l->packets) != l->options.packets)
		bench_die(l->load->name, "mbufs were lost");
	rte_mempool_free(l->packets);
}

/* --- Accounting --- */

static _Noreturn void miscounted(
	const struct loaded_rx *l, const char *what, uint64_t one, uint64_t other)
{
	fprintf(stderr, "rx_bench: %s: %s: %" PRIu64 " and %" PRIu64 "\n", l->load->name, what, one,
		other);
	for (unsigned int i = 0; i < RX_COUNTER_COUNT; i++)
		if (counter_read(&l->rx->counters[i]) > 0)
			fprintf(stderr, "  %-24s %" PRIu64 "\n", rx_counter_info[i].name,
				counter_read(&l->rx->counters[i]));
	exit(1);
}

static void must_be_equal(const struct loaded_rx *l, const char *what, uint64_t one, uint64_t other)
{
	if (one != other)
		miscounted(l, what, one, other);
}

static uint64_t sum(const struct loaded_rx *l, enum counter_kind kind)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < RX_COUNTER_COUNT; i++)
		if (rx_counter_info[i].kind == kind)
			total += counter_read(&l->rx->counters[i]);
	return total;
}

/* Frames in the chunks that are being filled. */
static uint64_t frames_being_filled(const struct loaded_rx *l)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < l->table.streams_max; i++)
		if (l->table.streams[i].chunk != CHUNK_NONE)
			total += l->table.streams[i].frames;
	return total;
}

void loaded_rx_check(struct loaded_rx *l)
{
	uint64_t polled = l->source.sent;
	const counter *c = l->rx->counters;

	loaded_rx_drain(l);
	must_be_equal(l, "packets sent and polled", polled, counter_read(&c[RX_polled]));
	must_be_equal(
		l, "packets polled and their outcomes", sum(l, COUNTER_IN), sum(l, COUNTER_OUT));
	must_be_equal(l, "packets, and those with the outcome that is right", polled,
		counter_read(&c[l->load->outcome]));
	must_be_equal(l, "packets recorded, and frames handed over or in flight",
		counter_read(&c[RX_recorded]), l->sink.frames + frames_being_filled(l));
	must_be_equal(l, "packets to the control thread, and there",
		counter_read(&c[RX_to_control_unknown]), l->sink.packets);
	must_be_equal(l, "frames that are not as they were sent", l->sink.wrong, 0);
}

void loaded_rx_finish(struct loaded_rx *l)
{
	rx_finish(l->rx);
	loaded_rx_drain(l);
	must_be_equal(l, "packets recorded, and frames handed over",
		counter_read(&l->rx->counters[RX_recorded]), l->sink.frames);
	if (l->load->outcome == RX_recorded && l->sink.frames_read == 0)
		miscounted(l, "frames read back", 0, 0);
}
