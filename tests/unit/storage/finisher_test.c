/* The way of a closed recording through rendering and delivery, with both faked. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/deliver.h"
#include "storage/journal.h"
#include "storage/render.h"
#include "storage/spool.h"
#include "tests/unit/storage/rig.h"

/* What the fakes do, set by each test before it queues anything. */
static struct {
	atomic_uint render_errors; /* so many times -ENOSPC first */
	atomic_bool render_fails;
	atomic_uint renders;
	atomic_uint delivery_errors; /* so many times unreachable first */
	atomic_long http_status;
	atomic_bool refused;
	atomic_uint deliveries;
	atomic_bool gate_closed; /* deliveries wait for the gate */
	sem_t gate;
	atomic_int nice; /* of the thread that renders */
} fake;

static bool one_less(atomic_uint *count)
{
	unsigned int left = atomic_load(count);

	while (left > 0)
		if (atomic_compare_exchange_weak(count, &left, left - 1))
			return true;
	return false;
}

static void write_file(
	const char *folder, const struct uuid *recording, enum spool_file kind, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	spool_file_path(folder, recording, kind, path);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
}

int render_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct render_result *out)
{
	atomic_fetch_add(&fake.renders, 1);
	errno = 0;
	atomic_store(&fake.nice, nice(0));
	if (one_less(&fake.render_errors)) {
		strcpy(out->failure, "full");
		return -ENOSPC;
	}
	*out = (struct render_result){.start_ns = 1, .duration_ms = 2, .bytes = 5};
	memset(out->sha256, 'a', 64);
	out->failed = atomic_load(&fake.render_fails);
	if (out->failed) {
		strcpy(out->failure, "no media");
		return 0;
	}
	write_file(recordings_folder, recording, SPOOL_WAV, "12345");
	write_file(recordings_folder, recording, SPOOL_SIDECAR, "{\"fake\":1}");
	out->json = strdup("{\"fake\":1}");
	return 0;
}

int deliver_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct delivery_result *out)
{
	atomic_fetch_add(&fake.deliveries, 1);
	if (atomic_load(&fake.gate_closed))
		sem_wait(&fake.gate);
	if (!one_less(&fake.delivery_errors))
		return 0;
	out->http_status = atomic_load(&fake.http_status);
	out->refused = atomic_load(&fake.refused);
	strcpy(out->why, "no answer");
	return -EHOSTUNREACH;
}

static int reset(void **state)
{
	sem_destroy(&fake.gate);
	memset(&fake, 0, sizeof(fake));
	sem_init(&fake.gate, 0, 0);
	return 0;
}

static void read_journal(const struct rig *r, const struct uuid *id, struct journal *j)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/recordings", r->folder);
	assert_int_equal(journal_read(folder, id, j, NULL), 0);
}

static struct uuid open_and_close(struct rig *r)
{
	track_ref refs[TRACK_COUNT];
	struct uuid id = rig_open(r, TRACKS_BOTH, refs);

	rig_close(r, &id);
	return id;
}

static void a_recording_is_rendered_then_delivered(void **state)
{
	struct storage_stats stats;
	struct journal j;
	struct uuid id;
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	id = open_and_close(&r);
	/* Not waiting for `closed`: what is asked in between follows by itself. */
	assert_int_equal(storage_finish(r.storage, &id), 0);
	rig_wait(&r, &r.events.delivered, 1);
	assert_int_equal(r.events.closed, 1);
	assert_int_equal(r.events.rendered, 1);
	assert_int_equal(r.events.delivery_failed, 0);
	assert_string_equal(r.events.json, "{\"fake\":1}");
	assert_int_equal(atomic_load(&fake.nice), 19);
	read_journal(&r, &id, &j);
	assert_true(j.is_rendered && j.delivered && j.rendered.bytes == 5);
	journal_free(&j);
	storage_stats(r.storage, &stats);
	assert_int_equal(stats.jobs_waiting, 0);
	assert_int_equal(stats.deliveries_waiting, 0);
	rig_stop(&r);
}

static void a_full_disk_delays_rendering(void **state)
{
	struct uuid id;
	struct rig r;

	atomic_store(&fake.render_errors, 3);
	rig_init(&r);
	rig_start(&r);
	id = open_and_close(&r);
	storage_finish(r.storage, &id);
	rig_wait(&r, &r.events.delivered, 1);
	assert_int_equal(atomic_load(&fake.renders), 4);
	assert_int_equal(r.events.rendered, 1);
	rig_stop(&r);
}

static void what_cannot_be_rendered_is_not_delivered(void **state)
{
	struct journal j;
	struct uuid id;
	struct rig r;

	atomic_store(&fake.render_fails, true);
	rig_init(&r);
	rig_start(&r);
	id = open_and_close(&r);
	storage_finish(r.storage, &id);
	rig_wait(&r, &r.events.render_failed, 1);
	storage_stop_writers(r.storage);
	storage_stop_finishers(r.storage, false);
	assert_int_equal(atomic_load(&fake.deliveries), 0);
	read_journal(&r, &id, &j);
	assert_true(j.is_rendered && j.rendered.failed);
	assert_string_equal(j.rendered.failure, "no media");
	journal_free(&j);
	rig_stop(&r);
}

static void deliveries_are_tried_again(void **state)
{
	struct uuid id;
	struct rig r;

	atomic_store(&fake.delivery_errors, 5);
	rig_init(&r);
	rig_start(&r);
	id = open_and_close(&r);
	storage_finish(r.storage, &id);
	rig_wait(&r, &r.events.delivered, 1);
	assert_int_equal(r.events.delivery_failed, 5);
	assert_int_equal(r.events.retry_ms, 4); /* 1, 2, 4, 4, 4 */
	assert_int_equal(atomic_load(&fake.renders), 1);
	rig_stop(&r);
}

static void a_refused_delivery_waits_longest(void **state)
{
	struct uuid id;
	struct rig r;

	atomic_store(&fake.delivery_errors, 1);
	atomic_store(&fake.http_status, 403);
	atomic_store(&fake.refused, true);
	rig_init(&r);
	rig_start(&r);
	id = open_and_close(&r);
	storage_finish(r.storage, &id);
	rig_wait(&r, &r.events.delivered, 1);
	assert_int_equal(r.events.retry_ms, 4);
	rig_stop(&r);
}

static void a_stuck_destination_does_not_delay_rendering(void **state)
{
	struct storage_stats stats;
	struct uuid id;
	struct rig r;

	atomic_store(&fake.gate_closed, true);
	rig_init(&r);
	rig_start(&r);
	for (unsigned int i = 0; i < 20; i++) {
		id = open_and_close(&r);
		storage_finish(r.storage, &id);
	}
	rig_wait(&r, &r.events.rendered, 20);
	assert_int_equal(r.events.delivered, 0);
	storage_stats(r.storage, &stats);
	assert_int_equal(stats.deliveries_waiting, 20);
	atomic_store(&fake.gate_closed, false);
	sem_post(&fake.gate);
	rig_wait(&r, &r.events.delivered, 20);
	rig_stop(&r);
}

static void an_unreachable_destination_is_not_asked_by_each(void **state)
{
	struct uuid id;
	struct rig r;

	atomic_store(&fake.delivery_errors, UINT_MAX);
	rig_init(&r);
	r.config.retry_first_ms = 3600000;
	r.config.retry_most_ms = 3600000;
	rig_start(&r);
	for (unsigned int i = 0; i < 20; i++) {
		id = open_and_close(&r);
		storage_finish(r.storage, &id);
	}
	rig_wait(&r, &r.events.rendered, 20);
	rig_wait(&r, &r.events.delivery_failed, 1);
	storage_stop_writers(r.storage);
	storage_stop_finishers(r.storage, false); /* does not wait for the pause */
	assert_int_equal(atomic_load(&fake.deliveries), 1);
	rig_stop(&r);
}

static void stopping_in_order_finishes_what_can_be(void **state)
{
	struct uuid ids[30];
	struct rig r;

	rig_init(&r);
	rig_start(&r);
	for (unsigned int i = 0; i < 30; i++)
		ids[i] = open_and_close(&r);
	storage_stop_writers(r.storage);
	rig_wait(&r, &r.events.closed, 30);
	for (unsigned int i = 0; i < 30; i++)
		assert_int_equal(storage_finish(r.storage, &ids[i]), 0);
	storage_stop_finishers(r.storage, false);
	rig_wait(&r, &r.events.delivered, 30);
	/* The removal of what is delivered works to the last. */
	for (unsigned int i = 0; i < 30; i++)
		storage_remove(r.storage, &ids[i]);
	rig_wait(&r, &r.events.removed, 30);
	rig_stop(&r);
}

struct leftovers {
	unsigned int count;
	struct storage_leftover last;
};

static void on_found(void *arg, const struct storage_leftover *l)
{
	struct leftovers *found = arg;

	found->count++;
	found->last = *l;
}

static void what_was_rendered_is_not_rendered_again(void **state)
{
	struct leftovers found = {0};
	struct storage_config config;
	struct uuid id;
	struct rig r;

	atomic_store(&fake.delivery_errors, 1);
	rig_init(&r);
	r.config.retry_first_ms = 3600000;
	r.config.retry_most_ms = 3600000;
	rig_start(&r);
	id = open_and_close(&r);
	storage_finish(r.storage, &id);
	rig_wait(&r, &r.events.delivery_failed, 1);
	storage_stop_writers(r.storage);
	storage_stop_finishers(r.storage, true);
	storage_destroy(r.storage);
	config = r.config;
	r.topology.thread_count = 0;
	memset(&r.events, 0, sizeof(r.events));
	assert_int_equal(storage_create(&r.storage, &config, &r.topology, &r.pool, NULL), 0);
	assert_int_equal(storage_recover(r.storage, on_found, &found, NULL), 1);
	assert_true(found.last.rendered && !found.last.delivered && found.last.closed);
	assert_int_equal(found.last.bytes, 5);
	assert_int_equal(found.last.sha256[63], 'a');
	storage_finish(r.storage, &id);
	rig_start(&r);
	rig_wait(&r, &r.events.delivered, 1);
	assert_int_equal(r.events.rendered, 1);
	assert_string_equal(r.events.json, "{\"fake\":1}");
	assert_int_equal(atomic_load(&fake.renders), 1);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_recording_is_rendered_then_delivered, reset),
		cmocka_unit_test_setup(a_full_disk_delays_rendering, reset),
		cmocka_unit_test_setup(what_cannot_be_rendered_is_not_delivered, reset),
		cmocka_unit_test_setup(deliveries_are_tried_again, reset),
		cmocka_unit_test_setup(a_refused_delivery_waits_longest, reset),
		cmocka_unit_test_setup(a_stuck_destination_does_not_delay_rendering, reset),
		cmocka_unit_test_setup(an_unreachable_destination_is_not_asked_by_each, reset),
		cmocka_unit_test_setup(stopping_in_order_finishes_what_can_be, reset),
		cmocka_unit_test_setup(what_was_rendered_is_not_rendered_again, reset),
	};

	rig_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
