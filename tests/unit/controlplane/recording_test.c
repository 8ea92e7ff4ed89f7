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

/* --- Start and stop --- */

static void a_start_is_answered_when_it_is_effective_and_durable(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct answer a = {0};
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
	world_assert_answered(&a, 0, "");
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start");
	assert_non_null(strstr(a.destination, "recordings/Amazon-Chime-SMA-Call-Recordings/"));
	assert_string_equal(a.destination + strlen("recordings/"), f->info.key);
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), 2);
}

static void a_start_waits_for_its_files(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct answer a = {0};

	world_start(w, leg, &a);
	world_settle_gates(w);
	assert_false(world_sync(w, 0));
	assert_int_equal(a.count, 0);
	world_storage(w, world_newest(w, leg));
	world_sync(w, 0);
	world_assert_answered(&a, 0, "");
}

static void a_stop_is_answered_when_it_is_effective_and_durable(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};
	uint64_t start_ns = w->now_ns;

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_pass(w, 5000000000);
	world_stop(w, leg, &a);
	assert_null(leg->recording);
	assert_true(world_sync(w, 0));
	assert_true(world_command(w, 0) && world_ack(w, 0) && world_command(w, 1));
	assert_int_equal(a.count, 0);
	assert_int_equal(f->state, FILE_OPEN); /* not closed before the last core has let go */
	assert_true(world_ack(w, 1));
	world_assert_answered(&a, 0, "");
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
	struct leg *leg = world_talking(w, "call", HOST);

	world_fails(w, world_stop, leg, "not being recorded");
	world_fails(w, world_pause, leg, "not being recorded");
	world_fails(w, world_resume, leg, "not being recorded");
	world_succeeds(w, world_start, leg);
	world_fails(w, world_start, leg, "is being recorded already");
	world_succeeds(w, world_pause, leg);
	world_fails(w, world_start, leg, "is being recorded already");
	world_succeeds(w, world_stop, leg);
	world_fails(w, world_stop, leg, "not being recorded");
	world_fails(w, world_resume, leg, "not being recorded");
	world_hang_up(w, leg);
	world_fails(w, world_start, leg, "has ended");
	world_fails(w, world_stop, leg, "has ended");
	world_fails(w, world_pause, leg, "has ended");
	world_fails(w, world_resume, leg, "has ended");
}

static void a_leg_starts_again_after_a_stop(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *first;
	struct world_file *second;

	world_succeeds(w, world_start, leg);
	first = world_newest(w, leg);
	world_talk(w, HOST);
	world_succeeds(w, world_stop, leg);
	world_talk(w, HOST);
	world_succeeds(w, world_start, leg);
	second = world_newest(w, leg);
	world_talk(w, HOST);
	world_talk(w, HOST);
	world_succeeds(w, world_stop, leg);
	assert_ptr_not_equal(first, second);
	assert_int_equal(world_frames(first), 2);
	assert_int_equal(world_frames(second), 4);
	assert_null(strstr(first->info.key, "_2.wav"));
	assert_non_null(strstr(second->info.key, "_2.wav"));
	assert_string_equal(world_ledger(w, &second->info.recording_id), "start stop delivered");
}

/* A client starts while another's stop is under way: the two recordings do not touch. */
static void a_start_while_a_stop_is_under_way(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *first;
	struct answer stop = {0};
	struct answer start = {0};

	world_succeeds(w, world_start, leg);
	first = world_newest(w, leg);
	world_stop(w, leg, &stop);
	world_start(w, leg, &start);
	world_talk(w, HOST); /* the gates have not moved yet: these are the first one's */
	world_settle(w);
	world_assert_answered(&stop, 0, "");
	world_assert_answered(&start, 0, "");
	world_talk(w, HOST);
	assert_int_equal(world_frames(first), 2);
	assert_int_equal(world_frames(world_newest(w, leg)), 2);
	assert_int_equal(leg->recording->gate, GATE_RECORD);
}

/* Two clients start at once: one recording, and the other is told. */
static void a_second_start_while_the_first_is_under_way(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct answer first = {0};
	struct answer second = {0};

	world_start(w, leg, &first);
	world_start(w, leg, &second);
	world_assert_answered(&second, -EINVAL, "is being recorded already");
	world_settle(w);
	world_assert_answered(&first, 0, "");
	world_talk(w, HOST);
	assert_int_equal(world_frames(world_newest(w, leg)), 2);
	assert_int_equal(w->control.recordings->unfinished, 1);
}

/* Actions of other clients while a start is under way follow it. */
static void actions_queue_behind_a_start(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct answer start = {0};
	struct answer pause = {0};
	struct answer stop = {0};
	struct answer late = {0};

	world_start(w, leg, &start);
	world_pause(w, leg, &pause);
	world_stop(w, leg, &stop);
	world_resume(w, leg, &late);
	assert_int_equal(start.count + pause.count + stop.count + late.count, 0);
	world_settle(w);
	world_assert_answered(&start, 0, "");
	world_assert_answered(&pause, 0, "");
	world_assert_answered(&stop, 0, "");
	world_assert_answered(&late, -EINVAL, "not being recorded");
	assert_int_equal(world_newest(w, leg)->pause_count, 1);
}

/* As an action list does: the next is asked for from within the answer of the one before. */
static struct {
	struct leg *leg;
	unsigned int step;
	struct answer answers[6];
} list;

static void next_of_list(struct answer *a)
{
	static void (*const acts[])(struct world *, struct leg *, struct answer *) = {
		world_start, world_pause, world_resume, world_stop, world_start, world_stop};
	struct answer *next = &list.answers[list.step];

	if (list.step == sizeof(acts) / sizeof(acts[0]))
		return;
	next->then = next_of_list;
	acts[list.step++](&world, list.leg, next);
}

static void actions_asked_for_from_within_an_answer_run_once(void **state)
{
	struct world *w = *state;

	memset(&list, 0, sizeof(list));
	list.leg = world_talking(w, "call", HOST);
	next_of_list(NULL);
	world_settle(w);
	for (unsigned int i = 0; i < 6; i++)
		world_assert_answered(&list.answers[i], 0, "");
	assert_int_equal(w->control.recordings->unfinished, 0);
	assert_int_equal(recordings_in_state(w->control.recordings, RECORDING_DELIVERED), 2);
}

/* … and waits behind what another client has asked for already. */
static void an_action_from_within_an_answer_waits_for_its_turn(void **state)
{
	struct world *w = *state;
	struct answer stop = {0};

	memset(&list, 0, sizeof(list));
	list.leg = world_talking(w, "call", HOST);
	next_of_list(NULL);
	world_stop(w, list.leg, &stop);
	world_settle(w);
	world_assert_answered(&stop, 0, "");
	world_assert_answered(&list.answers[1], -EINVAL, "not being recorded");
}

/* --- Pause and resume --- */

static void a_pause_is_answered_when_every_core_has_shut_its_gates(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_pass(w, 1000000);
	world_pause(w, leg, &a);
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), 2);
	assert_true(world_command(w, 0) && world_ack(w, 0));
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), 3);
	assert_int_equal(a.count, 0);
	assert_int_equal(leg->recording->state, RECORDING_RUNNING);
	assert_true(world_command(w, 1));
	world_talk(w, HOST);
	assert_int_equal(a.count, 0);
	assert_true(world_ack(w, 1));
	world_assert_answered(&a, 0, "");
	assert_int_equal(leg->recording->state, RECORDING_PAUSED);
	assert_int_equal(f->pauses[0].start_ns, w->now_ns);
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), 3);
	assert_string_equal(world_ledger(w, &f->info.recording_id), "start");
}

static void a_resume_is_answered_when_every_core_records(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};
	uint64_t resumed_ns;

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_succeeds(w, world_pause, leg);
	world_pass(w, 1000000);
	world_resume(w, leg, &a);
	resumed_ns = w->now_ns;
	assert_int_equal(f->pauses[0].end_ns, resumed_ns);
	assert_true(world_command(w, 1) && world_ack(w, 1));
	assert_int_equal(a.count, 0);
	assert_true(world_command(w, 0) && world_ack(w, 0));
	world_assert_answered(&a, 0, "");
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), 2);
}

/* A turn of the loop may be long, or the process stopped in its midst: what arrived before the
 * action was seen is not recorded, though the turn's time is older. */
static void a_resume_takes_the_time_at_which_it_is_seen(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_succeeds(w, world_pause, leg);
	w->now_ns += 3000000000; /* the turn's own time stays */
	world_resume(w, leg, &a);
	assert_int_equal(f->pauses[0].end_ns, w->now_ns);
	assert_int_equal(leg->recording->open_ns, w->now_ns);
	world_settle(w);
}

static void repeated_actions_succeed_and_change_nothing(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_resume(w, leg, &a);
	world_assert_answered(&a, 0, "");
	assert_int_equal(f->pause_count, 0);
	world_succeeds(w, world_pause, leg);
	world_pass(w, 1000000);
	world_pause(w, leg, &a);
	world_assert_answered(&a, 0, ""); /* at once */
	assert_true(world_is_idle(w));
	assert_int_equal(f->pause_count, 1);
	world_succeeds(w, world_resume, leg);
	world_pass(w, 1000000);
	world_resume(w, leg, &a);
	world_assert_answered(&a, 0, "");
	assert_int_equal(f->pause_count, 1);
	assert_int_equal(f->pauses[0].end_ns - f->pauses[0].start_ns, 1000000);
}

/* Two clients pause at once: neither is answered before it is effective. */
static void two_pauses_at_once_are_one_pause(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct answer a = {0};
	struct answer b = {0};

	world_succeeds(w, world_start, leg);
	world_pause(w, leg, &a);
	world_pause(w, leg, &b);
	assert_int_equal(a.count + b.count, 0);
	world_settle(w);
	world_assert_answered(&a, 0, "");
	world_assert_answered(&b, 0, "");
	assert_int_equal(world_newest(w, leg)->pause_count, 1);
}

static void hundreds_of_pauses(void **state)
{
	enum { PAUSES = 300 };
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	for (unsigned int i = 0; i < PAUSES; i++) {
		world_talk(w, HOST);
		world_succeeds(w, world_pause, leg);
		world_talk(w, HOST);
		world_pass(w, 1000000);
		world_succeeds(w, world_resume, leg);
	}
	world_succeeds(w, world_stop, leg);
	assert_int_equal(f->pause_count, PAUSES);
	assert_int_equal(world_frames(f), 2 * PAUSES);
	assert_int_equal(f->while_paused[TRACK_INCOMING], PAUSES);
	assert_int_equal(f->while_paused[TRACK_OUTGOING], PAUSES);
}

static void a_stop_while_paused_counts_what_came(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_succeeds(w, world_pause, leg);
	world_talk(w, HOST);
	world_succeeds(w, world_stop, leg);
	assert_int_equal(f->pause_count, 1);
	assert_int_equal(f->pauses[0].end_ns, 0);
	assert_int_equal(f->while_paused[TRACK_INCOMING], 1);
	assert_int_equal(world_frames(f), 0);
}

/* --- Streams that come and go --- */

static void a_stream_that_joins_while_paused_is_paused(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_succeeds(w, world_pause, leg);
	world_move(w, leg, HOST, 4444); /* re-INVITE */
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	world_packet(w, HOST, 4444, TRACK_OUTGOING, 1);
	world_settle_gates(w);
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	world_packet(w, HOST, 4444, TRACK_OUTGOING, 1);
	assert_int_equal(world_frames(f), 0);
	world_succeeds(w, world_resume, leg);
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	world_packet(w, HOST, 4444, TRACK_OUTGOING, 1);
	assert_int_equal(world_frames(f), 2);
	world_succeeds(w, world_stop, leg);
	assert_int_equal(f->while_paused[TRACK_INCOMING], 2);
	assert_int_equal(f->while_paused[TRACK_OUTGOING], 2);
	assert_int_equal(f->streams, 4);
}

static void a_stream_that_joins_while_a_pause_is_under_way_is_paused(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_pause(w, leg, &a);
	world_move(w, leg, HOST, 4444);
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	world_settle_gates(w);
	world_assert_answered(&a, 0, "");
	world_packet(w, HOST, 4444, TRACK_INCOMING, 0);
	assert_int_equal(world_frames(f), 0);
}

/* The address passes from one leg to another while both are recorded: the stream's core may lag. */
static void a_pause_waits_for_a_stream_that_has_just_left(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "one", HOST);
	struct leg *other = world_talking(w, "two", HOST + 1);
	struct world_file *f;
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	world_take_over(w, other, HOST);
	assert_null(leg->streams);
	world_pause(w, leg, &a);
	while (world_command(w, 0) || world_ack(w, 0))
		continue;
	assert_int_equal(a.count, 0);
	world_settle_gates(w);
	world_assert_answered(&a, 0, "");
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), 0);
}

/* … and its track is not closed while its core may still write to it. */
static void a_stop_waits_for_a_stream_that_has_just_left(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "one", HOST);
	struct leg *other = world_talking(w, "two", HOST + 1);
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	world_take_over(w, other, HOST);
	assert_null(leg->streams);
	world_stop(w, leg, &a);
	world_sync(w, 0);
	world_talk(w, HOST); /* the world asserts that its files are open */
	assert_int_equal(a.count, 0);
	world_settle(w);
	world_assert_answered(&a, 0, "");
}

/* A stream that was being recorded joins a leg whose pause is under way. */
static void a_pause_waits_for_a_stream_that_has_just_joined(void **state)
{
	struct world *w = *state;
	struct leg *other = world_talking(w, "two", HOST + 1);
	struct leg *leg = world_talking(w, "one", HOST);
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	world_succeeds(w, world_start, other);
	world_pause(w, leg, &a);
	world_take_over(w, leg, HOST + 1);
	assert_null(other->streams);
	assert_true(world_command(w, 0) && world_ack(w, 0));
	assert_true(world_command(w, 1) && world_ack(w, 1));
	assert_int_equal(a.count, 0);
	world_settle_gates(w);
	world_assert_answered(&a, 0, "");
}

/* --- Without memory --- */

static void a_pause_that_cannot_be_told_is_not_answered(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};
	uint64_t before;

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	w->no_memory = true;
	world_pause(w, leg, &a);
	for (unsigned int i = 0; i < 3; i++) {
		world_settle(w);
		recordings_retry(w->control.recordings);
	}
	assert_int_equal(a.count, 0);
	assert_int_equal(f->pause_count, 0);
	w->no_memory = false;
	recordings_retry(w->control.recordings);
	assert_true(world_command(w, 0) && world_ack(w, 0));
	assert_int_equal(a.count, 0); /* the other core records yet */
	world_settle(w);
	world_assert_answered(&a, 0, "");
	assert_int_equal(f->pause_count, 1);
	before = world_frames(f);
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), before);
	world_succeeds(w, world_resume, leg);
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), before + 2);
}

static void a_resume_that_cannot_be_told_is_not_answered(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	world_succeeds(w, world_pause, leg);
	f = world_newest(w, leg);
	w->no_memory = true;
	world_resume(w, leg, &a);
	world_settle(w);
	assert_int_equal(a.count, 0);
	w->no_memory = false;
	recordings_retry(w->control.recordings);
	world_settle(w);
	world_assert_answered(&a, 0, "");
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), 2);
}

/* Its files stay open meanwhile, and what comes is part of it. */
static void a_stop_that_cannot_be_told_waits(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	w->no_memory = true;
	world_stop(w, leg, &a);
	world_settle(w);
	world_talk(w, HOST);
	assert_int_equal(a.count, 0);
	assert_int_equal(f->state, FILE_OPEN);
	world_pass(w, 1000000000);
	w->no_memory = false;
	recordings_retry(w->control.recordings);
	world_settle(w);
	world_assert_answered(&a, 0, "");
	assert_int_equal(f->window.stop_ns, w->now_ns);
	assert_int_equal(world_frames(f), 2);
	world_talk(w, HOST);
	assert_int_equal(world_frames(f), 2);
	world_succeeds(w, world_start, leg); /* its leg is free */
}

/* It keeps its leg until its tracks are shut, so that no other one can have the streams. */
static void a_failure_that_cannot_be_told_waits(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_start(w, leg, &a);
	f = world_newest(w, leg);
	world_settle_gates(w);
	w->no_memory = true;
	f->open_err = -EIO;
	world_storage(w, f);
	world_assert_answered(&a, -EIO, "spool");
	world_fails(w, world_start, leg, "being recorded");
	world_fails(w, world_stop, leg, "has stopped");
	w->no_memory = false;
	recordings_retry(w->control.recordings);
	world_settle(w);
	assert_int_equal(f->state, FILE_REMOVED);
	world_succeeds(w, world_start, leg);
}

static void keys_that_cannot_be_handed_on_make_no_noise(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	assert_string_equal(f->codec[TRACK_INCOMING], "PCMU");
	w->no_memory = true;
	world_encrypt(w, leg, END_PARTICIPANT, HOST);
	world_encrypt(w, leg, END_SBC, HOST);
	assert_int_equal(f->modes[TRACK_INCOMING], SRTP_MODE_PLAIN);
	assert_string_equal(f->codec[TRACK_INCOMING], "SRTP PCMU"); /* which nothing decodes */
	assert_string_equal(f->codec[TRACK_OUTGOING], "SRTP PCMU");
	w->no_memory = false;
	world_move(w, leg, HOST, 4000); /* back to RTP */
	world_encrypt(w, leg, END_PARTICIPANT, HOST);
	assert_int_equal(f->modes[TRACK_INCOMING], SRTP_MODE_SEALED);
	assert_string_equal(f->codec[TRACK_INCOMING], "PCMU");
}

static void what_cannot_be_noted_as_encrypted_is_not_recorded(void **state)
{
	struct world *w = *state;
	struct leg *leg = world_talking(w, "call", HOST);
	struct world_file *f;
	struct answer a = {0};

	world_succeeds(w, world_start, leg);
	f = world_newest(w, leg);
	w->no_memory = true;
	world_encrypt(w, leg, END_PARTICIPANT, HOST);
	w->no_notes = true;
	world_encrypt(w, leg, END_SBC, HOST);
	world_start(w, leg, &a);
	w->no_memory = false;
	recordings_retry(w->control.recordings);
	world_settle(w);
	assert_int_equal(f->state, FILE_REMOVED);
	w->no_memory = true;
	world_start(w, leg, &a); /* nor begun */
	world_assert_answered(&a, -ENOMEM, "memory");
	assert_null(leg->recording);
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
		TEST(actions_asked_for_from_within_an_answer_run_once),
		TEST(an_action_from_within_an_answer_waits_for_its_turn),
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
		TEST(a_pause_that_cannot_be_told_is_not_answered),
		TEST(a_resume_that_cannot_be_told_is_not_answered),
		TEST(a_stop_that_cannot_be_told_waits),
		TEST(a_failure_that_cannot_be_told_waits),
		TEST(keys_that_cannot_be_handed_on_make_no_noise),
		TEST(what_cannot_be_noted_as_encrypted_is_not_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
