/* The room's front: what the control thread calls becomes orders, and events become calls of its
 * handlers. Owner: the control thread. */
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "storage/event.h"
#include "storage/finisher.h"
#include "storage/helper.h"
#include "storage/journal.h"
#include "storage/keeper.h"
#include "storage/recovery.h"
#include "storage/slots.h"
#include "storage/spool.h"
#include "storage/writer.h"

#define WRITES_IN_FLIGHT 64U
#define OTHER_FILES 1024U /* descriptors that are no track files */

struct storage {
	struct storage_config config;
	struct topology *topology;
	struct spool spool;
	struct uuid run;
	bool direct;
	bool running; /* writers and helpers */
	struct slots slots;
	struct inbox results;
	struct finisher *finisher;
	struct helper *helper;
	struct keeper *keeper;
	struct writer *writers[TOPOLOGY_WRITERS_MAX];
};

/* --- Making --- */

/* As many tracks as files may be open. 0, or -EMFILE with a message. */
static int limit_tracks(struct storage *s, struct errmsg *e)
{
	rlim_t wanted = (rlim_t)s->config.tracks_max + OTHER_FILES;
	struct rlimit limit;

	if (s->config.tracks_max == 0 || s->config.tracks_max > TRACK_SLOTS_MAX)
		return errmsg_set(e, -EINVAL, "limits.tracks: 1 to %u are possible, not %u",
			TRACK_SLOTS_MAX, s->config.tracks_max);
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return 0;
	limit.rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted;
	limit.rlim_cur = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return 0;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max <= OTHER_FILES)
		return errmsg_set(e, -EMFILE,
			"only %lu files may be open: raise LimitNOFILE of the service, or ulimit "
			"-n, above %u",
			(unsigned long)limit.rlim_max, OTHER_FILES);
	s->config.tracks_max = (uint32_t)(limit.rlim_max - OTHER_FILES);
	log_warning("storage",
		"%u tracks at once at most, for only %lu files may be open: raise LimitNOFILE of "
		"the service, or ulimit -n, to %lu",
		s->config.tracks_max, (unsigned long)limit.rlim_max, (unsigned long)wanted);
	return 0;
}

/* Whether files of the spool can be written past the page cache. */
static bool probe_direct(const struct spool *spool)
{
	int fd = openat(spool->recordings_fd, "probe",
		O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);
	void *block = aligned_alloc(CHUNK_ALIGN, CHUNK_ALIGN);
	bool direct = false;

	if (fd >= 0 && block) {
		memset(block, 0, CHUNK_ALIGN);
		/* A full disk says nothing about direct I/O. */
		direct = write(fd, block, CHUNK_ALIGN) == (ssize_t)CHUNK_ALIGN || errno == ENOSPC;
	}
	if (fd >= 0)
		close(fd);
	unlinkat(spool->recordings_fd, "probe", 0);
	free(block);
	if (!direct)
		log_warning("storage",
			"the file system of %s has no direct I/O: audio is written through the "
			"page cache, at more CPU",
			spool->path);
	return direct;
}

static int make_writers(struct storage *s, struct chunk_pool *pool)
{
	struct writer_setup setup = {.topology = s->topology,
		.pool = pool,
		.slots = s->slots.count,
		.refs = s->slots.refs,
		.grow = helper_grow_letters(s->helper),
		.helper = helper_inbox(s->helper),
		.writes_in_flight = s->config.writes_in_flight,
		.direct = s->direct,
		.idle_sleep = s->config.idle_sleep};

	for (setup.index = 0; setup.index < s->config.writer_count; setup.index++) {
		int err = writer_create(&s->writers[setup.index], &setup);

		if (err != 0)
			return err;
	}
	return 0;
}

static int make_helpers(struct storage *s)
{
	struct helper_setup helper = {.spool = &s->spool,
		.topology = s->topology,
		.writers = s->writers,
		.finisher = s->finisher,
		.results = &s->results,
		.slots = s->slots.count,
		.direct = s->direct};
	struct keeper_setup keeper = {.spool = &s->spool,
		.run = s->run,
		.writers = s->writers,
		.writer_count = s->config.writer_count,
		.results = &s->results,
		.max_age_ns = s->config.max_age_ns,
		.reserve_bytes = s->config.disk_reserve_bytes,
		.lossless = s->config.lossless};
	int err = helper_create(&s->helper, &helper);

	return err ? err : keeper_create(&s->keeper, &keeper);
}

static int make_parts(struct storage *s, struct chunk_pool *pool)
{
	int err = slots_create(&s->slots, s->config.tracks_max);

	if (err == 0)
		err = uuid_random(&s->run);
	if (err == 0)
		err = finisher_create(&s->finisher, &s->config, s->spool.recordings, &s->results);
	if (err == 0)
		err = make_helpers(s);
	return err ? err : make_writers(s, pool);
}

static void free_parts(struct storage *s)
{
	for (unsigned int i = 0; i < s->config.writer_count; i++)
		writer_destroy(s->writers[i]);
	keeper_destroy(s->keeper);
	helper_destroy(s->helper);
	finisher_destroy(s->finisher);
	slots_destroy(&s->slots);
}

int storage_create(struct storage **out, const struct storage_config *config, struct topology *t,
	struct chunk_pool *pool, struct errmsg *e)
{
	struct storage *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return errmsg_set(e, -ENOMEM, "no memory for storage");
	s->config = *config;
	if (s->config.writes_in_flight == 0)
		s->config.writes_in_flight = WRITES_IN_FLIGHT;
	s->topology = t;
	err = limit_tracks(s, e);
	if (err == 0)
		err = spool_open(&s->spool, config->spool_path, e);
	if (err != 0)
		goto free_storage;
	s->direct = probe_direct(&s->spool);
	err = inbox_open(&s->results, true);
	if (err != 0) {
		errmsg_set(e, err, "cannot make an eventfd: %s", strerror(-err));
		goto close_spool;
	}
	err = make_parts(s, pool);
	if (err != 0) {
		errmsg_set(e, err, "no memory for %u tracks: lower limits.tracks",
			s->config.tracks_max);
		goto free_all;
	}
	*out = s;
	return 0;

free_all:
	free_parts(s);
	inbox_close(&s->results);
close_spool:
	spool_close(&s->spool);
free_storage:
	free(s);
	return err;
}

void storage_destroy(struct storage *s)
{
	static const struct storage_handlers nobody;

	if (!s)
		return;
	storage_poll(s, &nobody);
	free_parts(s);
	inbox_close(&s->results);
	spool_close(&s->spool);
	free(s);
}

/* --- Starting and stopping --- */

static int start_writers(struct storage *s, struct errmsg *e)
{
	int err = 0;

	for (unsigned int i = 0; err == 0 && i < s->config.writer_count; i++) {
		err = topology_start(s->topology, THREAD_WRITER, i, s->config.writer_cores[i],
			writer_run, s->writers[i], e);
		if (err == 0)
			err = writer_await_ready(s->writers[i], e);
	}
	return err;
}

static int start_helpers(struct storage *s, struct errmsg *e)
{
	int err = topology_start(
		s->topology, THREAD_HELPER, 0, TOPOLOGY_ANY_CORE, helper_run, s->helper, e);

	return err ? err
		   : topology_start(s->topology, THREAD_HELPER, 1, TOPOLOGY_ANY_CORE, keeper_run,
			     s->keeper, e);
}

int storage_start(struct storage *s, struct errmsg *e)
{
	int err = finisher_start(s->finisher, s->topology, e);

	if (err == 0)
		err = start_writers(s, e);
	if (err == 0)
		err = start_helpers(s, e);
	s->running = err == 0;
	if (err != 0) {
		topology_stop(s->topology, THREAD_HELPER);
		topology_stop(s->topology, THREAD_WRITER);
		storage_stop_finishers(s, true);
	}
	return err;
}

void storage_stop_writers(struct storage *s)
{
	if (!s->running)
		return;
	s->running = false;
	helper_settle(s->helper);
	topology_stop(s->topology, THREAD_WRITER);
	inbox_wake(helper_inbox(s->helper));
	keeper_wake(s->keeper);
	topology_stop(s->topology, THREAD_HELPER);
	helper_ended(s->helper);
}

void storage_stop_finishers(struct storage *s, bool abandon)
{
	finisher_stop(s->finisher, s->topology, abandon);
}

/* --- Orders --- */

/* Sends an order with a line of the journal (taken over). 0, or -ENOMEM. */
static int order_line(struct storage *s, enum order_kind kind, const struct uuid *recording,
	char *line, const track_ref refs[TRACK_COUNT])
{
	struct order *o = order_new(kind, recording);

	if (!o || !line) {
		free(o);
		free(line);
		return -ENOMEM;
	}
	o->line = line;
	if (refs)
		memcpy(o->refs, refs, sizeof(o->refs));
	helper_order(s->helper, o);
	return 0;
}

static int order_plain(struct storage *s, enum order_kind kind, const struct uuid *recording,
	const track_ref refs[TRACK_COUNT])
{
	struct order *o = order_new(kind, recording);

	if (!o)
		return -ENOMEM;
	if (refs)
		memcpy(o->refs, refs, sizeof(o->refs));
	helper_order(s->helper, o);
	return 0;
}

int storage_open(struct storage *s, const struct recording_info *info, track_ref refs[TRACK_COUNT])
{
	struct slots_recording *r;
	int err;

	memset(refs, 0, TRACK_COUNT * sizeof(refs[0]));
	if (info->tracks == 0 || info->tracks > TRACKS_BOTH)
		return -EINVAL;
	err = slots_take(&s->slots, &info->recording_id, info->tracks, &r);
	if (err != 0)
		return err;
	err = order_line(
		s, ORDER_OPEN, &info->recording_id, journal_line_open(info, &s->run), r->refs);
	if (err != 0)
		slots_release(&s->slots, r);
	else
		memcpy(refs, r->refs, sizeof(r->refs));
	return err;
}

/* A line for the journal of a recording that is open. 0, -ENOENT or -ENOMEM. */
static int note(struct storage *s, const struct uuid *recording, char *line)
{
	struct slots_recording *r = slots_find(&s->slots, recording);

	if (r && !r->ending)
		return order_line(s, ORDER_APPEND, recording, line, NULL);
	free(line);
	return -ENOENT;
}

int storage_note_stream(struct storage *s, const struct uuid *recording, enum track track,
	uint32_t ordinal, const struct netaddr *source, const struct netaddr *destination,
	const char *encapsulation)
{
	return note(s, recording,
		journal_line_stream(track, ordinal, source, destination, encapsulation));
}

int storage_note_codecs(struct storage *s, const struct uuid *recording, enum track track,
	uint64_t at_ns, const struct codec *codecs, unsigned int count)
{
	return note(s, recording, journal_line_codecs(track, at_ns, codecs, count));
}

int storage_note_start(struct storage *s, const struct uuid *recording, uint64_t at_ns)
{
	return note(s, recording, journal_line_start(at_ns));
}

int storage_note_pause(struct storage *s, const struct uuid *recording, uint64_t at_ns)
{
	return note(s, recording, journal_line_pause(at_ns));
}

int storage_note_resume(struct storage *s, const struct uuid *recording, uint64_t at_ns)
{
	return note(s, recording, journal_line_resume(at_ns));
}

int storage_note_paused_packets(
	struct storage *s, const struct uuid *recording, enum track track, uint64_t packets)
{
	return note(s, recording, journal_line_paused_packets(track, packets));
}

int storage_close(
	struct storage *s, const struct uuid *recording, const struct recording_window *window)
{
	struct slots_recording *r = slots_find(&s->slots, recording);
	int err;

	if (!r || r->ending)
		return -ENOENT;
	err = order_line(s, ORDER_CLOSE, recording, journal_line_close(window), r->refs);
	r->ending = err == 0;
	return err;
}

int storage_close_leftover(
	struct storage *s, const struct uuid *recording, const struct recording_window *window)
{
	return order_line(s, ORDER_CLOSE, recording, journal_line_close(window), NULL);
}

int storage_finish(struct storage *s, const struct uuid *recording)
{
	struct slots_recording *r = slots_find(&s->slots, recording);

	if (!r)
		return order_plain(s, ORDER_FINISH, recording, NULL);
	if (!r->ending)
		return -EINVAL;
	r->finish = true;
	return 0;
}

int storage_remove(struct storage *s, const struct uuid *recording)
{
	struct slots_recording *r = slots_find(&s->slots, recording);
	int err;

	if (!r)
		return order_plain(s, ORDER_REMOVE, recording, NULL);
	if (r->ending) {
		r->remove = true;
		return 0;
	}
	err = order_plain(s, ORDER_REMOVE, recording, r->refs);
	r->ending = err == 0;
	return err;
}

/* --- Events --- */

/* Its writers have let go of it: what was asked for in the meantime follows. */
static void released(struct storage *s, const struct uuid *recording, bool removed)
{
	struct slots_recording *r = slots_find(&s->slots, recording);
	bool finish;
	bool remove;
	int err = 0;

	if (!r)
		return;
	finish = r->finish && !removed;
	remove = r->remove && !removed;
	slots_release(&s->slots, r);
	if (remove)
		err = order_plain(s, ORDER_REMOVE, recording, NULL);
	else if (finish)
		err = order_plain(s, ORDER_FINISH, recording, NULL);
	if (err != 0)
		log_error("storage", "no memory: a recording stays in the spool until the next "
				     "start");
}

static void tell_more(const struct storage_handlers *h, struct event *e)
{
	switch (e->letter.kind) {
	case EVENT_RENDERED:
		e->rendered.json = e->json;
		if (h->rendered)
			h->rendered(h->arg, &e->recording, &e->rendered);
		break;
	case EVENT_DELIVERED:
		if (h->delivered)
			h->delivered(
				h->arg, &e->recording, e->delivered.sha256, e->delivered.bytes);
		break;
	case EVENT_DELIVERY_FAILED:
		if (h->delivery_failed)
			h->delivery_failed(h->arg, &e->recording, e->failure.bucket,
				e->failure.http_status, e->failure.why, e->failure.retry_ms);
		break;
	case EVENT_SPACE:
		if (h->space)
			h->space(h->arg, e->space.free_bytes, e->space.bytes_per_s);
		break;
	}
}

static void tell(struct storage *s, const struct storage_handlers *h, struct event *e)
{
	switch (e->letter.kind) {
	case EVENT_OPENED:
		if (h->opened)
			h->opened(h->arg, &e->recording, e->err);
		break;
	case EVENT_CLOSED:
		released(s, &e->recording, false);
		if (h->closed)
			h->closed(h->arg, &e->recording, &e->closed);
		break;
	case EVENT_REMOVED:
		released(s, &e->recording, true);
		if (h->removed)
			h->removed(h->arg, &e->recording);
		break;
	default:
		tell_more(h, e);
		break;
	}
}

unsigned int storage_poll(struct storage *s, const struct storage_handlers *h)
{
	struct letter *letter;
	unsigned int count = 0;

	inbox_clear(&s->results);
	for (letter = inbox_take(&s->results); letter; count++) {
		struct event *e = (struct event *)letter;

		letter = letter->next;
		tell(s, h, e);
		free(e->json);
		free(e);
	}
	return count;
}

int storage_wake_fd(const struct storage *s)
{
	return s->results.fd;
}

/* --- After a crash --- */

int storage_recover(struct storage *s, void (*found)(void *arg, const struct storage_leftover *l),
	void *arg, struct errmsg *e)
{
	return recovery_scan(&s->spool, found, arg, e);
}

/* --- What is going on --- */

const counter *storage_counters(const struct storage *s, unsigned int writer)
{
	return writer_counters(s->writers[writer]);
}

void storage_stats(const struct storage *s, struct storage_stats *out)
{
	*out = (struct storage_stats){.tracks_open = s->slots.count - s->slots.free_count,
		.jobs_waiting = finisher_renders_waiting(s->finisher),
		.deliveries_waiting = finisher_deliveries_waiting(s->finisher),
		.spool_free_bytes = keeper_free_bytes(s->keeper),
		.direct = s->direct,
		.fixed = true};
	for (unsigned int i = 0; i < s->config.writer_count; i++)
		out->fixed &= writer_is_fixed(s->writers[i]);
}

int storage_track_stats(const struct storage *s, track_ref ref, struct storage_closed *out)
{
	uint32_t slot = track_ref_slot(ref);

	if (slot >= s->slots.count)
		return -ENOENT;
	return writer_track_stats(s->writers[slot % s->config.writer_count], ref, out);
}
