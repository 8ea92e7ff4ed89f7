#include "recording_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "controlplane/endpoint.h"
#include "controlplane/media.h"
#include "controlplane/session.h"

#define STREAMS_MAX 65536
#define WAITS_MAX 65536

struct target {
	enum gate gate;
	track_ref track;
};

struct stream {
	struct flow flow;
	bool live;    /* its id is valid */
	bool indexed; /* the rx core finds it */
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
static struct storage_handlers storage;
static unsigned int packets_alive;

uint64_t clock_now_ns(void)
{
	return the_world->now_ns;
}

/* --- The dataplane --- */

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
		if (streams[i].indexed && same_flow(&streams[i].flow, flow))
			return &streams[i];
	return NULL;
}

int stream_add(struct dataplane *d, const struct flow *flow, const struct gate_setting *setting,
	stream_id *out)
{
	struct stream *s;

	assert_true(streams_used < STREAMS_MAX);
	s = &streams[streams_used++];
	*s = (struct stream){.flow = *flow, .live = true, .indexed = true};
	*out = streams_used;
	if (setting->gate == GATE_RECORD && setting->open_ns)
		put(&commands[flow->rx], &(struct order){.id = *out, .setting = *setting});
	else
		s->now = (struct target){setting->gate, setting->track};
	s->before = s->now;
	return 0;
}

int stream_set_gate(
	struct dataplane *d, stream_id id, const struct gate_setting *setting, uint64_t cookie)
{
	struct stream *s = stream_of(id);

	if (!s || !s->live)
		return -ENOENT;
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

static void given_back(struct fake_packet *p)
{
	struct flow flow = {.source = p->p.source, .destination = p->p.destination, .rx = p->p.rx};
	struct stream *s = look_up(&flow);

	if (s)
		judge(s, p->p.arrival_ns);
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

/* --- Storage --- */

struct world_file *world_file_of(struct world *w, const struct uuid *recording)
{
	for (struct world_file *f = w->files; f; f = f->next)
		if (uuid_equal(&f->info.recording_id, recording))
			return f;
	return NULL;
}

int storage_open(struct storage *s, const struct recording_info *info, track_ref refs[TRACK_COUNT])
{
	struct world *w = the_world;
	struct world_file *f = world_file_of(w, &info->recording_id);

	if (f)
		return -EEXIST; /* stricter than the real one: an id is for one recording, for ever
				 */
	if (w->files_open == w->files_max)
		return -ENOSPC;
	f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->info = *info;
	for (unsigned int t = 0; t < TRACK_COUNT; t++)
		refs[t] = f->refs[t] = info->tracks & TRACK_BIT(t) ? ++w->next_ref : TRACK_REF_NONE;
	f->next = w->files;
	w->files = f;
	w->files_open++;
	return 0;
}

/* A note belongs to files that are open, or opening. */
static struct world_file *noted(const struct uuid *recording)
{
	struct world_file *f = world_file_of(the_world, recording);

	assert_non_null(f);
	assert_true(f->state <= FILE_OPEN);
	return f;
}

int storage_note_stream(struct storage *s, const struct uuid *recording, enum track track,
	uint32_t ordinal, const struct netaddr *source, const struct netaddr *destination,
	const char *encapsulation)
{
	assert_int_equal(noted(recording)->streams++, ordinal);
	return 0;
}

int storage_note_codecs(struct storage *s, const struct uuid *recording, enum track track,
	uint64_t at_ns, const struct codec *codecs, unsigned int count)
{
	noted(recording);
	return 0;
}

int storage_note_start(struct storage *s, const struct uuid *recording, uint64_t at_ns)
{
	struct world_file *f = noted(recording);

	assert_int_equal(f->start_ns, 0);
	f->start_ns = at_ns;
	return 0;
}

int storage_note_pause(struct storage *s, const struct uuid *recording, uint64_t at_ns)
{
	struct world_file *f = noted(recording);

	assert_int_not_equal(f->start_ns, 0);
	assert_true(f->pause_count == 0 || f->pauses[f->pause_count - 1].end_ns);
	assert_true(f->pause_count < WORLD_PAUSES_MAX);
	f->pauses[f->pause_count++] = (struct recording_pause){.start_ns = at_ns};
	return 0;
}

int storage_note_resume(struct storage *s, const struct uuid *recording, uint64_t at_ns)
{
	struct world_file *f = noted(recording);

	assert_true(f->pause_count > 0 && !f->pauses[f->pause_count - 1].end_ns);
	f->pauses[f->pause_count - 1].end_ns = at_ns;
	return 0;
}

int storage_note_paused_packets(
	struct storage *s, const struct uuid *recording, enum track track, uint64_t packets)
{
	noted(recording)->while_paused[track] = packets;
	return 0;
}

int storage_close(
	struct storage *s, const struct uuid *recording, const struct recording_window *window)
{
	struct world_file *f = noted(recording);

	assert_int_not_equal(f->start_ns, 0);
	assert_true(window->start_ns == f->start_ns && window->stop_ns >= window->start_ns);
	f->window = *window;
	f->state = FILE_CLOSING;
	the_world->files_open--;
	return 0;
}

int storage_finish(struct storage *s, const struct uuid *recording)
{
	struct world_file *f = world_file_of(the_world, recording);

	assert_int_equal(f->state, FILE_CLOSED);
	f->finish = true;
	return 0;
}

int storage_remove(struct storage *s, const struct uuid *recording)
{
	struct world_file *f = world_file_of(the_world, recording);

	assert_non_null(f);
	assert_int_not_equal(f->state, FILE_REMOVED);
	if (f->state <= FILE_OPEN)
		the_world->files_open--;
	f->state = FILE_REMOVED;
	return 0;
}

static void tell_rendered(struct world_file *f)
{
	struct storage_rendered result = {.start_ns = f->window.start_ns,
		.duration_ms = (f->window.stop_ns - f->window.start_ns + 500000) / 1000000,
		.bytes = 44,
		.sha256 = "00"};

	f->rendered = true;
	storage.rendered(storage.arg, &f->info.recording_id, &result);
}

bool world_storage(struct world *w, struct world_file *f)
{
	const struct storage_closed closed = {.frames = f->frames[0] + f->frames[1]};

	if (f->state == FILE_OPENING) {
		f->state = FILE_OPEN;
		f->failed = f->open_err != 0;
		storage.opened(storage.arg, &f->info.recording_id, f->open_err);
	} else if (f->state == FILE_CLOSING) {
		f->state = FILE_CLOSED;
		storage.closed(storage.arg, &f->info.recording_id, &closed);
	} else if (f->state == FILE_CLOSED && f->finish && !f->rendered) {
		tell_rendered(f);
	} else if (f->state == FILE_CLOSED && f->rendered) {
		f->state = FILE_DONE;
		storage.delivered(storage.arg, &f->info.recording_id, "00", 44);
	} else {
		return false;
	}
	return true;
}

/* --- The ledger --- */

void ledger_append(
	struct ledger *l, const struct ledger_entry *entry, ledger_done_h *done, void *arg)
{
	struct world_entry *e = calloc(1, sizeof(*e));
	struct world_entry **at = &the_world->entries;

	assert_non_null(e);
	*e = (struct world_entry){.entry = *entry, .done = done, .arg = arg};
	snprintf(e->reason, sizeof(e->reason), "%s", entry->reason ? entry->reason : "");
	e->entry.reason = e->reason;
	assert_null(world_entry(the_world, &entry->recording_id, entry->type));
	if (entry->type != LEDGER_START)
		assert_non_null(world_entry(the_world, &entry->recording_id, LEDGER_START));
	if (entry->type == LEDGER_DELIVERED)
		assert_non_null(world_entry(the_world, &entry->recording_id, LEDGER_STOP));
	while (*at)
		at = &(*at)->next;
	*at = e;
}

bool world_sync(struct world *w, int err)
{
	struct world_entry *e = w->entries;

	while (e && (e->durable || e->err))
		e = e->next;
	if (!e)
		return false;
	e->durable = err == 0;
	e->err = err;
	e->done(e->arg, err);
	return true;
}

struct world_entry *world_entry(
	struct world *w, const struct uuid *recording, enum ledger_type type)
{
	for (struct world_entry *e = w->entries; e; e = e->next)
		if (e->entry.type == type && uuid_equal(&e->entry.recording_id, recording))
			return e;
	return NULL;
}

const char *world_ledger(struct world *w, const struct uuid *recording)
{
	static const char *const names[] = {"start", "stop", "delivered"};
	static char text[64];

	text[0] = '\0';
	for (struct world_entry *e = w->entries; e; e = e->next) {
		if (!e->durable || !uuid_equal(&e->entry.recording_id, recording))
			continue;
		if (text[0])
			strcat(text, " ");
		strcat(text, names[e->entry.type]);
	}
	return text;
}

static bool settle_storage(struct world *w)
{
	bool moved = false;

	for (struct world_file *f = w->files; f; f = f->next)
		while (world_storage(w, f))
			moved = true;
	return moved;
}

void world_settle(struct world *w)
{
	do {
		world_settle_gates(w);
		while (world_sync(w, 0))
			continue;
	} while (settle_storage(w) || !world_is_idle(w));
}

/* --- Legs, tied to media and recordings as in loop.c --- */

static void on_offered(void *arg, struct leg *leg,
	const char *(*header)(void *message, const char *name), void *message)
{
	struct world *w = arg;

	leg->account = &w->config.accounts[0];
	recordings_leg_offered(w->control.recordings, leg);
	media_announced(w->control.media, leg);
}

static void on_media_changed(void *arg, struct leg *leg, enum leg_end end, uint64_t at_ns)
{
	struct world *w = arg;

	for (unsigned int i = 0; i < leg->media[end].address_count; i++)
		endpoint_add(w->control.endpoints, &leg->media[end].addresses[i], leg, end);
	recordings_leg_media(w->control.recordings, leg, end, at_ns);
	media_announced(w->control.media, leg);
}

static void on_answered(void *arg, struct leg *leg)
{
	recordings_leg_answered(((struct world *)arg)->control.recordings, leg);
}

static void on_ended(void *arg, struct leg *leg)
{
	recordings_leg_ended(((struct world *)arg)->control.recordings, leg);
}

static void on_forgotten(void *arg, struct leg *leg)
{
	struct world *w = arg;

	endpoints_forget(w->control.endpoints, leg);
	media_forget(w->control.media, leg);
}

static struct netaddr address(uint8_t net, uint16_t host, uint16_t port)
{
	const uint8_t ip[] = {10, net, (uint8_t)(host >> 8), (uint8_t)host};

	return netaddr_from_ipv4(ip, port);
}

static void announce(
	struct world *w, struct leg *leg, enum leg_end end, uint16_t host, uint16_t port)
{
	struct leg_media media = {.address_count = 1,
		.known = true,
		.sends = true,
		.receives = true,
		.codec_count = 1,
		.codecs = {{.payload_type = 0, .clock_hz = 8000, .name = "PCMU"}}};

	media.addresses[0] = address(end == END_PARTICIPANT ? 1 : 2, host, port);
	leg_announce(w->control.legs, leg, end, &media, w->now_ns);
}

struct leg *world_offer(struct world *w, const char *sip_call_id, uint16_t host)
{
	const struct leg_offer offer = {.sip_call_id = sip_call_id,
		.from_tag = "tag",
		.from_uri = strncmp(sip_call_id, "rule", 4) == 0 ? "sip:rule@example.com"
								 : "sip:alice@example.com",
		.to_uri = "sip:bob@example.com",
		.by_sbc = true,
		.at_ns = w->now_ns};
	struct leg *leg;

	assert_int_equal(leg_offer(w->control.legs, &offer, &leg), 0);
	leg_offered(w->control.legs, leg, NULL, NULL);
	announce(w, leg, END_PARTICIPANT, host, 4000);
	return leg;
}

void world_answer(struct world *w, struct leg *leg)
{
	uint16_t host = (uint16_t)(leg->media[END_PARTICIPANT].addresses[0].ip[2] << 8 |
				   leg->media[END_PARTICIPANT].addresses[0].ip[3]);

	announce(w, leg, END_SBC, host, 4000);
	leg_answer(w->control.legs, leg, w->now_ns);
}

void world_hang_up(struct world *w, struct leg *leg)
{
	leg_end(w->control.legs, leg, "hangup", 0, w->now_ns);
}

void world_move(struct world *w, struct leg *leg, uint16_t host, uint16_t port)
{
	announce(w, leg, END_PARTICIPANT, host, port);
}

void world_take_over(struct world *w, struct leg *leg, uint16_t host)
{
	announce(w, leg, END_PARTICIPANT, host, 4000);
	announce(w, leg, END_SBC, host, 4000);
}

void world_packet(struct world *w, uint16_t host, uint16_t port, enum track track, unsigned int rx)
{
	struct flow flow = {.rx = (uint8_t)rx};
	struct fake_packet *p;
	struct stream *s;

	flow.source = track == TRACK_INCOMING ? address(1, host, port) : address(2, host, 4000);
	flow.destination =
		track == TRACK_INCOMING ? address(2, host, 4000) : address(1, host, port);
	world_pass(w, 1);
	s = look_up(&flow);
	if (s) {
		judge(s, w->now_ns);
		return;
	}
	p = calloc(1, sizeof(*p));
	assert_non_null(p);
	packets_alive++;
	p->p = (struct packet){.arrival_ns = w->now_ns,
		.source = flow.source,
		.destination = flow.destination,
		.rx = flow.rx};
	media_unknown(w->control.media, (struct rte_mbuf *)p);
}

/* --- Actions --- */

static void on_done(void *arg, int err, const char *why, const char *destination)
{
	struct answer *a = arg;

	a->count++;
	a->err = err;
	snprintf(a->why, sizeof(a->why), "%s", why ? why : "");
	snprintf(a->destination, sizeof(a->destination), "%s", destination ? destination : "");
}

void world_start(struct world *w, struct leg *leg, struct answer *a)
{
	*a = (struct answer){0};
	recording_start(w->control.recordings, leg, TRACKS_BOTH, "", "", on_done, a);
}

void world_stop(struct world *w, struct leg *leg, struct answer *a)
{
	*a = (struct answer){0};
	recording_stop(w->control.recordings, leg, on_done, a);
}

void world_pause(struct world *w, struct leg *leg, struct answer *a)
{
	*a = (struct answer){0};
	recording_pause(w->control.recordings, leg, on_done, a);
}

void world_resume(struct world *w, struct leg *leg, struct answer *a)
{
	*a = (struct answer){0};
	recording_resume(w->control.recordings, leg, on_done, a);
}

struct world_file *world_newest(struct world *w, const struct leg *leg)
{
	for (struct world_file *f = w->files; f; f = f->next)
		if (uuid_equal(&f->info.call_id, &leg->call_id))
			return f;
	return NULL;
}

/* --- The world --- */

void world_pass(struct world *w, uint64_t ns)
{
	w->now_ns += ns;
	w->control.now_ns = w->now_ns;
}

void world_make(struct world *w)
{
	const struct leg_hooks hooks = {.arg = w,
		.offered = on_offered,
		.media_changed = on_media_changed,
		.answered = on_answered,
		.ended = on_ended,
		.forgotten = on_forgotten};
	struct control *c = &w->control;

	*w = (struct world){.now_ns = 1000000000, .files_max = 4096};
	the_world = w;
	streams_used = 0;
	assert_int_equal(config_defaults(&w->config), 0);
	strcpy(w->config.destination.bucket, "recordings");
	strcpy(w->config.spool.path, "/nowhere");
	c->config = &w->config;
	c->now_ns = w->now_ns;
	c->wall_offset_ns = 1764000000000000000;
	assert_int_equal(legs_create(&c->legs, &w->config, &c->timers, &hooks), 0);
	assert_int_equal(endpoints_create(&c->endpoints), 0);
	assert_int_equal(media_create(&c->media, c), 0);
	c->read_mode = true; /* without a recordings.jsonl */
	assert_int_equal(recordings_create(&c->recordings, c), 0);
	c->read_mode = false;
	recordings_storage_handlers(c->recordings, &storage);
}

void world_add_rule(struct world *w)
{
	strcpy(w->rule.match.caller, "rule*");
	w->rule.tracks = TRACKS_BOTH;
	w->config.rules = &w->rule;
	w->config.rule_count = 1;
}

static void drop_orders(struct orders *o)
{
	while (!is_empty(o)) {
		struct order order = take(o);

		if (order.packet)
			packet_free((struct rte_mbuf *)order.packet);
	}
}

void world_end(struct world *w)
{
	struct control *c = &w->control;

	legs_destroy(c->legs);
	recordings_destroy(c->recordings);
	media_destroy(c->media);
	endpoints_destroy(c->endpoints);
	timers_destroy(&c->timers);
	for (unsigned int rx = 0; rx < WORLD_RX; rx++) {
		drop_orders(&commands[rx]);
		drop_orders(&acks[rx]);
	}
	assert_int_equal(packets_alive, 0);
	for (struct world_file *f = w->files, *next; f; f = next) {
		next = f->next;
		free(f);
	}
	for (struct world_entry *e = w->entries, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	w->config.rules = NULL;
	w->config.rule_count = 0;
	config_destroy(&w->config);
}
