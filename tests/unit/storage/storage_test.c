/* Chunks through storage.h to track files and back. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/storage/rig.h"
#include "storage/deliver.h"
#include "storage/journal.h"
#include "storage/render.h"
#include "storage/spool.h"
#include "storage/track_file.h"

/* Not reached here. */
int render_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct render_result *out)
{
	return -ENOSYS;
}

int deliver_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct delivery_result *out)
{
	return -ENOSYS;
}

static const char *recordings(const struct rig *r)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/recordings", r->folder);
	return path;
}

/* Reads a track back. Chunk numbers are base, base + 1, …, each to be met once; `seen` has `count`
 * entries. */
static void assert_track(const struct rig *r, const struct uuid *recording, enum track track,
	uint32_t base, uint32_t count)
{
	bool *seen = calloc(count + 1, 1);
	const struct chunk_header *h;
	struct track_file *file;
	struct errmsg e;
	char path[PATH_MAX];
	struct stat info;

	assert_int_equal(track_file_open(&file, recordings(r), recording, track, &e), 0);
	while (track_file_next(file, &h) == 1) {
		struct track_frames frames;
		struct track_frame frame;
		uint32_t number = 0;

		track_frames_begin(&frames, h);
		for (uint32_t i = 0; track_frames_next(&frames, &frame); i++) {
			memcpy(&number, frame.packet, sizeof(number));
			assert_true(number >= base && number < base + count);
			assert_true(rig_is_frame(frame.packet, frame.length, number, i));
		}
		assert_false(seen[number - base]);
		seen[number - base] = true;
	}
	assert_int_equal(track_file_stats(file)->chunks, count);
	assert_int_equal(track_file_stats(file)->missing_chunks, 0);
	assert_int_equal(track_file_stats(file)->damaged_bytes, 0);
	spool_file_path(recordings(r), recording, (enum spool_file)track, path);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, track_file_stats(file)->end_bytes);
	track_file_close(file);
	free(seen);
}

#define MANY 50
#define EACH 40

static void tracks_come_back_byte_for_byte(void **state)
{
	struct uuid ids[MANY];
	track_ref refs[MANY][TRACK_COUNT];
	uint32_t sent[MANY][TRACK_COUNT] = {0};
	struct storage_stats stats;
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	for (unsigned int i = 0; i < MANY; i++)
		ids[i] = rig_open(&r, i % 3 == 0 ? TRACKS_BOTH : 1 + i % 2, refs[i]);
	srand(1);
	for (unsigned int n = 0; n < MANY * TRACK_COUNT * EACH; n++) {
		unsigned int i = (unsigned int)rand() % MANY;
		unsigned int t = (unsigned int)rand() % TRACK_COUNT;

		if (refs[i][t] != TRACK_REF_NONE)
			rig_send(&r, (unsigned int)rand() % 2, refs[i][t],
				(i * 2 + t) * 100000 + sent[i][t]++);
	}
	for (unsigned int i = 0; i < MANY; i++)
		rig_close(&r, &ids[i]);
	rig_wait(&r, &r.events.closed, MANY);
	assert_int_equal(r.events.opened, MANY);
	for (unsigned int i = 0; i < MANY; i++)
		for (enum track t = 0; t < TRACK_COUNT; t++)
			if (refs[i][t] != TRACK_REF_NONE)
				assert_track(&r, &ids[i], t, (i * 2 + t) * 100000, sent[i][t]);
	storage_stats(r.storage, &stats);
	assert_int_equal(stats.tracks_open, 0);
	rig_assert_accounted(&r);
	assert_int_equal(rig_count(&r, WRITER_chunks_in), rig_count(&r, WRITER_chunks_written));
	assert_true(!stats.direct || rig_count(&r, WRITER_writes_buffered) == 0);
	assert_true(!stats.direct || !stats.fixed ||
		    rig_count(&r, WRITER_writes_fixed) == rig_count(&r, WRITER_chunks_written));
	assert_true(!stats.fixed || rig_count(&r, WRITER_writes_plain) == 0);
	rig_stop(&r);
}

static void a_long_track_grows(void **state)
{
	struct uuid id;
	track_ref refs[TRACK_COUNT];
	struct storage_closed live;
	struct rig r;
	uint32_t count = 3000;

	rig_init(&r);
	rig_start(&r);
	id = rig_open(&r, TRACK_BIT(TRACK_OUTGOING), refs);
	assert_int_equal(refs[TRACK_INCOMING], TRACK_REF_NONE);
	for (uint32_t i = 0; i < count; i++)
		rig_send(&r, 0, refs[TRACK_OUTGOING], i);
	assert_int_equal(storage_track_stats(r.storage, refs[TRACK_OUTGOING], &live), 0);
	rig_close(&r, &id);
	rig_wait(&r, &r.events.closed, 1);
	assert_int_equal(storage_track_stats(r.storage, refs[TRACK_OUTGOING], &live), -ENOENT);
	assert_track(&r, &id, TRACK_OUTGOING, 0, count);
	assert_int_equal(r.events.last_closed.chunks, count);
	assert_int_equal(r.events.last_closed.frames, count * RIG_FRAMES);
	assert_int_equal(r.events.last_closed.bytes, count * 4096);
	assert_true(rig_count(&r, WRITER_files_grown) >= 3);
	rig_stop(&r);
}

static void chunks_of_all_sizes_are_padded(void **state)
{
	struct uuid id;
	track_ref refs[TRACK_COUNT];
	struct chunk *c;
	struct rig r;

	rig_init(&r);
	r.chunk_bytes = 65536;
	rig_start(&r);
	id = rig_open(&r, TRACK_BIT(TRACK_INCOMING), refs);
	for (uint32_t i = 0; i < 380; i++) {
		c = rig_chunk(&r, 0);
		memset(c->data, 0xff, r.chunk_bytes);
		rig_fill(c, refs[0], 0, i, i + 1, 160);
		rig_hand_over(&r, c);
	}
	rig_close(&r, &id);
	rig_wait(&r, &r.events.closed, 1);
	assert_track(&r, &id, TRACK_INCOMING, 0, 380);
	rig_stop(&r);
}

static void ten_thousand_small_tracks(void **state)
{
	enum { RECORDINGS = 5000 };
	struct uuid *ids = calloc(RECORDINGS, sizeof(*ids));
	track_ref(*refs)[TRACK_COUNT] = calloc(RECORDINGS, sizeof(*refs));
	struct storage_stats stats;
	struct rig r;

	rig_init(&r);
	r.config.tracks_max = 2 * RECORDINGS;
	r.memory_bytes = 64UL << 20;
	rig_make(&r);
	storage_stats(r.storage, &stats);
	if (stats.spool_free_bytes < 8ULL << 30) {
		print_message("8 GiB of free space are needed in %s\n", r.folder);
		rig_stop(&r);
		skip();
	}
	rig_start(&r);
	for (unsigned int i = 0; i < RECORDINGS; i++) {
		ids[i] = rig_open(&r, TRACKS_BOTH, refs[i]);
		rig_send(&r, i % 2, refs[i][0], 2 * i);
		rig_send(&r, i % 2, refs[i][1], 2 * i + 1);
	}
	for (unsigned int i = 0; i < RECORDINGS; i++)
		rig_close(&r, &ids[i]);
	rig_wait(&r, &r.events.closed, RECORDINGS);
	assert_int_equal(rig_count(&r, WRITER_chunks_written), 2 * RECORDINGS);
	rig_assert_accounted(&r);
	for (unsigned int i = 0; i < RECORDINGS; i += 97) {
		assert_track(&r, &ids[i], TRACK_INCOMING, 2 * i, 1);
		assert_track(&r, &ids[i], TRACK_OUTGOING, 2 * i + 1, 1);
	}
	rig_stop(&r);
	free(refs);
	free(ids);
}

static void slots_are_bounded_and_reused(void **state)
{
	struct recording_info info = {.tracks = TRACKS_BOTH};
	struct uuid id;
	track_ref refs[TRACK_COUNT];
	track_ref stale[TRACK_COUNT];
	struct rig r;

	rig_init(&r);
	r.config.tracks_max = 3;
	rig_start(&r);
	id = rig_open(&r, TRACKS_BOTH, stale);
	uuid_random(&info.recording_id);
	assert_int_equal(storage_open(r.storage, &info, refs), -ENOSPC);
	info.recording_id = id;
	assert_int_equal(storage_open(r.storage, &info, refs), -EEXIST);
	for (unsigned int i = 1; i <= 10; i++) {
		rig_close(&r, &id);
		rig_wait(&r, &r.events.closed, i);
		id = rig_open(&r, TRACKS_BOTH, refs);
		rig_send(&r, 0, refs[0], i);
		/* References of a track that is gone, and of none. */
		rig_send(&r, 0, stale[1], 999);
		rig_send(&r, 1, TRACK_REF_NONE + 4 * i, 999);
	}
	rig_close(&r, &id);
	rig_wait(&r, &r.events.closed, 11);
	assert_track(&r, &id, TRACK_INCOMING, 10, 1);
	storage_stop_writers(r.storage);
	assert_int_equal(rig_count(&r, WRITER_drop_no_track), 20);
	assert_int_equal(rig_count(&r, WRITER_chunks_written), 10);
	rig_assert_accounted(&r);
	rig_stop(&r);
}

static void what_is_noted_stands_in_the_journal(void **state)
{
	static const struct codec codec = {.clock_hz = 8000, .name = "PCMU"};
	struct netaddr address = netaddr_from_ipv4("\x0a\x00\x00\x01", 4000);
	struct recording_window window = {.start_ns = 3, .stop_ns = 9, .reason = "hangup"};
	struct journal j;
	struct uuid id;
	track_ref refs[TRACK_COUNT];
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	id = rig_open(&r, TRACKS_BOTH, refs);
	storage_note_codecs(r.storage, &id, TRACK_INCOMING, 2, &codec, 1);
	storage_note_stream(r.storage, &id, TRACK_INCOMING, 5, 0, &address, &address, "");
	storage_note_start(r.storage, &id, 3);
	storage_note_pause(r.storage, &id, 4);
	storage_note_resume(r.storage, &id, 5);
	storage_note_paused_packets(r.storage, &id, TRACK_OUTGOING, 77);
	assert_int_equal(storage_close(r.storage, &id, &window), 0);
	assert_int_equal(storage_close(r.storage, &id, &window), -ENOENT);
	assert_int_equal(storage_note_start(r.storage, &id, 3), -ENOENT);
	rig_wait(&r, &r.events.closed, 1);
	assert_int_equal(journal_read(recordings(&r), &id, &j, NULL), 0);
	assert_int_equal(j.codecs_count, 1);
	assert_int_equal(j.streams[0].ordinal, 5);
	assert_int_equal(j.start_ns, 3);
	assert_int_equal(j.pauses[0].end_ns, 5);
	assert_int_equal(j.paused_packets[TRACK_OUTGOING], 77);
	assert_int_equal(j.window.stop_ns, 9);
	journal_free(&j);
	rig_stop(&r);
}

static unsigned int files_in(const char *folder)
{
	char command[160];
	unsigned int count = 0;
	FILE *list;

	snprintf(command, sizeof(command), "ls %s | wc -l", folder);
	list = popen(command, "r");
	assert_int_equal(fscanf(list, "%u", &count), 1);
	pclose(list);
	return count;
}

static void a_removed_recording_leaves_nothing(void **state)
{
	struct uuid ids[3];
	track_ref refs[TRACK_COUNT];
	struct storage_stats stats;
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	for (unsigned int i = 0; i < 3; i++) {
		ids[i] = rig_open(&r, TRACKS_BOTH, refs);
		rig_send(&r, 0, refs[0], i);
	}
	assert_int_equal(storage_remove(r.storage, &ids[0]), 0); /* while it is open */
	rig_close(&r, &ids[1]);
	assert_int_equal(storage_remove(r.storage, &ids[1]), 0); /* while it is being closed */
	rig_close(&r, &ids[2]);
	rig_wait(&r, &r.events.closed, 2);
	assert_int_equal(storage_remove(r.storage, &ids[2]), 0); /* after it */
	rig_wait(&r, &r.events.removed, 3);
	assert_int_equal(files_in(recordings(&r)), 0);
	storage_stats(r.storage, &stats);
	assert_int_equal(stats.tracks_open, 0);
	rig_stop(&r);
}

static void a_file_that_cannot_be_made_is_told(void **state)
{
	struct recording_info info = {.tracks = TRACKS_BOTH};
	track_ref refs[TRACK_COUNT];
	char path[PATH_MAX];
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	uuid_random(&info.recording_id);
	spool_file_path(recordings(&r), &info.recording_id, SPOOL_OUTGOING, path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(storage_open(r.storage, &info, refs), 0);
	rig_send(&r, 0, refs[TRACK_OUTGOING], 1);
	rig_wait(&r, &r.events.opened, 1);
	assert_int_equal(r.events.opened_err, -EEXIST);
	rig_send(&r, 0, refs[TRACK_OUTGOING], 2);
	rig_send(&r, 0, refs[TRACK_INCOMING], 3);
	rig_close(&r, &info.recording_id);
	rig_wait(&r, &r.events.closed, 1);
	assert_int_equal(r.events.last_closed.frames, RIG_FRAMES);
	assert_int_equal(r.events.last_closed.frames_dropped, 2 * RIG_FRAMES);
	assert_int_equal(rig_count(&r, WRITER_drop_disk_error), 2);
	rig_assert_accounted(&r);
	assert_track(&r, &info.recording_id, TRACK_INCOMING, 3, 1);
	rig_stop(&r);
}

static void stopping_writes_all_that_was_handed_over(void **state)
{
	struct uuid ids[20];
	track_ref refs[20][TRACK_COUNT];
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	for (unsigned int i = 0; i < 20; i++) {
		ids[i] = rig_open(&r, TRACKS_BOTH, refs[i]);
		for (uint32_t n = 0; n < 20; n++)
			rig_send(&r, n % 2, refs[i][n % 2], i * 100 + n / 2);
		if (i % 2)
			rig_close(&r, &ids[i]);
	}
	storage_stop_writers(r.storage);
	rig_assert_accounted(&r);
	assert_int_equal(rig_count(&r, WRITER_chunks_written), 400);
	rig_wait(&r, &r.events.closed, 10);
	for (unsigned int i = 0; i < 20; i++) {
		assert_track(&r, &ids[i], TRACK_INCOMING, i * 100, 10);
		assert_track(&r, &ids[i], TRACK_OUTGOING, i * 100, 10);
	}
	/* Its files are closed: it can still be removed. */
	assert_int_equal(storage_remove(r.storage, &ids[0]), 0);
	rig_wait(&r, &r.events.removed, 1);
	rig_stop(&r);
}

static void a_second_storage_is_refused(void **state)
{
	struct storage *other;
	struct errmsg e;
	struct rig r;

	rig_init(&r);
	rig_make(&r);
	assert_int_equal(storage_create(&other, &r.config, &r.topology, &r.pool, &e), -EBUSY);
	assert_non_null(strstr(e.text, r.folder));
	rig_stop(&r);
}

static void the_end_of_space_is_announced(void **state)
{
	struct rig r;

	rig_init(&r);
	r.config.disk_reserve_bytes = UINT64_MAX;
	rig_start(&r);
	rig_wait(&r, &r.events.space, 1);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tracks_come_back_byte_for_byte),
		cmocka_unit_test(a_long_track_grows),
		cmocka_unit_test(chunks_of_all_sizes_are_padded),
		cmocka_unit_test(ten_thousand_small_tracks),
		cmocka_unit_test(slots_are_bounded_and_reused),
		cmocka_unit_test(what_is_noted_stands_in_the_journal),
		cmocka_unit_test(a_removed_recording_leaves_nothing),
		cmocka_unit_test(a_file_that_cannot_be_made_is_told),
		cmocka_unit_test(stopping_writes_all_that_was_handed_over),
		cmocka_unit_test(a_second_storage_is_refused),
		cmocka_unit_test(the_end_of_space_is_announced),
	};

	rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
