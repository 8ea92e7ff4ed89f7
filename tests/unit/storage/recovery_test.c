/* A process is killed while it writes; the next finds every chunk that was written.
 *
 * The child is this program again, with two words: the folder of its rig, and the file in which it
 * tells what it has done, shared memory that outlives it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "storage/checkpoint.h"
#include "storage/deliver.h"
#include "storage/journal.h"
#include "storage/render.h"
#include "storage/spool.h"
#include "storage/track_file.h"
#include "tests/unit/storage/rig.h"

#define RECORDINGS 12
#define KILLS 6

/* What the child tells. */
struct told {
	atomic_bool ready;
	_Atomic uint64_t total;
	struct uuid ids[RECORDINGS];
	_Atomic uint64_t written[RECORDINGS][TRACK_COUNT]; /* chunks */
};

int render_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct render_result *out)
{
	struct journal j;

	/* What a renderer needs is there. */
	out->failed = journal_read(recordings_folder, recording, &j, NULL) != 0 || !j.closed ||
		      strcmp(j.window.cut_short, "crash") != 0;
	journal_free(&j);
	out->json = strdup("{}");
	return 0;
}

int deliver_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct delivery_result *out)
{
	return 0;
}

/* --- The child --- */

/* What was asked before is carried out: letters are taken in order. */
static void wait_for_notes(struct rig *r)
{
	track_ref refs[TRACK_COUNT];
	struct uuid last = rig_open(r, TRACKS_BOTH, refs);

	rig_wait(r, &r->events.opened, RECORDINGS + 1);
	rig_close(r, &last);
	rig_wait(r, &r->events.closed, 1);
	storage_remove(r->storage, &last);
	rig_wait(r, &r->events.removed, 1);
}

static void open_all(struct rig *r, struct told *told, track_ref refs[][TRACK_COUNT])
{
	static const struct codec codec = {.clock_hz = 8000, .name = "PCMU"};

	for (unsigned int i = 0; i < RECORDINGS; i++) {
		told->ids[i] = rig_open(r, TRACKS_BOTH, refs[i]);
		storage_note_codecs(r->storage, &told->ids[i], TRACK_INCOMING, 1, &codec, 1);
		storage_note_start(r->storage, &told->ids[i], clock_now_ns());
		if (i == 0)
			storage_note_pause(r->storage, &told->ids[0], clock_now_ns());
	}
	wait_for_notes(r);
	atomic_store(&told->ready, true);
}

static void tell(struct rig *r, struct told *told, track_ref refs[][TRACK_COUNT])
{
	for (unsigned int i = 0; i < RECORDINGS; i++) {
		for (unsigned int t = 0; t < TRACK_COUNT; t++) {
			struct storage_closed stats;

			if (storage_track_stats(r->storage, refs[i][t], &stats) == 0)
				atomic_store(&told->written[i][t], stats.chunks);
		}
	}
	atomic_store(&told->total, rig_count(r, WRITER_chunks_written));
}

/* Writes until it is killed. */
_Noreturn static void child(const char *folder, const char *told_path)
{
	int fd = open(told_path, O_RDWR | O_CLOEXEC);
	struct told *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	track_ref refs[RECORDINGS][TRACK_COUNT];
	struct rig r;

	rig_eal();
	rig_init(&r);
	rmdir(r.folder);
	snprintf(r.folder, sizeof(r.folder), "%s", folder);
	r.config.max_age_ns = 20000000;
	rig_start(&r);
	open_all(&r, told, refs);
	for (uint32_t n = 0;; n++) {
		for (unsigned int i = 0; i < RECORDINGS; i++)
			rig_send(&r, i % 2, refs[i][n % 2], n / 2);
		tell(&r, told, refs);
	}
}

/* --- The parent --- */

struct found {
	unsigned int count;
	struct storage_leftover leftovers[RECORDINGS];
};

static void on_found(void *arg, const struct storage_leftover *l)
{
	struct found *found = arg;

	assert_true(found->count < RECORDINGS);
	found->leftovers[found->count++] = *l;
}

static struct told *make_told(char *path)
{
	int fd = mkstemp(path);
	struct told *told;

	assert_int_equal(ftruncate(fd, sizeof(*told)), 0);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	assert_ptr_not_equal(told, MAP_FAILED);
	return told;
}

/* Runs a child until so many chunks are written, then kills it. */
static void run_and_kill(
	const struct rig *r, const char *told_path, struct told *told, uint64_t total)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/proc/self/exe", "recovery_test", r->folder, told_path, NULL);
		_exit(127);
	}
	while (!atomic_load(&told->ready) || atomic_load(&told->total) < total) {
		assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
		usleep(100);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* The newest packet's end as the track files have it. */
static uint64_t assert_chunks(
	const struct rig *r, const struct uuid *id, enum track t, uint64_t least)
{
	char folder[128];
	const struct chunk_header *h;
	struct track_file *file;
	uint64_t end_ns = 0;

	snprintf(folder, sizeof(folder), "%s/recordings", r->folder);
	assert_int_equal(track_file_open(&file, folder, id, t, NULL), 0);
	while (track_file_next(file, &h) == 1) {
		struct track_frames frames;
		struct track_frame frame;

		track_frames_begin(&frames, h);
		for (uint32_t i = 0; track_frames_next(&frames, &frame); i++) {
			uint32_t number = 0;

			memcpy(&number, frame.packet, sizeof(number));
			assert_int_equal(number, h->sequence);
			assert_true(rig_is_frame(frame.packet, frame.length, number, i));
		}
		end_ns = h->base_ns + RIG_FRAMES * 20000000ULL;
	}
	assert_true(track_file_stats(file)->chunks >= least);
	assert_int_equal(track_file_stats(file)->damaged_bytes, 0);
	track_file_close(file);
	return end_ns;
}

static void assert_leftover(
	const struct rig *r, const struct told *told, const struct storage_leftover *l)
{
	unsigned int i = 0;
	uint64_t end_ns = 0;

	while (i < RECORDINGS && !uuid_equal(&told->ids[i], &l->info.recording_id))
		i++;
	assert_true(i < RECORDINGS);
	assert_true(l->started && !l->closed && !l->rendered && !l->delivered);
	assert_int_equal(l->paused, i == 0);
	for (enum track t = 0; t < TRACK_COUNT; t++) {
		uint64_t ns = assert_chunks(r, &l->info.recording_id, t, told->written[i][t]);

		end_ns = ns > end_ns ? ns : end_ns;
	}
	assert_true(l->checkpoint_ns >= end_ns);
	/* Killed at once, a recording may have begun after the newest checkpoint. */
	assert_true(l->checkpoint_ns > l->start_ns || end_ns == 0);
}

static void assert_no_checkpoint_left(const struct rig *r)
{
	char command[128];

	snprintf(command, sizeof(command), "test -z \"$(ls %s | grep checkpoint)\"", r->folder);
	assert_int_equal(system(command), 0);
}

static void finish_all(struct rig *r, const struct found *found)
{
	struct recording_window window = {.reason = "crash", .cut_short = "crash"};

	for (unsigned int i = 0; i < found->count; i++) {
		const struct storage_leftover *l = &found->leftovers[i];

		window.start_ns = l->start_ns;
		window.stop_ns = l->checkpoint_ns > l->start_ns ? l->checkpoint_ns : l->start_ns;
		assert_int_equal(
			storage_close_leftover(r->storage, &l->info.recording_id, &window), 0);
		assert_int_equal(storage_finish(r->storage, &l->info.recording_id), 0);
	}
	rig_start(r);
	rig_wait(r, &r->events.delivered, found->count);
	for (unsigned int i = 0; i < found->count; i++)
		storage_remove(r->storage, &found->leftovers[i].info.recording_id);
	rig_wait(r, &r->events.removed, found->count);
}

static void every_chunk_written_survives_a_kill(void **state)
{
	for (unsigned int n = 0; n < KILLS; n++) {
		char told_path[] = "/tmp/legtap_told_XXXXXX";
		struct told *told = make_told(told_path);
		struct found found = {0};
		struct found none = {0};
		struct rig r;

		rig_init(&r);
		run_and_kill(&r, told_path, told, (uint64_t)rand() % 2000);
		rig_make(&r);
		assert_int_equal(storage_recover(r.storage, on_found, &found, NULL), RECORDINGS);
		for (unsigned int i = 0; i < RECORDINGS; i++)
			assert_leftover(&r, told, &found.leftovers[i]);
		finish_all(&r, &found);
		assert_int_equal(storage_recover(r.storage, on_found, &none, NULL), 0);
		assert_int_equal(none.count, 0);
		rig_stop(&r);
		munmap(told, sizeof(*told));
		unlink(told_path);
	}
}

/* --- Spools made by hand --- */

static void put_file(
	const struct rig *r, const struct uuid *id, enum spool_file kind, const char *text)
{
	char folder[128];
	char path[PATH_MAX];
	FILE *file;

	snprintf(folder, sizeof(folder), "%s/recordings", r->folder);
	assert_int_equal(spool_file_path(folder, id, kind, path), 0);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
}

static char *open_line(const struct uuid *id, const struct uuid *run)
{
	struct recording_info info = {.recording_id = *id, .tracks = TRACKS_BOTH};

	return journal_line_open(&info, run);
}

static void a_cut_journal_is_cut_clean(void **state)
{
	struct found found = {0};
	struct uuid id = {.bytes = {1}};
	char text[4096];
	char *line = open_line(&id, &id);
	struct rig r;

	rig_init(&r);
	rig_make(&r);
	snprintf(text, sizeof(text), "%s{\"event\":\"start\",\"at_ns\":\"5\"}\n{\"event\":\"clo",
		line);
	put_file(&r, &id, SPOOL_JOURNAL, text);
	assert_int_equal(storage_recover(r.storage, on_found, &found, NULL), 1);
	assert_true(found.leftovers[0].started);
	assert_int_equal(found.leftovers[0].checkpoint_ns, 0);
	finish_all(&r, &found); /* what is appended stands on a line of its own */
	free(line);
	rig_stop(&r);
}

static void what_cannot_be_read_is_left_alone(void **state)
{
	struct found found = {0};
	struct uuid empty = {.bytes = {1}};
	struct uuid other = {.bytes = {2}};
	struct uuid later = {.bytes = {3}};
	struct uuid damaged = {.bytes = {4}};
	char *line = open_line(&damaged, &damaged);
	char text[4096];
	struct rig r;

	rig_init(&r);
	rig_make(&r);
	put_file(&r, &empty, SPOOL_JOURNAL, "");
	put_file(&r, &empty, SPOOL_INCOMING, "");
	put_file(&r, &other, SPOOL_JOURNAL, line); /* another's name */
	put_file(&r, &later, SPOOL_JOURNAL, "{\"event\":\"open\",\"version\":2}\n");
	snprintf(text, sizeof(text),
		"%s{\"event\":\"pause\",\"at_ns\":\"5\"}\n{}\n{\"event\":\"delivered\"}\n", line);
	put_file(&r, &damaged, SPOOL_JOURNAL, text);
	assert_int_equal(storage_recover(r.storage, on_found, &found, NULL), 1);
	assert_true(found.leftovers[0].paused && !found.leftovers[0].delivered);
	/* The empty one is gone, the two that are not understood are as they were. */
	found.count = 0;
	assert_int_equal(storage_recover(r.storage, on_found, &found, NULL), 1);
	snprintf(text, sizeof(text), "test $(ls %s/recordings | wc -l) = 3", r.folder);
	assert_int_equal(system(text), 0);
	free(line);
	rig_stop(&r);
}

static void the_earliest_of_the_writers_counts(void **state)
{
	struct spool spool;
	struct uuid run = {.bytes = {1}};
	struct uuid other = {.bytes = {2}};
	struct rig r;

	rig_init(&r);
	assert_int_equal(spool_open(&spool, r.folder, NULL), 0);
	assert_int_equal(checkpoint_read(&spool, &run), 0);
	assert_int_equal(checkpoint_write(&spool, &run, 0, 1700000000123456789ULL), 0);
	assert_int_equal(checkpoint_write(&spool, &run, 1, 1700000000123456780ULL), 0);
	assert_int_equal(checkpoint_write(&spool, &run, 1, 1700000000123456788ULL), 0);
	assert_int_equal(checkpoint_write(&spool, &other, 0, 5), 0);
	assert_true(checkpoint_read(&spool, &run) == 1700000000123456788ULL);
	assert_true(checkpoint_read(&spool, &other) == 5);
	spool_close(&spool);
	rig_make(&r);
	assert_int_equal(storage_recover(r.storage, on_found, NULL, NULL), 0);
	assert_no_checkpoint_left(&r);
	rig_stop(&r);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_chunk_written_survives_a_kill),
		cmocka_unit_test(a_cut_journal_is_cut_clean),
		cmocka_unit_test(what_cannot_be_read_is_left_alone),
		cmocka_unit_test(the_earliest_of_the_writers_counts),
	};

	if (argc == 3)
		child(argv[1], argv[2]);
	srand((unsigned int)getpid());
	rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
