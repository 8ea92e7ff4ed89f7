#include "dataplane/gate.h"

#include <string.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#define FUTURE_NS 1000000000ULL /* an opening further ahead does not wait in the list */

void gates_init(struct gates *g, struct stream_table *table, struct filling *filling,
	struct rte_ring *commands, struct rte_ring *acks, bool frame_times)
{
	memset(g, 0, sizeof(*g));
	g->table = table;
	g->filling = filling;
	g->commands = commands;
	g->acks = acks;
	g->frame_times = frame_times;
}

static void send_ack(struct gates *g, uint64_t removed, uint64_t cookie)
{
	struct ack ack = {removed, cookie};

	if (removed == 0 && cookie == 0)
		return;
	/* The sender keeps no more under way than the ring holds: it cannot be full. */
	rte_ring_sp_enqueue_bulk(g->acks, (void *const *)(void *)&ack, 2, NULL);
	g->acked++;
}

/* Another command for the stream has come: an opening that waits is over. */
static void overtake(struct gates *g, uint32_t stream)
{
	struct stream *s = &g->table->streams[stream];

	if (s->opening == OPENING_QUEUE) {
		for (uint32_t i = 0; i < g->waiting; i++) {
			if (g->openings[i].stream != stream)
				continue;
			g->openings[i].stream = STREAM_NONE;
			send_ack(g, 0, g->openings[i].cookie);
		}
	}
	s->opening = OPENING_NONE;
}

static void close_gate(struct gates *g, uint32_t stream, enum gate gate)
{
	struct stream *s = &g->table->streams[stream];
	struct stream_gate *sg = &g->table->gates[stream];

	overtake(g, stream);
	filling_hand_over(g->filling, s);
	s->gate = (uint8_t)gate;
	sg->now = (struct stream_target){.gate = (uint8_t)gate};
	sg->before = sg->now;
	sg->open_ns = 0;
}

static bool same_target(const struct stream_target *a, const struct stream_target *b)
{
	return a->gate == b->gate && a->track == b->track && a->ordinal == b->ordinal;
}

/* The opening takes effect: what follows goes to `now`. */
static void take_effect(struct gates *g, uint32_t stream)
{
	struct stream *s = &g->table->streams[stream];
	struct stream_gate *sg = &g->table->gates[stream];

	if (!same_target(&sg->before, &sg->now))
		filling_hand_over(g->filling, s);
	s->gate = sg->now.gate;
	s->opening = OPENING_NONE;
}

static void open_gate(struct gates *g, const struct command *c)
{
	struct stream *s = &g->table->streams[c->stream];
	struct stream_gate *sg = &g->table->gates[c->stream];
	bool clear = c->open_ns == 0 || (!g->frame_times && c->open_ns <= g->clear_ns);

	/* While an opening waits, `before` is what still holds. */
	if (s->opening == OPENING_NONE)
		sg->before = sg->now;
	overtake(g, c->stream);
	sg->now = (struct stream_target){
		.track = c->track, .ordinal = c->ordinal, .gate = GATE_RECORD};
	sg->open_ns = c->open_ns;
	if (!clear && !g->frame_times && c->open_ns < g->now_ns + FUTURE_NS) {
		s->opening = OPENING_QUEUE;
		g->openings[g->waiting++] = (struct gate_opening){c->cookie, c->open_ns, c->stream};
		return;
	}
	if (clear)
		take_effect(g, c->stream);
	else
		s->opening = OPENING_TIME;
	send_ack(g, 0, c->cookie);
}

static void watch(struct gates *g, const struct command *c)
{
	struct stream_gate *sg = &g->table->gates[c->stream];

	sg->watched_id = c->id;
	sg->watch = c->watch;
	g->table->streams[c->stream].watched =
		c->watch.told || c->watch.withhold != WITHHOLD_NOTHING;
}

/* --- Copies --- */

static void link_copy(struct gates *g, uint32_t of, uint32_t copy)
{
	struct stream_gate *gates = g->table->gates;

	gates[copy].copy = gates[of].copy;
	gates[copy].copy_before = of;
	if (gates[of].copy != STREAM_NONE)
		gates[gates[of].copy].copy_before = copy;
	gates[of].copy = copy;
	g->table->streams[of].copied = true;
}

/* Takes a copy out of its list; with a flow's own stream all copies lose their source. */
static void unlink_copies(struct gates *g, uint32_t stream)
{
	struct stream_gate *gates = g->table->gates;
	uint32_t before = gates[stream].copy_before;
	uint32_t next = gates[stream].copy;

	if (before != STREAM_NONE) {
		gates[before].copy = next;
		if (next != STREAM_NONE)
			gates[next].copy_before = before;
		g->table->streams[before].copied =
			next != STREAM_NONE && gates[before].copy_before == STREAM_NONE;
	}
	while (before == STREAM_NONE && next != STREAM_NONE) {
		uint32_t copy = next;

		next = gates[copy].copy;
		gates[copy].copy = STREAM_NONE;
		gates[copy].copy_before = STREAM_NONE;
	}
	gates[stream].copy = STREAM_NONE;
	gates[stream].copy_before = STREAM_NONE;
	g->table->streams[stream].copied = false;
}

static void carry_out(struct gates *g, const struct command *c)
{
	if (c->kind == COMMAND_REMOVE) {
		close_gate(g, c->stream, GATE_OFF);
		unlink_copies(g, c->stream);
		send_ack(g, c->stream + 1ULL, c->cookie);
	} else if (c->kind == COMMAND_WATCH) {
		watch(g, c);
	} else if (c->kind == COMMAND_COPY) {
		link_copy(g, c->copy_of, c->stream);
	} else if (c->gate == GATE_RECORD) {
		open_gate(g, c);
	} else {
		close_gate(g, c->stream, c->gate);
		send_ack(g, 0, c->cookie);
	}
}

unsigned int gates_take_commands(struct gates *g)
{
	struct command commands[GATE_COMMANDS_PER_CALL];
	uint32_t room = GATE_OPENINGS_MAX - g->waiting;
	unsigned int want = room < GATE_COMMANDS_PER_CALL ? room : GATE_COMMANDS_PER_CALL;
	unsigned int count = rte_ring_sc_dequeue_burst_elem(
		g->commands, commands, sizeof(*commands), want, NULL);

	for (unsigned int i = 0; i < count; i++) {
		rte_prefetch0(&g->table->streams[commands[i].stream]);
		rte_prefetch0(&g->table->gates[commands[i].stream]);
	}
	for (unsigned int i = 0; i < count; i++)
		carry_out(g, &commands[i]);
	return count;
}

void gates_cleared(struct gates *g, uint64_t clear_ns, uint64_t now_ns)
{
	uint32_t kept = 0;

	g->clear_ns = clear_ns;
	g->now_ns = now_ns;
	for (uint32_t i = 0; i < g->waiting; i++) {
		const struct gate_opening *o = &g->openings[i];

		if (o->stream == STREAM_NONE)
			continue;
		if (o->open_ns > clear_ns) {
			g->openings[kept++] = *o;
			continue;
		}
		take_effect(g, o->stream);
		send_ack(g, 0, o->cookie);
	}
	g->waiting = kept;
}

const struct stream_target *gates_judge(struct gates *g, uint32_t stream, uint64_t since_ns)
{
	struct stream *s = &g->table->streams[stream];
	struct stream_gate *sg = &g->table->gates[stream];

	if (s->opening == OPENING_QUEUE || since_ns < sg->open_ns)
		return &sg->before;
	if (s->opening == OPENING_TIME)
		take_effect(g, stream);
	return &sg->now;
}
