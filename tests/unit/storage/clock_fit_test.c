#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "storage/clock_fit.h"

/* Packets of 20 ms by a clock that is `ppm` fast, delayed by up to jitter_ns. */
static double fitted(double ppm, uint64_t seconds, uint64_t jitter_ns)
{
	struct clock_fit fit = {0};
	uint64_t last_ns = 0;
	uint32_t x = 7;

	for (uint64_t i = 0; i < seconds * 50; i++) {
		uint64_t sent_ns = (uint64_t)((double)i * 20e6 / (1 + ppm / 1e6));
		uint64_t arrival_ns;

		x = x * 1103515245 + 12345;
		arrival_ns = 5000000000ULL + sent_ns + (jitter_ns ? (x >> 8) % jitter_ns : 0);
		last_ns = arrival_ns > last_ns ? arrival_ns : last_ns;
		clock_fit_add(&fit, last_ns, (int64_t)(last_ns - i * 20000000));
	}
	return clock_fit_ppm(&fit);
}

static void a_clock_is_found_through_jitter(void **state)
{
	assert_float_equal(fitted(200, 3600, 0), 200, 0.5);
	assert_float_equal(fitted(-150, 600, 0), -150, 0.5);
	assert_float_equal(fitted(200, 3600, 60000000), 200, 5);
	assert_float_equal(fitted(0, 3600, 60000000), 0, 5);
}

static void too_little_tells_nothing(void **state)
{
	assert_float_equal(fitted(1000, 4, 0), 0, 0.001);
	assert_float_equal(fitted(0, 0, 0), 0, 0.001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_is_found_through_jitter),
		cmocka_unit_test(too_little_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
