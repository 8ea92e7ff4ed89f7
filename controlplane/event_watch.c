#include "controlplane/event_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/control.h"
#include "controlplane/events.h"
#include "controlplane/ledger.h"
#include "controlplane/ledger_copy.h"
#include "controlplane/media.h"
#include "controlplane/status.h"
#include "controlplane/uuid_json.h"
#include "storage/storage.h"

#define SECOND_NS 1000000000ULL
#define HEAD_NS (60 * SECOND_NS)
#define LOSS_NS SECOND_NS
#define UNEXPLAINED_BURST 10U /* events in a row; then one a second */

struct event_watch {
	struct control *control;
	struct ledger_copy *copy;
	struct timer head_timer;
	struct timer loss_timer;
	uint64_t rx_drops[TOPOLOGY_RX_MAX][RX_COUNTER_COUNT];
	uint64_t missed[DATAPLANE_PORTS_MAX];
	unsigned int tokens;
	uint64_t refilled_ns;
	uint64_t untold; /* flows not told of since the newest event */
};

/* --- The ledger's head --- */

static void tell_head(void *arg, uint64_t now_ns)
{
	struct event_watch *w = arg;
	char hash[65];
	uint64_t seq;
	cJSON *o = cJSON_CreateObject();

	ledger_head(w->control->ledger, &seq, hash);
	cJSON_AddNumberToObject(o, "seq", (double)seq);
	cJSON_AddStringToObject(o, "hash", hash);
	control_event(w->control, "ledger_head", o);
	ledger_copy_run(w->copy);
	timer_start(&w->control->timers, &w->head_timer, now_ns + HEAD_NS, tell_head, w);
}

/* --- Packets dropped here --- */

static void tell_drops(struct event_watch *w, const char *place, unsigned int number,
	const char *reason, uint64_t lost)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "place", place);
	cJSON_AddNumberToObject(o, place, number);
	cJSON_AddStringToObject(o, "reason", reason);
	cJSON_AddNumberToObject(o, "lost", (double)lost);
	control_event(w->control, "loss_seen", o);
}

static void look_at_rx(struct event_watch *w, unsigned int rx, bool tell)
{
	uint64_t values[RX_COUNTER_COUNT];

	counters_read(dataplane_counters(w->control->dataplane, rx), RX_COUNTER_COUNT, values);
	for (unsigned int i = 0; i < RX_COUNTER_COUNT; i++) {
		if (strncmp(rx_counter_info[i].name, "drop_", 5) != 0)
			continue;
		if (tell && values[i] > w->rx_drops[rx][i])
			tell_drops(w, "rx", rx, rx_counter_info[i].name,
				values[i] - w->rx_drops[rx][i]);
		w->rx_drops[rx][i] = values[i];
	}
}

static void look_at_port(struct event_watch *w, unsigned int port, bool tell)
{
	struct dataplane_port_stats stats;

	if (dataplane_port_stats(w->control->dataplane, port, &stats) != 0)
		return;
	if (tell && stats.missed > w->missed[port])
		tell_drops(w, "port", port, "missed", stats.missed - w->missed[port]);
	w->missed[port] = stats.missed;
}

static void look_for_loss(struct event_watch *w, bool tell)
{
	for (unsigned int rx = 0; rx < w->control->topology->rx_count; rx++)
		look_at_rx(w, rx, tell);
	for (unsigned int i = 0; i < dataplane_port_count(w->control->dataplane); i++)
		look_at_port(w, i, tell);
}

static void on_loss_timer(void *arg, uint64_t now_ns)
{
	struct event_watch *w = arg;

	look_for_loss(w, true);
	timer_start(&w->control->timers, &w->loss_timer, now_ns + LOSS_NS, on_loss_timer, w);
}

/* --- Its life --- */

int event_watch_create(struct event_watch **out, struct control *control)
{
	struct event_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->control = control;
	if (ledger_copy_create(&w->copy, control) != 0) {
		free(w);
		return -ENOMEM;
	}
	w->tokens = UNEXPLAINED_BURST;
	look_for_loss(w, false);
	tell_head(w, control->now_ns);
	timer_start(&control->timers, &w->loss_timer, control->now_ns + LOSS_NS, on_loss_timer, w);
	*out = w;
	return 0;
}

void event_watch_destroy(struct event_watch *w)
{
	if (!w)
		return;
	timer_cancel(&w->control->timers, &w->head_timer);
	timer_cancel(&w->control->timers, &w->loss_timer);
	ledger_copy_destroy(w->copy);
	free(w);
}

/* --- Silence --- */

static cJSON *track_to_json(const struct leg *leg, enum track track)
{
	cJSON *o = cJSON_CreateObject();

	uuid_add_to_json(o, "transaction_id", &leg->session->transaction_id);
	uuid_add_to_json(o, "call_id", &leg->call_id);
	cJSON_AddStringToObject(o, "sip_call_id", leg->sip_call_id);
	cJSON_AddStringToObject(o, "participant_tag", leg->participant_tag);
	cJSON_AddStringToObject(o, "track", tracks_name(TRACK_BIT(track)));
	return o;
}

static void tell_missing(
	struct event_watch *w, const struct leg *leg, enum track track, uint64_t silent_s)
{
	cJSON *o = track_to_json(leg, track);

	cJSON_AddNumberToObject(o, "silent_s", (double)silent_s);
	cJSON_AddBoolToObject(o, "recorded", leg->recording != NULL);
	control_event(w->control, "media_missing", o);
}

/* The newest packet of a track; 0: none. */
static uint64_t track_last_ns(const struct event_watch *w, const struct leg *leg, enum track track)
{
	struct stream_stats stats;
	uint64_t last_ns = 0;

	for (const struct media_stream *s = leg->streams; s; s = s->next_of_leg)
		if (s->track == track && s->id &&
			stream_stats(w->control->dataplane, s->id, &stats) == 0 &&
			stats.last_ns > last_ns)
			last_ns = stats.last_ns;
	return last_ns;
}

/* Told once, and again only after packets came and ceased. */
static void look_at_track(struct event_watch *w, struct leg *leg, enum track track, uint64_t now_ns,
	uint64_t *next_ns)
{
	uint64_t limit_ns = w->control->config->limits.no_media_s * SECOND_NS;
	uint64_t last_ns = track_last_ns(w, leg, track);
	uint64_t due_ns;

	if (last_ns < leg->watched_from_ns)
		last_ns = leg->watched_from_ns;
	due_ns = last_ns + limit_ns;
	if (now_ns < due_ns) {
		leg->media_missing[track] = false;
		*next_ns = due_ns < *next_ns ? due_ns : *next_ns;
		return;
	}
	if (!leg->media_missing[track])
		tell_missing(w, leg, track, (now_ns - last_ns) / SECOND_NS);
	leg->media_missing[track] = true;
}

static void look_at_leg(void *arg, uint64_t now_ns)
{
	struct leg *leg = arg;
	struct event_watch *w = leg->watch;
	uint64_t next_ns = now_ns + w->control->config->limits.no_media_s * SECOND_NS;

	for (unsigned int t = 0; t < TRACK_COUNT; t++)
		look_at_track(w, leg, (enum track)t, now_ns, &next_ns);
	timer_start(&w->control->timers, &leg->watch_timer, next_ns, look_at_leg, leg);
}

void event_watch_leg(struct event_watch *w, struct leg *leg)
{
	bool announced =
		leg->media[END_PARTICIPANT].address_count && leg->media[END_SBC].address_count;

	if (!w || leg->state != LEG_ANSWERED)
		return;
	if (leg->on_hold || !announced) {
		timer_cancel(&w->control->timers, &leg->watch_timer);
		return;
	}
	if (timer_running(&leg->watch_timer))
		return;
	leg->watch = w;
	leg->watched_from_ns = w->control->now_ns;
	timer_start(&w->control->timers, &leg->watch_timer,
		leg->watched_from_ns + w->control->config->limits.no_media_s * SECOND_NS,
		look_at_leg, leg);
}

void event_watch_leg_ended(struct event_watch *w, struct leg *leg)
{
	if (w)
		timer_cancel(&w->control->timers, &leg->watch_timer);
}

/* --- RTP that no SIP explains, or that another source feeds the track of --- */

/* A flood of flows must not push everything else out of the log. */
static bool may_tell(struct event_watch *w)
{
	uint64_t seconds = (w->control->now_ns - w->refilled_ns) / SECOND_NS;

	if (seconds) {
		w->refilled_ns += seconds * SECOND_NS;
		w->tokens = seconds < UNEXPLAINED_BURST - w->tokens
				    ? w->tokens + (unsigned int)seconds
				    : UNEXPLAINED_BURST;
	}
	if (w->tokens == 0) {
		w->untold++;
		return false;
	}
	w->tokens--;
	return true;
}

static void add_flow(struct event_watch *w, cJSON *o, const struct flow *flow)
{
	char address[NETADDR_TEXT_BYTES];

	cJSON_AddStringToObject(o, "source", netaddr_format(&flow->source, address));
	cJSON_AddStringToObject(o, "destination", netaddr_format(&flow->destination, address));
	cJSON_AddNumberToObject(o, "untold", (double)w->untold);
	w->untold = 0;
}

void event_watch_unexplained(struct event_watch *w, const struct flow *flow, uint32_t packets)
{
	cJSON *o;

	if (!w || !may_tell(w))
		return;
	o = cJSON_CreateObject();
	add_flow(w, o, flow);
	cJSON_AddNumberToObject(o, "packets", packets);
	control_event(w->control, "unexplained_rtp", o);
}

void event_watch_foreign(
	struct event_watch *w, const struct leg *leg, enum track track, const struct flow *flow)
{
	cJSON *o;

	if (!w || !may_tell(w))
		return;
	o = track_to_json(leg, track);
	add_flow(w, o, flow);
	control_event(w->control, "foreign_rtp", o);
}
