#include "storage/open_track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HELD_NS 10000000000ULL

static track_ref ref_of(const struct open_track *t)
{
	return atomic_load_explicit(&t->ref, memory_order_relaxed);
}

void open_track_adopt(struct open_track *t, track_ref ref)
{
	t->state = OPEN_TRACK_WAITING;
	t->fd = -1;
	t->sequence = 0;
	t->end = 0;
	t->waiting.head = CHUNK_NONE;
	t->held = 0;
	t->held_from_ns = 0;
	t->held_enough = false;
	atomic_store_explicit(&t->chunks, 0, memory_order_relaxed);
	atomic_store_explicit(&t->frames, 0, memory_order_relaxed);
	atomic_store_explicit(&t->frames_dropped, 0, memory_order_relaxed);
	atomic_store_explicit(&t->bytes, 0, memory_order_relaxed);
	atomic_store_explicit(&t->ref, ref, memory_order_release);
}

void open_track_opened(struct open_track *t, const struct track_letter *l)
{
	if (ref_of(t) != l->ref)
		open_track_adopt(t, l->ref);
	t->state = l->err == 0 ? OPEN_TRACK_OPEN : OPEN_TRACK_FAILED;
	t->err = l->err;
	t->fd = l->fd;
	t->file_id = l->file_id;
	t->sized = l->bytes;
	t->ask_at = l->bytes / 2;
	t->step = 2 * WRITER_STEP_FIRST;
}

void open_track_ask_for_more(struct open_track *t, struct track_letter *l, struct inbox *helper)
{
	if (t->growing || t->close || t->end < t->ask_at)
		return;
	t->growing = true;
	l->letter.kind = TRACK_LETTER_GROW;
	l->ref = ref_of(t);
	l->fd = t->fd;
	l->err = 0;
	l->from = t->sized > t->end ? t->sized : t->end;
	l->bytes = l->from + t->step;
	inbox_put(helper, &l->letter);
}

void open_track_grown(struct open_track *t, const struct track_letter *l)
{
	t->growing = false;
	if (l->err == 0) {
		t->sized = l->bytes;
		t->ask_at = t->sized - t->step / 2;
		t->step = t->step < WRITER_STEP_MOST ? t->step * 2 : WRITER_STEP_MOST;
	} else {
		/* Writes go on beyond the end, slower, as long as there is room. */
		t->step = WRITER_STEP_FIRST;
		t->ask_at = t->end + t->step;
	}
}

void keys_letter_free(struct keys_letter *l)
{
	explicit_bzero(l, sizeof(*l));
	free(l);
}

void open_track_take_keys(struct open_track *t, struct keys_letter *l)
{
	if (t->srtp || srtp_track_create(&t->srtp) == 0) {
		srtp_track_set(t->srtp, &l->setting);
	} else {
		t->state = OPEN_TRACK_FAILED;
		t->err = -ENOMEM;
	}
	keys_letter_free(l);
}

bool open_track_waits_for_keys(struct open_track *t, const struct chunk *c)
{
	uint64_t base_ns = chunk_header_of(c)->base_ns;

	if (srtp_track_mode(t->srtp) != SRTP_MODE_AWAIT || t->close || t->held_enough)
		return false;
	if (t->held_from_ns == 0)
		t->held_from_ns = base_ns;
	t->held_enough = base_ns > t->held_from_ns + HELD_NS;
	return !t->held_enough;
}

int open_track_stats(const struct open_track *t, track_ref ref, struct storage_closed *out)
{
	if (atomic_load_explicit(&t->ref, memory_order_acquire) != ref)
		return -ENOENT;
	*out = (struct storage_closed){.chunks = counter_read(&t->chunks),
		.frames = counter_read(&t->frames),
		.frames_dropped = counter_read(&t->frames_dropped),
		.bytes = counter_read(&t->bytes)};
	return 0;
}

void open_track_close_if_done(struct open_track *t, struct inbox *helper)
{
	struct track_letter *l = t->close;

	if (!l || t->pending > 0 || t->growing)
		return;
	open_track_stats(t, l->ref, &l->result);
	l->bytes = t->end;
	l->letter.kind = TRACK_LETTER_CLOSED;
	t->close = NULL;
	t->closed = l->ref;
	t->state = OPEN_TRACK_NONE;
	srtp_track_destroy(t->srtp);
	t->srtp = NULL;
	atomic_store_explicit(&t->ref, TRACK_REF_NONE, memory_order_release);
	inbox_put(helper, &l->letter);
}
