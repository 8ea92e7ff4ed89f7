#include "controlplane/status.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <rte_ring.h>

#include "controlplane/application.h"
#include "controlplane/control.h"
#include "controlplane/dialog.h"
#include "controlplane/events.h"
#include "controlplane/hep_server.h"
#include "controlplane/siprec_server.h"
#include "controlplane/ledger.h"
#include "controlplane/media.h"
#include "controlplane/recording.h"
#include "controlplane/timestamp.h"
#include "dataplane/dataplane.h"
#include "storage/storage.h"

#define MS_NS 1000000

/* --- Shared with the metrics --- */

const char *thread_kind_name(enum thread_kind kind)
{
	static const char *const names[] = {
		[THREAD_CONTROL] = "control",
		[THREAD_RX] = "rx",
		[THREAD_WRITER] = "writer",
		[THREAD_HELPER] = "helper",
		[THREAD_FINISHER] = "finisher",
	};

	return names[kind];
}

/* The tables list what comes in before what becomes of it. */
void counters_read(const counter *from, unsigned int count, uint64_t out[])
{
	for (unsigned int i = count; i-- > 0;)
		out[i] = counter_read(&from[i]);
}

uint64_t counters_sum(const uint64_t values[], const struct counter_info info[], unsigned int count,
	enum counter_kind kind)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < count; i++)
		if (info[i].kind == kind)
			sum += values[i];
	return sum;
}

static void visit_rx_rings(
	const struct topology *t, unsigned int rx, ring_visit_h *visit, void *arg)
{
	char name[16];
	const struct {
		const char *name;
		bool to_control;
		const struct rte_ring *ring;
	} rings[] = {
		{"sip", true, t->sip[rx]},
		{"unknown", true, t->unknown[rx]},
		{"rest", true, t->rest[rx]},
		{"watched", true, t->watched[rx]},
		{"acks", true, t->acks[rx]},
		{"commands", false, t->commands[rx]},
		{"reinject", false, t->reinject[rx]},
	};

	snprintf(name, sizeof(name), "rx%u", rx);
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
		if (rings[i].ring)
			visit(arg, rings[i].name, rings[i].to_control ? name : "control",
				rings[i].to_control ? "control" : name, rings[i].ring);
}

static void visit_chunk_rings(const struct topology *t, unsigned int rx, unsigned int writer,
	ring_visit_h *visit, void *arg)
{
	char rx_name[16];
	char writer_name[24];

	snprintf(rx_name, sizeof(rx_name), "rx%u", rx);
	snprintf(writer_name, sizeof(writer_name), "writer%u", writer);
	if (t->chunks[rx][writer])
		visit(arg, "chunks", rx_name, writer_name, t->chunks[rx][writer]);
	if (t->empty[writer][rx])
		visit(arg, "empty", writer_name, rx_name, t->empty[writer][rx]);
}

void rings_visit(const struct topology *t, ring_visit_h *visit, void *arg)
{
	for (unsigned int rx = 0; rx < t->rx_count; rx++) {
		visit_rx_rings(t, rx, visit, arg);
		for (unsigned int writer = 0; writer < t->writer_count; writer++)
			visit_chunk_rings(t, rx, writer, visit, arg);
	}
}

/* --- Threads, ports, rings --- */

static void add_threads(cJSON *o, const struct topology *t)
{
	cJSON *list = cJSON_AddArrayToObject(o, "threads");

	for (unsigned int i = 0; i < t->thread_count; i++) {
		const struct thread *thread = &t->threads[i];
		cJSON *item = cJSON_CreateObject();

		cJSON_AddStringToObject(item, "name", thread->name);
		cJSON_AddStringToObject(item, "kind", thread_kind_name(thread->kind));
		cJSON_AddNumberToObject(item, "tid", atomic_load(&thread->tid));
		if (thread->core == TOPOLOGY_ANY_CORE)
			cJSON_AddNullToObject(item, "core");
		else
			cJSON_AddNumberToObject(item, "core", thread->core);
		cJSON_AddItemToArray(list, item);
	}
}

static void add_answers(cJSON *o, const struct dataplane_port_stats *port)
{
	cJSON *answers = cJSON_AddObjectToObject(o, "answers");

	cJSON_AddNumberToObject(answers, "addresses", port->answered);
	for (enum answer_counter c = 0; c < ANSWER_COUNTER_COUNT; c++)
		cJSON_AddNumberToObject(
			answers, answer_counter_info[c].name, (double)port->answers[c]);
}

static void add_ports(cJSON *o, const struct control *control)
{
	cJSON *list = cJSON_AddArrayToObject(o, "ports");
	struct dataplane_port_stats port;

	for (unsigned int i = 0; i < dataplane_port_count(control->dataplane); i++) {
		cJSON *item;

		if (dataplane_port_stats(control->dataplane, i, &port) != 0)
			continue;
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "device", port.device);
		cJSON_AddStringToObject(item, "driver", port.driver);
		cJSON_AddNumberToObject(item, "queues", port.queues);
		cJSON_AddBoolToObject(item, "promiscuous", port.promiscuous);
		cJSON_AddNumberToObject(item, "received", (double)port.received);
		cJSON_AddNumberToObject(item, "missed", (double)port.missed);
		cJSON_AddNumberToObject(item, "errors", (double)port.errors);
		cJSON_AddNumberToObject(item, "no_mbuf", (double)port.no_mbuf);
		add_answers(item, &port);
		cJSON_AddItemToArray(list, item);
	}
}

static void add_ring(void *arg, const char *name, const char *producer, const char *consumer,
	const struct rte_ring *ring)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddStringToObject(item, "name", name);
	cJSON_AddStringToObject(item, "producer", producer);
	cJSON_AddStringToObject(item, "consumer", consumer);
	cJSON_AddNumberToObject(item, "depth", rte_ring_get_capacity(ring));
	cJSON_AddNumberToObject(item, "used", rte_ring_count(ring));
	cJSON_AddItemToArray(arg, item);
}

/* --- Counters --- */

static void add_counters(
	cJSON *o, const uint64_t values[], const struct counter_info info[], unsigned int count)
{
	cJSON *counters = cJSON_AddObjectToObject(o, "counters");

	for (unsigned int i = 0; i < count; i++)
		cJSON_AddNumberToObject(counters, info[i].name, (double)values[i]);
}

struct sums {
	uint64_t in;
	uint64_t out;
	uint64_t dropped; /* a part of out */
};

static void add_sums(cJSON *o, const char *name, const struct sums *sums)
{
	cJSON *accounting = cJSON_AddObjectToObject(o, name);

	cJSON_AddNumberToObject(accounting, "in", (double)sums->in);
	cJSON_AddNumberToObject(accounting, "out", (double)sums->out);
	cJSON_AddNumberToObject(accounting, "dropped", (double)sums->dropped);
	cJSON_AddNumberToObject(accounting, "in_flight", (double)(sums->in - sums->out));
}

static void sum_up(struct sums *sums, const uint64_t values[], const struct counter_info info[],
	unsigned int count)
{
	sums->in += counters_sum(values, info, count, COUNTER_IN);
	sums->out += counters_sum(values, info, count, COUNTER_OUT);
	for (unsigned int i = 0; i < count; i++)
		if (strncmp(info[i].name, "drop_", 5) == 0)
			sums->dropped += values[i];
}

static void add_chunks(cJSON *o, const struct control *control, unsigned int rx)
{
	struct dataplane_chunk_stats stats;
	cJSON *chunks = cJSON_AddObjectToObject(o, "chunks");
	cJSON *handed_over;

	dataplane_chunk_stats(control->dataplane, rx, &stats);
	cJSON_AddNumberToObject(chunks, "total", stats.total);
	cJSON_AddNumberToObject(chunks, "available", stats.available);
	cJSON_AddNumberToObject(chunks, "filling", stats.filling);
	handed_over = cJSON_AddArrayToObject(chunks, "handed_over");
	for (unsigned int w = 0; w < control->topology->writer_count; w++)
		cJSON_AddItemToArray(handed_over, cJSON_CreateNumber((double)stats.handed_over[w]));
}

static void add_rx(cJSON *o, const struct control *control, struct sums *all)
{
	cJSON *list = cJSON_AddArrayToObject(o, "rx");
	uint64_t values[RX_COUNTER_COUNT];

	for (unsigned int rx = 0; rx < control->topology->rx_count; rx++) {
		struct sums sums = {0};
		cJSON *item = cJSON_CreateObject();

		counters_read(dataplane_counters(control->dataplane, rx), RX_COUNTER_COUNT, values);
		sum_up(&sums, values, rx_counter_info, RX_COUNTER_COUNT);
		sum_up(all, values, rx_counter_info, RX_COUNTER_COUNT);
		cJSON_AddNumberToObject(item, "rx", rx);
		add_counters(item, values, rx_counter_info, RX_COUNTER_COUNT);
		add_sums(item, "accounting", &sums);
		add_chunks(item, control, rx);
		cJSON_AddItemToArray(list, item);
	}
}

static void add_writers(cJSON *o, const struct control *control, struct sums *all)
{
	cJSON *list = cJSON_AddArrayToObject(o, "writers");
	uint64_t values[WRITER_COUNTER_COUNT];

	for (unsigned int w = 0; w < control->topology->writer_count; w++) {
		struct sums sums = {0};
		cJSON *item = cJSON_CreateObject();

		counters_read(storage_counters(control->storage, w), WRITER_COUNTER_COUNT, values);
		sum_up(&sums, values, writer_counter_info, WRITER_COUNTER_COUNT);
		sum_up(all, values, writer_counter_info, WRITER_COUNTER_COUNT);
		cJSON_AddNumberToObject(item, "writer", w);
		add_counters(item, values, writer_counter_info, WRITER_COUNTER_COUNT);
		add_sums(item, "accounting", &sums);
		cJSON_AddItemToArray(list, item);
	}
}

/* Rule 1 over all threads: packets at the rx cores, chunks at the writers. */
static void add_accounting(cJSON *o, const struct control *control)
{
	struct sums packets = {0};
	struct sums chunks = {0};
	cJSON *accounting;

	add_rx(o, control, &packets);
	add_writers(o, control, &chunks);
	accounting = cJSON_AddObjectToObject(o, "accounting");
	add_sums(accounting, "packets", &packets);
	add_sums(accounting, "chunks", &chunks);
}

/* --- What they work on --- */

static void add_storage(cJSON *o, const struct control *control)
{
	cJSON *storage = cJSON_AddObjectToObject(o, "storage");
	struct storage_stats stats;

	storage_stats(control->storage, &stats);
	cJSON_AddNumberToObject(storage, "tracks_open", stats.tracks_open);
	cJSON_AddNumberToObject(storage, "jobs_waiting", stats.jobs_waiting);
	cJSON_AddNumberToObject(storage, "deliveries_waiting", stats.deliveries_waiting);
	cJSON_AddNumberToObject(storage, "spool_free_bytes", (double)stats.spool_free_bytes);
	cJSON_AddStringToObject(storage, "spool", control->config->spool.path);
	cJSON_AddBoolToObject(storage, "direct", stats.direct);
	cJSON_AddBoolToObject(storage, "fixed", stats.fixed);
}

static void add_ledger(cJSON *o, const struct control *control)
{
	cJSON *ledger = cJSON_AddObjectToObject(o, "ledger");
	cJSON *head = cJSON_AddObjectToObject(ledger, "head");
	char hash[65];
	uint64_t seq;

	ledger_head(control->ledger, &seq, hash);
	cJSON_AddStringToObject(ledger, "path", ledger_path(control->ledger));
	cJSON_AddNumberToObject(head, "seq", (double)seq);
	cJSON_AddStringToObject(head, "hash", hash);
}

static void add_calls(cJSON *o, const struct control *control)
{
	cJSON *legs = cJSON_AddObjectToObject(o, "legs");
	cJSON *recordings = cJSON_AddObjectToObject(o, "recordings");
	cJSON *sip = cJSON_AddObjectToObject(o, "sip");
	cJSON *media = cJSON_AddObjectToObject(o, "media");

	cJSON_AddNumberToObject(legs, "live", legs_live(control->legs));
	cJSON_AddNumberToObject(legs, "refused", (double)legs_refused(control->legs));
	cJSON_AddNumberToObject(legs, "limit", control->config->limits.legs);
	cJSON_AddNumberToObject(o, "streams", stream_count(control->dataplane));
	for (enum recording_state s = RECORDING_ARMED; s <= RECORDING_FAILED; s++)
		if (s == RECORDING_CLOSING)
			cJSON_AddNumberToObject(
				recordings, "closing", recordings_in_state(control->recordings, s));
		else
			cJSON_AddNumberToObject(recordings, recording_state_name(s),
				recordings_in_state(control->recordings, s));
	for (enum dialog_counter c = 0; c < DIALOG_COUNTER_COUNT; c++)
		cJSON_AddNumberToObject(
			sip, dialog_counter_name(c), (double)dialog_count(control->dialogs, c));
	for (enum media_counter c = 0; c < MEDIA_COUNTER_COUNT; c++)
		cJSON_AddNumberToObject(
			media, media_counter_name(c), (double)media_count(control->media, c));
	cJSON_AddNumberToObject(media, "held_now", media_held_now(control->media));
}

static void add_hep(cJSON *o, const struct control *control)
{
	cJSON *hep = cJSON_AddObjectToObject(o, "hep");

	cJSON_AddNumberToObject(hep, "connections", hep_connections(control->hep));
	for (enum hep_counter c = 0; c < HEP_COUNTER_COUNT; c++)
		cJSON_AddNumberToObject(
			hep, hep_counter_name(c), (double)hep_count(control->hep, c));
}

static void add_siprec(cJSON *o, const struct control *control)
{
	cJSON *siprec = cJSON_AddObjectToObject(o, "siprec");

	cJSON_AddNumberToObject(siprec, "sessions", siprec_sessions(control->siprec));
	cJSON_AddNumberToObject(siprec, "ports_used", siprec_ports_used(control->siprec));
	for (enum siprec_counter c = 0; c < SIPREC_COUNTER_COUNT; c++)
		cJSON_AddNumberToObject(
			siprec, siprec_counter_name(c), (double)siprec_count(control->siprec, c));
}

static void add_events(cJSON *o, const struct control *control)
{
	cJSON *events = cJSON_AddObjectToObject(o, "events");
	struct events_stats stats;

	events_stats(control->events, &stats);
	cJSON_AddNumberToObject(events, "oldest", (double)stats.oldest);
	cJSON_AddNumberToObject(events, "newest", (double)stats.newest);
	cJSON_AddNumberToObject(events, "limit", control->config->limits.events);
	cJSON_AddNumberToObject(events, "readers", stats.readers);
	cJSON_AddNumberToObject(events, "lost", (double)stats.lost);
}

static void add_application(cJSON *o, const struct control *control)
{
	cJSON *application = cJSON_AddObjectToObject(o, "application");

	cJSON_AddStringToObject(application, "url", control->config->application.url);
	for (enum application_counter c = 0; c < APPLICATION_COUNTER_COUNT; c++)
		cJSON_AddNumberToObject(application, application_counter_name(c),
			(double)application_count(control->application, c));
}

static void add_process(cJSON *o, const struct control *control)
{
	int64_t now_ms = ((int64_t)control->now_ns + control->wall_offset_ns) / MS_NS;
	uint64_t uptime_ms = (control->now_ns - control->started_ns) / MS_NS;
	char text[TIMESTAMP_TEXT_BYTES];

	cJSON_AddStringToObject(o, "version", LEGTAP_VERSION);
	cJSON_AddStringToObject(o, "site", control->config->site);
	cJSON_AddNumberToObject(o, "pid", getpid());
	cJSON_AddStringToObject(o, "now", timestamp_format(now_ms, text));
	cJSON_AddStringToObject(o, "started", timestamp_format(now_ms - (int64_t)uptime_ms, text));
	cJSON_AddNumberToObject(o, "uptime_ms", (double)uptime_ms);
	cJSON_AddBoolToObject(o, "ending", control->ending);
}

struct cJSON *status_to_json(const struct control *control)
{
	cJSON *o = cJSON_CreateObject();

	add_process(o, control);
	add_calls(o, control);
	add_hep(o, control);
	add_siprec(o, control);
	add_ports(o, control);
	add_threads(o, control->topology);
	add_accounting(o, control);
	rings_visit(control->topology, add_ring, cJSON_AddArrayToObject(o, "rings"));
	add_storage(o, control);
	add_ledger(o, control);
	add_events(o, control);
	add_application(o, control);
	return o;
}
