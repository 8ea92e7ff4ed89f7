/* Streams, gates, and packets given back: the control thread's side.
 *
 * The life of a stream: added (in the table, found by its rx core at once) → removed (its id is
 * stale; its rx core has been told) → acknowledged (its chunk is with its writer; it leaves the
 * table) → two quiet points later its place is free for another. A flow that is added again while
 * its old stream is being removed gets a new stream, and the old one leaves the table then. */
#include "dataplane/plane.h"

#include <errno.h>
#include <string.h>

#include <rte_ring.h>

#include "dataplane/packet.h"

static stream_id id_of(const struct dataplane *d, uint32_t stream)
{
	return (uint64_t)d->table.entries[stream].generation << 32 | (stream + 1ULL);
}

/* The stream of an id, or STREAM_NONE. */
static uint32_t stream_of(const struct dataplane *d, stream_id id)
{
	uint32_t stream = (uint32_t)id - 1;

	if (stream >= d->table.streams_max || !d->table.entries[stream].live ||
		d->table.entries[stream].generation != id >> 32)
		return STREAM_NONE;
	return stream;
}

static struct command_queue *queue_of(struct dataplane *d, uint32_t stream)
{
	return &d->rx[d->table.entries[stream].rx].commands;
}

/* --- Room for commands --- */

/* Room is kept for those that take a stream out of a track, so that no gate stays open for want of
 * memory: two settings (off, then unknown), and its removal. */
#define COMMANDS_KEPT 3

static int keep_room(struct dataplane *d, uint32_t stream)
{
	struct stream_entry *entry = &d->table.entries[stream];
	int err = command_keep_room(queue_of(d, stream), COMMANDS_KEPT - entry->kept);

	if (err == 0)
		entry->kept = COMMANDS_KEPT;
	return err;
}

static void leave_room(struct dataplane *d, uint32_t stream)
{
	struct stream_entry *entry = &d->table.entries[stream];

	command_leave_room(queue_of(d, stream), entry->kept);
	entry->kept = 0;
}

/* --- Leaving the table --- */

static void leave(struct dataplane *d, uint32_t stream)
{
	struct stream_entry *entry = &d->table.entries[stream];

	if (!entry->indexed)
		return;
	stream_table_remove(&d->table, stream);
	entry->indexed = false;
}

uint64_t streams_removed(struct dataplane *d, uint32_t stream)
{
	struct stream_entry *entry = &d->table.entries[stream];

	leave(d, stream);
	/* Not before the index is seen without it. */
	atomic_thread_fence(memory_order_seq_cst);
	entry->freed_turn =
		atomic_load_explicit(&d->rx[entry->rx].rx->turns, memory_order_acquire) + 2;
	entry->next = STREAM_NONE;
	if (d->leaving == STREAM_NONE)
		d->leaving = stream;
	else
		d->table.entries[d->leaving_last].next = stream;
	d->leaving_last = stream;
	return entry->cookie;
}

/* Of a stream that nothing was told of. */
static void take_back(struct dataplane *d, uint32_t stream)
{
	struct stream_entry *entry = &d->table.entries[stream];

	leave_room(d, stream);
	entry->live = false;
	entry->generation++;
	entry->cookie = 0;
	(void)streams_removed(d, stream);
}

/* Frees the places of those that no rx core can still look at. */
static void free_left(struct dataplane *d)
{
	while (d->leaving != STREAM_NONE) {
		uint32_t stream = d->leaving;
		const struct stream_entry *entry = &d->table.entries[stream];
		const struct rx *rx = d->rx[entry->rx].rx;

		if (atomic_load_explicit(&rx->turns, memory_order_acquire) < entry->freed_turn)
			return;
		d->leaving = entry->next;
		stream_table_free(&d->table, stream);
	}
}

/* --- Streams --- */

static int send_setting(
	struct dataplane *d, uint32_t stream, const struct gate_setting *setting, uint64_t cookie)
{
	struct command c = {
		.cookie = cookie,
		.open_ns = setting->open_ns,
		.stream = stream,
		.track = setting->track,
		.ordinal = setting->ordinal,
		.kind = COMMAND_SET,
		.gate = (uint8_t)setting->gate,
	};
	struct stream_entry *entry = &d->table.entries[stream];
	int err = setting->gate == GATE_RECORD ? keep_room(d, stream) : 0;

	if (err == 0)
		err = command_send(queue_of(d, stream), &c);
	if (err == 0 || setting->gate == GATE_RECORD || entry->kept <= 1)
		return err;
	entry->kept--;
	command_send_kept(queue_of(d, stream), &c);
	return 0;
}

/* What a new stream's gate is until its rx core has taken the command that opens it. */
static struct stream_target first_target(const struct gate_setting *setting)
{
	if (setting->gate == GATE_RECORD && setting->open_ns != 0)
		return (struct stream_target){.gate = GATE_OFF};
	return (struct stream_target){
		.track = setting->track,
		.ordinal = setting->ordinal,
		.gate = (uint8_t)setting->gate,
	};
}

/* A flow whose old stream is being removed is free for a new one. -EEXIST: *stream is live. */
static int claim_flow(struct dataplane *d, const struct flow_key *key, uint32_t *stream)
{
	free_left(d);
	*stream = stream_table_find(&d->table, key, flow_key_hash(key));
	if (*stream == STREAM_NONE)
		return 0;
	if (d->table.entries[*stream].live)
		return -EEXIST;
	leave(d, *stream);
	return 0;
}

/* A place that no rx core has seen. */
static void give_back(struct dataplane *d, uint32_t stream)
{
	leave_room(d, stream);
	d->table.entries[stream].live = false;
	d->table.entries[stream].generation++;
	stream_table_free(&d->table, stream);
}

static int take_place(struct dataplane *d, const struct flow_key *key, uint8_t rx,
	const struct gate_setting *setting, uint32_t *place)
{
	struct stream_target target = first_target(setting);
	int err = stream_table_take(&d->table, key, &target, place);

	if (err < 0)
		return err;
	d->table.entries[*place].rx = rx;
	err = keep_room(d, *place);
	if (err < 0)
		give_back(d, *place);
	return err;
}

/* Places for a stream and its copies, tied together. */
static int take_places(struct dataplane *d, const struct flow *flow, const struct flow_key *key,
	const struct gate_setting *settings, unsigned int count, uint32_t *places)
{
	for (unsigned int i = 0; i < count; i++) {
		int err = take_place(d, key, (uint8_t)flow->rx, &settings[i], &places[i]);

		if (err < 0) {
			while (i-- > 0)
				give_back(d, places[i]);
			return err;
		}
		if (i == 0)
			continue;
		d->table.gates[places[i]].copy_before = places[i - 1];
		d->table.gates[places[i - 1]].copy = places[i];
	}
	d->table.streams[places[0]].copied = count > 1;
	return 0;
}

static int publish(struct dataplane *d, const uint32_t *places, unsigned int count)
{
	int err = stream_table_publish(&d->table, places[0]);

	for (unsigned int i = 0; err < 0 && i < count; i++)
		give_back(d, places[i]);
	return err;
}

static int send_settings(struct dataplane *d, const struct gate_setting *settings,
	unsigned int count, const uint32_t *places)
{
	int err = 0;

	for (unsigned int i = 0; i < count && err == 0; i++)
		if (first_target(&settings[i]).gate != settings[i].gate)
			err = send_setting(d, places[i], &settings[i], 0);
	return err;
}

int stream_add_copied(struct dataplane *d, const struct flow *flow,
	const struct gate_setting *settings, unsigned int count, stream_id *ids)
{
	uint32_t places[STREAM_COPIES_MAX];
	struct flow_key key;
	uint32_t stream;
	int err;

	memset(ids, 0, count * sizeof(*ids));
	if (flow_key_of(flow, &key) < 0 || flow->rx >= d->config.rx_count || count == 0 ||
		count > STREAM_COPIES_MAX)
		return -EINVAL;
	err = claim_flow(d, &key, &stream);
	if (err == -EEXIST)
		ids[0] = id_of(d, stream);
	if (err == 0)
		err = take_places(d, flow, &key, settings, count, places);
	if (err == 0)
		err = publish(d, places, count);
	if (err < 0)
		return err;
	err = send_settings(d, settings, count, places);
	for (unsigned int i = 0; i < count; i++) {
		if (err < 0)
			take_back(d, places[i]);
		else
			ids[i] = id_of(d, places[i]);
	}
	return err;
}

int stream_add(struct dataplane *d, const struct flow *flow, const struct gate_setting *setting,
	stream_id *out)
{
	return stream_add_copied(d, flow, setting, 1, out);
}

int stream_copy(
	struct dataplane *d, stream_id id, const struct gate_setting *setting, stream_id *out)
{
	uint32_t of = stream_of(d, id);
	struct command c = {.kind = COMMAND_COPY, .copy_of = of};
	struct flow_key key;
	int err;

	*out = 0;
	if (of == STREAM_NONE)
		return -ENOENT;
	free_left(d);
	stream_table_key(&d->table, of, &key);
	err = take_place(d, &key, d->table.entries[of].rx, setting, &c.stream);
	if (err < 0)
		return err;
	err = command_send(queue_of(d, c.stream), &c);
	if (err < 0) {
		give_back(d, c.stream);
		return err;
	}
	*out = id_of(d, c.stream);
	err = send_settings(d, setting, 1, &c.stream);
	if (err < 0) {
		(void)stream_remove(d, *out, 0);
		*out = 0;
	}
	return err;
}

stream_id stream_find(struct dataplane *d, const struct flow *flow)
{
	struct flow_key key;
	uint32_t stream;

	if (flow_key_of(flow, &key) < 0)
		return 0;
	stream = stream_table_find(&d->table, &key, flow_key_hash(&key));
	if (stream == STREAM_NONE || !d->table.entries[stream].live)
		return 0;
	return id_of(d, stream);
}

int stream_set_gate(
	struct dataplane *d, stream_id id, const struct gate_setting *setting, uint64_t cookie)
{
	uint32_t stream = stream_of(d, id);

	if (stream == STREAM_NONE)
		return -ENOENT;
	return send_setting(d, stream, setting, cookie);
}

int stream_remove(struct dataplane *d, stream_id id, uint64_t cookie)
{
	uint32_t stream = stream_of(d, id);
	struct command c = {.stream = stream, .kind = COMMAND_REMOVE};
	struct stream_entry *entry;

	if (stream == STREAM_NONE)
		return -ENOENT;
	entry = &d->table.entries[stream];
	command_send_kept(queue_of(d, stream), &c);
	entry->kept--;
	leave_room(d, stream);
	entry->live = false;
	entry->generation++;
	entry->cookie = cookie;
	return 0;
}

int stream_watch(struct dataplane *d, stream_id id, const struct stream_watch *watch, void *watcher)
{
	uint32_t stream = stream_of(d, id);
	struct command c = {.id = id, .stream = stream, .kind = COMMAND_WATCH, .watch = *watch};

	if (stream == STREAM_NONE)
		return -ENOENT;
	d->table.entries[stream].watcher = watcher;
	return command_send(queue_of(d, stream), &c);
}

void *stream_watcher(const struct dataplane *d, stream_id id)
{
	uint32_t stream = stream_of(d, id);

	return stream == STREAM_NONE ? NULL : d->table.entries[stream].watcher;
}

int stream_stats(struct dataplane *d, stream_id id, struct stream_stats *out)
{
	uint32_t stream = stream_of(d, id);
	const struct stream *s;

	if (stream == STREAM_NONE)
		return -ENOENT;
	s = &d->table.streams[stream];
	out->last_ns = atomic_load_explicit(&s->last_ns, memory_order_relaxed);
	out->ssrc = atomic_load_explicit(&s->ssrc, memory_order_relaxed);
	out->recorded = atomic_load_explicit(&s->recorded, memory_order_relaxed);
	out->not_wanted = atomic_load_explicit(&s->not_wanted, memory_order_relaxed);
	out->while_paused = atomic_load_explicit(&s->while_paused, memory_order_relaxed);
	out->withheld =
		atomic_load_explicit(&d->table.gates[stream].withheld, memory_order_relaxed);
	out->dropped = atomic_load_explicit(&s->dropped, memory_order_relaxed);
	return 0;
}

uint32_t stream_count(const struct dataplane *d)
{
	return d->table.count;
}

/* --- Packets given back --- */

static bool try_to_reinject(struct dataplane *d, unsigned int rx, struct rte_mbuf *m)
{
	return d->rx[rx].commands.count == 0 &&
	       rte_ring_sp_enqueue(d->topology->reinject[rx], m) == 0;
}

void packet_reinject(struct dataplane *d, struct rte_mbuf *m)
{
	unsigned int rx = packet_of(m)->rx;
	struct packet_backlog *backlog = &d->rx[rx].reinject;

	if (!backlog->first && try_to_reinject(d, rx, m))
		return;
	packet_area_of(m)->next = NULL;
	if (backlog->first)
		packet_area_of(backlog->last)->next = m;
	else
		backlog->first = m;
	backlog->last = m;
}

struct rte_mbuf *packet_copy(struct dataplane *d, struct rte_mbuf *m)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, d->copies, 0, UINT32_MAX);

	if (copy)
		*packet_area_of(copy) = *packet_area_of(m);
	return copy;
}

static unsigned int flush_packets(struct dataplane *d, unsigned int rx)
{
	struct packet_backlog *backlog = &d->rx[rx].reinject;
	unsigned int sent = 0;

	while (backlog->first) {
		struct rte_mbuf *next = packet_area_of(backlog->first)->next;

		if (!try_to_reinject(d, rx, backlog->first))
			break;
		backlog->first = next;
		sent++;
	}
	return sent;
}

unsigned int streams_flush(struct dataplane *d)
{
	unsigned int sent = 0;

	for (unsigned int i = 0; i < d->config.rx_count; i++) {
		sent += command_flush(&d->rx[i].commands);
		sent += flush_packets(d, i);
	}
	free_left(d);
	return sent;
}

void streams_drop_backlog(struct dataplane *d)
{
	for (unsigned int i = 0; i < d->config.rx_count; i++) {
		while (d->rx[i].reinject.first) {
			struct rte_mbuf *m = d->rx[i].reinject.first;

			d->rx[i].reinject.first = packet_area_of(m)->next;
			rte_pktmbuf_free(m);
		}
	}
}
