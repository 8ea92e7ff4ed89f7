#include "ledger_files.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"

#define NOON 1709208000000 /* 2024-02-29T12:00:00Z */

static struct account_config acme;

static int setup(void **state)
{
	acme = tariff_of("acme", "0.0125", "EUR", 4, 6, 30);
	return 0;
}

static int teardown(void **state)
{
	ledger_folder_remove();
	return 0;
}

static struct ledger *opened(void)
{
	struct errmsg e = {""};
	struct ledger *l;

	if (ledger_open(&l, ledger_folder(), true, &e) != 0)
		fail_msg("%s", e.text);
	return l;
}

/* The message that opening is refused with. */
static const char *refused(int expected)
{
	static struct errmsg e;
	struct ledger *l;

	assert_int_equal(ledger_open(&l, ledger_folder(), true, &e), expected);
	return e.text;
}

static void append(struct ledger *l, struct ledger_entry entry)
{
	assert_int_equal(append_and_wait(l, &entry), 0);
}

static void assert_head(const struct ledger *l, uint64_t expected)
{
	char head[128];
	char hash[65];
	uint64_t seq;

	ledger_head(l, &seq, hash);
	assert_int_equal(seq, expected);
	snprintf(head, sizeof(head), "%" PRIu64 ":%s", seq, hash);
	if (seq)
		assert_int_equal(verified_independently(ledger_path(l), head), 0);
}

static void writes_the_documented_lines(void **state)
{
	struct ledger *l = opened();
	char expected[2048];
	size_t bytes;
	char *text;
	char *hash;

	assert_head(l, 0);
	append(l, start_of(1, &acme, NOON + 7));
	append(l, stop_of(1, &acme, NOON + 60007, 60000));
	append(l, delivered_of(1, &acme, NOON + 61000));
	assert_head(l, 3);
	ledger_close(l);
	text = file_read(ledger_file(), &bytes);
	hash = strstr(text, ",\"hash\":\"");
	assert_non_null(hash);
	snprintf(expected, sizeof(expected),
		"{\"seq\":1,\"prev_hash\":\"%064d\",\"time\":\"2024-02-29T12:00:00.007Z\","
		"\"type\":\"start\",\"account\":\"acme\","
		"\"transaction_id\":\"11111111-2222-3333-4444-555555555555\","
		"\"call_id\":\"66666666-7777-8888-9999-aaaaaaaaaaaa\","
		"\"recording_id\":\"",
		0);
	*hash = '\0';
	assert_memory_equal(text, expected, strlen(expected));
	assert_non_null(strstr(text, "\",\"rate_per_minute\":\"0.0125\",\"currency\":\"EUR\","
				     "\"currency_digits\":4,\"rounding_seconds\":6,"
				     "\"minimum_seconds\":30"));
	assert_non_null(
		strstr(hash + 1, ",\"duration_ms\":60000,\"reason\":\"hangup\",\"hash\":\""));
	assert_non_null(strstr(hash + 1, "\"type\":\"delivered\""));
	assert_non_null(
		strstr(hash + 1, ",\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b"
				 "934ca495991b7852b855\",\"bytes\":45,\"hash\":\""));
	free(text);
}

static void continues_the_chain_and_knows_usages(void **state)
{
	struct ledger *l = opened();
	struct ledger_usage u;
	struct uuid id = recording_of(2);

	append(l, start_of(1, &acme, NOON));
	append(l, start_of(2, &acme, NOON + 1));
	append(l, start_of(3, &acme, NOON + 2));
	append(l, stop_of(2, &acme, NOON + 1001, 1000));
	append(l, stop_of(3, &acme, NOON + 1002, 1000));
	append(l, delivered_of(3, &acme, NOON + 2000));
	ledger_close(l);
	l = opened();
	assert_head(l, 6);
	assert_true(ledger_usage_of(l, &id, &u));
	assert_true(u.started && u.stopped && !u.delivered);
	assert_int_equal(u.start_ms, NOON + 1);
	assert_string_equal(u.account_id, "acme");
	id = recording_of(3);
	assert_true(ledger_usage_of(l, &id, &u));
	assert_true(u.started && u.stopped && u.delivered);
	id = recording_of(4);
	assert_false(ledger_usage_of(l, &id, &u));
	append(l, delivered_of(2, &acme, NOON + 3000));
	assert_head(l, 7);
	ledger_close(l);
}

static void close_it(void *arg, const struct uuid *id, const struct ledger_usage *usage)
{
	struct ledger *l = ((void **)arg)[0];
	unsigned int *count = ((void **)arg)[1];
	struct ledger_entry stop = stop_of(0, &acme, usage->start_ms, 0);

	assert_true(usage->started && !usage->stopped);
	stop.recording_id = *id;
	ledger_append(l, &stop, NULL, NULL);
	++*count;
}

static void lists_open_usages(void **state)
{
	struct ledger *l = opened();
	unsigned int count = 0;
	void *arg[2] = {l, &count};

	for (unsigned int i = 0; i < 1000; i++)
		append(l, start_of(i, &acme, NOON));
	for (unsigned int i = 0; i < 1000; i += 2)
		append(l, stop_of(i, &acme, NOON, 1));
	ledger_open_usages(l, close_it, arg);
	assert_int_equal(count, 500);
	ledger_open_usages(l, close_it, arg);
	assert_int_equal(count, 500);
	ledger_close(l);
	l = opened();
	assert_head(l, 2000);
	ledger_close(l);
}

static void refuses_what_would_be_billed_twice(void **state)
{
	struct ledger *l = opened();
	struct ledger_entry start = start_of(1, &acme, NOON);
	struct ledger_entry stop = stop_of(1, &acme, NOON, 0);
	struct ledger_entry delivered = delivered_of(1, &acme, NOON);
	struct ledger_entry stranger = start_of(2, &acme, NOON);

	assert_int_equal(append_and_wait(l, &stop), -ENOENT);
	assert_int_equal(append_and_wait(l, &delivered), -ENOENT);
	append(l, start);
	assert_int_equal(append_and_wait(l, &start), -EEXIST);
	assert_int_equal(append_and_wait(l, &delivered), -ENOENT);
	append(l, stop);
	assert_int_equal(append_and_wait(l, &stop), -EEXIST);
	append(l, delivered);
	ledger_close(l);
	l = opened();
	assert_int_equal(append_and_wait(l, &start), -EEXIST);
	assert_int_equal(append_and_wait(l, &stop), -EEXIST);
	assert_int_equal(append_and_wait(l, &delivered), -EEXIST);
	stranger.account = NULL;
	assert_int_equal(append_and_wait(l, &stranger), -EINVAL);
	assert_head(l, 3);
	ledger_close(l);
	log_set_level(LOG_LEVEL_INFO);
}

static unsigned int told;

/* arg: how many were told before. */
static void in_order(void *arg, int err)
{
	assert_int_equal(err, 0);
	assert_int_equal((uintptr_t)arg, told);
	told++;
}

/* More than one batch holds, appended without waiting. */
static void many_entries_share_syncs(void **state)
{
	enum { COUNT = 2000 };
	struct ledger *l = opened();
	unsigned int turns = 0;

	told = 0;
	for (uintptr_t i = 0; i < COUNT; i++) {
		struct ledger_entry e = start_of((unsigned int)i, &acme, NOON);

		ledger_append(l, &e, in_order, (void *)i);
		assert_int_equal(told, 0);
	}
	for (; told < COUNT; turns++)
		ledger_turn(l);
	assert_in_range(turns, 1, COUNT / 20);
	assert_head(l, COUNT);
	ledger_close(l);
}

static void closing_waits_for_what_is_under_way(void **state)
{
	struct ledger *l = opened();

	told = 0;
	for (uintptr_t i = 0; i < 100; i++) {
		struct ledger_entry e = start_of((unsigned int)i, &acme, NOON);

		ledger_append(l, &e, in_order, (void *)i);
	}
	ledger_close(l);
	assert_int_equal(told, 100);
	l = opened();
	assert_head(l, 100);
	ledger_close(l);
	ledger_close(NULL);
}

static void serves_reading_captures(void **state)
{
	struct ledger *l;
	struct ledger_entry e;
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/a//b/c", ledger_folder());
	assert_int_equal(ledger_open(&l, folder, false, NULL), 0);
	for (unsigned int i = 0; i < 1000; i++) {
		e = start_of(i, &acme, NOON);
		ledger_append(l, &e, NULL, NULL);
	}
	ledger_close(l);
	assert_int_equal(ledger_open(&l, folder, false, NULL), 0);
	assert_head(l, 1000);
	ledger_close(l);
}

static void one_process_has_it(void **state)
{
	struct ledger *l = opened();

	assert_non_null(strstr(refused(-EBUSY), "another process writes this ledger"));
	ledger_close(l);
	ledger_close(opened());
}

static void cuts_an_unfinished_end(void **state)
{
	static const struct {
		const char *tail;
		size_t bytes;
	} tails[] = {
		{"{\"seq\":3,\"prev_", 15}, {"\0\0\0\0", 4}, {"{\"seq\0\n\0{}\n", 11}, {"}", 1}};
	char kept_path[256];

	log_set_level(LOG_LEVEL_ERROR);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct ledger *l = opened();
		FILE *f;
		char *kept;
		size_t bytes;

		append(l, start_of(1, &acme, NOON));
		append(l, start_of(2, &acme, NOON));
		ledger_close(l);
		f = fopen(ledger_file(), "a");
		fwrite(tails[i].tail, 1, tails[i].bytes, f);
		fclose(f);
		l = opened();
		assert_head(l, 2);
		snprintf(kept_path, sizeof(kept_path), "%s.cut-3", ledger_file());
		kept = file_read(kept_path, &bytes);
		assert_int_equal(bytes, tails[i].bytes);
		assert_memory_equal(kept, tails[i].tail, bytes);
		free(kept);
		append(l, start_of(3, &acme, NOON));
		assert_head(l, 3);
		ledger_close(l);
		ledger_folder_remove();
	}
	log_set_level(LOG_LEVEL_INFO);
}

static void refuses_a_broken_chain(void **state)
{
	struct ledger *l = opened();
	const char *message;
	size_t bytes;
	char *text;
	char *at;

	for (unsigned int i = 0; i < 400; i++)
		append(l, start_of(i, &acme, NOON));
	ledger_close(l);
	text = file_read(ledger_file(), &bytes);
	at = strstr(text, "0.0125");
	memcpy(at, "0.0001", 6);
	file_write(ledger_file(), text, bytes);
	message = refused(-EBADMSG);
	assert_non_null(strstr(message, "line 1: it was altered"));
	assert_non_null(strstr(message, "Nothing is added to a broken ledger"));
	memcpy(at, "0.0125", 6);
	memset(at + 500, 0, 20); /* far from the end: no crash of an append did this */
	file_write(ledger_file(), text, bytes);
	assert_non_null(strstr(refused(-EBADMSG), "line 2: it holds NUL bytes"));
	free(text);
}

/* In a process of its own whose files may not grow beyond a limit, which falls into an entry. */
static void fill_up(void)
{
	struct rlimit limit = {.rlim_cur = 3000, .rlim_max = 3000};
	struct ledger *l = opened();
	struct ledger_entry e = start_of(0, &acme, NOON);
	unsigned int count = 0;
	struct ledger_usage u;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	while (append_and_wait(l, &e) == 0)
		e = start_of(++count, &acme, NOON);
	if (count < 4 || append_and_wait(l, &e) != -EFBIG)
		_exit(1);
	e = start_of(count + 1, &acme, NOON);
	if (append_and_wait(l, &e) != -EFBIG)
		_exit(2);
	e.recording_id = recording_of(count - 1);
	if (!ledger_usage_of(l, &e.recording_id, &u))
		_exit(3);
	ledger_close(l);
	_exit((int)(100 + count));
}

static void a_failed_write_ends_it(void **state)
{
	struct ledger *l;
	char hash[65];
	uint64_t seq;
	int status;
	pid_t child;

	ledger_folder();
	child = fork();
	if (child == 0)
		fill_up();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_in_range(WEXITSTATUS(status), 104, 200);
	log_set_level(LOG_LEVEL_ERROR);
	l = opened();
	log_set_level(LOG_LEVEL_INFO);
	ledger_head(l, &seq, hash);
	assert_int_equal(seq, WEXITSTATUS(status) - 100);
	assert_head(l, seq);
	ledger_close(l);
}

static struct ledger *doomed;
static int acknowledged_to;
static unsigned int next_number;

static void append_next(void);

/* Tells that an entry is durable, and appends another. */
static void acknowledge(void *arg, int err)
{
	unsigned int n = (unsigned int)(uintptr_t)arg;

	if (err || write(acknowledged_to, &n, sizeof(n)) != sizeof(n))
		_exit(1);
	append_next();
}

static void append_next(void)
{
	struct ledger_entry e = start_of(next_number, &acme, NOON);

	ledger_append(doomed, &e, acknowledge, (void *)(uintptr_t)next_number++);
}

static void append_until_killed(int out, unsigned int first)
{
	struct errmsg e = {""};

	acknowledged_to = out;
	next_number = first;
	if (ledger_open(&doomed, ledger_folder(), true, &e) != 0) {
		print_error("child: %s\n", e.text); /* failing the test is the parent's */
		_exit(1);
	}
	for (unsigned int i = 0; i < 8; i++)
		append_next();
	for (;;)
		ledger_turn(doomed);
}

static void check_acknowledged(unsigned int from, unsigned int to)
{
	struct ledger *l = opened();
	struct ledger_usage u;
	char hash[65];
	uint64_t seq;

	for (unsigned int n = from; n < to; n++) {
		struct uuid id = recording_of(n);

		assert_true(ledger_usage_of(l, &id, &u));
	}
	ledger_head(l, &seq, hash);
	assert_head(l, seq);
	ledger_close(l);
}

static void survives_kills(void **state)
{
	unsigned int next = 0;

	srand(3);
	ledger_folder();
	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned int round = 0; round < 20; round++) {
		unsigned int first = round * 100000;
		unsigned int kill_after = 1 + (unsigned int)rand() % 40;
		int ends[2];
		pid_t child;
		unsigned int n;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		if (child == 0) {
			close(ends[0]);
			append_until_killed(ends[1], first);
		}
		close(ends[1]);
		next = first;
		while (read(ends[0], &n, sizeof(n)) == sizeof(n)) {
			assert_int_equal(n, next);
			if (++next == first + kill_after)
				kill(child, SIGKILL);
		}
		close(ends[0]);
		assert_true(next >= first + kill_after);
		assert_int_equal(waitpid(child, NULL, 0), child);
		check_acknowledged(first, next);
	}
	log_set_level(LOG_LEVEL_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(writes_the_documented_lines, teardown),
		cmocka_unit_test_teardown(continues_the_chain_and_knows_usages, teardown),
		cmocka_unit_test_teardown(lists_open_usages, teardown),
		cmocka_unit_test_teardown(refuses_what_would_be_billed_twice, teardown),
		cmocka_unit_test_teardown(many_entries_share_syncs, teardown),
		cmocka_unit_test_teardown(closing_waits_for_what_is_under_way, teardown),
		cmocka_unit_test_teardown(serves_reading_captures, teardown),
		cmocka_unit_test_teardown(one_process_has_it, teardown),
		cmocka_unit_test_teardown(cuts_an_unfinished_end, teardown),
		cmocka_unit_test_teardown(refuses_a_broken_chain, teardown),
		cmocka_unit_test_teardown(a_failed_write_ends_it, teardown),
		cmocka_unit_test_teardown(survives_kills, teardown),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
