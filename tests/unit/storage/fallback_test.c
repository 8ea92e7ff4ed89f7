/* What the kernel may refuse, and writes that do not end as they should. The calls are wrapped by
 * the linker (meson.build), so that each can be made to fail. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <liburing.h>

#include "storage/deliver.h"
#include "storage/render.h"
#include "storage/track_file.h"
#include "tests/unit/storage/rig.h"

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

/* --- The wrapped calls --- */

static struct {
	bool no_direct;
	int no_ring; /* -errno of every ring */
	bool no_deferred;
	bool no_fixed;
	bool no_fallocate;
	atomic_int results; /* so many writes come to the end that is next */
	int result;	    /* -errno; 1: half of what was written */
} faults;

int __real_openat64(int folder, const char *name, int flags, mode_t mode);
int __wrap_openat64(int folder, const char *name, int flags, mode_t mode);
int __real_fallocate64(int fd, int mode, off_t offset, off_t bytes);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t bytes);
int __real_io_uring_queue_init_params(
	unsigned entries, struct io_uring *ring, struct io_uring_params *p);
int __wrap_io_uring_queue_init_params(
	unsigned entries, struct io_uring *ring, struct io_uring_params *p);
int __real_io_uring_register_buffers(
	struct io_uring *ring, const struct iovec *buffers, unsigned count);
int __wrap_io_uring_register_buffers(
	struct io_uring *ring, const struct iovec *buffers, unsigned count);
unsigned __real_io_uring_peek_batch_cqe(
	struct io_uring *ring, struct io_uring_cqe **cqes, unsigned count);
unsigned __wrap_io_uring_peek_batch_cqe(
	struct io_uring *ring, struct io_uring_cqe **cqes, unsigned count);

int __wrap_openat64(int folder, const char *name, int flags, mode_t mode)
{
	if (faults.no_direct && (flags & O_DIRECT)) {
		errno = EINVAL;
		return -1;
	}
	return __real_openat64(folder, name, flags, mode);
}

int __wrap_fallocate64(int fd, int mode, off_t offset, off_t bytes)
{
	if (faults.no_fallocate) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_fallocate64(fd, mode, offset, bytes);
}

int __wrap_io_uring_queue_init_params(
	unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
	if (faults.no_ring)
		return faults.no_ring;
	if (faults.no_deferred && (p->flags & IORING_SETUP_DEFER_TASKRUN))
		return -EINVAL;
	return __real_io_uring_queue_init_params(entries, ring, p);
}

int __wrap_io_uring_register_buffers(
	struct io_uring *ring, const struct iovec *buffers, unsigned count)
{
	return faults.no_fixed ? -ENOMEM : __real_io_uring_register_buffers(ring, buffers, count);
}

unsigned __wrap_io_uring_peek_batch_cqe(
	struct io_uring *ring, struct io_uring_cqe **cqes, unsigned count)
{
	unsigned got = __real_io_uring_peek_batch_cqe(ring, cqes, count);

	for (unsigned i = 0; i < got; i++)
		if (atomic_load(&faults.results) > 0 && cqes[i]->res > 1) {
			atomic_fetch_sub(&faults.results, 1);
			cqes[i]->res = faults.result == 1 ? cqes[i]->res / 2 : faults.result;
		}
	return got;
}

/* --- Tests --- */

#define CHUNKS 300

static void read_back(const struct rig *r, const struct uuid *id, struct track_file_stats *stats)
{
	char folder[128];
	const struct chunk_header *h;
	struct track_file *file;

	snprintf(folder, sizeof(folder), "%s/recordings", r->folder);
	assert_int_equal(track_file_open(&file, folder, id, TRACK_INCOMING, NULL), 0);
	while (track_file_next(file, &h) == 1)
		continue;
	*stats = *track_file_stats(file);
	track_file_close(file);
}

/* A track of CHUNKS chunks, to disk and back. */
static void record(struct rig *r, struct track_file_stats *stats)
{
	track_ref refs[TRACK_COUNT];
	struct uuid id;

	rig_init(r);
	rig_start(r);
	id = rig_open(r, TRACK_BIT(TRACK_INCOMING), refs);
	for (uint32_t i = 0; i < CHUNKS; i++)
		rig_send(r, 0, refs[TRACK_INCOMING], i);
	rig_close(r, &id);
	rig_wait(r, &r->events.closed, 1);
	rig_assert_accounted(r);
	read_back(r, &id, stats);
	assert_int_equal(stats->damaged_bytes, 0);
}

static int no_faults(void **state)
{
	memset(&faults, 0, sizeof(faults));
	return 0;
}

static void without_direct_io_writes_are_buffered(void **state)
{
	struct track_file_stats stats;
	struct rig r;

	faults.no_direct = true;
	record(&r, &stats);
	assert_int_equal(stats.chunks, CHUNKS);
	assert_int_equal(rig_count(&r, WRITER_writes_buffered), CHUNKS);
	assert_int_equal(rig_count(&r, WRITER_writes_fixed), 0);
	rig_stop(&r);
}

static void without_registered_buffers_writes_are_plain(void **state)
{
	struct track_file_stats stats;
	struct storage_stats now;
	struct rig r;

	faults.no_fixed = true;
	record(&r, &stats);
	storage_stats(r.storage, &now);
	assert_false(now.fixed);
	assert_int_equal(stats.chunks, CHUNKS);
	assert_int_equal(
		rig_count(&r, now.direct ? WRITER_writes_plain : WRITER_writes_buffered), CHUNKS);
	rig_stop(&r);
}

static void an_older_kernel_will_do(void **state)
{
	struct track_file_stats stats;
	struct rig r;

	faults.no_deferred = true;
	faults.no_fallocate = true;
	record(&r, &stats);
	assert_int_equal(stats.chunks, CHUNKS);
	rig_stop(&r);
}

static void without_io_uring_it_says_what_to_do(void **state)
{
	struct errmsg e;
	struct rig r;

	faults.no_ring = -EPERM;
	rig_init(&r);
	rig_make(&r);
	assert_int_equal(storage_start(r.storage, &e), -EPERM);
	assert_non_null(strstr(e.text, "io_uring_disabled"));
	rig_stop(&r);
}

static void short_writes_go_on(void **state)
{
	struct track_file_stats stats;
	struct rig r;

	faults.result = 1;
	atomic_store(&faults.results, 70);
	record(&r, &stats);
	assert_int_equal(stats.chunks, CHUNKS);
	assert_int_equal(rig_count(&r, WRITER_chunks_written), CHUNKS);
	assert_int_equal(rig_count(&r, WRITER_write_retries), 70);
	rig_stop(&r);
}

static void interrupted_writes_are_tried_again(void **state)
{
	struct track_file_stats stats;
	struct rig r;

	faults.result = -EAGAIN;
	atomic_store(&faults.results, 70);
	record(&r, &stats);
	assert_int_equal(stats.chunks, CHUNKS);
	assert_int_equal(rig_count(&r, WRITER_write_retries), 70);
	rig_stop(&r);
}

static void failed_writes_are_counted_and_recording_goes_on(void **state)
{
	struct track_file_stats stats;
	struct rig r;

	faults.result = -EIO;
	atomic_store(&faults.results, 7);
	record(&r, &stats);
	assert_int_equal(rig_count(&r, WRITER_drop_disk_error), 7);
	assert_int_equal(rig_count(&r, WRITER_chunks_written), CHUNKS - 7);
	assert_int_equal(r.events.last_closed.frames_dropped, 7 * RIG_FRAMES);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_direct_io_writes_are_buffered, no_faults),
		cmocka_unit_test_setup(without_registered_buffers_writes_are_plain, no_faults),
		cmocka_unit_test_setup(an_older_kernel_will_do, no_faults),
		cmocka_unit_test_setup(without_io_uring_it_says_what_to_do, no_faults),
		cmocka_unit_test_setup(short_writes_go_on, no_faults),
		cmocka_unit_test_setup(interrupted_writes_are_tried_again, no_faults),
		cmocka_unit_test_setup(failed_writes_are_counted_and_recording_goes_on, no_faults),
	};

	rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
