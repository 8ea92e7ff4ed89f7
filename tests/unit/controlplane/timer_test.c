#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/timer.h"

static uint64_t last_due;
static unsigned int fired;

static void note(void *arg, uint64_t now_ns)
{
	struct timer *t = arg;

	assert_true(t->due_ns >= last_due);
	assert_true(t->due_ns <= now_ns);
	last_due = t->due_ns;
	fired++;
}

static void timers_fire_in_order(void **state)
{
	enum { COUNT = 1000 };
	static struct timer t[COUNT];
	struct timers ts = {0};

	srand(1);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(timer_start(&ts, &t[i], (uint64_t)rand() % 500, note, &t[i]), 0);
	for (int i = 0; i < COUNT; i += 3)
		timer_cancel(&ts, &t[i]);
	for (int i = 1; i < COUNT; i += 3)
		timer_start(&ts, &t[i], (uint64_t)rand() % 500, note, &t[i]);
	for (uint64_t now = 0; now < 500; now += 50)
		timers_run(&ts, now);
	timers_run(&ts, 500);
	assert_int_equal(fired, COUNT - (COUNT + 2) / 3);
	assert_int_equal(timers_next_ns(&ts), UINT64_MAX);
	timers_destroy(&ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(timers_fire_in_order)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
