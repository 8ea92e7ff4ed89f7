#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>

#include "controlplane/events.h"

#define MOST 8U

struct fixture {
	struct events *ev;
	struct event_reader reader;
	unsigned int woken;
	char folder[64];
};

static void wake(void *arg)
{
	struct fixture *fx = arg;

	fx->woken++;
}

static int setup(void **state)
{
	static struct fixture fx;
	struct errmsg e;

	memset(&fx, 0, sizeof(fx));
	fx.reader = (struct event_reader){.wake = wake, .arg = &fx};
	strcpy(fx.folder, "/tmp/events_test.XXXXXX");
	assert_non_null(mkdtemp(fx.folder));
	assert_int_equal(events_create(&fx.ev, NULL, MOST, &e), 0);
	*state = &fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;
	char path[128];

	events_destroy(fx->ev);
	snprintf(path, sizeof(path), "%s/events.id", fx->folder);
	unlink(path);
	assert_int_equal(rmdir(fx->folder), 0); /* and nothing else lies in it */
	return 0;
}

static void add(struct events *ev, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddNumberToObject(o, "i", i);
		events_add(ev, 1764000000123, "test", o);
	}
}

/* The next line as JSON; NULL: there is none. */
static cJSON *next(struct events *ev, struct event_reader *r)
{
	size_t bytes = 0;
	char *line = events_next(ev, r, &bytes);
	cJSON *o;

	if (!line)
		return NULL;
	assert_int_equal(line[bytes - 1], '\n');
	assert_null(memchr(line, '\n', bytes - 1));
	o = cJSON_ParseWithLength(line, bytes);
	assert_non_null(o);
	free(line);
	return o;
}

static void expect(struct fixture *fx, uint64_t id, const char *type)
{
	cJSON *o = next(fx->ev, &fx->reader);

	assert_non_null(o);
	assert_int_equal((uint64_t)cJSON_GetObjectItem(o, "EventId")->valuedouble, id);
	assert_string_equal(cJSON_GetObjectItem(o, "EventType")->valuestring, type);
	cJSON_Delete(o);
}

static void expect_none(struct fixture *fx)
{
	assert_null(next(fx->ev, &fx->reader));
}

static void lines_stand_in_order(void **state)
{
	struct fixture *fx = *state;
	cJSON *o;

	add(fx->ev, 2);
	events_add(fx->ev, 1764000000123, "bare", NULL);
	assert_int_equal(events_enter(fx->ev, &fx->reader, false, 0), 0);
	o = next(fx->ev, &fx->reader);
	assert_string_equal(
		cJSON_GetObjectItem(o, "Time")->valuestring, "2025-11-24T16:00:00.123Z");
	assert_int_equal(cJSON_GetObjectItem(o, "i")->valueint, 0);
	cJSON_Delete(o);
	expect(fx, 2, "test");
	expect(fx, 3, "bare");
	expect_none(fx);
	events_leave(fx->ev, &fx->reader);
}

static void reader_begins_after_an_id(void **state)
{
	struct fixture *fx = *state;

	add(fx->ev, 5);
	assert_int_equal(events_enter(fx->ev, &fx->reader, true, 3), 0);
	expect(fx, 4, "test");
	expect(fx, 5, "test");
	expect_none(fx);
	events_leave(fx->ev, &fx->reader);
	assert_int_equal(events_enter(fx->ev, &fx->reader, true, 5), 0);
	expect_none(fx);
	events_leave(fx->ev, &fx->reader);
	assert_int_equal(events_enter(fx->ev, &fx->reader, true, 6), -EINVAL);
	assert_int_equal(events_enter(fx->ev, &fx->reader, true, UINT64_MAX), -EINVAL);
}

static void ring_never_grows_and_a_slow_reader_is_told(void **state)
{
	struct fixture *fx = *state;
	struct events_stats stats;
	cJSON *o;

	add(fx->ev, 2);
	assert_int_equal(events_enter(fx->ev, &fx->reader, false, 0), 0);
	expect(fx, 1, "test");
	add(fx->ev, 3 * MOST);
	events_stats(fx->ev, &stats);
	assert_int_equal(stats.newest, 2 + 3 * MOST);
	assert_int_equal(stats.newest - stats.oldest + 1, MOST);
	o = next(fx->ev, &fx->reader);
	assert_string_equal(cJSON_GetObjectItem(o, "EventType")->valuestring, "events_lost");
	assert_int_equal(cJSON_GetObjectItem(o, "lost")->valueint, stats.oldest - 2);
	assert_int_equal(cJSON_GetObjectItem(o, "EventId")->valueint, stats.oldest - 1);
	cJSON_Delete(o);
	for (uint64_t id = stats.oldest; id <= stats.newest; id++)
		expect(fx, id, "test");
	expect_none(fx);
	events_leave(fx->ev, &fx->reader);
	events_stats(fx->ev, &stats);
	assert_int_equal(stats.lost, stats.oldest - 2);
}

static void bytes_are_bounded_too(void **state)
{
	struct fixture *fx = *state;
	struct events_stats stats;
	char text[6001];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned int i = 0; i < MOST; i++) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "text", text);
		events_add(fx->ev, 0, "long", o);
	}
	events_stats(fx->ev, &stats);
	assert_int_equal(stats.newest - stats.oldest + 1, 2); /* of 8 × 2 KiB */
}

static void too_long_a_line_is_only_told_of(void **state)
{
	struct fixture *fx = *state;
	char *text = malloc(EVENT_LINE_BYTES_MAX + 2);
	cJSON *o = cJSON_CreateObject();

	memset(text, 'x', EVENT_LINE_BYTES_MAX + 1);
	text[EVENT_LINE_BYTES_MAX + 1] = '\0';
	cJSON_AddStringToObject(o, "text", text);
	free(text);
	events_add(fx->ev, 0, "long", o);
	assert_int_equal(events_enter(fx->ev, &fx->reader, false, 0), 0);
	o = next(fx->ev, &fx->reader);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(o, "too_long")));
	assert_null(cJSON_GetObjectItem(o, "text"));
	cJSON_Delete(o);
	events_leave(fx->ev, &fx->reader);
}

static void waiting_readers_are_woken_once(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(events_enter(fx->ev, &fx->reader, false, 0), 0);
	add(fx->ev, 1);
	assert_int_equal(fx->woken, 0);
	expect(fx, 1, "test");
	events_wait(fx->ev, &fx->reader);
	add(fx->ev, 2);
	assert_int_equal(fx->woken, 1);
	events_wait(fx->ev, &fx->reader);
	events_close(fx->ev);
	assert_int_equal(fx->woken, 2);
	add(fx->ev, 1);
	expect(fx, 2, "test");
	expect(fx, 3, "test");
	expect_none(fx);
	events_leave(fx->ev, &fx->reader);
	assert_int_equal(events_enter(fx->ev, &fx->reader, false, 0), -ESHUTDOWN);
}

static void readers_are_counted(void **state)
{
	struct fixture *fx = *state;
	struct event_reader readers[EVENT_READERS_MAX + 1] = {0};

	for (unsigned int i = 0; i < EVENT_READERS_MAX; i++)
		assert_int_equal(events_enter(fx->ev, &readers[i], false, 0), 0);
	assert_int_equal(events_enter(fx->ev, &readers[EVENT_READERS_MAX], false, 0), -EBUSY);
	events_leave(fx->ev, &readers[3]);
	assert_int_equal(events_enter(fx->ev, &readers[EVENT_READERS_MAX], false, 0), 0);
}

static void invalid_octets_are_repaired(void **state)
{
	struct fixture *fx = *state;
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "text", "a\xff");
	events_add(fx->ev, 0, "odd", o);
	assert_int_equal(events_enter(fx->ev, &fx->reader, false, 0), 0);
	o = next(fx->ev, &fx->reader);
	assert_string_equal(cJSON_GetObjectItem(o, "text")->valuestring, "a?");
	cJSON_Delete(o);
	events_leave(fx->ev, &fx->reader);
}

/* --- Runs --- */

static void reopen(struct fixture *fx)
{
	struct errmsg e;

	assert_int_equal(events_create(&fx->ev, fx->folder, MOST, &e), 0);
}

static uint64_t newest(const struct fixture *fx)
{
	struct events_stats stats;

	events_stats(fx->ev, &stats);
	return stats.newest;
}

static void ids_go_on_after_an_orderly_end(void **state)
{
	struct fixture *fx = *state;
	uint64_t last;
	cJSON *o;

	events_destroy(fx->ev);
	reopen(fx);
	assert_true(newest(fx) > 1000000000000000); /* the clock's microseconds */
	add(fx->ev, 3);
	last = newest(fx);
	events_destroy(fx->ev);
	reopen(fx);
	assert_int_equal(newest(fx), last);
	add(fx->ev, 1);
	assert_int_equal(events_enter(fx->ev, &fx->reader, true, last), 0);
	expect(fx, last + 1, "test");
	events_leave(fx->ev, &fx->reader);
	assert_int_equal(events_enter(fx->ev, &fx->reader, true, last - 2), 0);
	o = next(fx->ev, &fx->reader);
	assert_int_equal(cJSON_GetObjectItem(o, "lost")->valueint, 2);
	cJSON_Delete(o);
	expect(fx, last + 1, "test");
	events_leave(fx->ev, &fx->reader);
}

static void ids_leap_after_a_crash(void **state)
{
	struct fixture *fx = *state;
	struct events *crashed;
	uint64_t last;
	cJSON *o;

	events_destroy(fx->ev);
	reopen(fx);
	add(fx->ev, 3);
	last = newest(fx);
	crashed = fx->ev; /* its destroy does not come before the next run has begun */
	reopen(fx);
	assert_true(newest(fx) > last);
	add(fx->ev, 1);
	assert_int_equal(events_enter(fx->ev, &fx->reader, true, last), 0);
	o = next(fx->ev, &fx->reader);
	assert_string_equal(cJSON_GetObjectItem(o, "EventType")->valuestring, "events_lost");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "lost")));
	cJSON_Delete(o);
	expect(fx, newest(fx), "test");
	events_leave(fx->ev, &fx->reader);
	events_destroy(crashed);
}

static void damaged_id_file_is_no_obstacle(void **state)
{
	static const char *const texts[] = {
		"", "x", "-5 open", "5", "18446744073709551616 open", "9007199254740992 closed"};
	struct fixture *fx = *state;
	char path[128];

	events_destroy(fx->ev);
	snprintf(path, sizeof(path), "%s/events.id", fx->folder);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(texts[i], file);
		fclose(file);
		reopen(fx);
		assert_in_range(newest(fx), 1000000000000000, UINT64_C(1) << 53);
		events_destroy(fx->ev);
	}
	reopen(fx);
}

static void folder_that_is_not_there_is_named(void **state)
{
	struct events *ev;
	struct errmsg e;

	assert_int_equal(events_create(&ev, "/nowhere/at/all", MOST, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nowhere/at/all/events.id"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(lines_stand_in_order),
		TEST(reader_begins_after_an_id),
		TEST(ring_never_grows_and_a_slow_reader_is_told),
		TEST(bytes_are_bounded_too),
		TEST(too_long_a_line_is_only_told_of),
		TEST(waiting_readers_are_woken_once),
		TEST(readers_are_counted),
		TEST(invalid_octets_are_repaired),
		TEST(ids_go_on_after_an_orderly_end),
		TEST(ids_leap_after_a_crash),
		TEST(damaged_id_file_is_no_obstacle),
		TEST(folder_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
