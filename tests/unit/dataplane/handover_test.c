#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dataplane/handover.h"

#define ASKINGS 1000

struct asker {
	struct handover handover;
	_Atomic unsigned int answered;
};

static void *ask(void *arg)
{
	struct asker *a = arg;

	for (unsigned int i = 1; i <= ASKINGS; i++) {
		handover_wait(&a->handover, HANDOVER_TICK, i);
		atomic_store(&a->answered, i);
		if (handover_is_stopping(&a->handover))
			break;
	}
	return NULL;
}

static void wait_for_asking(struct handover *h)
{
	struct pollfd p = {.fd = h->fd, .events = POLLIN};

	while (!handover_asked(h))
		assert_int_equal(poll(&p, 1, 10000), 1);
}

static void every_asking_is_answered_once(void **state)
{
	struct asker a = {.answered = 0};
	pthread_t thread;

	assert_int_equal(handover_create(&a.handover), 0);
	assert_false(handover_asked(&a.handover));
	assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
	for (unsigned int i = 1; i <= ASKINGS; i++) {
		wait_for_asking(&a.handover);
		assert_int_equal(a.handover.kind, HANDOVER_TICK);
		assert_int_equal(a.handover.now_ns, i);
		assert_int_equal(atomic_load(&a.answered), i - 1); /* it waits */
		handover_answer(&a.handover);
	}
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&a.answered), ASKINGS);
	assert_false(handover_asked(&a.handover));
	handover_destroy(&a.handover);
}

static void stopping_ends_every_wait(void **state)
{
	struct asker a = {.answered = 0};
	pthread_t thread;

	assert_int_equal(handover_create(&a.handover), 0);
	assert_int_equal(pthread_create(&thread, NULL, ask, &a), 0);
	wait_for_asking(&a.handover);
	assert_false(handover_is_stopping(&a.handover));
	handover_stop(&a.handover);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&a.answered), 1);
	handover_wait(&a.handover, HANDOVER_RINGS, 0); /* returns, now and later */
	handover_destroy(&a.handover);
	handover_destroy(&a.handover);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_asking_is_answered_once),
		cmocka_unit_test(stopping_ends_every_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
