/* OpenMetrics 1.0 (https://github.com/prometheus/OpenMetrics): a family's lines stand together,
 * counters end in _total. A value is read once, so that the sums of one scrape agree. */
#include "controlplane/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ring.h>

#include "controlplane/application.h"
#include "controlplane/control.h"
#include "controlplane/dialog.h"
#include "controlplane/events.h"
#include "controlplane/handlers.h"
#include "controlplane/hep_server.h"
#include "controlplane/siprec_server.h"
#include "controlplane/ledger.h"
#include "controlplane/media.h"
#include "controlplane/recording.h"
#include "controlplane/request.h"
#include "controlplane/status.h"
#include "dataplane/dataplane.h"
#include "storage/storage.h"

/* --- Lines --- */

/* In help and in labels backslash, quote and newline are escaped. */
static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || *text == '"')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

static void family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# TYPE legtap_%s %s\n# HELP legtap_%s ", name, type, name);
	print_escaped(out, help);
	fputc('\n', out);
}

static void gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
	family(out, name, "gauge", help);
	fprintf(out, "legtap_%s %" PRIu64 "\n", name, value);
}

static void total(FILE *out, const char *name, const char *help, uint64_t value)
{
	family(out, name, "counter", help);
	fprintf(out, "legtap_%s_total %" PRIu64 "\n", name, value);
}

static void label(FILE *out, const char *before, const char *name, const char *value)
{
	fprintf(out, "%s%s=\"", before, name);
	print_escaped(out, value);
	fputc('"', out);
}

/* --- Counters of the threads: a family each, a sample for each thread --- */

struct counted {
	const char *kind; /* rx, writer: in the names and as label */
	const struct counter_info *info;
	unsigned int count; /* of counters */
	unsigned int threads;
};

static void print_counters(FILE *out, const struct counted *c, const uint64_t *values)
{
	char name[64];

	for (unsigned int i = 0; i < c->count; i++) {
		bool held = c->info[i].kind == COUNTER_HELD;

		snprintf(name, sizeof(name), "%s_%s", c->kind, c->info[i].name);
		family(out, name, held ? "gauge" : "counter", c->info[i].help);
		for (unsigned int t = 0; t < c->threads; t++)
			fprintf(out, "legtap_%s%s{%s=\"%u\"} %" PRIu64 "\n", name,
				held ? "" : "_total", c->kind, t, values[t * c->count + i]);
	}
}

static void print_rx(FILE *out, const struct control *control)
{
	static uint64_t values[TOPOLOGY_RX_MAX * RX_COUNTER_COUNT];
	const struct counted rx = {
		"rx", rx_counter_info, RX_COUNTER_COUNT, control->topology->rx_count};

	for (unsigned int i = 0; i < rx.threads; i++)
		counters_read(dataplane_counters(control->dataplane, i), RX_COUNTER_COUNT,
			values + i * RX_COUNTER_COUNT);
	print_counters(out, &rx, values);
}

static void print_writers(FILE *out, const struct control *control)
{
	static uint64_t values[TOPOLOGY_WRITERS_MAX * WRITER_COUNTER_COUNT];
	const struct counted writers = {"writer", writer_counter_info, WRITER_COUNTER_COUNT,
		control->topology->writer_count};

	for (unsigned int i = 0; i < writers.threads; i++)
		counters_read(storage_counters(control->storage, i), WRITER_COUNTER_COUNT,
			values + i * WRITER_COUNTER_COUNT);
	print_counters(out, &writers, values);
}

static void print_chunks(FILE *out, const struct control *control)
{
	static const char *const states[] = {"available", "filling"};
	struct dataplane_chunk_stats stats;

	family(out, "chunks", "gauge", "chunks of an rx core, by what they are about");
	for (unsigned int rx = 0; rx < control->topology->rx_count; rx++) {
		dataplane_chunk_stats(control->dataplane, rx, &stats);
		for (unsigned int s = 0; s < 2; s++)
			fprintf(out, "legtap_chunks{rx=\"%u\",state=\"%s\"} %" PRIu32 "\n", rx,
				states[s], s == 0 ? stats.available : stats.filling);
	}
	family(out, "chunks_handed_over", "counter", "chunks that a writer got from an rx core");
	for (unsigned int rx = 0; rx < control->topology->rx_count; rx++) {
		dataplane_chunk_stats(control->dataplane, rx, &stats);
		for (unsigned int w = 0; w < control->topology->writer_count; w++)
			fprintf(out,
				"legtap_chunks_handed_over_total{rx=\"%u\",writer=\"%u\"} %" PRIu64
				"\n",
				rx, w, stats.handed_over[w]);
	}
}

/* --- Ports and rings --- */

static void print_port_counter(
	FILE *out, const struct control *control, const char *name, const char *help, size_t offset)
{
	struct dataplane_port_stats port;
	uint64_t value;

	family(out, name, "counter", help);
	for (unsigned int i = 0; i < dataplane_port_count(control->dataplane); i++) {
		if (dataplane_port_stats(control->dataplane, i, &port) != 0)
			continue;
		memcpy(&value, (const char *)&port + offset, sizeof(value));
		fprintf(out, "legtap_%s_total", name);
		label(out, "{", "device", port.device);
		fprintf(out, "} %" PRIu64 "\n", value);
	}
}

static void print_answers(FILE *out, const struct control *control)
{
	char name[64];

	for (enum answer_counter c = 0; c < ANSWER_COUNTER_COUNT; c++) {
		snprintf(name, sizeof(name), "port_answer_%s", answer_counter_info[c].name);
		print_port_counter(out, control, name, answer_counter_info[c].help,
			offsetof(struct dataplane_port_stats, answers) + c * sizeof(uint64_t));
	}
}

static void print_ports(FILE *out, const struct control *control)
{
	print_port_counter(out, control, "port_received", "packets received by the port",
		offsetof(struct dataplane_port_stats, received));
	print_port_counter(out, control, "port_missed",
		"packets that the port lost before an rx core saw them",
		offsetof(struct dataplane_port_stats, missed));
	print_port_counter(out, control, "port_errors", "packets that arrived damaged",
		offsetof(struct dataplane_port_stats, errors));
	print_port_counter(out, control, "port_no_mbuf", "packets lost because no buffer was free",
		offsetof(struct dataplane_port_stats, no_mbuf));
	print_answers(out, control);
}

struct ring_print {
	FILE *out;
	const char *name; /* of the family */
	bool capacity;
};

static void print_ring(void *arg, const char *name, const char *producer, const char *consumer,
	const struct rte_ring *ring)
{
	const struct ring_print *p = arg;

	fprintf(p->out, "legtap_%s", p->name);
	label(p->out, "{", "ring", name);
	label(p->out, ",", "from", producer);
	label(p->out, ",", "to", consumer);
	fprintf(p->out, "} %u\n", p->capacity ? rte_ring_get_capacity(ring) : rte_ring_count(ring));
}

static void print_rings(FILE *out, const struct control *control)
{
	struct ring_print used = {out, "ring_used", false};
	struct ring_print depth = {out, "ring_depth", true};

	family(out, used.name, "gauge", "entries in a ring between two threads");
	rings_visit(control->topology, print_ring, &used);
	family(out, depth.name, "gauge", "entries that a ring has room for");
	rings_visit(control->topology, print_ring, &depth);
}

/* --- Calls, recordings, disk, ledger --- */

static void print_calls(FILE *out, const struct control *control)
{
	char name[64];

	gauge(out, "legs", "legs that are live", legs_live(control->legs));
	total(out, "legs_refused", "legs refused: limits.legs", legs_refused(control->legs));
	gauge(out, "streams", "RTP streams in the table", stream_count(control->dataplane));
	family(out, "recordings", "gauge", "recordings by state; ended ones while they are shown");
	for (enum recording_state s = RECORDING_ARMED; s <= RECORDING_FAILED; s++)
		fprintf(out, "legtap_recordings{state=\"%s\"} %u\n",
			s == RECORDING_CLOSING ? "closing" : recording_state_name(s),
			recordings_in_state(control->recordings, s));
	for (enum dialog_counter c = 0; c < DIALOG_COUNTER_COUNT; c++) {
		snprintf(name, sizeof(name), "sip_%s", dialog_counter_name(c));
		total(out, name, dialog_counter_help(c), dialog_count(control->dialogs, c));
	}
	for (enum hep_counter c = 0; c < HEP_COUNTER_COUNT; c++) {
		snprintf(name, sizeof(name), "hep_%s", hep_counter_name(c));
		total(out, name, hep_counter_help(c), hep_count(control->hep, c));
	}
	for (enum siprec_counter c = 0; c < SIPREC_COUNTER_COUNT; c++) {
		snprintf(name, sizeof(name), "siprec_%s", siprec_counter_name(c));
		total(out, name, siprec_counter_help(c), siprec_count(control->siprec, c));
	}
	gauge(out, "siprec_sessions", "recording sessions that are open",
		siprec_sessions(control->siprec));
	gauge(out, "siprec_ports_used", "media ports that recording sessions have",
		siprec_ports_used(control->siprec));
	for (enum media_counter c = 0; c < MEDIA_COUNTER_COUNT; c++) {
		snprintf(name, sizeof(name), "media_%s", media_counter_name(c));
		total(out, name, media_counter_help(c), media_count(control->media, c));
	}
	gauge(out, "media_held_now", "packets of unknown flows that are kept now",
		media_held_now(control->media));
}

static void print_reporters(FILE *out, const struct control *control)
{
	struct events_stats stats;
	char name[64];

	for (enum application_counter c = 0; c < APPLICATION_COUNTER_COUNT; c++) {
		snprintf(name, sizeof(name), "application_%s", application_counter_name(c));
		total(out, name, application_counter_help(c),
			application_count(control->application, c));
	}
	events_stats(control->events, &stats);
	gauge(out, "events_newest", "EventId of the newest event", stats.newest);
	gauge(out, "event_readers", "clients that read /v1/events", stats.readers);
	total(out, "events_lost", "events that readers were told to have lost", stats.lost);
}

static void print_storage(FILE *out, const struct control *control)
{
	struct storage_stats stats;

	storage_stats(control->storage, &stats);
	gauge(out, "tracks_open", "track files that are being written", stats.tracks_open);
	gauge(out, "jobs_waiting", "recordings that wait to be rendered", stats.jobs_waiting);
	gauge(out, "deliveries_waiting", "files that wait to be delivered",
		stats.deliveries_waiting);
	gauge(out, "spool_free_bytes", "free space of the spool's file system",
		stats.spool_free_bytes);
}

static void print_process(FILE *out, const struct control *control)
{
	uint64_t uptime_ms = (control->now_ns - control->started_ns) / 1000000;
	char hash[65];
	uint64_t seq;

	ledger_head(control->ledger, &seq, hash);
	family(out, "build", "info", "the version that runs, and its site");
	fputs("legtap_build_info", out);
	label(out, "{", "version", LEGTAP_VERSION);
	label(out, ",", "site", control->config->site);
	fputs("} 1\n", out);
	family(out, "uptime_seconds", "gauge", "time since the start");
	fprintf(out, "legtap_uptime_seconds %" PRIu64 ".%03u\n", uptime_ms / 1000,
		(unsigned int)(uptime_ms % 1000));
	family(out, "ledger_head", "info", "the newest entry of the ledger: note it elsewhere");
	fprintf(out, "legtap_ledger_head_info{seq=\"%" PRIu64 "\",hash=\"%s\"} 1\n", seq, hash);
	total(out, "ledger_entries", "entries of the ledger", seq);
}

char *metrics_text(const struct control *control)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	bool failed;

	if (!out)
		return NULL;
	print_process(out, control);
	print_ports(out, control);
	print_rx(out, control);
	print_chunks(out, control);
	print_writers(out, control);
	print_rings(out, control);
	print_calls(out, control);
	print_reporters(out, control);
	print_storage(out, control);
	fputs("# EOF\n", out);
	failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

void handle_metrics(struct request *r)
{
	request_answer(r, MHD_HTTP_OK, METRICS_TYPE, metrics_text(request_control(r)));
}
