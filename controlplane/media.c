/* See media.h. Two hash tables find streams by the address at either end; a list in order of age
 * holds those that still wait for a leg. Rule 1 for kept packets: held = claimed + expired + held
 * now. */
#include "controlplane/media.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/digit_source.h"
#include "controlplane/endpoint.h"
#include "controlplane/event_watch.h"
#include "controlplane/recordings.h"

#define BUCKETS 65536 /* a power of two; chains stay short up to some 100,000 flows */
#define UNKNOWN_SILENCE_NS (60 * 1000000000ULL)
#define SWEEP_NS (10 * 1000000000ULL)

struct media {
	struct control *control;
	struct media_routes *routes;
	struct media_stream *by_source[BUCKETS];
	struct media_stream *by_destination[BUCKETS];
	struct media_stream *held_first; /* oldest first */
	struct media_stream *held_last;
	uint32_t held_flows;
	uint32_t held_packets;
	uint64_t next_sweep_ns;
	uint64_t counts[MEDIA_COUNTER_COUNT];
};

int media_create(struct media **out, struct control *control)
{
	struct media *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	if (media_routes_create(&m->routes) != 0) {
		free(m);
		return -ENOMEM;
	}
	m->control = control;
	*out = m;
	return 0;
}

static struct media_stream **bucket_of_source(struct media *m, const struct flow *f)
{
	return &m->by_source[netaddr_hash(&f->source) & (BUCKETS - 1)];
}

static struct media_stream **bucket_of_destination(struct media *m, const struct flow *f)
{
	return &m->by_destination[netaddr_hash(&f->destination) & (BUCKETS - 1)];
}

static bool same_flow(const struct flow *a, const struct flow *b)
{
	return a->rx == b->rx && a->encapsulation == b->encapsulation &&
	       netaddr_equal(&a->source, &b->source) &&
	       netaddr_equal(&a->destination, &b->destination);
}

static struct media_stream *find(struct media *m, const struct flow *flow)
{
	struct media_stream *s = *bucket_of_destination(m, flow);

	while (s && !same_flow(&s->flow, flow))
		s = s->next_by_destination;
	return s;
}

static void link_stream(struct media *m, struct media_stream *s)
{
	struct media_stream **source = bucket_of_source(m, &s->flow);
	struct media_stream **destination = bucket_of_destination(m, &s->flow);

	s->next_by_source = *source;
	*source = s;
	s->next_by_destination = *destination;
	*destination = s;
}

static void unlink_stream(struct media *m, struct media_stream *s)
{
	struct media_stream **at = bucket_of_source(m, &s->flow);

	while (*at != s)
		at = &(*at)->next_by_source;
	*at = s->next_by_source;
	at = bucket_of_destination(m, &s->flow);
	while (*at != s)
		at = &(*at)->next_by_destination;
	*at = s->next_by_destination;
}

static bool is_separate(const struct media *m, uint8_t port)
{
	const struct config *c = m->control->config;

	return !m->control->read_mode && port < c->port_count && c->ports[port].separate;
}

static struct media_stream *make_stream(struct media *m, const struct flow *flow, bool separate)
{
	struct media_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->flow = *flow;
	s->separate = separate;
	s->since_ns = m->control->now_ns;
	link_stream(m, s);
	return s;
}

static void free_stream(struct media *m, struct media_stream *s)
{
	while (s->copies) {
		struct media_stream *copy = s->copies;

		s->copies = copy->next_copy;
		free(copy);
	}
	unlink_stream(m, s);
	free(s->packets);
	free(s);
}

/* --- Waiting flows --- */

static void hold_append(struct media *m, struct media_stream *s)
{
	s->previous_held = m->held_last;
	s->next_held = NULL;
	if (m->held_last)
		m->held_last->next_held = s;
	else
		m->held_first = s;
	m->held_last = s;
	m->held_flows++;
	s->held = true;
}

static void hold_remove(struct media *m, struct media_stream *s)
{
	if (s->previous_held)
		s->previous_held->next_held = s->next_held;
	else
		m->held_first = s->next_held;
	if (s->next_held)
		s->next_held->previous_held = s->previous_held;
	else
		m->held_last = s->previous_held;
	m->held_flows--;
	s->held = false;
}

/* Gives the kept packets back to the rx core, or frees them. */
static void release_packets(struct media *m, struct media_stream *s, bool claimed)
{
	for (uint32_t i = 0; i < s->packet_count; i++) {
		if (claimed)
			packet_reinject(m->control->dataplane, s->packets[i]);
		else
			packet_free(s->packets[i]);
	}
	m->counts[claimed ? MEDIA_claimed : MEDIA_expired] += s->packet_count;
	m->held_packets -= s->packet_count;
	s->packet_count = 0;
	free(s->packets);
	s->packets = NULL;
}

/* Takes the mbuf: a copy is kept, so that waiting packets can't empty the port's pool. */
static void keep_packet(struct media *m, struct media_stream *s, struct rte_mbuf *mbuf)
{
	uint32_t most = m->control->config->limits.unknown_packets;
	struct rte_mbuf *copy = NULL;

	if (!s->packets)
		s->packets = calloc(most, sizeof(struct rte_mbuf *));
	if (s->packets && s->packet_count < most)
		copy = packet_copy(m->control->dataplane, mbuf);
	packet_free(mbuf);
	if (!copy) {
		m->counts[MEDIA_refused]++;
		return;
	}
	s->packets[s->packet_count++] = copy;
	m->held_packets++;
	m->counts[MEDIA_held]++;
}

/* Nobody claimed the flow: from now on its packets cost the rx core one look-up. */
static void become_unknown(struct media *m, struct media_stream *s)
{
	struct gate_setting unknown = {.gate = GATE_UNKNOWN};

	event_watch_unexplained(m->control->event_watch, &s->flow, s->packet_count);
	hold_remove(m, s);
	release_packets(m, s, false);
	if (stream_add(m->control->dataplane, &s->flow, &unknown, &s->id) == 0)
		return;
	m->counts[MEDIA_table_full]++;
	free_stream(m, s);
}

/* --- Flows of a leg --- */

static void take_from_leg(struct media *m, struct media_stream *s)
{
	struct media_stream **at = &s->leg->streams;

	recordings_stream_leaves(m->control->recordings, s);
	while (*at != s)
		at = &(*at)->next_of_leg;
	*at = s->next_of_leg;
	s->leg = NULL;
}

/* Appended, so that ordinals follow the order of arrival. */
static void give_to_leg(struct media_stream *s, const struct media_route *to)
{
	struct media_stream **at = &to->leg->streams;

	while (*at)
		at = &(*at)->next_of_leg;
	*at = s;
	s->next_of_leg = NULL;
	s->leg = to->leg;
	s->track = to->track;
	s->party = to->party;
}

static bool goes(const struct media_stream *s, const struct media_route *to)
{
	return s->leg == to->leg && s->track == to->track;
}

/* --- Copies --- */

/* NULL without memory. */
static struct media_stream *add_copy(
	struct media *m, struct media_stream *s, const struct media_route *to)
{
	struct media_stream *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->flow = s->flow;
	copy->separate = s->separate;
	copy->since_ns = m->control->now_ns;
	copy->copy_of = s;
	copy->next_copy = s->copies;
	s->copies = copy;
	give_to_leg(copy, to);
	return copy;
}

static void remove_copy(struct media *m, struct media_stream *copy)
{
	struct media_stream **at = &copy->copy_of->copies;

	while (*at != copy)
		at = &(*at)->next_copy;
	*at = copy->next_copy;
	take_from_leg(m, copy);
	if (copy->id)
		stream_remove(m->control->dataplane, copy->id, 0);
	free(copy);
}

static bool has(const struct media_stream *s, const struct media_route *to)
{
	bool found = goes(s, to);

	for (const struct media_stream *c = s->copies; c && !found; c = c->next_copy)
		found = goes(c, to);
	return found;
}

static bool is_routed(
	const struct media_stream *s, const struct media_route *routes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (goes(s, &routes[i]))
			return true;
	return false;
}

static void begin_copy(struct media *m, struct media_stream *s, const struct media_route *to)
{
	struct media_stream *copy = add_copy(m, s, to);
	struct gate_setting setting;

	if (!copy)
		return;
	recordings_stream_joins(m->control->recordings, copy, &setting);
	if (stream_copy(m->control->dataplane, s->id, &setting, &copy->id) == 0)
		return;
	m->counts[MEDIA_table_full]++;
	remove_copy(m, copy);
}

/* --- Where a flow goes --- */

/* A flow that is in the stream table: its tracks that are still meant keep what they have, so that
 * nothing is lost to them. */
static void change_tracks(struct media *m, struct media_stream *s, const struct media_route *routes,
	unsigned int count)
{
	struct gate_setting setting;

	for (struct media_stream *c = s->copies, *next; c; c = next) {
		next = c->next_copy;
		if (!is_routed(c, routes, count))
			remove_copy(m, c);
	}
	if (s->leg && !is_routed(s, routes, count))
		take_from_leg(m, s);
	for (unsigned int i = 0; i < count; i++) {
		if (has(s, &routes[i]))
			continue;
		if (s->leg) {
			begin_copy(m, s, &routes[i]);
			continue;
		}
		give_to_leg(s, &routes[i]);
		recordings_stream_joins(m->control->recordings, s, &setting);
		recordings_stream_joined(m->control->recordings, s, &setting);
	}
	digit_source_stream(m->control, s);
}

/* A flow that is not in the stream table: all its tracks begin at once. False when there is no room
 * for it: the flow is gone then. */
static bool begin_tracks(struct media *m, struct media_stream *s, const struct media_route *routes,
	unsigned int count)
{
	struct media_stream *streams[MEDIA_ROUTES_MAX] = {s};
	struct gate_setting settings[MEDIA_ROUTES_MAX] = {{.gate = GATE_OFF}};
	stream_id ids[MEDIA_ROUTES_MAX] = {0};
	unsigned int made = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (i == 0)
			give_to_leg(s, &routes[0]);
		else
			streams[made] = add_copy(m, s, &routes[i]);
		if (streams[made])
			recordings_stream_joins(
				m->control->recordings, streams[made], &settings[made]);
		made += streams[made] != NULL;
	}
	if (stream_add_copied(m->control->dataplane, &s->flow, settings, made, ids) != 0)
		m->counts[MEDIA_table_full]++;
	for (unsigned int i = 0; i < made; i++)
		streams[i]->id = ids[0] ? ids[i] : 0;
	digit_source_stream(m->control, s); /* before its packets are given back */
	if (s->held) {
		hold_remove(m, s);
		release_packets(m, s, s->id != 0);
	}
	if (s->id)
		return true;
	while (s->copies)
		remove_copy(m, s->copies);
	take_from_leg(m, s);
	free_stream(m, s);
	return false;
}

/* The tracks that a flow is meant for; 0: none is known. */
static unsigned int find_routes(
	struct media *m, const struct media_stream *s, struct media_route routes[MEDIA_ROUTES_MAX])
{
	int count = media_routes_find(m->routes, &s->flow.destination, routes);

	if (count != 0)
		return count > 0 ? (unsigned int)count : 0;
	routes[0].party = 0;
	return endpoint_match(
		m->control->endpoints, &s->flow, s->separate, &routes[0].leg, &routes[0].track);
}

/* Ties a stream (held, unknown, or of another leg) to its tracks, and sets its gates by the legs'
 * recordings. False when the stream table is full: the stream is gone then. */
static bool claim(struct media *m, struct media_stream *s, const struct media_route *routes,
	unsigned int count)
{
	if (!s->id)
		return begin_tracks(m, s, routes, count);
	change_tracks(m, s, routes, count);
	return true;
}

/* Lets the legs that a flow is for have it. */
static void match(struct media *m, struct media_stream *s)
{
	struct media_route routes[MEDIA_ROUTES_MAX];
	unsigned int count = find_routes(m, s, routes);

	if (count > 0)
		claim(m, s, routes, count);
}

void media_unknown(struct media *m, struct rte_mbuf *mbuf)
{
	const struct packet *p = packet_of(mbuf);
	struct flow flow = {.source = p->source,
		.destination = p->destination,
		.encapsulation = p->encapsulation,
		.rx = p->rx};
	struct media_stream *s = find(m, &flow);
	struct media_route routes[MEDIA_ROUTES_MAX];
	bool fresh = !s;
	unsigned int count;

	if (s && s->id) { /* it joined the table while this packet was on its way here */
		packet_reinject(m->control->dataplane, mbuf);
		return;
	}
	if (!s)
		s = make_stream(m, &flow, is_separate(m, p->port));
	if (!s) {
		m->counts[MEDIA_refused]++;
		packet_free(mbuf);
		return;
	}
	count = find_routes(m, s, routes);
	if (count > 0) {
		if (claim(m, s, routes, count))
			packet_reinject(m->control->dataplane, mbuf);
		else
			packet_free(mbuf);
		return;
	}
	if (fresh)
		hold_append(m, s);
	keep_packet(m, s, mbuf);
	if (m->held_flows > m->control->config->limits.unknown_flows)
		become_unknown(m, m->held_first);
}

/* Looks at every stream with this address at either end; claiming changes no chain but may free the
 * stream. */
static void rematch_address(struct media *m, const struct netaddr *address)
{
	uint32_t bucket = netaddr_hash(address) & (BUCKETS - 1);
	struct media_stream *next;

	for (struct media_stream *s = m->by_destination[bucket]; s; s = next) {
		next = s->next_by_destination;
		if (netaddr_equal(&s->flow.destination, address))
			match(m, s);
	}
	for (struct media_stream *s = m->by_source[bucket]; s; s = next) {
		next = s->next_by_source;
		if (netaddr_equal(&s->flow.source, address))
			match(m, s);
	}
}

int media_own(struct media *m, const struct netaddr *address, media_router_h *router, void *owner)
{
	return media_routes_own(m->routes, address, router, owner);
}

void media_disown(struct media *m, const struct netaddr *address, const void *owner)
{
	media_routes_disown(m->routes, address, owner);
}

void media_reroute(struct media *m, const struct netaddr *address)
{
	rematch_address(m, address);
}

void media_announced(struct media *m, struct leg *leg)
{
	for (unsigned int end = 0; end < ENDS; end++)
		for (unsigned int i = 0; i < leg->media[end].address_count; i++)
			rematch_address(m, &leg->media[end].addresses[i]);
}

static void remove_stream(struct media *m, struct media_stream *s)
{
	while (s->copies)
		remove_copy(m, s->copies);
	if (s->id)
		stream_remove(m->control->dataplane, s->id, 0);
	free_stream(m, s);
}

void media_forget(struct media *m, struct leg *leg)
{
	for (struct media_stream *s = leg->streams, *next; s; s = next) {
		next = s->next_of_leg;
		if (s->copy_of) {
			remove_copy(m, s);
			continue;
		}
		take_from_leg(m, s);
		if (!s->copies)
			remove_stream(m, s);
	}
}

static void sweep_unknown(struct media *m, uint64_t now_ns)
{
	struct stream_stats stats;
	struct media_stream *next;

	for (uint32_t i = 0; i < BUCKETS; i++) {
		for (struct media_stream *s = m->by_source[i]; s; s = next) {
			uint64_t last = s->since_ns;

			next = s->next_by_source;
			if (s->leg || !s->id)
				continue;
			if (stream_stats(m->control->dataplane, s->id, &stats) == 0 &&
				stats.last_ns > last)
				last = stats.last_ns;
			if (now_ns > last + UNKNOWN_SILENCE_NS)
				remove_stream(m, s);
		}
	}
}

void media_age(struct media *m, uint64_t now_ns)
{
	uint64_t hold_ns = m->control->config->limits.unknown_hold_ms * 1000000ULL;

	while (m->held_first && now_ns >= m->held_first->since_ns + hold_ns)
		become_unknown(m, m->held_first);
	if (now_ns < m->next_sweep_ns)
		return;
	m->next_sweep_ns = now_ns + SWEEP_NS;
	sweep_unknown(m, now_ns);
}

uint64_t media_last_ns(struct media *m, struct leg *leg)
{
	struct stream_stats stats;

	for (const struct media_stream *s = leg->streams; s; s = s->next_of_leg)
		if (stream_stats(m->control->dataplane, s->id, &stats) == 0 &&
			stats.last_ns > leg->last_media_ns)
			leg->last_media_ns = stats.last_ns;
	return leg->last_media_ns;
}

static const char *const counter_names[] = {
#define NAME(name, help) #name,
	MEDIA_COUNTERS(NAME)};
static const char *const counter_helps[] = {
#define HELP(name, help) help,
	MEDIA_COUNTERS(HELP)};

uint64_t media_count(const struct media *m, enum media_counter c)
{
	return m->counts[c];
}

const char *media_counter_name(enum media_counter c)
{
	return counter_names[c];
}

const char *media_counter_help(enum media_counter c)
{
	return counter_helps[c];
}

uint32_t media_held_now(const struct media *m)
{
	return m->held_packets;
}

void media_destroy(struct media *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < BUCKETS; i++) {
		for (struct media_stream *s = m->by_source[i], *next; s; s = next) {
			next = s->next_by_source;
			if (s->packets)
				release_packets(m, s, false);
			free_stream(m, s);
		}
	}
	media_routes_destroy(m->routes);
	free(m);
}
