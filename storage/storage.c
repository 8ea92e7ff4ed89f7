/* The room's front: what the control thread calls becomes orders, and events become calls of its
 * handlers. Owner: the control thread. */
#include "storage/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "storage/assembly.h"
#include "storage/event.h"
#include "storage/journal.h"
#include "storage/recovery.h"

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
	if (err == -ENOSPC && s->files_wanted)
		storage_warn_files(s);
	if (err != 0)
		return err;
	err = order_line(
		s, ORDER_OPEN, &info->recording_id, journal_line_open(info, &s->run), r->refs);
	if (err != 0) {
		slots_release(&s->slots, r);
		return err;
	}
	for (enum track t = 0; t < TRACK_COUNT; t++)
		refs[t] = r->refs[t];
	return 0;
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
	uint32_t ordinal, uint32_t party, const struct netaddr *source,
	const struct netaddr *destination, const char *encapsulation)
{
	return note(s, recording,
		journal_line_stream(track, ordinal, party, source, destination, encapsulation));
}

int storage_note_codecs(struct storage *s, const struct uuid *recording, enum track track,
	uint64_t at_ns, const struct codec *codecs, unsigned int count)
{
	return note(s, recording, journal_line_codecs(track, at_ns, codecs, count));
}

int storage_set_keys(struct storage *s, const struct uuid *recording, enum track track,
	enum srtp_mode mode, const struct srtp_keys *keys, uint64_t at_ns, uint64_t sealed_from_ns)
{
	struct slots_recording *r = slots_find(&s->slots, recording);
	struct keys_letter *l;

	if (!r || r->ending || r->refs[track] == TRACK_REF_NONE)
		return -ENOENT;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->letter.kind = TRACK_LETTER_KEYS;
	l->ref = r->refs[track];
	l->setting = (struct srtp_setting){
		.mode = mode, .at_ns = at_ns, .sealed_from_ns = sealed_from_ns, .keys = *keys};
	inbox_put(writer_inbox(s->writers[track_ref_slot(l->ref) % s->config.writer_count]),
		&l->letter);
	return 0;
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

int storage_note_withheld_packets(
	struct storage *s, const struct uuid *recording, enum track track, uint64_t packets)
{
	return note(s, recording, journal_line_withheld_packets(track, packets));
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
