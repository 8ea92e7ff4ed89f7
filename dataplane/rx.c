#include "dataplane/rx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <rte_ring.h>

#include "common/clock.h"
#include "dataplane/packet.h"
#include "dataplane/record.h"

#define SECOND_NS 1000000000ULL
#define TICKS_PER_GAP 1000ULL
#define WAIT_FOR_COMMANDS_NS 1000000

int rx_create(struct rx **out, const struct rx_config *config)
{
	const struct dataplane_config *dc = config->dataplane;
	struct rx *rx = aligned_alloc(64, RTE_ALIGN(sizeof(*rx), 64));
	unsigned int i = config->index;
	int err;

	*out = NULL;
	if (!rx)
		return -ENOMEM;
	memset(rx, 0, sizeof(*rx));
	rx->index = i;
	rx->table = config->table;
	rx->topology = config->topology;
	rx->handover = config->handover;
	rx->rules.rx = i;
	rx->rules.any_tcp = dc->capture_path != NULL;
	rx->rules.sip_port_count = dc->sip_port_count;
	for (unsigned int p = 0; p < dc->sip_port_count; p++)
		rx->rules.sip_ports[p] = htons(dc->sip_ports[p]);
	for (unsigned int p = 0; config->answered && p < dc->port_count; p++)
		if (config->answered[p].count > 0)
			rx->rules.answered[p] = &config->answered[p];
	err = filling_create(
		&rx->filling, config->pool, config->topology, i, config->table, dc->max_age_ns);
	if (err < 0)
		goto free_rx;
	err = fragments_create(
		&rx->fragments, dc->fragments_max, dc->fragment_hold_ns, config->fragments);
	if (err < 0)
		goto destroy_filling;
	rx->rules.fragments = rx->fragments;
	rx->reinjected.own_times = true;
	gates_init(&rx->gates, config->table, &rx->filling, config->topology->commands[i],
		config->topology->acks[i], dc->capture_path != NULL);
	*out = rx;
	return 0;

destroy_filling:
	filling_destroy(&rx->filling);
free_rx:
	free(rx);
	return err;
}

void rx_destroy(struct rx *rx)
{
	if (!rx)
		return;
	/* Given back, but never dealt with: commands before them were not taken any more. */
	rte_pktmbuf_free_bulk(rx->reinjected.mbufs, rx->reinjected.count);
	fragments_destroy(rx->fragments);
	filling_destroy(&rx->filling);
	free(rx);
}

int rx_add_queue(struct rx *rx, const struct rx_queue *queue)
{
	if (rx->queue_count == RX_QUEUES_MAX)
		return -ENOSPC;
	rx->queues[rx->queue_count++] = *queue;
	return 0;
}

/* --- To the control thread, live --- */

static void describe(const struct rx *rx, struct burst *b, unsigned int i)
{
	packet_describe(b->mbufs[i], &b->decaps[i], (uint8_t)rx->index);
	burst_fill_area(b, i);
}

static void enqueue(struct rx *rx, struct rte_ring *ring, struct rte_mbuf **mbufs,
	unsigned int count, enum rx_counter passed, enum rx_counter dropped)
{
	unsigned int n = rte_ring_sp_enqueue_burst(ring, (void *const *)mbufs, count, NULL);

	rx->tally[passed] += n;
	rx->tally[dropped] += count - n;
	rte_pktmbuf_free_bulk(mbufs + n, count - n);
}

static void enqueue_all(struct rx *rx)
{
	struct topology *t = rx->topology;

	if (rx->sip_count > 0)
		enqueue(rx, t->sip[rx->index], rx->sip, rx->sip_count, RX_to_control_sip,
			RX_drop_sip_ring_full);
	if (rx->unknown_count > 0)
		enqueue(rx, t->unknown[rx->index], rx->unknown, rx->unknown_count,
			RX_to_control_unknown, RX_drop_unknown_ring_full);
	if (rx->rest_count > 0)
		enqueue(rx, t->rest[rx->index], rx->rest, rx->rest_count, RX_to_control_rest,
			RX_drop_rest_ring_full);
	rx->sip_count = 0;
	rx->unknown_count = 0;
	rx->rest_count = 0;
}

/* --- To the control thread, lossless --- */

static void settle(struct rx *rx);

static void wait_for_control(struct rx *rx, enum handover_kind kind, uint64_t now_ns)
{
	handover_wait(rx->handover, kind, now_ns);
	settle(rx);
}

/* Puts a packet into a ring, and waits until the control thread has dealt with it. */
static void hand_over(struct rx *rx, struct rte_mbuf *m, enum rx_counter outcome)
{
	bool is_sip = outcome == RX_to_control_sip;
	struct rte_ring *ring =
		is_sip ? rx->topology->sip[rx->index] : rx->topology->unknown[rx->index];

	while (rte_ring_sp_enqueue(ring, m) != 0) {
		if (handover_is_stopping(rx->handover)) {
			rte_pktmbuf_free(m);
			rx->tally[is_sip ? RX_drop_sip_ring_full : RX_drop_unknown_ring_full]++;
			return;
		}
		rx->tally[RX_waits]++;
		wait_for_control(rx, HANDOVER_RINGS, rx->now_ns);
	}
	rx->tally[outcome]++;
	wait_for_control(rx, HANDOVER_RINGS, rx->now_ns);
}

/* Tells of the seconds that are over at arrival_ns. After a gap of hours only of its first ones and
 * its last. True when there were any. */
static bool tick(struct rx *rx, uint64_t arrival_ns)
{
	unsigned int ticks = 0;

	if (arrival_ns > rx->now_ns)
		rx->now_ns = arrival_ns;
	if (rx->tick_ns == 0)
		rx->tick_ns = arrival_ns + SECOND_NS;
	for (; arrival_ns >= rx->tick_ns; ticks++) {
		if (ticks == TICKS_PER_GAP)
			rx->tick_ns = arrival_ns;
		wait_for_control(rx, HANDOVER_TICK, rx->tick_ns);
		rx->tick_ns += SECOND_NS;
	}
	return ticks > 0;
}

/* --- A burst --- */

static bool goes_to_control(enum rx_counter outcome)
{
	return outcome == RX_to_control_sip || outcome == RX_to_control_unknown ||
	       outcome == RX_to_control_rest;
}

/* Adds packet i to those of this burst for the control thread. */
static void set_aside(struct rx *rx, struct burst *b, unsigned int i, enum rx_counter outcome)
{
	if (outcome == RX_to_control_rest) {
		burst_fill_area(b, i);
		rx->rest[rx->rest_count++] = b->mbufs[i];
		return;
	}
	describe(rx, b, i);
	if (outcome == RX_to_control_sip)
		rx->sip[rx->sip_count++] = b->mbufs[i];
	else
		rx->unknown[rx->unknown_count++] = b->mbufs[i];
}

static inline enum rx_counter decide(struct rx *rx, const struct burst *b, unsigned int i)
{
	uint32_t stream;

	if (unlikely(b->outcomes[i] != RX_recorded))
		return b->outcomes[i] == RX_rtcp ? record_control(rx, b, i)
						 : (enum rx_counter)b->outcomes[i];
	stream = b->look_ups[b->look_up_of[i]].stream;
	if (likely(stream != STREAM_NONE))
		return record_packet(rx, b, i, stream);
	/* What was given back and still has no stream is not given back again. */
	return b == &rx->reinjected ? RX_unknown : RX_to_control_unknown;
}

/* In order, for each hand-over may change what the rest of the burst is. Nothing of a capture is to
 * be answered. */
static void apply_lossless(struct rx *rx, struct burst *b)
{
	unsigned int kept = 0;
	unsigned int media = 0;

	for (unsigned int i = 0; i < b->count; i++) {
		enum rx_counter outcome;

		if (tick(rx, b->arrivals[i]))
			burst_find(b, rx->table, media);
		outcome = decide(rx, b, i);
		media += b->outcomes[i] == RX_recorded;
		if (goes_to_control(outcome)) {
			describe(rx, b, i);
			hand_over(rx, b->mbufs[i], outcome);
			burst_find(b, rx->table, media);
			continue;
		}
		rx->tally[outcome]++;
		b->mbufs[kept++] = b->mbufs[i];
	}
	packet_free_burst(b->mbufs, kept);
}

static void apply(struct rx *rx, struct burst *b)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < b->count; i++) {
		enum rx_counter outcome = decide(rx, b, i);

		if (unlikely(goes_to_control(outcome))) {
			set_aside(rx, b, i, outcome);
			continue;
		}
		rx->tally[outcome]++;
		b->mbufs[kept++] = b->mbufs[i];
	}
	packet_free_burst(b->mbufs, kept);
	enqueue_all(rx);
}

static void process(struct rx *rx, struct burst *b)
{
	burst_parse(b, &rx->rules, rx->table, rx->tally);
	burst_find(b, rx->table, 0);
	record_prefetch(rx, b);
	if (rx->handover && b == &rx->polled)
		apply_lossless(rx, b);
	else
		apply(rx, b);
}

/* --- From the control thread --- */

/* Here the core holds no stream that it found before. */
static void quiet_point(struct rx *rx)
{
	uint64_t turns = atomic_load_explicit(&rx->turns, memory_order_relaxed);

	atomic_store_explicit(&rx->turns, turns + 1, memory_order_release);
}

/* Packets given back are taken before the commands are, and dealt with after them: a stream's
 * commands are sent before its packets. Returns how many things were done. */
static unsigned int serve_control(struct rx *rx)
{
	struct burst *b = &rx->reinjected;
	struct topology *t = rx->topology;
	unsigned int commands;
	unsigned int packets = 0;

	if (b->count == 0)
		b->count = rte_ring_sc_dequeue_burst(
			t->reinject[rx->index], (void **)b->mbufs, BURST_PACKETS, NULL);
	commands = gates_take_commands(&rx->gates);
	rx->tally[RX_commands] += commands;
	if (b->count > 0 && rte_ring_empty(t->commands[rx->index])) {
		packets = b->count;
		rx->tally[RX_reinjected] += packets;
		process(rx, b);
		b->count = 0;
	}
	return commands + packets;
}

/* Lossless: goes on until the control thread, told of each acknowledgement, has nothing more. */
static void settle(struct rx *rx)
{
	for (;;) {
		quiet_point(rx);
		if (serve_control(rx) == 0 || handover_is_stopping(rx->handover))
			return;
		handover_wait(rx->handover, HANDOVER_RINGS, rx->now_ns);
	}
}

/* --- The turn --- */

/* A poll that began at from_ns or later gave `count` frames. */
static void note_poll(struct rx_queue *q, uint64_t from_ns, unsigned int count)
{
	if (count > 0 && count < q->unseen) {
		q->unseen -= count;
		return;
	}
	/* Nothing is left of what waited at mark_ns; if it gave none, not even now. */
	q->clear_ns = count == 0 ? from_ns : q->mark_ns;
	q->mark_ns = from_ns;
	q->unseen = q->capacity;
}

static unsigned int poll_queue(struct rx *rx, struct rx_queue *q)
{
	struct burst *b = &rx->polled;
	uint64_t from_ns = rx->now_ns;

	b->count = q->burst(q->source, b->mbufs, BURST_PACKETS);
	if (!rx->handover)
		rx->now_ns = clock_now_ns();
	b->since_ns = q->clear_ns;
	note_poll(q, from_ns, b->count);
	if (b->count == 0) {
		rx->tally[RX_empty_polls]++;
		return 0;
	}
	rx->tally[RX_bursts]++;
	rx->tally[RX_polled] += b->count;
	b->own_times = q->own_times;
	b->now_ns = rx->now_ns;
	b->port = q->port;
	process(rx, b);
	return b->count;
}

/* What arrived before has been polled, from whichever queue. */
static uint64_t clear_ns(const struct rx *rx)
{
	uint64_t clear = rx->now_ns;

	for (unsigned int i = 0; i < rx->queue_count; i++)
		if (rx->queues[i].clear_ns < clear)
			clear = rx->queues[i].clear_ns;
	return clear;
}

static void show(struct rx *rx)
{
	rx->tally[RX_chunks] += rx->filling.chunks_handed;
	rx->tally[RX_frames_handed] += rx->filling.frames_handed;
	rx->filling.chunks_handed = 0;
	rx->filling.frames_handed = 0;
	for (unsigned int i = 0; i < RX_COUNTER_COUNT; i++) {
		if (rx->tally[i] > 0)
			counter_add(&rx->counters[i], rx->tally[i]);
		rx->tally[i] = 0;
	}
	filling_show(&rx->filling);
}

static bool all_ended(const struct rx *rx)
{
	for (unsigned int i = 0; i < rx->queue_count; i++)
		if (!rx->queues[i].ended || !rx->queues[i].ended(rx->queues[i].source))
			return false;
	return true;
}

/* Tells the control thread that the sources are at their end, all chunks handed over. */
static void end(struct rx *rx)
{
	filling_finish(&rx->filling);
	fragments_finish(rx->fragments, rx->tally);
	show(rx);
	wait_for_control(rx, HANDOVER_END, rx->now_ns);
	filling_finish(&rx->filling);
	rx->ended = true;
}

unsigned int rx_turn(struct rx *rx)
{
	unsigned int taken = 0;

	if (rx->handover)
		settle(rx);
	else
		serve_control(rx);
	quiet_point(rx);
	for (unsigned int i = 0; i < rx->queue_count; i++)
		taken += poll_queue(rx, &rx->queues[i]);
	gates_cleared(&rx->gates, clear_ns(rx), rx->now_ns);
	filling_age(&rx->filling, rx->now_ns);
	fragments_age(rx->fragments, rx->now_ns, rx->tally);
	if (rx->handover && taken == 0 && !rx->ended && all_ended(rx))
		end(rx);
	show(rx);
	return taken;
}

void rx_finish(struct rx *rx)
{
	filling_finish(&rx->filling);
	fragments_finish(rx->fragments, rx->tally);
	show(rx);
}

static void pause_for_commands(void)
{
	struct timespec t = {.tv_nsec = WAIT_FOR_COMMANDS_NS};

	nanosleep(&t, NULL);
}

/* On a core of its own this changes nothing. Where cores are shared, others wait, not arrivals:
 * their time is that of the poll. Refused without CAP_SYS_NICE. */
static void raise_priority(void)
{
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), -20);
}

void rx_run(struct thread *self, void *arg)
{
	struct rx *rx = arg;

	if (!rx->handover)
		raise_priority();
	while (!thread_should_stop(self)) {
		unsigned int taken = rx_turn(rx);

		if (taken == 0 && rx->ended)
			pause_for_commands();
	}
	rx_finish(rx);
}
