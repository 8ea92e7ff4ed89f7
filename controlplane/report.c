#include "controlplane/report.h"

#include <inttypes.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/dialog.h"
#include "controlplane/media.h"
#include "controlplane/recordings.h"
#include "dataplane/dataplane.h"
#include "storage/storage.h"

static double number_of(const cJSON *o, const char *name)
{
	return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

/* Sums over the tracks of a sidecar. */
static uint64_t sum_tracks(const cJSON *sidecar, const char *name)
{
	const cJSON *tracks = cJSON_GetObjectItemCaseSensitive(sidecar, "tracks");
	const cJSON *track;
	uint64_t sum = 0;

	cJSON_ArrayForEach(track, tracks)
	{
		double value = number_of(track, name);

		if (value > 0)
			sum += (uint64_t)value;
	}
	return sum;
}

static void print_recording(const struct recording *rec, FILE *out)
{
	cJSON *sidecar = rec->json ? cJSON_Parse(rec->json) : NULL;

	fprintf(out, "%-6s %-8s %9.3f s %9" PRIu64 " %7" PRIu64 "  %-9s  %s\n",
		rec->info.participant_tag, tracks_name(rec->info.tracks),
		(double)rec->duration_ms / 1000, sum_tracks(sidecar, "received"),
		sum_tracks(sidecar, "lost"), recording_state_name(rec->state), rec->info.key);
	if (rec->failure)
		fprintf(out, "       %s\n", rec->failure);
	else if (rec->undecodable)
		fprintf(out, "       packets that no decoder here can take: see undecodable in the "
			     "sidecar\n");
	cJSON_Delete(sidecar);
}

void report_recordings(const struct process *p, FILE *out)
{
	const struct recordings *r = p->control.recordings;

	if (!r->first) {
		fprintf(out, "no recordings: no answered call with media was found\n");
		return;
	}
	fprintf(out, "%-6s %-8s %11s %9s %7s  %-9s  %s\n", "leg", "track", "duration", "packets",
		"lost", "state", "file");
	for (const struct recording *rec = r->first; rec; rec = rec->next)
		print_recording(rec, out);
}

static void print_counters(FILE *out, const struct counter_info *info, const counter *values,
	unsigned int count, enum counter_kind kind)
{
	for (unsigned int i = 0; i < count; i++)
		if (info[i].kind == kind && counter_read(&values[i]))
			fprintf(out, "  %12" PRIu64 "  %s\n", counter_read(&values[i]),
				info[i].name);
}

static void print_threads(const struct process *p, FILE *out)
{
	for (unsigned int i = 0; i < p->topology.thread_count; i++) {
		const struct thread *t = &p->topology.threads[i];

		fprintf(out, "thread %-10s id %d", t->name, atomic_load(&t->tid));
		if (t->core == TOPOLOGY_ANY_CORE)
			fprintf(out, ", any core\n");
		else
			fprintf(out, ", core %d\n", t->core);
	}
}

static void print_dataplane(const struct process *p, FILE *out)
{
	for (unsigned int rx = 0; rx < p->topology.rx_count; rx++) {
		struct dataplane_chunk_stats chunks;
		const counter *values = dataplane_counters(p->control.dataplane, rx);

		fprintf(out, "rx%u in:\n", rx);
		print_counters(out, rx_counter_info, values, RX_COUNTER_COUNT, COUNTER_IN);
		fprintf(out, "rx%u out:\n", rx);
		print_counters(out, rx_counter_info, values, RX_COUNTER_COUNT, COUNTER_OUT);
		fprintf(out, "rx%u notes:\n", rx);
		print_counters(out, rx_counter_info, values, RX_COUNTER_COUNT, COUNTER_NOTE);
		dataplane_chunk_stats(p->control.dataplane, rx, &chunks);
		for (unsigned int w = 0; w < p->topology.writer_count; w++)
			fprintf(out, "ring rx%u → writer%u: %" PRIu64 " chunks\n", rx, w,
				chunks.handed_over[w]);
	}
}

static void print_storage(const struct process *p, FILE *out)
{
	for (unsigned int w = 0; w < p->topology.writer_count; w++) {
		const counter *values = storage_counters(p->control.storage, w);

		fprintf(out, "writer%u:\n", w);
		for (enum counter_kind kind = COUNTER_IN; kind <= COUNTER_NOTE; kind++)
			print_counters(
				out, writer_counter_info, values, WRITER_COUNTER_COUNT, kind);
	}
}

static void print_control(const struct process *p, FILE *out)
{
	const struct control *c = &p->control;

	fprintf(out, "control:\n");
	for (unsigned int i = 0; i < DIALOG_COUNTER_COUNT; i++)
		if (dialog_count(c->dialogs, (enum dialog_counter)i))
			fprintf(out, "  %12" PRIu64 "  sip %s\n",
				dialog_count(c->dialogs, (enum dialog_counter)i),
				dialog_counter_name((enum dialog_counter)i));
	for (unsigned int i = 0; i < MEDIA_COUNTER_COUNT; i++)
		if (media_count(c->media, (enum media_counter)i))
			fprintf(out, "  %12" PRIu64 "  unknown flows %s\n",
				media_count(c->media, (enum media_counter)i),
				media_counter_name((enum media_counter)i));
}

void report_summary(const struct process *p, FILE *out)
{
	struct capture_stats stats;

	print_threads(p, out);
	print_dataplane(p, out);
	print_storage(p, out);
	print_control(p, out);
	if (dataplane_capture_stats(p->control.dataplane, &stats) == 0) {
		fprintf(out, "capture: %" PRIu64 " packets, %" PRIu64 " bytes, %.3f s\n",
			stats.packets, stats.bytes,
			stats.packets ? (double)(stats.last_ns - stats.first_ns) / 1e9 : 0.0);
		if (stats.warning[0])
			fprintf(out, "warning: %s\n", stats.warning);
	}
	fprintf(out, "recordings: %u, of them failed or with undecodable packets: %u\n",
		p->control.recordings->ended, p->control.recordings->failures);
}
