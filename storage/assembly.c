/* Makes, starts, stops and frees the parts of storage, in the order in which they need each other.
 * What they do is in storage.c and in their own files. */
#include "storage/assembly.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define WRITES_IN_FLIGHT 64U
#define SLEEP_EAGER_NS 50000U
#define SLEEP_PATIENT_NS 1000000U /* nothing is lost while it sleeps */
#define OTHER_FILES 1024U	  /* descriptors that are no track files */

/* --- Making --- */

void storage_warn_files(struct storage *s)
{
	log_warning("storage",
		"%u tracks at once at most, for only %u files may be open: raise LimitNOFILE of "
		"the service, or ulimit -n, to %lu",
		s->config.tracks_max, s->config.tracks_max + OTHER_FILES,
		(unsigned long)s->files_wanted);
	s->files_wanted = 0;
}

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
	s->files_wanted = wanted;
	if (!s->config.lossless) /* a capture seldom has so many calls */
		storage_warn_files(s);
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
		.lock_fd = s->spool.lock_fd,
		.writes_in_flight = s->config.writes_in_flight,
		.direct = s->direct,
		.idle_sleep = s->config.idle_sleep,
		.sleep_first_ns = s->config.lossless ? SLEEP_PATIENT_NS : SLEEP_EAGER_NS};

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
	/* Of all the same: once is enough. */
	if (err == 0)
		writer_tell_fallbacks(s->writers[0]);
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
