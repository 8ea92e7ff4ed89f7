/* Storage and ledger of the world: what they are told is kept, what they answer waits. */
#include "recording_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world *the_world;
static struct storage_handlers storage;

void world_make_storage(struct world *w)
{
	the_world = w;
	recordings_storage_handlers(w->control.recordings, &storage);
}

void world_end_storage(struct world *w)
{
	for (struct world_file *f = w->files, *next; f; f = next) {
		next = f->next;
		free(f);
	}
	for (struct world_entry *e = w->entries, *next; e; e = next) {
		next = e->next;
		free(e);
	}
}

/* --- Storage --- */

struct world_file *world_file_of(struct world *w, const struct uuid *recording)
{
	for (struct world_file *f = w->files; f; f = f->next)
		if (uuid_equal(&f->info.recording_id, recording))
			return f;
	return NULL;
}

int storage_open(struct storage *s, const struct recording_info *info, track_ref refs[TRACK_COUNT])
{
	struct world *w = the_world;
	struct world_file *f = world_file_of(w, &info->recording_id);

	if (f)
		return -EEXIST; /* stricter than the real one: an id is for one recording, for ever
				 */
	if (w->files_open == w->files_max)
		return -ENOSPC;
	f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->info = *info;
	for (unsigned int t = 0; t < TRACK_COUNT; t++)
		refs[t] = f->refs[t] = info->tracks & TRACK_BIT(t) ? ++w->next_ref : TRACK_REF_NONE;
	f->next = w->files;
	w->files = f;
	w->files_open++;
	return 0;
}

/* A note belongs to files that are open, or opening. */
static struct world_file *noted(const struct uuid *recording)
{
	struct world_file *f = world_file_of(the_world, recording);

	assert_non_null(f);
	assert_true(f->state <= FILE_OPEN);
	return f;
}

int storage_note_stream(struct storage *s, const struct uuid *recording, enum track track,
	uint32_t ordinal, uint32_t party, const struct netaddr *source,
	const struct netaddr *destination, const char *encapsulation)
{
	assert_int_equal(noted(recording)->streams++, ordinal);
	return 0;
}

int storage_set_keys(struct storage *s, const struct uuid *recording, enum track track,
	enum srtp_mode mode, const struct srtp_keys *keys, uint64_t at_ns, uint64_t sealed_from_ns)
{
	struct world_file *f = noted(recording);

	if (the_world->no_memory)
		return -ENOMEM;
	f->modes[track] = mode;
	return 0;
}

int storage_note_codecs(struct storage *s, const struct uuid *recording, enum track track,
	uint64_t at_ns, const struct codec *codecs, unsigned int count)
{
	struct world_file *f = noted(recording);

	if (the_world->no_notes)
		return -ENOMEM;
	snprintf(f->codec[track], sizeof(f->codec[track]), "%s", codecs[0].name);
	return 0;
}

int storage_note_start(struct storage *s, const struct uuid *recording, uint64_t at_ns)
{
	struct world_file *f = noted(recording);

	assert_int_equal(f->start_ns, 0);
	f->start_ns = at_ns;
	return 0;
}

int storage_note_pause(struct storage *s, const struct uuid *recording, uint64_t at_ns)
{
	struct world_file *f = noted(recording);

	assert_int_not_equal(f->start_ns, 0);
	assert_true(f->pause_count == 0 || f->pauses[f->pause_count - 1].end_ns);
	assert_true(f->pause_count < WORLD_PAUSES_MAX);
	f->pauses[f->pause_count++] = (struct recording_pause){.start_ns = at_ns};
	return 0;
}

int storage_note_resume(struct storage *s, const struct uuid *recording, uint64_t at_ns)
{
	struct world_file *f = noted(recording);

	assert_true(f->pause_count > 0 && !f->pauses[f->pause_count - 1].end_ns);
	f->pauses[f->pause_count - 1].end_ns = at_ns;
	return 0;
}

int storage_note_paused_packets(
	struct storage *s, const struct uuid *recording, enum track track, uint64_t packets)
{
	noted(recording)->while_paused[track] = packets;
	return 0;
}

int storage_note_withheld_packets(
	struct storage *s, const struct uuid *recording, enum track track, uint64_t packets)
{
	fail_msg("nothing is withheld here");
	return -EINVAL;
}

int storage_close(
	struct storage *s, const struct uuid *recording, const struct recording_window *window)
{
	struct world_file *f = noted(recording);

	assert_int_not_equal(f->start_ns, 0);
	assert_true(window->start_ns == f->start_ns && window->stop_ns >= window->start_ns);
	f->window = *window;
	f->state = FILE_CLOSING;
	the_world->files_open--;
	return 0;
}

int storage_finish(struct storage *s, const struct uuid *recording)
{
	struct world_file *f = world_file_of(the_world, recording);

	assert_int_equal(f->state, FILE_CLOSED);
	f->finish = true;
	return 0;
}

int storage_remove(struct storage *s, const struct uuid *recording)
{
	struct world_file *f = world_file_of(the_world, recording);

	assert_non_null(f);
	assert_int_not_equal(f->state, FILE_REMOVED);
	if (f->state <= FILE_OPEN)
		the_world->files_open--;
	f->state = FILE_REMOVED;
	return 0;
}

static void tell_rendered(struct world_file *f)
{
	struct storage_rendered result = {.start_ns = f->window.start_ns,
		.duration_ms = (f->window.stop_ns - f->window.start_ns + 500000) / 1000000,
		.bytes = 44,
		.sha256 = "00"};

	f->rendered = true;
	storage.rendered(storage.arg, &f->info.recording_id, &result);
}

bool world_storage(struct world *w, struct world_file *f)
{
	const struct storage_closed closed = {.frames = f->frames[0] + f->frames[1]};

	if (f->state == FILE_OPENING) {
		f->state = FILE_OPEN;
		f->failed = f->open_err != 0;
		storage.opened(storage.arg, &f->info.recording_id, f->open_err);
	} else if (f->state == FILE_CLOSING) {
		f->state = FILE_CLOSED;
		storage.closed(storage.arg, &f->info.recording_id, &closed);
	} else if (f->state == FILE_CLOSED && f->finish && !f->rendered) {
		tell_rendered(f);
	} else if (f->state == FILE_CLOSED && f->rendered) {
		f->state = FILE_DONE;
		storage.delivered(storage.arg, &f->info.recording_id, "00", 44);
	} else {
		return false;
	}
	return true;
}

/* --- The ledger --- */

void ledger_append(
	struct ledger *l, const struct ledger_entry *entry, ledger_done_h *done, void *arg)
{
	struct world_entry *e = calloc(1, sizeof(*e));
	struct world_entry **at = &the_world->entries;

	assert_non_null(e);
	*e = (struct world_entry){.entry = *entry, .done = done, .arg = arg};
	snprintf(e->reason, sizeof(e->reason), "%s", entry->reason ? entry->reason : "");
	e->entry.reason = e->reason;
	assert_null(world_entry(the_world, &entry->recording_id, entry->type));
	if (entry->type != LEDGER_START)
		assert_non_null(world_entry(the_world, &entry->recording_id, LEDGER_START));
	if (entry->type == LEDGER_DELIVERED)
		assert_non_null(world_entry(the_world, &entry->recording_id, LEDGER_STOP));
	while (*at)
		at = &(*at)->next;
	*at = e;
}

bool world_sync(struct world *w, int err)
{
	struct world_entry *e = w->entries;

	while (e && (e->durable || e->err))
		e = e->next;
	if (!e)
		return false;
	e->durable = err == 0;
	e->err = err;
	e->done(e->arg, err);
	return true;
}

struct world_entry *world_entry(
	struct world *w, const struct uuid *recording, enum ledger_type type)
{
	for (struct world_entry *e = w->entries; e; e = e->next)
		if (e->entry.type == type && uuid_equal(&e->entry.recording_id, recording))
			return e;
	return NULL;
}

const char *world_ledger(struct world *w, const struct uuid *recording)
{
	static const char *const names[] = {"start", "stop", "delivered"};
	static char text[64];

	text[0] = '\0';
	for (struct world_entry *e = w->entries; e; e = e->next) {
		if (!e->durable || !uuid_equal(&e->entry.recording_id, recording))
			continue;
		if (text[0])
			strcat(text, " ");
		strcat(text, names[e->entry.type]);
	}
	return text;
}
