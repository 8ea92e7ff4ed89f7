/* A real disk that runs full: a small ext4 on a loop device. Needs root, a loop device and mkfs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/deliver.h"
#include "storage/journal.h"
#include "storage/render.h"
#include "storage/track_file.h"
#include "tests/unit/storage/rig.h"

static char image[] = "/var/tmp/legtap_image_XXXXXX";
static char folder[] = "/var/tmp/legtap_mount_XXXXXX";

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

/* Whether there is a disk now. */
static bool mount_disk(void)
{
	char command[256];

	if (geteuid() != 0 || close(mkstemp(image)) != 0 || !mkdtemp(folder))
		return false;
	/* No journal of the file system's own: it would fill most of so small a disk. */
	snprintf(command, sizeof(command),
		"truncate -s 24M %s && mkfs.ext4 -q -F -O ^has_journal -m 0 %s && "
		"mount -o loop %s %s",
		image, image, image, folder);
	if (system(command) == 0)
		return true;
	rmdir(folder);
	unlink(image);
	return false;
}

static int unmount_disk(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "umount %s", folder);
	if (system(command) != 0)
		return -1;
	rmdir(folder);
	unlink(image);
	return 0;
}

static void start(struct rig *r)
{
	rig_init(r);
	rmdir(r->folder);
	snprintf(r->folder, sizeof(r->folder), "%s/spool", folder);
	rig_start(r);
}

/* Chunks of a track that were read back. */
static uint64_t read_back(const struct rig *r, const struct uuid *id, enum track t)
{
	char path[128];
	const struct chunk_header *h;
	struct track_file *file;
	uint64_t count = 0;

	snprintf(path, sizeof(path), "%s/recordings", r->folder);
	assert_int_equal(track_file_open(&file, path, id, t, NULL), 0);
	while (track_file_next(file, &h) == 1)
		count++;
	assert_int_equal(track_file_stats(file)->damaged_bytes, 0);
	track_file_close(file);
	return count;
}

static void what_does_not_fit_is_counted(void **state)
{
	struct uuid ids[4];
	track_ref refs[4][TRACK_COUNT];
	uint64_t found = 0;
	struct rig r;

	start(&r);
	for (unsigned int i = 0; i < 4; i++)
		ids[i] = rig_open(&r, TRACKS_BOTH, refs[i]);
	/* 40 MB into 24. */
	for (uint32_t n = 0; n < 10000; n++)
		rig_send(&r, n % 2, refs[n % 4][n / 4 % 2], n);
	for (unsigned int i = 0; i < 4; i++)
		rig_close(&r, &ids[i]);
	storage_stop_writers(r.storage);
	rig_wait(&r, &r.events.closed, 4);
	rig_assert_accounted(&r);
	assert_int_equal(rig_count(&r, WRITER_chunks_in), 10000);
	assert_true(rig_count(&r, WRITER_drop_disk_full) > 1000);
	assert_true(rig_count(&r, WRITER_chunks_written) > 1000);
	assert_int_equal(rig_count(&r, WRITER_drop_disk_error), 0);
	for (unsigned int i = 0; i < 4; i++)
		found += read_back(&r, &ids[i], TRACK_INCOMING) +
			 read_back(&r, &ids[i], TRACK_OUTGOING);
	assert_int_equal(found, rig_count(&r, WRITER_chunks_written));
	rig_stop(&r);
}

static void recording_goes_on_when_there_is_room_again(void **state)
{
	struct uuid big;
	struct uuid small;
	track_ref big_refs[TRACK_COUNT];
	track_ref refs[TRACK_COUNT];
	struct journal j;
	char path[128];
	struct rig r;

	start(&r);
	small = rig_open(&r, TRACK_BIT(TRACK_INCOMING), refs);
	big = rig_open(&r, TRACKS_BOTH, big_refs);
	for (uint32_t n = 0; rig_count(&r, WRITER_drop_disk_full) < 100; n++)
		rig_send(&r, n % 2, big_refs[n % 2], n);
	rig_send(&r, 0, refs[0], 0);
	storage_note_start(r.storage, &small, 5);
	storage_remove(r.storage, &big);
	rig_wait(&r, &r.events.removed, 1);
	rig_send(&r, 0, refs[0], 1);
	rig_send(&r, 0, refs[0], 2);
	rig_close(&r, &small);
	rig_wait(&r, &r.events.closed, 1);
	assert_true(r.events.last_closed.frames >= 2 * RIG_FRAMES);
	assert_int_equal(read_back(&r, &small, TRACK_INCOMING), r.events.last_closed.chunks);
	snprintf(path, sizeof(path), "%s/recordings", r.folder);
	assert_int_equal(journal_read(path, &small, &j, NULL), 0);
	assert_true(j.started && j.closed); /* no line was lost */
	journal_free(&j);
	rig_assert_accounted(&r);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(recording_goes_on_when_there_is_room_again),
	};

	if (!mount_disk()) {
		puts("not run: root, mkfs.ext4 and a loop device are needed");
		return 77;
	}
	rig_eal();
	return cmocka_run_group_tests(tests, NULL, unmount_disk);
}
