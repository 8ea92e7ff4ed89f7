#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/job_queue.h"

#define JOBS 1000U

static void put(struct job_queue *q, uint64_t due_ns)
{
	struct uuid id = {0};
	struct job *job = job_new(&id);

	job->due_ns = due_ns;
	assert_int_equal(job_queue_reserve(q, q->waiting + 1), 0);
	job_queue_put(q, job);
}

static void jobs_come_in_the_order_in_which_they_are_due(void **state)
{
	struct job_queue q = {0};
	uint64_t before = 0;

	assert_int_equal(job_queue_next_ns(&q), UINT64_MAX);
	srand(1);
	for (unsigned int i = 0; i < JOBS; i++)
		put(&q, (uint64_t)rand() % 500);
	for (unsigned int i = 0; i < JOBS; i++) {
		uint64_t next = job_queue_next_ns(&q);
		struct job *job;

		assert_null(next > 0 ? job_queue_take(&q, next - 1) : NULL);
		job = job_queue_take(&q, 500);
		assert_int_equal(job->due_ns, next);
		assert_true(job->due_ns >= before);
		before = job->due_ns;
		job_free(job);
		/* One that is put in between finds its place. */
		if (i % 10 == 0) {
			put(&q, before);
			job = job_queue_take(&q, 500);
			assert_int_equal(job->due_ns, before);
			job_free(job);
		}
	}
	assert_null(job_queue_take(&q, UINT64_MAX));
	job_queue_clear(&q);
}

static void a_held_queue_gives_nothing(void **state)
{
	struct job_queue q = {.hold_ns = 100};

	put(&q, 5);
	put(&q, 200);
	assert_int_equal(job_queue_next_ns(&q), 100);
	assert_null(job_queue_take(&q, 99));
	job_free(job_queue_take(&q, 100));
	assert_null(job_queue_take(&q, 199));
	assert_int_equal(job_queue_next_ns(&q), 200);
	job_queue_clear(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_come_in_the_order_in_which_they_are_due),
		cmocka_unit_test(a_held_queue_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
