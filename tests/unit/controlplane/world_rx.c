/* The rx cores of the world: commands wait in their rings until the test lets them be taken. */
#include "recording_world.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/media.h"

#define STREAMS_MAX 65536
#define WAITS_MAX 65536

struct target {
	enum gate gate;
	track_ref track;
};

struct stream {
	struct flow flow;
	bool live;	   /* its id is valid */
	bool indexed;	   /* the rx core finds it */
	stream_id copy_of; /* 0: it is a flow's own */
	struct target now;
	struct target before;
	uint64_t open_ns;
	struct stream_stats stats;
};

/* A command, or a packet given back, on its way to an rx core. */
struct order {
	stream_id id;
	struct gate_setting setting;
	bool remove;
	bool link;
	uint64_t cookie;
	struct fake_packet *packet;
};

struct fake_packet {
	struct packet p;
};

/* First in, first out. */
struct orders {
	struct order list[WAITS_MAX];
	unsigned int first;
	unsigned int last;
};

static struct world *the_world;
static struct stream streams[STREAMS_MAX];
static unsigned int streams_used;
static struct orders commands[WORLD_RX];
static struct orders acks[WORLD_RX];
static unsigned int packets_alive;

static bool is_empty(const struct orders *o)
{
	return o->first == o->last;
}

static void put(struct orders *o, const struct order *order)
{
	assert_true(o->last - o->first < WAITS_MAX);
	o->list[o->last++ % WAITS_MAX] = *order;
}

static struct order take(struct orders *o)
{
	return o->list[o->first++ % WAITS_MAX];
}

static struct stream *stream_of(stream_id id)
{
	return id && id <= streams_used ? &streams[id - 1] : NULL;
}

static bool same_flow(const struct flow *a, const struct flow *b)
{
	return a->rx == b->rx && netaddr_equal(&a->source, &b->source) &&
	       netaddr_equal(&a->destination, &b->destination);
}

static struct stream *look_up(const struct flow *flow)
{
	for (unsigned int i = streams_used; i-- > 0;)
		if (streams[i].indexed && !streams[i].copy_of && same_flow(&streams[i].flow, flow))
			return &streams[i];
	return NULL;
}

static stream_id add(const struct flow *flow, const struct gate_setting *setting)
{
	struct stream *s;
	stream_id id;

	assert_true(streams_used < STREAMS_MAX);
	s = &streams[streams_used++];
	*s = (struct stream){.flow = *flow, .live = true, .indexed = true};
	id = streams_used;
	if (setting->gate == GATE_RECORD && setting->open_ns)
		put(&commands[flow->rx], &(struct order){.id = id, .setting = *setting});
	else
		s->now = (struct target){setting->gate, setting->track};
	s->before = s->now;
	return id;
}

int stream_add(struct dataplane *d, const struct flow *flow, const struct gate_setting *setting,
	stream_id *out)
{
	*out = add(flow, setting);
	return 0;
}

int stream_add_copied(struct dataplane *d, const struct flow *flow,
	const struct gate_setting *settings, unsigned int count, stream_id *ids)
{
	for (unsigned int i = 0; i < count; i++) {
		ids[i] = add(flow, &settings[i]);
		streams[ids[i] - 1].copy_of = i ? ids[0] : 0;
	}
	return 0;
}

/* From its command on. */
int stream_copy(
	struct dataplane *d, stream_id id, const struct gate_setting *setting, stream_id *out)
{
	struct stream *s = stream_of(id);

	if (!s || !s->live)
		return -ENOENT;
	*out = add(&s->flow, setting);
	streams[*out - 1].copy_of = id;
	streams[*out - 1].indexed = false;
	put(&commands[s->flow.rx], &(struct order){.id = *out, .link = true});
	return 0;
}

int stream_set_gate(
	struct dataplane *d, stream_id id, const struct gate_setting *setting, uint64_t cookie)
{
	struct stream *s = stream_of(id);

	if (!s || !s->live)
		return -ENOENT;
	if (the_world->no_memory)
		return -ENOMEM;
	put(&commands[s->flow.rx],
		&(struct order){.id = id, .setting = *setting, .cookie = cookie});
	return 0;
}

int stream_remove(struct dataplane *d, stream_id id, uint64_t cookie)
{
	struct stream *s = stream_of(id);

	if (!s || !s->live)
		return -ENOENT;
	s->live = false;
	put(&commands[s->flow.rx], &(struct order){.id = id, .remove = true, .cookie = cookie});
	return 0;
}

int stream_watch(struct dataplane *d, stream_id id, const struct stream_watch *watch, void *watcher)
{
	fail_msg("no application asks for digits here");
	return -ENOENT;
}

int stream_stats(struct dataplane *d, stream_id id, struct stream_stats *out)
{
	struct stream *s = stream_of(id);

	if (!s || !s->live)
		return -ENOENT;
	*out = s->stats;
	return 0;
}

struct packet *packet_of(struct rte_mbuf *m)
{
	return &((struct fake_packet *)m)->p;
}

void packet_free(struct rte_mbuf *m)
{
	packets_alive--;
	free(m);
}

struct rte_mbuf *packet_copy(struct dataplane *d, struct rte_mbuf *m)
{
	struct fake_packet *copy = malloc(sizeof(*copy));

	assert_non_null(copy);
	*copy = *(struct fake_packet *)m;
	packets_alive++;
	return (struct rte_mbuf *)copy;
}

void packet_reinject(struct dataplane *d, struct rte_mbuf *m)
{
	struct fake_packet *p = (struct fake_packet *)m;

	put(&commands[p->p.rx], &(struct order){.packet = p});
}

/* No packet of the world has a payload. */
uint32_t packet_payload(struct rte_mbuf *m, void *buf, uint32_t size)
{
	return 0;
}

char *dataplane_encapsulation(const struct dataplane *d, uint32_t id, char *buf, size_t size)
{
	buf[0] = '\0';
	return buf;
}

static struct world_file *file_of_ref(track_ref ref, enum track *track)
{
	for (struct world_file *f = the_world->files; f; f = f->next)
		for (unsigned int t = 0; t < TRACK_COUNT; t++)
			if (f->refs[t] == ref) {
				*track = (enum track)t;
				return f;
			}
	fail_msg("a frame bears a track reference that was never given");
	return NULL;
}

static void write_frame(track_ref ref, uint64_t arrival_ns)
{
	enum track track;
	struct world_file *f = file_of_ref(ref, &track);

	assert_true(f->state <= FILE_OPEN);		  /* rule 2 */
	for (unsigned int i = 0; i < f->pause_count; i++) /* rule 3 */
		if (arrival_ns > f->pauses[i].start_ns &&
			(!f->pauses[i].end_ns || arrival_ns <= f->pauses[i].end_ns))
			fail_msg("a frame of the paused time is recorded");
	f->frames[track]++;
}

static void judge(struct stream *s, uint64_t arrival_ns)
{
	const struct target *t = arrival_ns < s->open_ns ? &s->before : &s->now;

	s->stats.last_ns = arrival_ns;
	if (t->gate == GATE_RECORD) {
		s->stats.recorded++;
		write_frame(t->track, arrival_ns);
	} else if (t->gate == GATE_PAUSED) {
		s->stats.while_paused++;
	} else {
		s->stats.not_wanted++;
	}
}

static void judge_all(struct stream *s, uint64_t arrival_ns)
{
	stream_id id = (stream_id)(s - streams) + 1;

	judge(s, arrival_ns);
	for (unsigned int i = 0; i < streams_used; i++)
		if (streams[i].indexed && streams[i].copy_of == id)
			judge(&streams[i], arrival_ns);
}

static void given_back(struct fake_packet *p)
{
	struct flow flow = {.source = p->p.source, .destination = p->p.destination, .rx = p->p.rx};
	struct stream *s = look_up(&flow);

	if (s)
		judge_all(s, p->p.arrival_ns);
	packet_free((struct rte_mbuf *)p);
}

static void set(struct stream *s, const struct gate_setting *setting)
{
	struct target target = {setting->gate, setting->track};

	s->before = setting->gate == GATE_RECORD ? s->now : target;
	s->now = target;
	s->open_ns = setting->gate == GATE_RECORD ? setting->open_ns : 0;
}

bool world_command(struct world *w, unsigned int rx)
{
	struct order o;
	struct stream *s;

	if (is_empty(&commands[rx]))
		return false;
	o = take(&commands[rx]);
	if (o.packet) {
		given_back(o.packet);
		return true;
	}
	s = stream_of(o.id);
	if (o.remove)
		s->indexed = false;
	else if (o.link)
		s->indexed = true;
	else
		set(s, &o.setting);
	if (o.cookie)
		put(&acks[rx], &o);
	return true;
}

bool world_ack(struct world *w, unsigned int rx)
{
	if (is_empty(&acks[rx]))
		return false;
	recordings_acked(w->control.recordings, take(&acks[rx]).cookie);
	return true;
}

void world_settle_gates(struct world *w)
{
	for (unsigned int rx = 0; rx < WORLD_RX; rx++)
		while (world_command(w, rx) || world_ack(w, rx))
			continue;
}

bool world_is_idle(const struct world *w)
{
	for (unsigned int rx = 0; rx < WORLD_RX; rx++)
		if (!is_empty(&commands[rx]) || !is_empty(&acks[rx]))
			return false;
	return true;
}

void world_poll(struct world *w, const struct flow *flow)
{
	struct stream *s = look_up(flow);
	struct fake_packet *p;

	if (s) {
		judge_all(s, w->now_ns);
		return;
	}
	p = calloc(1, sizeof(*p));
	assert_non_null(p);
	packets_alive++;
	p->p = (struct packet){.arrival_ns = w->now_ns,
		.source = flow->source,
		.destination = flow->destination,
		.rx = flow->rx};
	media_unknown(w->control.media, (struct rte_mbuf *)p);
}

static void drop_orders(struct orders *o)
{
	while (!is_empty(o)) {
		struct order order = take(o);

		if (order.packet)
			packet_free((struct rte_mbuf *)order.packet);
	}
}

void world_make_rx(struct world *w)
{
	the_world = w;
	streams_used = 0;
}

void world_end_rx(struct world *w)
{
	for (unsigned int rx = 0; rx < WORLD_RX; rx++) {
		drop_orders(&commands[rx]);
		drop_orders(&acks[rx]);
	}
	assert_int_equal(packets_alive, 0);
}
