#include "storage/finisher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "storage/deliver.h"
#include "storage/event.h"
#include "storage/job_queue.h"
#include "storage/journal.h"
#include "storage/render.h"
#include "storage/spool.h"

#define NS_PER_MS 1000000ULL

enum work { WORK_RENDER, WORK_DELIVER, WORK_COUNT };

struct finisher_thread {
	struct finisher *finisher;
	enum work work;
};

struct finisher {
	const struct storage_config *config;
	const char *folder;
	struct inbox *results;
	struct finisher_thread threads[WORK_COUNT];
	pthread_mutex_t lock; /* over all that follows */
	pthread_cond_t changed;
	struct job_queue queues[WORK_COUNT];
	uint32_t busy[WORK_COUNT];
	bool ending;  /* threads leave when nothing can be done now */
	bool abandon; /* threads leave after the job they hold */
};

static uint32_t longer(const struct storage_config *config, uint32_t pause_ms)
{
	uint64_t next = pause_ms == 0 ? config->retry_first_ms : 2ULL * pause_ms;

	return next < config->retry_most_ms ? (uint32_t)next : config->retry_most_ms;
}

/* A job is counted in its queue from before anyone hears of it to its end. Room for it was made
 * when it was submitted. */
static void enter(struct finisher *f, enum work work)
{
	pthread_mutex_lock(&f->lock);
	f->queues[work].count++;
	pthread_mutex_unlock(&f->lock);
}

static void enqueue(struct finisher *f, enum work work, struct job *job)
{
	pthread_mutex_lock(&f->lock);
	job_queue_put(&f->queues[work], job);
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void leave(struct finisher *f, enum work work)
{
	pthread_mutex_lock(&f->lock);
	f->queues[work].count--;
	pthread_mutex_unlock(&f->lock);
}

/* Back into its queue, after its pause. */
static void again(struct finisher *f, enum work work, struct job *job)
{
	job->due_ns = clock_now_ns() + job->pause_ms * NS_PER_MS;
	enqueue(f, work, job);
}

static void log_failure(const char *what, const struct uuid *recording, const char *why)
{
	char id[UUID_TEXT_BYTES];

	log_warning("finisher", "%s recording %s: %s", what, uuid_format(recording, id), why);
}

/* --- Rendering --- */

/* All of a text file in new memory, or NULL. */
static char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &info) == 0)
		text = calloc(1, (size_t)info.st_size + 1);
	if (text && read(fd, text, (size_t)info.st_size) != info.st_size) {
		free(text);
		text = NULL;
	}
	close(fd);
	return text;
}

/* What an earlier run has rendered, whole; false: there is none. */
static bool take_rendered(
	const struct finisher *f, const struct journal *j, struct render_result *out)
{
	char path[PATH_MAX];
	struct stat info;

	if (!j->is_rendered || j->rendered.failed)
		return false;
	if (spool_file_path(f->folder, &j->info.recording_id, SPOOL_WAV, path) != 0 ||
		stat(path, &info) != 0 || (uint64_t)info.st_size != j->rendered.bytes)
		return false;
	*out = (struct render_result){.start_ns = j->rendered.start_ns,
		.duration_ms = j->rendered.duration_ms,
		.bytes = j->rendered.bytes,
		.undecodable = j->rendered.undecodable};
	memcpy(out->sha256, j->rendered.sha256, sizeof(out->sha256));
	if (spool_file_path(f->folder, &j->info.recording_id, SPOOL_SIDECAR, path) == 0)
		out->json = read_text(path);
	return out->json != NULL;
}

static int note_rendered(
	const struct finisher *f, const struct uuid *recording, const struct render_result *r)
{
	struct journal_rendered line = {.start_ns = r->start_ns,
		.duration_ms = r->duration_ms,
		.bytes = r->bytes,
		.failed = r->failed,
		.undecodable = r->undecodable};
	char *text;
	int err;

	memcpy(line.sha256, r->sha256, sizeof(line.sha256));
	memcpy(line.failure, r->failure, sizeof(line.failure));
	text = journal_line_rendered(&line);
	err = text ? journal_append(f->folder, recording, text, !f->config->lossless) : -ENOMEM;
	free(text);
	return err;
}

/* Renders, or takes what is there, and notes it. 0 or -errno, with r->failure. */
static int render_job(const struct finisher *f, const struct job *job, struct render_result *r)
{
	struct journal j;
	int err = journal_read(f->folder, &job->recording, &j, NULL);
	bool there = err == 0 && take_rendered(f, &j, r);

	journal_free(&j);
	if (there)
		return 0;
	err = render_recording(f->config, f->folder, &job->recording, r);
	if (err != 0)
		return err;
	err = note_rendered(f, &job->recording, r);
	if (err != 0) {
		free(r->json);
		strcpy(r->failure, strerror(-err));
	}
	return err;
}

static void report_rendered(struct finisher *f, struct job *job, const struct render_result *r)
{
	struct event *e = job->rendered;

	job->rendered = NULL;
	e->rendered = (struct storage_rendered){.start_ns = r->start_ns,
		.duration_ms = r->duration_ms,
		.bytes = r->bytes,
		.failed = r->failed,
		.undecodable = r->undecodable};
	memcpy(e->rendered.sha256, r->sha256, sizeof(e->rendered.sha256));
	memcpy(e->rendered.failure, r->failure, sizeof(e->rendered.failure));
	e->json = r->json;
	memcpy(job->delivered->delivered.sha256, r->sha256, sizeof(r->sha256));
	job->delivered->delivered.bytes = r->bytes;
	inbox_put(f->results, &e->letter);
}

static void do_render(struct finisher *f, struct job *job)
{
	struct render_result r = {0};
	int err = render_job(f, job, &r);

	if (err != 0) {
		log_failure("cannot render now", &job->recording, r.failure);
		job->pause_ms = longer(f->config, job->pause_ms);
		again(f, WORK_RENDER, job);
		return;
	}
	if (!r.failed)
		enter(f, WORK_DELIVER);
	report_rendered(f, job, &r);
	job->pause_ms = 0;
	job->due_ns = clock_now_ns();
	if (r.failed)
		job_free(job);
	else
		enqueue(f, WORK_DELIVER, job);
	leave(f, WORK_RENDER);
}

/* --- Delivery --- */

/* 0, or -errno with d filled. */
static int deliver_job(const struct finisher *f, const struct job *job, struct delivery_result *d)
{
	int err = deliver_recording(f->config, f->folder, &job->recording, d);
	char *line;

	if (err != 0)
		return err;
	line = journal_line_delivered();
	err = line ? journal_append(f->folder, &job->recording, line, !f->config->lossless)
		   : -ENOMEM;
	free(line);
	if (err != 0)
		strcpy(d->why, strerror(-err));
	return err;
}

static void report_failure(
	struct finisher *f, const struct job *job, const struct delivery_result *d)
{
	struct event *e = calloc(1, sizeof(*e));
	struct journal j;

	log_failure("cannot deliver", &job->recording, d->why);
	if (!e)
		return; /* the next failure may tell */
	e->letter.kind = EVENT_DELIVERY_FAILED;
	e->recording = job->recording;
	if (journal_read(f->folder, &job->recording, &j, NULL) == 0)
		memcpy(e->failure.bucket, j.info.bucket, sizeof(e->failure.bucket));
	journal_free(&j);
	e->failure.http_status = d->http_status;
	memcpy(e->failure.why, d->why, sizeof(e->failure.why));
	e->failure.retry_ms = job->pause_ms;
	inbox_put(f->results, &e->letter);
}

/* Whether the destination answers decides when the next job may be begun, so that a thousand jobs
 * do not each wait for one that is down. */
static void note_answer(struct finisher *f, bool answered, uint64_t begun_ns)
{
	struct job_queue *q = &f->queues[WORK_DELIVER];

	pthread_mutex_lock(&f->lock);
	if (answered) {
		q->hold_ns = 0;
		q->hold_ms = 0;
	} else if (begun_ns >= q->hold_ns) {
		/* Others that were on their way when it went down tell nothing new. */
		q->hold_ms = longer(f->config, q->hold_ms);
		q->hold_ns = clock_now_ns() + q->hold_ms * NS_PER_MS;
	}
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void do_deliver(struct finisher *f, struct job *job)
{
	struct delivery_result d = {0};
	uint64_t begun_ns = clock_now_ns();
	int err = deliver_job(f, job, &d);

	note_answer(f, err == 0 || d.http_status != 0, begun_ns);
	if (err != 0) {
		job->pause_ms =
			d.refused ? f->config->retry_most_ms : longer(f->config, job->pause_ms);
		report_failure(f, job, &d);
		again(f, WORK_DELIVER, job);
		return;
	}
	leave(f, WORK_DELIVER);
	inbox_put(f->results, &job->delivered->letter);
	job->delivered = NULL;
	job_free(job);
}

/* --- Threads --- */

/* Sleeps until the queue has something due, or something changes. */
static void wait_for_change(struct finisher *f, enum work work)
{
	uint64_t due_ns = job_queue_next_ns(&f->queues[work]);
	uint64_t now_ns = clock_now_ns();
	uint64_t wait_ns = NS_PER_MS + (due_ns > now_ns ? due_ns - now_ns : 0);
	struct timespec until;

	if (due_ns == UINT64_MAX) {
		pthread_cond_wait(&f->changed, &f->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	wait_ns += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(wait_ns / 1000000000U);
	until.tv_nsec = (long)(wait_ns % 1000000000U);
	pthread_cond_timedwait(&f->changed, &f->lock, &until);
}

/* Renderings that run may still bring deliveries. */
static bool may_leave(const struct finisher *f, enum work work)
{
	return f->abandon || (f->ending && (work == WORK_RENDER || f->busy[WORK_RENDER] == 0) &&
				     (work == WORK_RENDER || f->queues[WORK_RENDER].waiting == 0));
}

/* The next job that is due, or NULL when the thread is to end. */
static struct job *next_job(struct finisher *f, enum work work)
{
	struct job *job = NULL;

	pthread_mutex_lock(&f->lock);
	while (!f->abandon) {
		job = job_queue_take(&f->queues[work], clock_now_ns());
		if (job || may_leave(f, work))
			break;
		wait_for_change(f, work);
	}
	f->busy[work] += job != NULL;
	pthread_mutex_unlock(&f->lock);
	return job;
}

static void job_done(struct finisher *f, enum work work)
{
	pthread_mutex_lock(&f->lock);
	f->busy[work]--;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void lower_priority(void)
{
	struct sched_param none = {0};

	/* Refused only in odd sandboxes, where it is of no use either. */
	(void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
}

static void run(struct thread *self, void *arg)
{
	struct finisher_thread *thread = arg;
	struct finisher *f = thread->finisher;
	struct job *job;

	lower_priority();
	while ((job = next_job(f, thread->work))) {
		if (thread->work == WORK_RENDER)
			do_render(f, job);
		else
			do_deliver(f, job);
		job_done(f, thread->work);
	}
}

/* --- For others --- */

int finisher_create(struct finisher **out, const struct storage_config *config,
	const char *recordings_folder, struct inbox *results)
{
	struct finisher *f = calloc(1, sizeof(*f));
	pthread_condattr_t attr;

	if (!f)
		return -ENOMEM;
	f->config = config;
	f->folder = recordings_folder;
	f->results = results;
	for (enum work w = 0; w < WORK_COUNT; w++)
		f->threads[w] = (struct finisher_thread){.finisher = f, .work = w};
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &attr);
	pthread_condattr_destroy(&attr);
	*out = f;
	return 0;
}

int finisher_start(struct finisher *f, struct topology *t, struct errmsg *e)
{
	unsigned int count = f->config->finisher_count;

	for (unsigned int i = 0; i < WORK_COUNT * count; i++) {
		int err = topology_start(
			t, THREAD_FINISHER, i, TOPOLOGY_ANY_CORE, run, &f->threads[i / count], e);

		if (err != 0)
			return err;
	}
	return 0;
}

/* Room in both queues for one more than there are in both. 0 or -ENOMEM. */
static int reserve(struct finisher *f)
{
	uint32_t jobs = 1;
	int err = 0;

	pthread_mutex_lock(&f->lock);
	for (enum work w = 0; w < WORK_COUNT; w++)
		jobs += f->queues[w].count;
	for (enum work w = 0; err == 0 && w < WORK_COUNT; w++)
		err = job_queue_reserve(&f->queues[w], jobs);
	pthread_mutex_unlock(&f->lock);
	return err;
}

int finisher_submit(struct finisher *f, const struct uuid *recording)
{
	struct job *job = job_new(recording);

	if (!job || reserve(f) != 0) {
		if (job)
			job_free(job);
		return -ENOMEM;
	}
	job->due_ns = clock_now_ns();
	enter(f, WORK_RENDER);
	enqueue(f, WORK_RENDER, job);
	return 0;
}

void finisher_stop(struct finisher *f, struct topology *t, bool abandon)
{
	pthread_mutex_lock(&f->lock);
	f->ending = true;
	f->abandon = abandon;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	topology_stop(t, THREAD_FINISHER);
}

void finisher_destroy(struct finisher *f)
{
	if (!f)
		return;
	for (enum work w = 0; w < WORK_COUNT; w++)
		job_queue_clear(&f->queues[w]);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static uint32_t waiting(struct finisher *f, enum work work)
{
	uint32_t count;

	pthread_mutex_lock(&f->lock);
	count = f->queues[work].count;
	pthread_mutex_unlock(&f->lock);
	return count;
}

uint32_t finisher_renders_waiting(struct finisher *f)
{
	return waiting(f, WORK_RENDER);
}

uint32_t finisher_deliveries_waiting(struct finisher *f)
{
	return waiting(f, WORK_DELIVER);
}
