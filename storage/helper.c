#include "storage/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "storage/journal.h"
#include "storage/track_file.h"

#define TURN_MS 100 /* late lines are tried again, and a stop is seen */
#define LATE_MOST 65536U

/* A track's file, by slot. */
struct helper_file {
	int fd; /* -1: none */
	track_ref ref;
	struct order *ending; /* the order that closes it */
	struct track_letter opened;
	struct track_letter close;
};

struct helper {
	struct helper_setup setup;
	struct inbox inbox;
	struct helper_file *files;
	struct track_letter *grow;
	unsigned int endings; /* orders that wait for writers */
	struct order *late_first;
	struct order *late_last;
	unsigned int late_count;
	bool unsized; /* the file system cannot size files ahead */
	struct order *settling;
	sem_t settled;
	bool ended;
};

struct order *order_new(enum order_kind kind, const struct uuid *recording)
{
	struct order *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->event.letter.kind = (int)kind;
	o->event.recording = *recording;
	return o;
}

static void order_free(struct order *o)
{
	free(o->line);
	free(o);
}

static void report(struct helper *h, struct order *o, enum event_kind kind)
{
	free(o->line);
	o->line = NULL;
	o->event.letter.kind = (int)kind;
	inbox_put(h->setup.results, &o->event.letter);
}

static void log_failure(const char *what, const struct uuid *recording, int err)
{
	char id[UUID_TEXT_BYTES];

	log_error("spool", "%s of recording %s: %s", what, uuid_format(recording, id),
		strerror(-err));
}

static void send_to_writer(struct helper *h, struct track_letter *l)
{
	unsigned int w = track_ref_slot(l->ref) % h->setup.topology->writer_count;

	inbox_put(writer_inbox(h->setup.writers[w]), &l->letter);
}

/* --- Files --- */

/* Sizes a file up to `bytes`, from `from`. 0 or -errno; where the file system cannot, it is as if
 * it were done. */
static int size_ahead(struct helper *h, int fd, uint64_t from, uint64_t bytes)
{
	if (h->unsized)
		return 0;
	while (fallocate(fd, 0, (off_t)from, (off_t)(bytes - from)) != 0) {
		if (errno == EINTR)
			continue;
		if (errno != EOPNOTSUPP)
			return -errno;
		h->unsized = true;
		log_warning("spool",
			"the file system of %s cannot allocate ahead (fallocate): writes cost more "
			"CPU; ext4 and XFS can",
			h->setup.spool->path);
		return 0;
	}
	return 0;
}

/* The file's descriptor, or -errno. */
static int make_file(struct helper *h, const struct uuid *recording, enum track track)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | (h->setup.direct ? O_DIRECT : 0);
	char name[SPOOL_NAME_BYTES];
	int err;
	int fd;

	spool_file_name(recording, (enum spool_file)track, name);
	fd = openat(h->setup.spool->recordings_fd, name, flags, 0600);
	if (fd < 0)
		return -errno;
	err = size_ahead(h, fd, 0, WRITER_STEP_FIRST);
	if (err == 0)
		return fd;
	close(fd);
	unlinkat(h->setup.spool->recordings_fd, name, 0);
	return err;
}

/* 0 or -errno; the writer is told either way. */
static int open_track(struct helper *h, const struct order *o, enum track track)
{
	track_ref ref = o->refs[track];
	struct helper_file *f = &h->files[track_ref_slot(ref)];
	int fd = make_file(h, &o->event.recording, track);

	f->fd = fd < 0 ? -1 : fd;
	f->ref = ref;
	f->opened = (struct track_letter){.letter.kind = TRACK_LETTER_OPENED,
		.ref = ref,
		.fd = f->fd,
		.err = fd < 0 ? fd : 0,
		.file_id = track_file_id(&o->event.recording, track),
		.bytes = WRITER_STEP_FIRST};
	send_to_writer(h, &f->opened);
	return fd < 0 ? fd : 0;
}

static int make_journal(struct helper *h, const struct order *o)
{
	char name[SPOOL_NAME_BYTES];
	int fd = openat(h->setup.spool->recordings_fd,
		spool_file_name(&o->event.recording, SPOOL_JOURNAL, name),
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = journal_append_to(fd, o->line, false);
	close(fd);
	return err;
}

static void open_recording(struct helper *h, struct order *o)
{
	int err = make_journal(h, o);

	for (enum track t = 0; t < TRACK_COUNT; t++) {
		if (o->refs[t] != TRACK_REF_NONE) {
			int track_err = open_track(h, o, t);

			err = err ? err : track_err;
		}
	}
	if (err != 0)
		log_failure("cannot make the files", &o->event.recording, err);
	o->event.err = err;
	report(h, o, EVENT_OPENED);
}

static void grow_file(struct helper *h, struct track_letter *l)
{
	l->err = size_ahead(h, l->fd, l->from, l->bytes);
	l->letter.kind = TRACK_LETTER_GROWN;
	send_to_writer(h, l);
}

/* Cuts the file to what is in it, and closes it. */
static void close_file(struct helper_file *f, uint64_t bytes)
{
	if (f->fd < 0)
		return;
	if (ftruncate(f->fd, (off_t)bytes) != 0)
		log_error("spool", "cannot cut a track file: %s", strerror(errno));
	close(f->fd);
	f->fd = -1;
}

/* --- Journal lines --- */

static bool may_pass(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EIO;
}

static void closed(struct helper *h, struct order *o)
{
	o->event.closed = o->result;
	report(h, o, EVENT_CLOSED);
}

/* After its line is written, or given up. */
static void line_done(struct helper *h, struct order *o, int err)
{
	if (err != 0)
		log_failure("a line is lost that belongs in the journal", &o->event.recording, err);
	if (o->event.letter.kind == ORDER_CLOSE && (o->refs[0] || o->refs[1]))
		closed(h, o);
	else
		order_free(o);
}

static int append_line(struct helper *h, const struct order *o)
{
	return journal_append(h->setup.spool->recordings, &o->event.recording, o->line, false);
}

/* Tries the late lines again, from the first; with `give_up` those that fail are lost. */
static void append_late(struct helper *h, bool give_up)
{
	while (h->late_first) {
		struct order *o = h->late_first;
		int err = append_line(h, o);

		if (may_pass(err) && !give_up)
			return;
		h->late_first = o->next;
		h->late_count--;
		line_done(h, o, err);
	}
}

static void append_or_keep(struct helper *h, struct order *o)
{
	int err = h->late_first ? -ENOSPC : append_line(h, o);

	if (!may_pass(err) || h->late_count == LATE_MOST) {
		line_done(h, o, err);
		return;
	}
	if (!h->late_first)
		log_failure("no room for the journal", &o->event.recording, err);
	o->next = NULL;
	if (h->late_first)
		h->late_last->next = o;
	else
		h->late_first = o;
	h->late_last = o;
	h->late_count++;
}

/* --- The end of a recording --- */

static void remove_files(struct helper *h, struct order *o)
{
	int err = spool_remove(h->setup.spool, &o->event.recording);

	if (err != 0)
		log_failure("cannot remove the files", &o->event.recording, err);
	report(h, o, EVENT_REMOVED);
}

/* No writer has its files any more. */
static void end_recording(struct helper *h, struct order *o)
{
	if (o->event.letter.kind == ORDER_REMOVE)
		remove_files(h, o);
	else
		append_or_keep(h, o);
}

/* Asks the writers to let go of the files; the last answer ends it. */
static void begin_end(struct helper *h, struct order *o)
{
	for (enum track t = 0; t < TRACK_COUNT; t++) {
		if (o->refs[t] != TRACK_REF_NONE)
			o->tracks_left++;
	}
	/* Once the writers have ended, the files are closed. */
	if (o->tracks_left == 0 || h->ended) {
		end_recording(h, o);
		return;
	}
	h->endings++;
	for (enum track t = 0; t < TRACK_COUNT; t++) {
		if (o->refs[t] != TRACK_REF_NONE) {
			struct helper_file *f = &h->files[track_ref_slot(o->refs[t])];

			f->ending = o;
			f->close = (struct track_letter){
				.letter.kind = TRACK_LETTER_CLOSE, .ref = o->refs[t]};
			send_to_writer(h, &f->close);
		}
	}
}

static void track_closed(struct helper *h, const struct track_letter *l)
{
	struct helper_file *f = &h->files[track_ref_slot(l->ref)];
	struct order *o = f->ending;

	f->ending = NULL;
	close_file(f, l->bytes);
	o->result.chunks += l->result.chunks;
	o->result.frames += l->result.frames;
	o->result.frames_dropped += l->result.frames_dropped;
	o->result.bytes += l->result.bytes;
	if (--o->tracks_left > 0)
		return;
	h->endings--;
	end_recording(h, o);
}

static void finish(struct helper *h, struct order *o)
{
	if (finisher_submit(h->setup.finisher, &o->event.recording) != 0)
		log_failure("no memory to finish, the next start will: audio", &o->event.recording,
			-ENOMEM);
	order_free(o);
}

/* --- The loop --- */

static void handle(struct helper *h, struct letter *letter)
{
	struct order *o = (struct order *)letter;

	switch (letter->kind) {
	case ORDER_OPEN:
		open_recording(h, o);
		break;
	case ORDER_APPEND:
		append_or_keep(h, o);
		break;
	case ORDER_CLOSE:
	case ORDER_REMOVE:
		begin_end(h, o);
		break;
	case ORDER_FINISH:
		finish(h, o);
		break;
	case ORDER_SETTLE:
		h->settling = o;
		break;
	case TRACK_LETTER_GROW:
		grow_file(h, (struct track_letter *)letter);
		break;
	case TRACK_LETTER_CLOSED:
		track_closed(h, (struct track_letter *)letter);
		break;
	}
}

/* Whether there were any. */
static bool handle_all(struct helper *h)
{
	struct letter *letter = inbox_take(&h->inbox);
	bool any = letter != NULL;

	while (letter) {
		struct letter *next = letter->next;

		handle(h, letter);
		letter = next;
	}
	return any;
}

static void settle(struct helper *h)
{
	append_late(h, true);
	order_free(h->settling);
	h->settling = NULL;
	sem_post(&h->settled);
}

/* Recordings that were not closed: their files keep what was written. */
static void close_open_files(struct helper *h)
{
	for (uint32_t i = 0; i < h->setup.slots; i++) {
		struct helper_file *f = &h->files[i];
		unsigned int w = i % h->setup.topology->writer_count;
		struct storage_closed stats;

		if (f->fd >= 0 && writer_track_stats(h->setup.writers[w], f->ref, &stats) == 0)
			close_file(f, stats.bytes);
	}
}

void helper_run(struct thread *self, void *arg)
{
	struct helper *h = arg;

	while (!thread_should_stop(self)) {
		inbox_wait(&h->inbox, TURN_MS);
		handle_all(h);
		append_late(h, false);
		if (h->settling && h->endings == 0)
			settle(h);
	}
	handle_all(h);
	append_late(h, true);
	close_open_files(h);
}

void helper_order(struct helper *h, struct order *o)
{
	if (h->ended)
		handle(h, &o->event.letter);
	else
		inbox_put(&h->inbox, &o->event.letter);
}

void helper_settle(struct helper *h)
{
	struct order *o = order_new(ORDER_SETTLE, &(struct uuid){0});

	if (!o)
		return; /* what is not carried out is found in the spool by the next start */
	inbox_put(&h->inbox, &o->event.letter);
	while (sem_wait(&h->settled) != 0)
		continue;
}

void helper_ended(struct helper *h)
{
	handle_all(h);
	h->ended = true;
}

int helper_create(struct helper **out, const struct helper_setup *setup)
{
	struct helper *h = calloc(1, sizeof(*h));
	int err = -ENOMEM;

	if (!h)
		return err;
	h->setup = *setup;
	h->files = calloc(setup->slots, sizeof(*h->files));
	h->grow = calloc(setup->slots, sizeof(*h->grow));
	if (h->files && h->grow)
		err = inbox_open(&h->inbox, true);
	if (err != 0) {
		free(h->grow);
		free(h->files);
		free(h);
		return err;
	}
	for (uint32_t i = 0; i < setup->slots; i++)
		h->files[i].fd = -1;
	sem_init(&h->settled, 0, 0);
	*out = h;
	return 0;
}

void helper_destroy(struct helper *h)
{
	struct letter *letter;

	if (!h)
		return;
	for (letter = inbox_take(&h->inbox); letter;) {
		struct letter *next = letter->next;

		if (letter->kind < TRACK_LETTER_OPENED)
			order_free((struct order *)letter);
		letter = next;
	}
	sem_destroy(&h->settled);
	inbox_close(&h->inbox);
	free(h->grow);
	free(h->files);
	free(h);
}

struct track_letter *helper_grow_letters(struct helper *h)
{
	return h->grow;
}

struct inbox *helper_inbox(struct helper *h)
{
	return &h->inbox;
}
