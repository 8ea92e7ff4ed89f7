/* Random actions of several clients on many legs, while rx cores, ledger and storage answer when
 * they like, against a model: each recording carries its actions out in the order in which they
 * were asked for, so that what each will be answered is known when it is asked.
 *
 * At the end answers, recordings, files and ledger must agree. A failure names its seed. */
#include "recording_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 200
#define STEPS 6000
#define LEGS_MAX 48
#define TAKES_MAX 2000
#define WISHES_MAX 16000
#define MOVES_MAX 12

enum kind { START, PAUSE, RESUME, STOP, KINDS };

struct model_leg;

struct wish {
	enum kind kind;
	struct answer answer;
	bool by_leg; /* the leg's end: nobody is answered */
	int expected;
	bool changes; /* a pause or resume that is not a repetition */
	uint64_t begun_ns;
	uint64_t at_ns; /* of the leg's end */
	struct model_leg *leg;
	unsigned int list; /* so many follow in its list */
	struct wish *next;
};

/* A recording as the model has it. */
struct take {
	struct uuid id;
	struct wish *wishes; /* outstanding, in order */
	bool by_rule;
	bool begun;
	bool will_pause; /* when all wishes have come true */
	bool will_stop;
	bool paused;
	bool lost; /* its files could not be opened */
	unsigned int pauses;
	uint64_t start_ns;
	uint64_t stop_ns;
};

struct model_leg {
	struct leg *leg;
	struct take *take; /* in the way of another start */
	uint16_t host;
	uint16_t port;
	unsigned int moves;
	bool answered;
	bool ended;
	bool mixed; /* its flows may be another's by now */
};

struct model {
	struct world world;
	unsigned int random;
	unsigned int leg_count;
	struct model_leg legs[LEGS_MAX];
	unsigned int take_count;
	struct take takes[TAKES_MAX];
	unsigned int wish_count;
	struct wish wishes[WISHES_MAX];
	unsigned int succeeded;
	unsigned int refused;
	bool finishing; /* lists are cut off */
};

static struct model model;

static unsigned int choose(struct model *m, unsigned int count)
{
	m->random = m->random * 1664525 + 1013904223;
	return (m->random >> 8) % count;
}

/* --- Wishes --- */

static bool is_armed(const struct take *t)
{
	return !t->begun && !t->wishes;
}

static struct model_leg *leg_of(struct model *m, const struct take *t)
{
	for (unsigned int i = 0; i < m->leg_count; i++)
		if (m->legs[i].take == t)
			return &m->legs[i];
	return NULL;
}

static void leave(struct model *m, const struct take *t)
{
	struct model_leg *l = leg_of(m, t);

	if (l)
		l->take = NULL;
}

/* The first wish is being carried out. */
static void begin_first(struct model *m, struct take *t)
{
	struct wish *wish = t->wishes;

	if (!wish || wish->begun_ns)
		return;
	wish->begun_ns = m->world.now_ns;
	if (wish->kind != STOP)
		return;
	if (!t->stop_ns)
		t->stop_ns = wish->by_leg ? wish->at_ns : m->world.now_ns;
	leave(m, t);
}

static void append(struct take *t, struct wish *wish)
{
	struct wish **at = &t->wishes;

	while (*at)
		at = &(*at)->next;
	*at = wish;
}

static void check_pauses(const struct take *t, const struct wish *wish, uint64_t now_ns)
{
	const struct world_file *f = world_file_of(&model.world, &t->id);

	assert_true(f->pause_count >= t->pauses); /* more may have come true at once */
	if (wish->kind == PAUSE)
		assert_int_equal(f->pauses[t->pauses - 1].start_ns, now_ns);
	else
		assert_int_equal(f->pauses[t->pauses - 1].end_ns, wish->begun_ns);
}

/* The first wish has been answered. */
static void came_true(struct model *m, struct take *t)
{
	struct wish *wish = t->wishes;

	assert_int_equal(wish->answer.count, 1);
	assert_int_equal(wish->answer.err, wish->expected);
	*(wish->expected ? &m->refused : &m->succeeded) += 1;
	t->wishes = wish->next;
	if (wish->expected)
		return;
	if (wish->kind == START)
		t->begun = true;
	if (wish->changes) {
		t->paused = wish->kind == PAUSE;
		t->pauses += t->paused;
		check_pauses(t, wish, m->world.now_ns);
	}
}

/* Takes up the answers that have come. They come in order. From within an answer what follows it
 * has not begun. */
static void reap(struct model *m, bool within)
{
	for (unsigned int i = 0; i < m->take_count; i++) {
		struct take *t = &m->takes[i];

		while (t->wishes) {
			bool answered = t->wishes->answer.count > 0;

			if (answered || !within)
				begin_first(m, t);
			if (answered)
				came_true(m, t);
			else if (t->wishes->by_leg && !within)
				t->wishes = t->wishes->next;
			else
				break;
		}
		for (const struct wish *wish = t->wishes; wish; wish = wish->next)
			assert_int_equal(wish->answer.count, 0);
	}
}

/* What the answer will be; *queued: not at once. */
static int foresee(struct model *m, struct model_leg *l, struct wish *wish, bool *queued)
{
	struct take *t = l->take;

	*queued = false;
	if (l->ended)
		return -EINVAL;
	if (wish->kind == START) {
		*queued = !t || is_armed(t);
		return *queued ? 0 : -EINVAL;
	}
	if (!t || is_armed(t))
		return -EINVAL;
	*queued = true;
	if (t->will_stop)
		return -EINVAL;
	if (wish->kind == STOP) {
		t->will_stop = true;
		return 0;
	}
	wish->changes = t->will_pause != (wish->kind == PAUSE);
	t->will_pause = wish->kind == PAUSE;
	return 0;
}

static struct take *new_take(struct model *m, struct model_leg *l)
{
	struct take *t = &m->takes[m->take_count++];

	assert_true(m->take_count < TAKES_MAX);
	*t = (struct take){.id = l->leg->recording->info.recording_id};
	l->take = t;
	if (choose(m, 20) == 0)
		world_file_of(&m->world, &t->id)->open_err = -EIO;
	return t;
}

static void go_on_with_list(struct answer *a);

static void act(struct model *m, struct model_leg *l, unsigned int list)
{
	static void (*const acts[])(struct world *, struct leg *, struct answer *) = {
		world_start, world_pause, world_resume, world_stop};
	struct wish *wish = &m->wishes[m->wish_count++];
	bool queued;

	assert_true(m->wish_count < WISHES_MAX);
	*wish = (struct wish){.kind = choose(m, KINDS), .leg = l, .list = list};
	wish->answer.then = go_on_with_list;
	wish->expected = foresee(m, l, wish, &queued);
	if (queued && wish->kind != START)
		append(l->take, wish);
	acts[wish->kind](&m->world, l->leg, &wish->answer);
	if (!queued) {
		assert_int_equal(wish->answer.count, 1);
		assert_int_equal(wish->answer.err, wish->expected);
		m->refused++;
	} else if (wish->kind == START) {
		append(new_take(m, l), wish);
		l->take->start_ns = m->world.now_ns;
	}
}

static void go_on_with_list(struct answer *a)
{
	struct wish *wish = (struct wish *)((char *)a - offsetof(struct wish, answer));

	if (a->err || wish->list == 0 || model.finishing)
		return;
	reap(&model, true);
	act(&model, wish->leg, wish->list - 1);
}

/* --- Legs --- */

static void offer(struct model *m)
{
	struct model_leg *l = &m->legs[m->leg_count];
	bool rule = choose(m, 2);
	char id[32];

	if (m->leg_count == LEGS_MAX)
		return;
	snprintf(id, sizeof(id), "%s-%u", rule ? "rule" : "call", m->leg_count);
	*l = (struct model_leg){.host = (uint16_t)(m->leg_count++ + 1), .port = 4000};
	l->leg = world_offer(&m->world, id, l->host);
	if (rule)
		new_take(m, l)->by_rule = true;
}

static void answer(struct model *m, struct model_leg *l)
{
	struct take *t = l->take;

	if (l->ended || l->answered)
		return;
	l->answered = true;
	if (t && t->by_rule && is_armed(t)) {
		t->begun = true;
		t->start_ns = m->world.now_ns;
	}
	world_answer(&m->world, l->leg);
}

static void end(struct model *m, struct model_leg *l)
{
	struct wish *wish = &m->wishes[m->wish_count++];

	assert_true(m->wish_count < WISHES_MAX);
	if (l->ended)
		return;
	l->ended = true;
	*wish = (struct wish){.kind = STOP, .by_leg = true, .at_ns = m->world.now_ns};
	if (l->take)
		append(l->take, wish);
	world_hang_up(&m->world, l->leg);
}

static void move(struct model *m, struct model_leg *l)
{
	if (l->moves == MOVES_MAX || l->ended)
		return;
	l->moves++;
	l->port++;
	world_move(&m->world, l->leg, l->host, l->port);
}

static void take_over(struct model *m, struct model_leg *l, struct model_leg *from)
{
	if (l->moves == MOVES_MAX || l->ended)
		return;
	l->moves++;
	l->mixed = from->mixed = true;
	world_take_over(&m->world, l->leg, from->host);
}

/* Recorded when nothing is under way and the recording runs; the world sees to the opposite. */
static void talk(struct model *m, struct model_leg *l)
{
	enum track track = choose(m, TRACK_COUNT);
	unsigned int rx = track == TRACK_INCOMING ? 0 : 1;
	const struct take *t = l->take;
	const struct world_file *f = t ? world_file_of(&m->world, &t->id) : NULL;
	bool surely = t && t->begun && !t->wishes && !t->paused && !t->lost && !l->mixed &&
		      l->answered && world_is_idle(&m->world);
	uint64_t before = f ? f->frames[track] : 0;

	world_packet(&m->world, l->host, l->port, track, rx);
	if (!surely || !f)
		return;
	world_settle_gates(&m->world); /* it may be a stream's first */
	assert_int_equal(f->frames[track], before + 1);
}

/* --- Steps --- */

static void open_fails(struct model *m, const struct world_file *f)
{
	for (unsigned int i = 0; i < m->take_count; i++) {
		struct take *t = &m->takes[i];

		if (!uuid_equal(&t->id, &f->info.recording_id))
			continue;
		t->lost = true;
		for (struct wish *wish = t->wishes; wish; wish = wish->next)
			wish->expected = -EIO;
		leave(m, t);
	}
}

static void go_on(struct model *m, struct world_file *f)
{
	if (f->state == FILE_OPENING && f->open_err)
		open_fails(m, f);
	world_storage(&m->world, f);
	reap(m, false);
}

static void step_storage(struct model *m)
{
	struct world_file *f = m->world.files;

	for (unsigned int skip = choose(m, 8); f && skip > 0; skip--)
		f = f->next;
	if (f)
		go_on(m, f);
}

static void step(struct model *m)
{
	struct model_leg *l = &m->legs[choose(m, m->leg_count)];
	unsigned int what = choose(m, 100);

	if (what < 12)
		act(m, l, choose(m, 4));
	else if (what < 14)
		offer(m);
	else if (what < 17)
		answer(m, l);
	else if (what < 18 && choose(m, 8) == 0)
		end(m, l);
	else if (what < 20)
		move(m, l);
	else if (what < 21 && choose(m, 4) == 0)
		take_over(m, l, &m->legs[choose(m, m->leg_count)]);
	else if (what < 45)
		talk(m, l);
	else if (what < 55)
		world_pass(&m->world, 1 + choose(m, 5000000));
	else if (what < 70)
		world_command(&m->world, choose(m, WORLD_RX));
	else if (what < 85)
		world_ack(&m->world, choose(m, WORLD_RX));
	else if (what < 93)
		step_storage(m);
	else
		world_sync(&m->world, 0);
	reap(m, false);
}

static void finish(struct model *m)
{
	m->finishing = true;
	for (struct world_file *f = m->world.files; f; f = f->next)
		if (f->state == FILE_OPENING)
			go_on(m, f);
	world_settle(&m->world);
	reap(m, false);
	for (unsigned int i = 0; i < m->leg_count; i++)
		end(m, &m->legs[i]);
	world_settle(&m->world);
	reap(m, false);
}

/* --- Agreement --- */

static void check_usage(struct model *m, const struct take *t, const struct world_file *f)
{
	struct world *w = &m->world;
	const struct world_entry *start = world_entry(w, &t->id, LEDGER_START);
	const struct world_entry *stop = world_entry(w, &t->id, LEDGER_STOP);
	uint64_t ms = (t->stop_ns - t->start_ns + 500000) / 1000000;

	assert_string_equal(world_ledger(w, &t->id), "start stop delivered");
	assert_int_equal(f->start_ns, t->start_ns);
	assert_int_equal(f->window.stop_ns, t->stop_ns);
	assert_int_equal(stop->entry.duration_ms, ms);
	assert_int_equal(stop->entry.time_ms - start->entry.time_ms, ms);
}

static void check_take(struct model *m, const struct take *t)
{
	struct world *w = &m->world;
	const struct world_file *f = world_file_of(w, &t->id);
	const struct recording *rec = recording_find(w->control.recordings, &t->id);

	assert_null(t->wishes);
	assert_int_equal(f->state, FILE_REMOVED);
	if (t->lost) {
		assert_string_equal(world_ledger(w, &t->id), t->begun ? "start stop" : "");
		return;
	}
	if (!t->begun) {
		assert_string_equal(world_ledger(w, &t->id), "");
		assert_null(rec);
		return;
	}
	check_usage(m, t, f);
	assert_int_equal(rec->state, RECORDING_DELIVERED);
	assert_int_equal(rec->pause_count, t->pauses);
	assert_int_equal(f->pause_count, t->pauses);
	for (unsigned int i = 0; i < t->pauses; i++) {
		assert_int_equal(rec->pauses[i].start_ns, f->pauses[i].start_ns);
		assert_int_equal(rec->pauses[i].end_ns, f->pauses[i].end_ns);
		assert_true(f->pauses[i].end_ns || (i == t->pauses - 1 && t->will_pause));
	}
}

static void all_agree(struct model *m, unsigned int seed)
{
	unsigned int files = 0;

	*m = (struct model){.random = seed};
	world_make(&m->world);
	world_add_rule(&m->world);
	offer(m);
	for (unsigned int i = 0; i < STEPS; i++)
		step(m);
	finish(m);
	for (unsigned int i = 0; i < m->take_count; i++)
		check_take(m, &m->takes[i]);
	for (const struct world_file *f = m->world.files; f; f = f->next)
		files++;
	assert_int_equal(files, m->take_count); /* and none beside */
	assert_int_equal(m->world.control.recordings->unfinished, 0);
	for (unsigned int i = 0; i < m->leg_count; i++)
		assert_int_equal(m->legs[i].leg->holds, 0);
	world_end(&m->world);
}

static void answers_recordings_files_and_ledger_agree(void **state)
{
	const char *only = getenv("LEGTAP_SEED");
	unsigned int succeeded = 0;
	unsigned int refused = 0;
	unsigned int takes = 0;

	for (unsigned int seed = 1; seed <= ROUNDS; seed++) {
		if (only && (unsigned int)atoi(only) != seed)
			continue;
		fprintf(stderr, "seed %u (LEGTAP_SEED=%u repeats it)\n", seed, seed);
		all_agree(&model, seed);
		succeeded += model.succeeded;
		refused += model.refused;
		takes += model.take_count;
	}
	printf("%u recordings, %u actions succeeded, %u were refused\n", takes, succeeded, refused);
	assert_true(only || (succeeded > 10 * ROUNDS && refused > 10 * ROUNDS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_recordings_files_and_ledger_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
