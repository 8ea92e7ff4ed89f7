#include "storage/writer.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "common/clock.h"
#include "common/log.h"
#include "storage/disk.h"
#include "storage/open_track.h"
#include "storage/track_file.h"

#define TAKE_BURST 64U
#define SLEEP_MOST_NS 1000000U

/* Chunks on their way back to an rx core. */
struct returns {
	unsigned int count;
	uint32_t chunks[TAKE_BURST];
};

struct writer {
	struct writer_setup setup;
	struct disk disk;
	struct inbox inbox;
	struct open_track *tracks; /* by slot / writer_count */
	uint32_t track_count;
	struct chunk_list ready; /* to be written */
	struct chunk_list held;	 /* until there are keys */
	uint32_t held_count;
	bool stopping;	  /* nothing is held any more */
	uint32_t waiting; /* chunks that wait for a file */
	uint32_t pending; /* chunks in ready, waiting, and in flight */
	/* Rounds, for written_ns: chunks taken since round_ns, and in the round before. */
	uint32_t epoch;
	uint32_t epoch_pending[2];
	uint64_t epoch_ns;
	uint64_t sleep_ns;
	uint64_t full_logged_ns;
	struct returns returns[TOPOLOGY_RX_MAX];
	sem_t ready_sem;
	struct errmsg message; /* written before ready_sem is posted */
	int err;
	_Atomic uint64_t written_ns;
	counter counters[WRITER_COUNTER_COUNT];
};

static void count(struct writer *w, enum writer_counter which, uint64_t n)
{
	counter_add(&w->counters[which], n);
}

/* --- The end of a chunk --- */

static void flush_returns(struct writer *w, unsigned int rx)
{
	struct returns *r = &w->returns[rx];

	/* The ring has room for every chunk of its rx core. */
	rte_ring_enqueue_bulk_elem(w->setup.topology->empty[w->setup.index][rx], r->chunks,
		sizeof(uint32_t), r->count, NULL);
	r->count = 0;
}

static void give_back(struct writer *w, struct chunk *c)
{
	struct returns *r = &w->returns[c->rx];

	w->pending--;
	w->epoch_pending[c->epoch]--;
	r->chunks[r->count++] = c->index;
	if (r->count == TAKE_BURST)
		flush_returns(w, c->rx);
}

static void log_disk_error(struct writer *w, int err)
{
	uint64_t now = clock_now_ns();

	if (w->full_logged_ns != 0 && now - w->full_logged_ns < 10000000000ULL)
		return;
	w->full_logged_ns = now;
	log_error("writer", "audio is being lost, the spool cannot be written: %s", strerror(-err));
}

static bool is_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT;
}

/* Drops a chunk; t: its track, or NULL. */
static void drop(
	struct writer *w, struct chunk *c, struct open_track *t, enum writer_counter reason)
{
	count(w, reason, 1);
	count(w, WRITER_frames_dropped, c->frames);
	if (t) {
		counter_add(&t->frames_dropped, c->frames);
		t->pending--;
	}
	give_back(w, c);
}

static void drop_for_error(struct writer *w, struct chunk *c, struct open_track *t, int err)
{
	log_disk_error(w, err);
	drop(w, c, t, is_full(err) ? WRITER_drop_disk_full : WRITER_drop_disk_error);
}

/* --- Writing --- */

static struct open_track *track_of(struct writer *w, track_ref ref)
{
	uint32_t slot = track_ref_slot(ref);

	if (slot >= w->setup.slots || slot % w->setup.topology->writer_count != w->setup.index)
		return NULL;
	return &w->tracks[slot / w->setup.topology->writer_count];
}

static void write_done(void *arg, struct chunk *c, int err, unsigned int retries)
{
	struct writer *w = arg;
	struct open_track *t = track_of(w, c->track);
	uint32_t bytes = chunk_header_of(c)->stored_bytes;

	count(w, WRITER_write_retries, retries);
	if (err != 0) {
		drop_for_error(w, c, t, err);
	} else {
		count(w, WRITER_chunks_written, 1);
		count(w, WRITER_frames_written, c->frames);
		count(w, WRITER_bytes_written, bytes);
		count(w,
			!w->setup.direct ? WRITER_writes_buffered
			: w->disk.fixed	 ? WRITER_writes_fixed
					 : WRITER_writes_plain,
			1);
		counter_add(&t->chunks, 1);
		counter_add(&t->frames, c->frames);
		counter_add(&t->bytes, bytes);
		t->pending--;
		give_back(w, c);
	}
	open_track_close_if_done(t, w->setup.helper);
}

static void write_chunk(struct writer *w, struct chunk *c)
{
	struct open_track *t = track_of(w, c->track);
	struct chunk_header *h = chunk_header_of(c);
	struct srtp_opened srtp = {0};
	uint32_t stored;

	if (t->srtp)
		srtp = srtp_track_open_chunk(t->srtp, c);
	count(w, WRITER_frames_opened, srtp.opened);
	count(w, WRITER_frames_sealed, srtp.sealed);
	stored = (c->used + CHUNK_ALIGN - 1) & ~(CHUNK_ALIGN - 1);
	memset(c->data + c->used, 0, stored - c->used);
	h->used_bytes = c->used;
	h->stored_bytes = stored;
	h->file_id = t->file_id;
	h->sequence = t->sequence++;
	h->crc32c = track_chunk_crc32c(h);
	c->file_offset = t->end;
	t->end += stored;
	disk_write(&w->disk, c, t->fd, stored);
	open_track_ask_for_more(t, &w->setup.grow[track_ref_slot(c->track)], w->setup.helper);
}

static void join_round(struct writer *w, struct chunk *c)
{
	c->epoch = w->epoch;
	w->epoch_pending[c->epoch]++;
}

/* Looks at all held chunks anew, before those that came after them. */
static void release_held(struct writer *w)
{
	struct chunk_list later = w->ready;
	struct chunk_list held = w->held;
	struct chunk *c;

	if (w->held_count == 0)
		return;
	w->ready.head = CHUNK_NONE;
	w->held.head = CHUNK_NONE;
	w->held_count = 0;
	while ((c = chunk_list_take(w->setup.pool, &held))) {
		track_of(w, c->track)->held--;
		join_round(w, c);
		chunk_list_append(w->setup.pool, &w->ready, c);
	}
	while ((c = chunk_list_take(w->setup.pool, &later)))
		chunk_list_append(w->setup.pool, &w->ready, c);
}

/* Puts a chunk aside when its keys are still to come: no more in all than an eighth of all chunks,
 * so that others find some. Whether it is put aside, be it only to go behind those that were. */
static bool hold(struct writer *w, struct chunk *c)
{
	struct open_track *t = track_of(w, c->track);
	uint32_t most = w->setup.pool->count / 8 / w->setup.topology->writer_count;
	bool waits = t->srtp && !w->stopping && open_track_waits_for_keys(t, c);

	if (waits && w->held_count >= most) {
		t->held_enough = true;
		waits = false;
	}
	if (!waits && t->held == 0)
		return false;
	chunk_list_append(w->setup.pool, &w->held, c);
	w->epoch_pending[c->epoch]--; /* its keys may be long in coming: no round waits for it */
	w->held_count++;
	t->held++;
	if (!waits)
		release_held(w);
	return true;
}

/* Starts as many writes as may be in flight. The number started. */
static unsigned int start_writes(struct writer *w)
{
	unsigned int started = 0;
	struct chunk *c;

	while (!disk_is_full(&w->disk) && (c = chunk_list_take(w->setup.pool, &w->ready))) {
		if (hold(w, c))
			continue;
		write_chunk(w, c);
		started++;
	}
	return started;
}

/* --- Chunks come in --- */

/* The track of a reference, or NULL when it is none, or closed. */
static struct open_track *find(struct writer *w, track_ref ref)
{
	struct open_track *t = track_of(w, ref);
	track_ref known;

	if (!t)
		return NULL;
	known = atomic_load_explicit(&t->ref, memory_order_relaxed);
	if (known == ref)
		return t;
	if (known != TRACK_REF_NONE || t->closed == ref ||
		atomic_load_explicit(&w->setup.refs[track_ref_slot(ref)], memory_order_acquire) !=
			ref)
		return NULL;
	open_track_adopt(t, ref);
	return t;
}

static void sort_in(struct writer *w, struct open_track *t, struct chunk *c)
{
	if (t->state == OPEN_TRACK_FAILED) {
		drop_for_error(w, c, t, t->err);
	} else if (t->state == OPEN_TRACK_WAITING) {
		chunk_list_append(w->setup.pool, &t->waiting, c);
		w->waiting++;
	} else {
		chunk_list_append(w->setup.pool, &w->ready, c);
	}
}

static void take_chunk(struct writer *w, struct chunk *c)
{
	struct open_track *t = find(w, c->track);

	count(w, WRITER_chunks_in, 1);
	count(w, WRITER_frames_in, c->frames);
	join_round(w, c);
	w->pending++;
	if (!t) {
		drop(w, c, NULL, WRITER_drop_no_track);
		return;
	}
	t->pending++;
	sort_in(w, t, c);
}

/* Up to `most` chunks of each rx core. Returns how many; *drained: every ring was found empty. */
static unsigned int take_chunks(struct writer *w, unsigned int most, bool *drained)
{
	struct topology *topology = w->setup.topology;
	uint32_t indexes[TAKE_BURST];
	unsigned int total = 0;

	*drained = true;
	for (unsigned int rx = 0; rx < topology->rx_count; rx++) {
		struct rte_ring *ring = topology->chunks[rx][w->setup.index];
		unsigned int left = most;
		unsigned int got = 1;

		while (left > 0 && got > 0) {
			got = rte_ring_dequeue_burst_elem(ring, indexes, sizeof(uint32_t),
				left < TAKE_BURST ? left : TAKE_BURST, NULL);
			for (unsigned int i = 0; i < got; i++)
				take_chunk(w, &w->setup.pool->chunks[indexes[i]]);
			left -= got;
			total += got;
		}
		*drained &= got == 0;
	}
	return total;
}

/* --- Letters of the helper --- */

static void file_opened(struct writer *w, struct open_track *t, const struct track_letter *l)
{
	struct chunk_list waiting;
	struct chunk *c;

	open_track_opened(t, l);
	count(w, WRITER_files_opened, l->err == 0);
	waiting = t->waiting;
	t->waiting.head = CHUNK_NONE;
	while ((c = chunk_list_take(w->setup.pool, &waiting))) {
		w->waiting--;
		sort_in(w, t, c);
	}
}

static void take_letter(struct writer *w, struct track_letter *l)
{
	struct open_track *t = track_of(w, l->ref);

	switch (l->letter.kind) {
	case TRACK_LETTER_OPENED:
		file_opened(w, t, l);
		break;
	case TRACK_LETTER_GROWN:
		open_track_grown(t, l);
		count(w, WRITER_files_grown, l->err == 0);
		break;
	case TRACK_LETTER_CLOSE:
		t->close = l;
		release_held(w);
		break;
	}
	open_track_close_if_done(t, w->setup.helper);
}

static void take_keys(struct writer *w, struct keys_letter *l)
{
	struct open_track *t = find(w, l->ref);

	if (!t) {
		keys_letter_free(l);
		return;
	}
	open_track_take_keys(t, l);
	release_held(w);
}

/* Returns whether there were any. */
static bool take_letters(struct writer *w)
{
	struct letter *letter = inbox_take(&w->inbox);
	bool any = letter != NULL;
	bool drained;

	/* What was handed over before a close was sent is in the rings by now. */
	if (any)
		take_chunks(w, w->setup.pool->per_rx, &drained);
	while (letter) {
		struct track_letter *l = (struct track_letter *)letter;

		letter = letter->next;
		if (l->letter.kind == TRACK_LETTER_KEYS)
			take_keys(w, (struct keys_letter *)l);
		else
			take_letter(w, l);
	}
	return any;
}

/* --- The loop --- */

/* Two rounds alternate. When the older has nothing pending, all that was handed over before the
 * younger began is done with. `now`: before the rings were last looked at. */
static void turn_epoch(struct writer *w, uint64_t now)
{
	uint32_t older = w->epoch ^ 1;

	if (w->epoch_pending[older] > 0)
		return;
	atomic_store_explicit(&w->written_ns, w->epoch_ns, memory_order_release);
	w->epoch = older;
	w->epoch_ns = now;
}

static void flush_all_returns(struct writer *w)
{
	for (unsigned int rx = 0; rx < w->setup.topology->rx_count; rx++)
		if (w->returns[rx].count > 0)
			flush_returns(w, rx);
}

/* One round; whether there was anything to do. */
static bool turn(struct writer *w, uint64_t wait_ns)
{
	uint64_t now = clock_now_ns();
	uint64_t submits = w->disk.submits;
	unsigned int busy;
	bool drained;

	busy = take_chunks(w, TAKE_BURST, &drained);
	/* To the last: what was told before a chunk was handed over goes for it. */
	while (take_letters(w))
		busy++;
	busy += start_writes(w);
	busy += disk_turn(&w->disk, busy ? 0 : wait_ns);
	count(w, WRITER_submits, w->disk.submits - submits);
	flush_all_returns(w);
	if (drained)
		turn_epoch(w, now);
	return busy > 0;
}

/* Waits longer from one idle round to the next. */
static void idle(struct writer *w)
{
	struct timespec pause = {.tv_nsec = (long)w->sleep_ns};

	if (w->disk.in_flight == 0 && w->sleep_ns > 0)
		nanosleep(&pause, NULL);
	if (w->setup.idle_sleep)
		w->sleep_ns = w->sleep_ns == 0			? w->setup.sleep_first_ns
			      : w->sleep_ns < SLEEP_MOST_NS / 2 ? w->sleep_ns * 2
								: SLEEP_MOST_NS;
}

/* The helper ends after it has opened what was to be opened, so none should be left. */
static void drop_waiting(struct writer *w)
{
	for (uint32_t i = 0; i < w->track_count && w->waiting > 0; i++) {
		struct open_track *t = &w->tracks[i];
		struct chunk *c;

		while (t->state == OPEN_TRACK_WAITING &&
			(c = chunk_list_take(w->setup.pool, &t->waiting))) {
			w->waiting--;
			drop(w, c, t, WRITER_drop_no_track);
		}
	}
	flush_all_returns(w);
}

static int hold_lock(struct writer *w)
{
	int err = disk_hold(&w->disk, w->setup.lock_fd);

	if (err == 0)
		return 0;
	disk_close(&w->disk);
	return errmsg_set(
		&w->message, err, "io_uring cannot hold the spool's lock: %s", strerror(-err));
}

void writer_run(struct thread *self, void *arg)
{
	struct writer *w = arg;
	bool stopping = false;

	w->err = disk_open(
		&w->disk, w->setup.pool, w->setup.writes_in_flight, write_done, w, &w->message);
	if (w->err == 0)
		w->err = hold_lock(w);
	w->epoch_ns = clock_now_ns();
	sem_post(&w->ready_sem);
	if (w->err != 0)
		return;
	while (!stopping || w->pending > w->waiting) {
		/* Asked before a round that finds nothing: then nothing is left. */
		bool asked = thread_should_stop(self);

		if (asked && !w->stopping) {
			w->stopping = true;
			release_held(w);
		}
		if (turn(w, w->sleep_ns)) {
			w->sleep_ns = 0;
		} else {
			stopping = asked;
			idle(w);
		}
	}
	drop_waiting(w);
	disk_close(&w->disk);
}

/* --- For others --- */

int writer_create(struct writer **out, const struct writer_setup *setup)
{
	struct writer *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->setup = *setup;
	w->ready.head = CHUNK_NONE;
	w->held.head = CHUNK_NONE;
	w->track_count = setup->slots / setup->topology->writer_count + 1;
	w->tracks = calloc(w->track_count, sizeof(*w->tracks));
	err = w->tracks ? inbox_open(&w->inbox, false) : -ENOMEM;
	if (err != 0) {
		free(w->tracks);
		free(w);
		return err;
	}
	sem_init(&w->ready_sem, 0, 0);
	*out = w;
	return 0;
}

/* Those that it has, and those that came when it had ended. */
static void drop_keys(struct writer *w)
{
	struct letter *letter = inbox_take(&w->inbox);

	while (letter) {
		struct letter *next = letter->next;

		if (letter->kind == TRACK_LETTER_KEYS)
			keys_letter_free((struct keys_letter *)letter);
		letter = next;
	}
	for (uint32_t i = 0; i < w->track_count; i++)
		srtp_track_destroy(w->tracks[i].srtp);
}

void writer_destroy(struct writer *w)
{
	if (!w)
		return;
	drop_keys(w);
	sem_destroy(&w->ready_sem);
	inbox_close(&w->inbox);
	free(w->tracks);
	free(w);
}

int writer_await_ready(struct writer *w, struct errmsg *e)
{
	while (sem_wait(&w->ready_sem) != 0)
		continue;
	if (w->err != 0 && e)
		*e = w->message;
	return w->err;
}

struct inbox *writer_inbox(struct writer *w)
{
	return &w->inbox;
}

const counter *writer_counters(const struct writer *w)
{
	return w->counters;
}

bool writer_is_fixed(const struct writer *w)
{
	return w->disk.fixed;
}

void writer_tell_fallbacks(const struct writer *w)
{
	struct rlimit limit = {0};

	if (!w->disk.deferred)
		log_warning("writer", "this kernel has no DEFER_TASKRUN (Linux 6.1 has): writes "
				      "cost more CPU");
	if (w->disk.fixed)
		return;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	log_warning("writer",
		"chunks cannot be registered with io_uring (%s; RLIMIT_MEMLOCK is %lu KiB): writes "
		"cost more CPU; raise LimitMEMLOCK of the service, or ulimit -l",
		strerror(-w->disk.fixed_err), (unsigned long)(limit.rlim_cur >> 10));
}

uint64_t writer_written_ns(const struct writer *w)
{
	return atomic_load_explicit(&w->written_ns, memory_order_acquire);
}

int writer_track_stats(const struct writer *w, track_ref ref, struct storage_closed *out)
{
	const struct open_track *t = track_of((struct writer *)(uintptr_t)w, ref);

	return t ? open_track_stats(t, ref, out) : -ENOENT;
}
