/* How recordings begin by rule, and how they end: by their leg, by SIGTERM, by what fails. */
#include "recording_world.h"

#include <errno.h>
#include <string.h>

#define HOST 1

static struct world world;

static int setup(void **state)
{
	world_make(&world);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	world_end(*state);
	return 0;
}

/* --- Ends --- */

static void a_leg_that_ends_while_paused(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_succeeds(w, world_pause, leg);
	world_pass(w, 2000000000);
	world_hang_up(w, leg);
	world_settle(w);
	assert_string_equal(f->window.reason, "hangup");
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start stop delivered");
	assert_int_equal(
		world_entry(w, &f->info.recording_id, LEDGER_STOP)->entry.duration_ms, 2000);
}

static void a_leg_that_ends_while_an_action_is_under_way(void **state)
{
	static void (*const acts[])(struct world *, struct leg *, struct answer *) = {
		world_start, world_pause, world_stop};
	struct world *w = *state;

	for (unsigned int i = 0; i < 3; i++) {
		struct leg *leg =
			world_talking(w, (const char *[]){"a", "b", "c"}[i], (uint16_t)(i + 1));
		struct world_file *f;
		struct answer a = {0};
		uint64_t ended_ns;

		if (acts[i] != world_start)
			world_succeeds(w, world_start, leg);
		acts[i](w, leg, &a);
		world_pass(w, 1000);
		ended_ns = w->now_ns;
		world_hang_up(w, leg);
		world_pass(w, 1000);
		world_settle(w);
		world_assert_answered(&a, 0, "");
		f = world_newest(w, leg);
		assert_int_equal(
			f->window.stop_ns, acts[i] == world_stop ? ended_ns - 1000 : ended_ns);
		assert_string_equal(world_ledger(w, &f->info.recording_id), "start stop delivered");
		assert_null(leg->recording);
	}
	assert_int_equal(w->control.recordings->unfinished, 0);
}

static void sigterm_stops_what_runs_and_discards_what_only_rings(void **state)
{
	struct world *w = *state;
	struct leg *running;
	struct leg *ringing;
	struct answer a = {0};

	world_add_rule(w);
	running = world_talking(w, "rule-1", HOST);
	ringing = world_offer(w, "rule-2", HOST + 1);
	world_settle(w);
	w->control.ending = true;
	leg_end(w->control.legs, running, "shutdown", 0, w->now_ns);
	leg_end(w->control.legs, ringing, "shutdown", 0, w->now_ns);
	world_settle(w);
	assert_string_equal(world_newest(w, running)->window.reason, "shutdown");
	assert_string_equal(world_ledger(w, &world_newest(w, running)->info.recording_id),
		"start stop delivered");
	assert_int_equal(world_newest(w, ringing)->state, FILE_REMOVED);
	assert_string_equal(world_ledger(w, &world_newest(w, ringing)->info.recording_id), "");
	assert_int_equal(w->control.recordings->unfinished, 0);
	world_start(w, world_talking(w, "late", HOST + 2), &a);
	world_assert_answered(&a, -ESHUTDOWN, "shutting down");
}

/* --- Rules --- */

static void a_rule_records_from_the_answer_on(void **state)
{
	struct world *w = *state;
	struct world_file *f;
	struct leg *leg;
	uint64_t answered_ns;

	world_add_rule(w);
	leg = world_offer(w, "rule", HOST);
	world_settle(w);
	f = world_newest(w, leg);
	world_fails(w, world_pause, leg, "not being recorded");
	world_pass(w, 1000000);
	world_answer(w, leg);
	answered_ns = w->now_ns;
	world_packet(w, HOST, 4000, TRACK_INCOMING, 0);
	world_settle(w);
	assert_int_equal(f->start_ns, answered_ns);
	assert_int_equal(world_frames(f), 1);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start");
	world_fails(w, world_start, leg, "is being recorded already");
	world_succeeds(w, world_pause, leg);
	world_hang_up(w, leg);
	world_settle(w);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start stop delivered");
}

static void a_refused_leg_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct leg *leg;

	world_add_rule(w);
	leg = world_offer(w, "rule", HOST);
	world_settle(w);
	leg_end(w->control.legs, leg, "refused", 486, w->now_ns);
	world_settle(w);
	assert_int_equal(world_newest(w, leg)->state, FILE_REMOVED);
	assert_string_equal(world_ledger(w, &world_newest(w, leg)->info.recording_id), "");
	assert_null(w->control.recordings->first);
}

/* 407, and the INVITE comes again with credentials, before the files of the first are even open. */
static void a_leg_that_is_offered_again_is_recorded(void **state)
{
	struct world *w = *state;
	struct leg *first;
	struct leg *second;

	world_add_rule(w);
	first = world_offer(w, "rule", HOST);
	world_pass(w, 1000);
	leg_end(w->control.legs, first, "refused", 407, w->now_ns);
	world_pass(w, 1000);
	second = world_offer(w, "rule", HOST);
	assert_ptr_not_equal(first, second);
	assert_non_null(second->recording);
	world_answer(w, second);
	world_packet(w, HOST, 4000, TRACK_INCOMING, 0);
	world_settle(w);
	world_hang_up(w, second);
	world_settle(w);
	assert_int_equal(world_frames(world_newest(w, second)), 1);
	assert_null(strstr(world_newest(w, second)->info.key, "_2.wav"));
	assert_int_equal(recordings_in_state(w->control.recordings, RECORDING_DELIVERED), 1);
}

/* The action's wish goes before the rule's, and is the leg's first recording. */
static void an_action_goes_before_a_rule_that_only_waits(void **state)
{
	struct world *w = *state;
	struct leg *leg;
	struct answer a = {0};

	world_add_rule(w);
	leg = world_offer(w, "rule", HOST);
	world_packet(w, HOST, 4000, TRACK_OUTGOING, 1);
	world_start(w, leg, &a);
	world_settle(w);
	world_assert_answered(&a, 0, "");
	assert_null(strstr(a.destination, "_2.wav"));
	world_answer(w, leg);
	world_packet(w, HOST, 4000, TRACK_OUTGOING, 1);
	assert_int_equal(world_frames(world_newest(w, leg)), 1);
	world_succeeds(w, world_stop, leg);
	world_succeeds(w, world_start, leg);
	assert_non_null(strstr(world_newest(w, leg)->info.key, "_2.wav"));
}

/* --- What fails --- */

static void files_that_cannot_be_opened_fail_an_action(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};
	struct answer pause = {0};

	world_start(w, leg, &a);
	world_pause(w, leg, &pause);
	f = world_newest(w, leg);
	f->open_err = -ENOSPC;
	world_settle(w);
	world_assert_answered(&a, -EIO, "the spool is full");
	world_assert_answered(&pause, -EIO, "the spool is full");
	assert_int_equal(f->state, FILE_REMOVED);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "");
	assert_int_equal(recordings_in_state(w->control.recordings, RECORDING_FAILED), 1);
	world_talk(w, HOST);
	world_succeeds(w, world_start, leg); /* there is room again */
}

static void files_that_cannot_be_opened_fail_a_rule_and_close_its_usage(void **state)
{
	struct world *w = *state;
	struct world_file *f;
	struct leg *leg;

	world_add_rule(w);
	leg = world_talking(w, "rule", HOST);
	f = world_newest(w, leg);
	f->open_err = -EIO;
	world_settle(w);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start stop");
	assert_int_equal(f->state, FILE_REMOVED);
	assert_null(leg->recording);
	assert_int_equal(w->control.recordings->failures, 1);
	world_hang_up(w, leg);
	world_settle(w);
	assert_int_equal(leg->holds, 0);
}

static void files_that_cannot_be_opened_after_the_end(void **state)
{
	struct world *w = *state;
	struct world_file *f;
	struct leg *leg;

	w->config.limits.recordings_kept = 0;
	world_add_rule(w);
	leg = world_talking(w, "rule", HOST);
	f = world_newest(w, leg);
	f->open_err = -EIO;
	world_hang_up(w, leg);
	world_settle(w);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start stop");
	assert_int_equal(f->state, FILE_REMOVED);
	assert_int_equal(w->control.recordings->unfinished, 0);
}

static void too_many_recordings_are_refused(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct answer a = {0};

	w->files_max = 0;
	world_start(w, leg, &a);
	world_assert_answered(&a, -ENOSPC, "limits.tracks");
	assert_int_equal(leg->holds, 0);
}

static void a_ledger_that_cannot_be_written_fails_a_start(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_start(w, leg, &a);
	world_settle_gates(w);
	f = world_newest(w, leg);
	world_storage(w, f);
	world_sync(w, -EIO);
	world_assert_answered(&a, -EIO, "ledger");
	assert_int_equal(f->state, FILE_OPEN); /* the cores still write to it */
	world_talk(w, HOST);
	world_settle(w);
	assert_int_equal(f->state, FILE_REMOVED);
	assert_null(leg->recording);
	assert_int_equal(leg->holds, 0);
}

/* What is recorded stays for the next start, which enters its usage; it ends where it failed. */
static void a_ledger_that_cannot_be_written_ends_a_rule(void **state)
{
	struct world *w = *state;
	struct world_file *f;
	struct leg *leg;
	uint64_t answered_ns = w->now_ns;

	world_add_rule(w);
	leg = world_talking(w, "rule", HOST);
	f = world_newest(w, leg);
	world_storage(w, f);
	world_pass(w, 1000);
	world_sync(w, -EIO);
	assert_int_equal(f->state, FILE_OPEN);
	world_talk(w, HOST);
	world_settle(w);
	assert_int_equal(f->state, FILE_CLOSED);
	assert_false(f->finish);
	assert_int_equal(f->window.start_ns, answered_ns);
	assert_true(f->window.stop_ns > answered_ns && f->window.stop_ns < w->now_ns);
	assert_string_equal(f->window.reason, "failed");
	assert_string_equal(world_ledger(w, &f->info.recording_id), "");
	assert_int_equal(w->control.recordings->unfinished, 0);
}

/* The same while a pause is under way: it is not answered with success. */
static void a_ledger_that_cannot_be_written_fails_what_waits(void **state)
{
	struct world *w = *state;
	struct world_file *f;
	struct leg *leg;
	struct answer a = {0};

	world_add_rule(w);
	leg = world_talking(w, "rule", HOST);
	f = world_newest(w, leg);
	world_storage(w, f);
	world_pause(w, leg, &a);
	world_sync(w, -EIO);
	world_assert_answered(&a, -EIO, "ledger");
	world_settle(w);
	assert_int_equal(f->state, FILE_CLOSED);
	world_talk(w, HOST);
	assert_int_equal(leg->holds, 0);
}

static void a_ledger_that_cannot_be_written_fails_a_stop_which_takes_effect(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_stop(w, leg, &a);
	world_settle_gates(w);
	world_sync(w, -EIO);
	world_assert_answered(&a, -EIO, "ledger");
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), 0);
	assert_int_equal(f->state, FILE_CLOSING);
	assert_null(leg->recording);
}

/* The list holds no more ended ones than it may, whatever is under way. */
static void ended_recordings_make_room(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);

	w->config.limits.recordings_kept = 2;
	for (unsigned int i = 0; i < 10; i++) {
		world_succeeds(w, world_start, leg);
		assert_true(w->control.recordings->ended <= 2);
		world_succeeds(w, world_stop, leg);
	}
	assert_int_equal(w->control.recordings->unfinished, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_leg_that_ends_while_paused),
		TEST(a_leg_that_ends_while_an_action_is_under_way),
		TEST(sigterm_stops_what_runs_and_discards_what_only_rings),
		TEST(a_rule_records_from_the_answer_on),
		TEST(a_refused_leg_leaves_nothing),
		TEST(a_leg_that_is_offered_again_is_recorded),
		TEST(an_action_goes_before_a_rule_that_only_waits),
		TEST(files_that_cannot_be_opened_fail_an_action),
		TEST(files_that_cannot_be_opened_fail_a_rule_and_close_its_usage),
		TEST(files_that_cannot_be_opened_after_the_end),
		TEST(too_many_recordings_are_refused),
		TEST(a_ledger_that_cannot_be_written_fails_a_start),
		TEST(a_ledger_that_cannot_be_written_ends_a_rule),
		TEST(a_ledger_that_cannot_be_written_fails_what_waits),
		TEST(a_ledger_that_cannot_be_written_fails_a_stop_which_takes_effect),
		TEST(ended_recordings_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
