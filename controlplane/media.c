/* See media.h. Two hash tables find streams by the address at either end; a list in order of age
 * holds those that still wait for a leg, another those whose claim on one may change with time.
 * Rule 1 for kept packets: held = claimed + expired + held now. */
#include "controlplane/media.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/digit_source.h"
#include "controlplane/endpoint.h"
#include "controlplane/event_watch.h"
#include "controlplane/latch.h"
#include "controlplane/media_tracks.h"
#include "controlplane/recordings.h"

#define BUCKETS 65536 /* a power of two; chains stay short up to some 100,000 flows */
#define UNKNOWN_SILENCE_NS (60 * 1000000000ULL)
#define SWEEP_NS (10 * 1000000000ULL)
#define RTP_HEADER_BYTES 12 /* RFC 3550, 5.1; the SSRC is its last word */
#define JUDGE_NS 100000000ULL
#define JUDGED_MAX 1024 /* flows whose claim may change; of more, only what SIP says changes it */

struct media {
	struct control *control;
	struct media_routes *routes;
	struct media_stream *by_source[BUCKETS];
	struct media_stream *by_destination[BUCKETS];
	struct media_stream *held_first; /* oldest first */
	struct media_stream *held_last;
	uint32_t held_flows;
	uint32_t held_packets;
	struct media_stream *judged_first;
	uint32_t judged_flows;
	uint64_t next_sweep_ns;
	uint64_t next_judge_ns;
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

	return port < c->port_count && c->ports[port].separate;
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

static void judge_no_more(struct media *m, struct media_stream *s)
{
	if (!s->judged)
		return;
	if (s->previous_judged)
		s->previous_judged->next_judged = s->next_judged;
	else
		m->judged_first = s->next_judged;
	if (s->next_judged)
		s->next_judged->previous_judged = s->previous_judged;
	s->judged = false;
	m->judged_flows--;
}

static void judge_again(struct media *m, struct media_stream *s)
{
	if (s->judged || m->judged_flows >= JUDGED_MAX)
		return;
	s->previous_judged = NULL;
	s->next_judged = m->judged_first;
	if (s->next_judged)
		s->next_judged->previous_judged = s;
	m->judged_first = s;
	s->judged = true;
	m->judged_flows++;
}

static void free_stream(struct media *m, struct media_stream *s)
{
	while (s->copies) {
		struct media_stream *copy = s->copies;

		s->copies = copy->next_copy;
		free(copy);
	}
	judge_no_more(m, s);
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

#define NONE_CLAIMED UINT64_MAX

/* Gives the kept packets that arrived from then on back to the rx core, and frees the others. */
static void release_packets(struct media *m, struct media_stream *s, uint64_t from_ns)
{
	for (uint32_t i = 0; i < s->packet_count; i++) {
		bool claimed = packet_of(s->packets[i])->arrival_ns >= from_ns;

		if (claimed)
			packet_reinject(m->control->dataplane, s->packets[i]);
		else
			packet_free(s->packets[i]);
		m->counts[claimed ? MEDIA_claimed : MEDIA_expired]++;
	}
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

	if (!s->refused)
		event_watch_unexplained(m->control->event_watch, &s->flow, s->packet_count);
	hold_remove(m, s);
	release_packets(m, s, NONE_CLAIMED);
	if (stream_add(m->control->dataplane, &s->flow, &unknown, &s->id) == 0)
		return;
	m->counts[MEDIA_table_full]++;
	free_stream(m, s);
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
 * recordings; of its kept packets those from from_ns on are its first. False when the stream table
 * is full: the stream is gone then. */
static bool claim(struct media *m, struct media_stream *s, const struct media_route *routes,
	unsigned int count, uint64_t from_ns)
{
	bool begun = s->id != 0;

	s->latched_ns = m->control->now_ns;
	if (begun) {
		m->counts[MEDIA_table_full] += media_tracks_change(m->control, s, routes, count);
		return true;
	}
	begun = media_tracks_begin(m->control, s, routes, count);
	if (s->held) {
		hold_remove(m, s);
		release_packets(m, s, begun ? from_ns : NONE_CLAIMED);
	}
	if (begun)
		return true;
	m->counts[MEDIA_table_full]++;
	free_stream(m, s);
	return false;
}

/* --- Whose claim is the better one (latch.h) --- */

static void refuse(struct media *m, struct media_stream *s, const struct leg *leg, enum track track)
{
	judge_again(m, s);
	if (s->refused)
		return;
	s->refused = true;
	m->counts[MEDIA_foreign]++;
	event_watch_foreign(m->control->event_watch, leg, track, &s->flow);
}

/* Takes a stream out of its track, for its sender is another. */
static void displace(struct media *m, struct media_stream *s)
{
	const struct gate_setting unknown = {.gate = GATE_UNKNOWN};
	const struct leg *leg = s->leg;

	while (s->copies)
		media_copy_remove(m->control, s->copies);
	media_take_from_leg(m->control, s);
	(void)stream_set_gate(m->control->dataplane, s->id, &unknown, 0);
	digit_source_stream(m->control, s);
	m->counts[MEDIA_displaced]++;
	refuse(m, s, leg, s->track);
}

/* Those of a track that a newcomer has a better claim on. */
static void displace_others(struct media *m, const struct media_stream *s)
{
	struct media_stream *next;

	for (struct media_stream *o = s->leg->streams; o; o = next) {
		next = o->next_of_leg;
		if (o != s && !o->copy_of && latch_is_lost_to(m->control, o, s))
			displace(m, o);
	}
}

/* What became of a flow that a leg's end announced. */
enum fate { FATE_REFUSED, FATE_JOINED, FATE_GONE };

/* Of several tracks the first decides. */
static enum fate join(struct media *m, struct media_stream *s, const struct media_route *routes,
	unsigned int count)
{
	struct leg *leg = routes[0].leg;
	enum track track = routes[0].track;
	enum latch latch;
	uint64_t from_ns;

	s->party = routes[0].party;
	latch = latch_judge(m->control, s, leg, track, &from_ns);
	if (latch == LATCH_PROVISIONAL && !s->judged && m->judged_flows >= JUDGED_MAX)
		latch = LATCH_REFUSED;
	if (latch == LATCH_REFUSED) {
		refuse(m, s, leg, track);
		return FATE_REFUSED;
	}
	if (!claim(m, s, routes, count, from_ns))
		return FATE_GONE;
	if (latch == LATCH_PROVISIONAL)
		judge_again(m, s);
	else
		judge_no_more(m, s);
	displace_others(m, s);
	return FATE_JOINED;
}

/* Lets a leg that announced an end of the flow have it; `announced`: only where the flow's source
 * is the one that its sender announced. */
static void match(struct media *m, struct media_stream *s, bool announced)
{
	struct media_route routes[MEDIA_ROUTES_MAX];
	unsigned int count = find_routes(m, s, routes);

	if (count == 0)
		return;
	if (announced && !routes[0].party &&
		!latch_is_announced(routes[0].leg, routes[0].track, &s->flow.source))
		return;
	if (s->copies || media_is_routed(s, routes, count))
		m->counts[MEDIA_table_full] += media_tracks_change(m->control, s, routes, count);
	else
		(void)join(m, s, routes, count);
}

/* A flow that was refused, and goes on, is tried again; one that was let in may have to go. */
static void judge_all(struct media *m)
{
	struct media_stream *next;

	for (struct media_stream *s = m->judged_first; s; s = next) {
		next = s->next_judged; /* judging one changes no other's place */
		if (s->held)
			continue; /* its packets bring it here */
		if (!s->leg && latch_is_heard(m->control, s))
			match(m, s, false);
		else if (s->leg && latch_is_lost(m->control, s))
			displace(m, s);
	}
}

static void note_packet(struct media_stream *s, struct rte_mbuf *mbuf)
{
	uint8_t header[RTP_HEADER_BYTES];

	s->seen_ns = packet_of(mbuf)->arrival_ns;
	if (packet_payload(mbuf, header, sizeof(header)) == sizeof(header))
		s->ssrc = (uint32_t)header[8] << 24 | (uint32_t)header[9] << 16 |
			  (uint32_t)header[10] << 8 | header[11];
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
	enum fate fate = FATE_REFUSED;
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
	note_packet(s, mbuf);
	count = find_routes(m, s, routes);
	if (count > 0)
		fate = join(m, s, routes, count);
	if (fate == FATE_JOINED)
		packet_reinject(m->control->dataplane, mbuf);
	else if (fate == FATE_GONE)
		packet_free(mbuf);
	if (fate != FATE_REFUSED)
		return;
	if (fresh)
		hold_append(m, s);
	keep_packet(m, s, mbuf);
	if (m->held_flows > m->control->config->limits.unknown_flows)
		become_unknown(m, m->held_first);
}

/* Looks at every stream with this address at either end; claiming changes no chain but may free the
 * stream. */
static void rematch_address(struct media *m, const struct netaddr *address, bool announced)
{
	uint32_t bucket = netaddr_hash(address) & (BUCKETS - 1);
	struct media_stream *next;

	for (struct media_stream *s = m->by_destination[bucket]; s; s = next) {
		next = s->next_by_destination;
		if (netaddr_equal(&s->flow.destination, address))
			match(m, s, announced);
	}
	for (struct media_stream *s = m->by_source[bucket]; s; s = next) {
		next = s->next_by_source;
		if (netaddr_equal(&s->flow.source, address))
			match(m, s, announced);
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
	rematch_address(m, address, false);
}

static void rematch_leg(struct media *m, struct leg *leg, bool announced)
{
	for (unsigned int end = 0; end < ENDS; end++) {
		const struct end_media *media = &leg->media[end];
		struct netaddr guess;

		for (unsigned int i = 0; i < media->address_count; i++) {
			rematch_address(m, &media->addresses[i], announced);
			if (leg_media_guess(&media->sender, &media->addresses[i], &guess))
				rematch_address(m, &guess, announced);
		}
	}
}

/* Strangers come second, whatever came first. */
void media_announced(struct media *m, struct leg *leg)
{
	rematch_leg(m, leg, true);
	rematch_leg(m, leg, false);
}

static void remove_stream(struct media *m, struct media_stream *s)
{
	while (s->copies)
		media_copy_remove(m->control, s->copies);
	if (s->id)
		stream_remove(m->control->dataplane, s->id, 0);
	free_stream(m, s);
}

void media_forget(struct media *m, struct leg *leg)
{
	for (struct media_stream *s = leg->streams, *next; s; s = next) {
		next = s->next_of_leg;
		if (s->copy_of) {
			media_copy_remove(m->control, s);
			continue;
		}
		media_take_from_leg(m->control, s);
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
	if (now_ns >= m->next_judge_ns) {
		m->next_judge_ns = now_ns + JUDGE_NS;
		judge_all(m);
	}
	if (now_ns < m->next_sweep_ns)
		return;
	m->next_sweep_ns = now_ns + SWEEP_NS;
	sweep_unknown(m, now_ns);
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
				release_packets(m, s, NONE_CLAIMED);
			free_stream(m, s);
		}
	}
	media_routes_destroy(m->routes);
	free(m);
}
