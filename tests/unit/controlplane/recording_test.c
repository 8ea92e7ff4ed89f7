/* The recording state machine: what each action is answered and when, and what becomes of files,
 * gates and usage meanwhile. */
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

/* An answered leg, INCOMING polled by rx core 0 and OUTGOING by rx core 1, known to both. */
static struct leg *talking(struct world *w, const char *id, uint16_t host)
{
	struct leg *leg = world_offer(w, id, host);

	world_answer(w, leg);
	world_packet(w, host, 4000, TRACK_INCOMING, 0);
	world_packet(w, host, 4000, TRACK_OUTGOING, 1);
	world_settle_gates(w);
	return leg;
}

/* A packet of both tracks. */
static void talk(struct world *w, uint16_t host)
{
	world_packet(w, host, 4000, TRACK_INCOMING, 0);
	world_packet(w, host, 4000, TRACK_OUTGOING, 1);
}

static void assert_answered(const struct answer *a, int err, const char *why)
{
	assert_int_equal(a->count, 1);
	assert_int_equal(a->err, err);
	if (!strstr(a->why, why))
		fail_msg("answered \"%s\", not \"%s\"", a->why, why);
}

static void succeeds(struct world *w, void (*act)(struct world *, struct leg *, struct answer *),
	struct leg *leg)
{
	struct answer a;

	act(w, leg, &a);
	world_settle(w);
	assert_answered(&a, 0, "");
}

static void fails(struct world *w, void (*act)(struct world *, struct leg *, struct answer *),
	struct leg *leg, const char *why)
{
	struct answer a;

	act(w, leg, &a);
	assert_answered(&a, -EINVAL, why);
}

static uint64_t frames(const struct world_file *f)
{
	return f->frames[0] + f->frames[1];
}

/* --- Start and stop --- */

static void a_start_is_answered_when_it_is_effective_and_durable(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct answer a;
	struct world_file *f;

	world_start(w, leg, &a);
	f = world_newest(w, leg);
	assert_true(world_command(w, 0) && world_ack(w, 0));
	world_storage(w, f);
	assert_false(world_sync(w, 0)); /* one core has not acknowledged: no usage yet */
	assert_int_equal(a.count, 0);
	assert_true(world_command(w, 1) && world_ack(w, 1));
	assert_int_equal(a.count, 0);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "");
	assert_true(world_sync(w, 0));
	assert_answered(&a, 0, "");
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start");
	assert_non_null(strstr(a.destination, "recordings/Amazon-Chime-SMA-Call-Recordings/"));
	assert_string_equal(a.destination + strlen("recordings/"), f->info.key);
	talk(w, HOST);
	assert_int_equal(frames(f), 2);
}

static void a_start_waits_for_its_files(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct answer a;

	world_start(w, leg, &a);
	world_settle_gates(w);
	assert_false(world_sync(w, 0));
	assert_int_equal(a.count, 0);
	world_storage(w, world_newest(w, leg));
	world_sync(w, 0);
	assert_answered(&a, 0, "");
}

static void a_stop_is_answered_when_it_is_effective_and_durable(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;
	struct answer a;
	uint64_t start_ns = w->now_ns;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_pass(w, 5000000000);
	world_stop(w, leg, &a);
	assert_null(leg->recording);
	assert_true(world_sync(w, 0));
	assert_true(world_command(w, 0) && world_ack(w, 0) && world_command(w, 1));
	assert_int_equal(a.count, 0);
	assert_int_equal(f->state, FILE_OPEN); /* not closed before the last core has let go */
	assert_true(world_ack(w, 1));
	assert_answered(&a, 0, "");
	assert_int_equal(f->state, FILE_CLOSING);
	assert_int_equal(f->window.start_ns, start_ns);
	assert_int_equal(f->window.stop_ns, start_ns + 5000000000);
	assert_string_equal(f->window.reason, "stop_action");
	world_settle(w);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start stop delivered");
	assert_int_equal(
		world_entry(w, &f->info.recording_id, LEDGER_STOP)->entry.duration_ms, 5000);
	assert_int_equal(f->state, FILE_REMOVED);
	assert_int_equal(w->control.recordings->unfinished, 0);
	assert_int_equal(recordings_in_state(w->control.recordings, RECORDING_DELIVERED), 1);
}

static void wrong_actions_say_what_is_wrong(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);

	fails(w, world_stop, leg, "not being recorded");
	fails(w, world_pause, leg, "not being recorded");
	fails(w, world_resume, leg, "not being recorded");
	succeeds(w, world_start, leg);
	fails(w, world_start, leg, "is being recorded already");
	succeeds(w, world_pause, leg);
	fails(w, world_start, leg, "is being recorded already");
	succeeds(w, world_stop, leg);
	fails(w, world_stop, leg, "not being recorded");
	fails(w, world_resume, leg, "not being recorded");
	world_hang_up(w, leg);
	fails(w, world_start, leg, "has ended");
	fails(w, world_stop, leg, "has ended");
	fails(w, world_pause, leg, "has ended");
	fails(w, world_resume, leg, "has ended");
}

static void a_leg_starts_again_after_a_stop(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *first;
	struct world_file *second;

	succeeds(w, world_start, leg);
	first = world_newest(w, leg);
	talk(w, HOST);
	succeeds(w, world_stop, leg);
	talk(w, HOST);
	succeeds(w, world_start, leg);
	second = world_newest(w, leg);
	talk(w, HOST);
	talk(w, HOST);
	succeeds(w, world_stop, leg);
	assert_ptr_not_equal(first, second);
	assert_int_equal(frames(first), 2);
	assert_int_equal(frames(second), 4);
	assert_null(strstr(first->info.key, "_2.wav"));
	assert_non_null(strstr(second->info.key, "_2.wav"));
	assert_string_equal(world_ledger(w, &second->info.recording_id), "start stop delivered");
}

/* A client starts while another's stop is under way: the two recordings do not touch. */
static void a_start_while_a_stop_is_under_way(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *first;
	struct answer stop;
	struct answer start;

	succeeds(w, world_start, leg);
	first = world_newest(w, leg);
	world_stop(w, leg, &stop);
	world_start(w, leg, &start);
	talk(w, HOST); /* the gates have not moved yet: these are the first one's */
	world_settle(w);
	assert_answered(&stop, 0, "");
	assert_answered(&start, 0, "");
	talk(w, HOST);
	assert_int_equal(frames(first), 2);
	assert_int_equal(frames(world_newest(w, leg)), 2);
	assert_int_equal(leg->recording->gate, GATE_RECORD);
}

/* Two clients start at once: one recording, and the other is told. */
static void a_second_start_while_the_first_is_under_way(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct answer first;
	struct answer second;

	world_start(w, leg, &first);
	world_start(w, leg, &second);
	assert_answered(&second, -EINVAL, "is being recorded already");
	world_settle(w);
	assert_answered(&first, 0, "");
	talk(w, HOST);
	assert_int_equal(frames(world_newest(w, leg)), 2);
	assert_int_equal(w->control.recordings->unfinished, 1);
}

/* Actions of other clients while a start is under way follow it. */
static void actions_queue_behind_a_start(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct answer start;
	struct answer pause;
	struct answer stop;
	struct answer late;

	world_start(w, leg, &start);
	world_pause(w, leg, &pause);
	world_stop(w, leg, &stop);
	world_resume(w, leg, &late);
	assert_int_equal(start.count + pause.count + stop.count + late.count, 0);
	world_settle(w);
	assert_answered(&start, 0, "");
	assert_answered(&pause, 0, "");
	assert_answered(&stop, 0, "");
	assert_answered(&late, -EINVAL, "not being recorded");
	assert_int_equal(world_newest(w, leg)->pause_count, 1);
}

/* --- Pause and resume --- */

static void a_pause_is_answered_when_every_core_has_shut_its_gates(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;
	struct answer a;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_pass(w, 1000000);
	world_pause(w, leg, &a);
	talk(w, HOST);
	assert_int_equal(frames(f), 2);
	assert_true(world_command(w, 0) && world_ack(w, 0));
	talk(w, HOST);
	assert_int_equal(frames(f), 3);
	assert_int_equal(a.count, 0);
	assert_int_equal(leg->recording->state, RECORDING_RUNNING);
	assert_true(world_command(w, 1));
	talk(w, HOST);
	assert_int_equal(a.count, 0);
	assert_true(world_ack(w, 1));
	assert_answered(&a, 0, "");
	assert_int_equal(leg->recording->state, RECORDING_PAUSED);
	assert_int_equal(f->pauses[0].start_ns, w->now_ns);
	talk(w, HOST);
	assert_int_equal(frames(f), 3);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start");
}

static void a_resume_is_answered_when_every_core_records(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;
	struct answer a;
	uint64_t resumed_ns;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	succeeds(w, world_pause, leg);
	world_pass(w, 1000000);
	world_resume(w, leg, &a);
	resumed_ns = w->now_ns;
	assert_int_equal(f->pauses[0].end_ns, resumed_ns);
	assert_true(world_command(w, 1) && world_ack(w, 1));
	assert_int_equal(a.count, 0);
	assert_true(world_command(w, 0) && world_ack(w, 0));
	assert_answered(&a, 0, "");
	talk(w, HOST);
	assert_int_equal(frames(f), 2);
}

/* A turn of the loop may be long, or the process stopped in its midst: what arrived before the
 * action was seen is not recorded, though the turn's time is older. */
static void a_resume_takes_the_time_at_which_it_is_seen(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;
	struct answer a;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	succeeds(w, world_pause, leg);
	w->now_ns += 3000000000; /* the turn's own time stays */
	world_resume(w, leg, &a);
	assert_int_equal(f->pauses[0].end_ns, w->now_ns);
	assert_int_equal(leg->recording->open_ns, w->now_ns);
}

static void repeated_actions_succeed_and_change_nothing(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;
	struct answer a;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_resume(w, leg, &a);
	assert_answered(&a, 0, "");
	assert_int_equal(f->pause_count, 0);
	succeeds(w, world_pause, leg);
	world_pass(w, 1000000);
	world_pause(w, leg, &a);
	assert_answered(&a, 0, ""); /* at once */
	assert_true(world_is_idle(w));
	assert_int_equal(f->pause_count, 1);
	succeeds(w, world_resume, leg);
	world_pass(w, 1000000);
	world_resume(w, leg, &a);
	assert_answered(&a, 0, "");
	assert_int_equal(f->pause_count, 1);
	assert_int_equal(f->pauses[0].end_ns - f->pauses[0].start_ns, 1000000);
}

/* Two clients pause at once: neither is answered before it is effective. */
static void two_pauses_at_once_are_one_pause(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct answer a;
	struct answer b;

	succeeds(w, world_start, leg);
	world_pause(w, leg, &a);
	world_pause(w, leg, &b);
	assert_int_equal(a.count + b.count, 0);
	world_settle(w);
	assert_answered(&a, 0, "");
	assert_answered(&b, 0, "");
	assert_int_equal(world_newest(w, leg)->pause_count, 1);
}

static void hundreds_of_pauses(void **state)
{
	enum { PAUSES = 300 };
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	for (unsigned int i = 0; i < PAUSES; i++) {
		talk(w, HOST);
		succeeds(w, world_pause, leg);
		talk(w, HOST);
		world_pass(w, 1000000);
		succeeds(w, world_resume, leg);
	}
	succeeds(w, world_stop, leg);
	assert_int_equal(f->pause_count, PAUSES);
	assert_int_equal(frames(f), 2 * PAUSES);
	assert_int_equal(f->while_paused[TRACK_INCOMING], PAUSES);
	assert_int_equal(f->while_paused[TRACK_OUTGOING], PAUSES);
}

static void a_stop_while_paused_counts_what_came(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	succeeds(w, world_pause, leg);
	talk(w, HOST);
	succeeds(w, world_stop, leg);
	assert_int_equal(f->pause_count, 1);
	assert_int_equal(f->pauses[0].end_ns, 0);
	assert_int_equal(f->while_paused[TRACK_INCOMING], 1);
	assert_int_equal(frames(f), 0);
}

/* --- Streams that come and go --- */

static void a_stream_that_joins_while_paused_is_paused(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	succeeds(w, world_pause, leg);
	world_move(w, leg, HOST, 4444); /* re-INVITE */
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	world_packet(w, HOST, 4444, TRACK_OUTGOING, 1);
	world_settle_gates(w);
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	world_packet(w, HOST, 4444, TRACK_OUTGOING, 1);
	assert_int_equal(frames(f), 0);
	succeeds(w, world_resume, leg);
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	world_packet(w, HOST, 4444, TRACK_OUTGOING, 1);
	assert_int_equal(frames(f), 2);
	succeeds(w, world_stop, leg);
	assert_int_equal(f->while_paused[TRACK_INCOMING], 2);
	assert_int_equal(f->while_paused[TRACK_OUTGOING], 2);
	assert_int_equal(f->streams, 4);
}

static void a_stream_that_joins_while_a_pause_is_under_way_is_paused(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;
	struct answer a;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_pause(w, leg, &a);
	world_move(w, leg, HOST, 4444);
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	world_settle_gates(w);
	assert_answered(&a, 0, "");
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	assert_int_equal(frames(f), 0);
}

/* The address passes from one leg to another while both are recorded: the stream's core may lag. */
static void a_pause_waits_for_a_stream_that_has_just_left(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "one", HOST);
	struct leg *other = talking(w, "two", HOST + 1);
	struct world_file *f;
	struct answer a;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_take_over(w, other, HOST);
	assert_null(leg->streams);
	world_pause(w, leg, &a);
	while (world_command(w, 0) || world_ack(w, 0))
		continue;
	assert_int_equal(a.count, 0);
	world_settle_gates(w);
	assert_answered(&a, 0, "");
	talk(w, HOST);
	assert_int_equal(frames(f), 0);
}

/* … and its track is not closed while its core may still write to it. */
static void a_stop_waits_for_a_stream_that_has_just_left(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "one", HOST);
	struct leg *other = talking(w, "two", HOST + 1);
	struct answer a;

	succeeds(w, world_start, leg);
	world_take_over(w, other, HOST);
	assert_null(leg->streams);
	world_stop(w, leg, &a);
	world_sync(w, 0);
	talk(w, HOST); /* the world asserts that its files are open */
	assert_int_equal(a.count, 0);
	world_settle(w);
	assert_answered(&a, 0, "");
}

/* A stream that was being recorded joins a leg whose pause is under way. */
static void a_pause_waits_for_a_stream_that_has_just_joined(void **state)
{
	struct world *w = *state;
	struct leg *other = talking(w, "two", HOST + 1);
	struct leg *leg = talking(w, "one", HOST);
	struct answer a;

	succeeds(w, world_start, leg);
	succeeds(w, world_start, other);
	world_pause(w, leg, &a);
	world_take_over(w, leg, HOST + 1);
	assert_null(other->streams);
	assert_true(world_command(w, 0) && world_ack(w, 0));
	assert_true(world_command(w, 1) && world_ack(w, 1));
	assert_int_equal(a.count, 0);
	world_settle_gates(w);
	assert_answered(&a, 0, "");
}

/* --- Ends --- */

static void a_leg_that_ends_while_paused(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	succeeds(w, world_pause, leg);
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
		struct leg *leg = talking(w, (const char *[]){"a", "b", "c"}[i], (uint16_t)(i + 1));
		struct world_file *f;
		struct answer a;
		uint64_t ended_ns;

		if (acts[i] != world_start)
			succeeds(w, world_start, leg);
		acts[i](w, leg, &a);
		world_pass(w, 1000);
		ended_ns = w->now_ns;
		world_hang_up(w, leg);
		world_pass(w, 1000);
		world_settle(w);
		assert_answered(&a, 0, "");
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
	struct answer a;

	world_add_rule(w);
	running = talking(w, "rule-1", HOST);
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
	world_start(w, talking(w, "late", HOST + 2), &a);
	assert_answered(&a, -ESHUTDOWN, "shutting down");
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
	fails(w, world_pause, leg, "not being recorded");
	world_pass(w, 1000000);
	world_answer(w, leg);
	answered_ns = w->now_ns;
	world_packet(w, HOST, 4000, TRACK_INCOMING, 0);
	world_settle(w);
	assert_int_equal(f->start_ns, answered_ns);
	assert_int_equal(frames(f), 1);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start");
	fails(w, world_start, leg, "is being recorded already");
	succeeds(w, world_pause, leg);
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
	assert_int_equal(frames(world_newest(w, second)), 1);
	assert_null(strstr(world_newest(w, second)->info.key, "_2.wav"));
	assert_int_equal(recordings_in_state(w->control.recordings, RECORDING_DELIVERED), 1);
}

/* The action's wish goes before the rule's, and is the leg's first recording. */
static void an_action_goes_before_a_rule_that_only_waits(void **state)
{
	struct world *w = *state;
	struct leg *leg;
	struct answer a;

	world_add_rule(w);
	leg = world_offer(w, "rule", HOST);
	world_packet(w, HOST, 4000, TRACK_OUTGOING, 1);
	world_start(w, leg, &a);
	world_settle(w);
	assert_answered(&a, 0, "");
	assert_null(strstr(a.destination, "_2.wav"));
	world_answer(w, leg);
	world_packet(w, HOST, 4000, TRACK_OUTGOING, 1);
	assert_int_equal(frames(world_newest(w, leg)), 1);
	succeeds(w, world_stop, leg);
	succeeds(w, world_start, leg);
	assert_non_null(strstr(world_newest(w, leg)->info.key, "_2.wav"));
}

/* --- What fails --- */

static void files_that_cannot_be_opened_fail_an_action(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;
	struct answer a;
	struct answer pause;

	world_start(w, leg, &a);
	world_pause(w, leg, &pause);
	f = world_newest(w, leg);
	f->open_err = -ENOSPC;
	world_settle(w);
	assert_answered(&a, -EIO, "the spool is full");
	assert_answered(&pause, -EIO, "the spool is full");
	assert_int_equal(f->state, FILE_REMOVED);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "");
	assert_int_equal(recordings_in_state(w->control.recordings, RECORDING_FAILED), 1);
	talk(w, HOST);
	succeeds(w, world_start, leg); /* there is room again */
}

static void files_that_cannot_be_opened_fail_a_rule_and_close_its_usage(void **state)
{
	struct world *w = *state;
	struct world_file *f;
	struct leg *leg;

	world_add_rule(w);
	leg = talking(w, "rule", HOST);
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
	leg = talking(w, "rule", HOST);
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
	struct leg *leg = talking(w, "call", HOST);
	struct answer a;

	w->files_max = 0;
	world_start(w, leg, &a);
	assert_answered(&a, -ENOSPC, "limits.tracks");
	assert_int_equal(leg->holds, 0);
}

static void a_ledger_that_cannot_be_written_fails_a_start(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;
	struct answer a;

	world_start(w, leg, &a);
	world_settle_gates(w);
	f = world_newest(w, leg);
	world_storage(w, f);
	world_sync(w, -EIO);
	assert_answered(&a, -EIO, "ledger");
	assert_int_equal(f->state, FILE_OPEN); /* the cores still write to it */
	talk(w, HOST);
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
	leg = talking(w, "rule", HOST);
	f = world_newest(w, leg);
	world_storage(w, f);
	world_pass(w, 1000);
	world_sync(w, -EIO);
	assert_int_equal(f->state, FILE_OPEN);
	talk(w, HOST);
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
	struct answer a;

	world_add_rule(w);
	leg = talking(w, "rule", HOST);
	f = world_newest(w, leg);
	world_storage(w, f);
	world_pause(w, leg, &a);
	world_sync(w, -EIO);
	assert_answered(&a, -EIO, "ledger");
	world_settle(w);
	assert_int_equal(f->state, FILE_CLOSED);
	talk(w, HOST);
	assert_int_equal(leg->holds, 0);
}

static void a_ledger_that_cannot_be_written_fails_a_stop_which_takes_effect(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);
	struct world_file *f;
	struct answer a;

	succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_stop(w, leg, &a);
	world_settle_gates(w);
	world_sync(w, -EIO);
	assert_answered(&a, -EIO, "ledger");
	talk(w, HOST);
	assert_int_equal(frames(f), 0);
	assert_int_equal(f->state, FILE_CLOSING);
	assert_null(leg->recording);
}

/* The list holds no more ended ones than it may, whatever is under way. */
static void ended_recordings_make_room(void **state)
{
	struct world *w = *state;
	struct leg *leg = talking(w, "call", HOST);

	w->config.limits.recordings_kept = 2;
	for (unsigned int i = 0; i < 10; i++) {
		succeeds(w, world_start, leg);
		assert_true(w->control.recordings->ended <= 2);
		succeeds(w, world_stop, leg);
	}
	assert_int_equal(w->control.recordings->unfinished, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_start_is_answered_when_it_is_effective_and_durable),
		TEST(a_start_waits_for_its_files),
		TEST(a_stop_is_answered_when_it_is_effective_and_durable),
		TEST(wrong_actions_say_what_is_wrong),
		TEST(a_leg_starts_again_after_a_stop),
		TEST(a_start_while_a_stop_is_under_way),
		TEST(a_second_start_while_the_first_is_under_way),
		TEST(actions_queue_behind_a_start),
		TEST(a_pause_is_answered_when_every_core_has_shut_its_gates),
		TEST(a_resume_is_answered_when_every_core_records),
		TEST(a_resume_takes_the_time_at_which_it_is_seen),
		TEST(repeated_actions_succeed_and_change_nothing),
		TEST(two_pauses_at_once_are_one_pause),
		TEST(hundreds_of_pauses),
		TEST(a_stop_while_paused_counts_what_came),
		TEST(a_stream_that_joins_while_paused_is_paused),
		TEST(a_stream_that_joins_while_a_pause_is_under_way_is_paused),
		TEST(a_pause_waits_for_a_stream_that_has_just_left),
		TEST(a_stop_waits_for_a_stream_that_has_just_left),
		TEST(a_pause_waits_for_a_stream_that_has_just_joined),
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
