/* Appending to the ledger. Entries gather in batches; one batch at a time is under way, written and
 * synced by two linked requests, and the next one starts when it is done: whatever was appended
 * meanwhile shares a sync.
 *
 *   gathering ── under way ── durable: done(0)
 *                    └─────── failed: done(error), for this and all that follow */
#include "controlplane/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"
#include "controlplane/ledger_file.h"
#include "controlplane/ledger_line.h"
#include "controlplane/usage.h"

#define RING_ENTRIES 4

enum request { REQUEST_WRITE, REQUEST_SYNC };

struct waiter {
	ledger_done_h *done;
	void *arg;
	int err;
};

struct waiters {
	struct waiter *list;
	unsigned int count;
	unsigned int room;
};

struct batch {
	struct batch *next;
	struct waiters waiters;
	uint64_t seq; /* of its last entry */
	char hash[DIGEST_TEXT_BYTES];
	size_t used;
	size_t written; /* a write may be cut short and goes on */
	char bytes[LEDGER_BATCH_BYTES];
};

struct ledger {
	struct ledger_file file;
	struct usages *usages;
	struct io_uring ring;
	bool ring_made;
	bool sync;
	int wake_fd;
	uint64_t seq; /* of the newest entry appended, durable or not */
	char hash[DIGEST_TEXT_BYTES];
	struct batch *first; /* under way, if `requests` > 0 */
	struct batch *last;
	unsigned int requests; /* not yet answered */
	int write_result;
	int sync_result;
	struct waiters refused;
	int failed; /* -errno of the write or sync that failed */
};

/* --- Waiters --- */

static struct waiter *waiter_add(struct waiters *w)
{
	struct waiter *longer;
	unsigned int room = w->room ? w->room * 2 : 16;

	if (w->count < w->room)
		return &w->list[w->count++];
	longer = realloc(w->list, room * sizeof(*longer));
	if (!longer)
		return NULL;
	w->list = longer;
	w->room = room;
	return &w->list[w->count++];
}

/* Tells each, and empties the list, which they may add to meanwhile. */
static unsigned int waiters_tell(struct waiters *w)
{
	struct waiters told = *w;

	*w = (struct waiters){0};
	for (unsigned int i = 0; i < told.count; i++)
		if (told.list[i].done)
			told.list[i].done(told.list[i].arg, told.list[i].err);
	free(told.list);
	return told.count;
}

static void refuse(struct ledger *l, ledger_done_h *done, void *arg, int err)
{
	struct waiter *w = waiter_add(&l->refused);

	if (w)
		*w = (struct waiter){done, arg, err};
	else if (done)
		done(arg, -ENOMEM);
	eventfd_write(l->wake_fd, 1);
}

/* --- Writing --- */

/* Everything that waits is refused, and so is what comes. */
static void fail(struct ledger *l, int err, const char *what)
{
	log_error("ledger",
		"%s: %s failed: %s. Usage can no longer be entered: no recording starts until "
		"legtapd is started anew",
		l->file.path, what, strerror(-err));
	l->failed = err;
	while (l->first) {
		struct batch *b = l->first;

		for (unsigned int i = 0; i < b->waiters.count; i++)
			refuse(l, b->waiters.list[i].done, b->waiters.list[i].arg, err);
		l->first = b->next;
		free(b->waiters.list);
		free(b);
	}
	l->last = NULL;
}

static void submit(struct ledger *l)
{
	struct batch *b = l->first;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);
	int n;

	io_uring_prep_write(sqe, l->file.fd, b->bytes + b->written,
		(unsigned int)(b->used - b->written), (uint64_t)l->file.bytes + b->written);
	io_uring_sqe_set_data64(sqe, REQUEST_WRITE);
	l->requests = 1;
	if (l->sync) {
		io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK);
		sqe = io_uring_get_sqe(&l->ring);
		io_uring_prep_fsync(sqe, l->file.fd, IORING_FSYNC_DATASYNC);
		io_uring_sqe_set_data64(sqe, REQUEST_SYNC);
		l->requests = 2;
	}
	do {
		n = io_uring_submit(&l->ring);
	} while (n == -EINTR);
	if (n < 0) {
		l->requests = 0;
		fail(l, n, "handing a write to the kernel");
	}
}

static unsigned int batch_durable(struct ledger *l)
{
	struct batch *b = l->first;
	unsigned int count;

	l->file.bytes += (int64_t)b->used;
	l->file.seq = b->seq;
	memcpy(l->file.hash, b->hash, sizeof(b->hash));
	l->first = b->next;
	if (!l->first)
		l->last = NULL;
	else if (l->first->used)
		submit(l);
	count = waiters_tell(&b->waiters);
	free(b);
	return count;
}

/* Both requests of the batch under way are answered. A write that is cut short breaks the link, and
 * the sync with it: the rest is written, and synced, anew. */
static unsigned int batch_answered(struct ledger *l)
{
	struct batch *b = l->first;
	size_t left = b->used - b->written;

	if (l->write_result <= 0) {
		fail(l, l->write_result ? l->write_result : -EIO, "a write");
		return 0;
	}
	if ((size_t)l->write_result < left) {
		b->written += (size_t)l->write_result;
		submit(l);
		return 0;
	}
	if (l->sync && l->sync_result < 0) {
		fail(l, l->sync_result, "a sync");
		return 0;
	}
	return batch_durable(l);
}

static unsigned int take_answers(struct ledger *l)
{
	struct io_uring_cqe *cqe;
	unsigned int count = 0;

	while (l->requests && io_uring_peek_cqe(&l->ring, &cqe) == 0) {
		if (io_uring_cqe_get_data64(cqe) == REQUEST_WRITE)
			l->write_result = cqe->res;
		else
			l->sync_result = cqe->res;
		io_uring_cqe_seen(&l->ring, cqe);
		if (--l->requests == 0)
			count += batch_answered(l);
	}
	return count;
}

unsigned int ledger_poll(struct ledger *l)
{
	eventfd_t wakes;
	unsigned int count;

	eventfd_read(l->wake_fd, &wakes);
	count = take_answers(l);
	return count + waiters_tell(&l->refused);
}

int ledger_wake_fd(const struct ledger *l)
{
	return l->wake_fd;
}

/* --- Appending --- */

static void describe(
	const struct ledger *l, const struct ledger_entry *entry, struct ledger_line *line)
{
	*line = (struct ledger_line){.seq = l->seq + 1,
		.time_ms = entry->time_ms,
		.type = entry->type,
		.transaction_id = entry->transaction_id,
		.call_id = entry->call_id,
		.recording_id = entry->recording_id,
		.duration_ms = entry->duration_ms,
		.bytes = entry->bytes};
	text_copy(line->prev_hash, sizeof(line->prev_hash), l->hash);
	text_copy(line->account, sizeof(line->account), entry->account_id);
	if (entry->reason)
		text_copy(line->reason, sizeof(line->reason), entry->reason);
	if (entry->sha256)
		text_copy(line->sha256, sizeof(line->sha256), entry->sha256);
}

static int take_tariff(const struct account_config *a, struct ledger_line *line, struct errmsg *e)
{
	if (!a)
		return errmsg_set(e, -EINVAL, "start: there is no account \"%s\"", line->account);
	line->tariff = (struct tariff){.rate_per_minute = a->rate_per_minute,
		.currency_digits = a->currency_digits,
		.rounding_seconds = a->rounding_seconds,
		.minimum_seconds = a->minimum_seconds};
	text_copy(line->tariff.currency, sizeof(line->tariff.currency), a->currency);
	return 0;
}

/* The batch that an entry of so many bytes goes into: not the one under way. */
static struct batch *gathering(struct ledger *l, size_t bytes)
{
	struct batch *b = l->last;

	if (b && (b != l->first || !l->requests) && b->used + bytes <= sizeof(b->bytes))
		return b;
	b = malloc(sizeof(*b));
	if (!b)
		return NULL;
	memset(b, 0, offsetof(struct batch, bytes));
	if (l->last)
		l->last->next = b;
	else
		l->first = b;
	l->last = b;
	return b;
}

static int enter(struct ledger *l, struct ledger_line *line, ledger_done_h *done, void *arg)
{
	char text[LEDGER_LINE_BYTES];
	int bytes = ledger_line_format(line, text);
	struct batch *b = bytes < 0 ? NULL : gathering(l, (size_t)bytes);
	struct waiter *w = b ? waiter_add(&b->waiters) : NULL;

	if (!w)
		return -ENOMEM;
	if (usages_apply(l->usages, line, NULL) != 0) {
		b->waiters.count--;
		return -ENOMEM;
	}
	*w = (struct waiter){done, arg, 0};
	memcpy(b->bytes + b->used, text, (size_t)bytes);
	b->used += (size_t)bytes;
	b->seq = l->seq = line->seq;
	memcpy(b->hash, line->hash, sizeof(b->hash));
	memcpy(l->hash, line->hash, sizeof(l->hash));
	return 0;
}

static int check_entry(
	const struct ledger *l, const struct ledger_entry *entry, struct ledger_line *line)
{
	struct errmsg why = {""};
	int err = 0;

	if (entry->type == LEDGER_START)
		err = take_tariff(entry->account, line, &why);
	if (err == 0)
		err = usages_check(l->usages, line, &why);
	if (err)
		log_error("ledger", "entry refused: %s", why.text);
	return err;
}

void ledger_append(
	struct ledger *l, const struct ledger_entry *entry, ledger_done_h *done, void *arg)
{
	struct ledger_line line;
	int err = l->failed;

	describe(l, entry, &line);
	if (err == 0)
		err = check_entry(l, entry, &line);
	if (err == 0)
		err = enter(l, &line, done, arg);
	if (err)
		refuse(l, done, arg, err);
	else if (!l->requests)
		submit(l);
}

/* --- Opening and closing --- */

static int make_ring(struct ledger *l, struct errmsg *e)
{
	int err;

	l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->wake_fd < 0)
		return errmsg_set(e, -errno, "ledger: no eventfd: %s", strerror(errno));
	err = io_uring_queue_init(RING_ENTRIES, &l->ring, 0);
	if (err < 0)
		return errmsg_set(e, err,
			"ledger: the kernel gives no io_uring: %s (see kernel.io_uring_disabled, "
			"and the seccomp profile of a container)",
			strerror(-err));
	l->ring_made = true;
	err = io_uring_register_eventfd(&l->ring, l->wake_fd);
	return err ? errmsg_set(e, err, "ledger: no eventfd for its io_uring: %s", strerror(-err))
		   : 0;
}

static void destroy(struct ledger *l)
{
	if (l->ring_made)
		io_uring_queue_exit(&l->ring);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	ledger_file_close(&l->file);
	usages_destroy(l->usages);
	free(l->refused.list);
	free(l);
}

int ledger_open(struct ledger **out, const char *folder, bool sync, struct errmsg *e)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return errmsg_set(e, -ENOMEM, "out of memory");
	l->sync = sync;
	l->wake_fd = -1;
	l->file.fd = l->file.folder_fd = -1;
	err = usages_create(&l->usages);
	if (err == 0)
		err = ledger_file_open(&l->file, folder, l->usages, e);
	if (err == 0)
		err = make_ring(l, e);
	if (err) {
		destroy(l);
		return err;
	}
	l->seq = l->file.seq;
	memcpy(l->hash, l->file.hash, sizeof(l->hash));
	*out = l;
	return 0;
}

void ledger_close(struct ledger *l)
{
	struct io_uring_cqe *cqe;

	if (!l)
		return;
	while (l->requests || l->refused.count) {
		if (l->requests)
			io_uring_wait_cqe(&l->ring, &cqe);
		ledger_poll(l);
	}
	if (!l->sync && fdatasync(l->file.fd) != 0)
		log_error("ledger", "%s: its sync failed: %s", l->file.path, strerror(errno));
	destroy(l);
}

/* --- What it knows --- */

static void tell_usage(const struct usage *u, struct ledger_usage *out)
{
	*out = (struct ledger_usage){.started = true,
		.stopped = u->stopped,
		.start_ms = u->start_ms,
		.transaction_id = u->transaction_id,
		.call_id = u->call_id};
	memcpy(out->account_id, u->account, sizeof(out->account_id));
}

bool ledger_usage_of(
	const struct ledger *l, const struct uuid *recording_id, struct ledger_usage *out)
{
	const struct usage *u = usages_find(l->usages, recording_id);

	*out = (struct ledger_usage){0};
	if (u)
		tell_usage(u, out);
	else if (usages_is_delivered(l->usages, recording_id))
		out->started = out->stopped = out->delivered = true;
	return out->started;
}

void ledger_open_usages(const struct ledger *l,
	void (*found)(void *arg, const struct uuid *recording_id, const struct ledger_usage *usage),
	void *arg)
{
	for (size_t i = 0; i < usages_count(l->usages); i++) {
		const struct usage *u = usages_at(l->usages, i);
		struct ledger_usage told;
		struct uuid id;

		if (!u || u->stopped)
			continue;
		id = u->recording_id;
		tell_usage(u, &told);
		found(arg, &id, &told);
	}
}

void ledger_head(const struct ledger *l, uint64_t *seq, char hash[65])
{
	*seq = l->file.seq;
	memcpy(hash, l->file.hash, DIGEST_TEXT_BYTES);
}

const char *ledger_path(const struct ledger *l)
{
	return l->file.path;
}
