/* Commands when there is no memory: what closes a gate is sent all the same. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_ring.h>

#include "dataplane/command.h"
#include "rx_fixture.h"

#define STREAMS 40
#define CAPACITY 512
#define TRACK track_ref_make(1, 1)

static bool no_memory;

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);

void *__wrap_malloc(size_t bytes)
{
	return no_memory ? NULL : __real_malloc(bytes);
}

/* Fills the ring and all of the backlog that is not kept; the rx core does not turn. */
static void exhaust(struct fixture *f, stream_id id)
{
	const struct gate_setting record = {.gate = GATE_RECORD, .track = TRACK};
	int err = 0;

	no_memory = true;
	for (unsigned int i = 0; err == 0; i++) {
		assert_true(i < 1U << 20);
		err = stream_set_gate(f->d, id, &record, 0);
	}
	assert_int_equal(err, -ENOMEM);
}

static void recover(struct fixture *f)
{
	no_memory = false;
	do {
		rx_turn(f->rx);
		fixture_poll(f);
	} while (f->d->rx[0].commands.count > 0 || rte_ring_count(f->topology.commands[0]) > 0);
	rx_turn(f->rx);
	fixture_poll(f);
}

static void what_closes_a_gate_needs_no_memory(void **state)
{
	const struct gate_setting off = {.gate = GATE_OFF};
	const struct gate_setting unknown = {.gate = GATE_UNKNOWN};
	struct fixture *f = fixture_make(STREAMS, 8, CAPACITY);
	stream_id ids[STREAMS];
	struct stream_stats stats;

	for (unsigned int i = 0; i < STREAMS; i++)
		ids[i] = fixture_add(f, (uint16_t)(5000 + i), GATE_RECORD, TRACK, 0);
	exhaust(f, ids[0]);
	for (unsigned int i = 0; i < STREAMS; i++) {
		assert_int_equal(stream_set_gate(f->d, ids[i], &off, 100 + i), 0);
		assert_int_equal(stream_set_gate(f->d, ids[i], &unknown, 0), 0);
		assert_int_equal(stream_set_gate(f->d, ids[i], &off, 0), -ENOMEM); /* is closed */
	}
	recover(f);
	assert_int_equal(f->acked_count, STREAMS);
	for (unsigned int i = 0; i < STREAMS; i++)
		assert_int_equal(f->acked[i], 100 + i); /* in their order */
	fixture_give_rtp(f, 0, 5000, 1);
	rx_turn(f->rx);
	assert_int_equal(stream_stats(f->d, ids[0], &stats), 0);
	assert_int_equal(stats.recorded, 0);
	assert_int_equal(fixture_count(f, RX_unknown), 1);
	fixture_end(f);
}

static void removal_needs_no_memory(void **state)
{
	const struct gate_setting off = {.gate = GATE_OFF};
	struct fixture *f = fixture_make(STREAMS, 8, CAPACITY);
	stream_id ids[STREAMS];

	for (unsigned int i = 0; i < STREAMS; i++)
		ids[i] = fixture_add(f, (uint16_t)(5000 + i), GATE_RECORD, TRACK, 0);
	exhaust(f, ids[0]);
	for (unsigned int i = 0; i < STREAMS; i++) {
		while (stream_set_gate(f->d, ids[i], &off, 0) == 0)
			;
		assert_int_equal(stream_remove(f->d, ids[i], 1 + i), 0);
	}
	recover(f);
	assert_int_equal(f->acked_count, STREAMS);
	assert_int_equal(f->d->rx[0].commands.kept, 0);
	fixture_end(f);
}

/* Opening it again keeps room again, or fails. */
static void room_is_kept_anew(void **state)
{
	const struct gate_setting off = {.gate = GATE_OFF};
	const struct gate_setting record = {.gate = GATE_RECORD, .track = TRACK};
	struct fixture *f = fixture_make(STREAMS, 8, CAPACITY);
	stream_id id = fixture_add(f, 5000, GATE_RECORD, TRACK, 0);

	for (unsigned int i = 0; i < 3; i++) {
		exhaust(f, id);
		assert_int_equal(stream_set_gate(f->d, id, &off, 0), 0);
		assert_int_equal(stream_set_gate(f->d, id, &record, 0), -ENOMEM);
		recover(f);
		assert_int_equal(stream_set_gate(f->d, id, &record, 0), 0);
	}
	assert_int_equal(stream_remove(f->d, id, 1), 0);
	recover(f);
	assert_int_equal(f->d->rx[0].commands.kept, 0);
	fixture_end(f);
}

static int start(void **state)
{
	fixture_start_eal();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_closes_a_gate_needs_no_memory),
		cmocka_unit_test(removal_needs_no_memory),
		cmocka_unit_test(room_is_kept_anew),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
