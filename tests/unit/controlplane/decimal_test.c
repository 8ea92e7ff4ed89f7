#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/decimal.h"

static void parses_and_formats(void **state)
{
	static const char *const same[] = {"0", "1", "-1", "0.0125", "-0.5", "12.50",
		"0.000000000001", "9223372036854775807", "-9223372036854775807",
		"922337203685477580.7"};
	char text[DECIMAL_TEXT_BYTES];
	struct decimal d;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(decimal_parse(same[i], &d), 0);
		assert_string_equal(decimal_format(&d, text), same[i]);
	}
	assert_int_equal(decimal_parse("007.10", &d), 0);
	assert_string_equal(decimal_format(&d, text), "7.10");
}

static void refuses_what_is_no_decimal(void **state)
{
	static const char *const wrong[] = {"", "-", ".", "1.", ".5", "+1", "1e3", "1.2.3", " 1",
		"1 ", "--1", "0x10", "1,5", "NaN", "٣"};
	struct decimal d;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(decimal_parse(wrong[i], &d), -EINVAL);
	assert_int_equal(decimal_parse("9223372036854775808", &d), -ERANGE);
	assert_int_equal(
		decimal_parse("99999999999999999999999999999999999999999999", &d), -ERANGE);
	assert_int_equal(decimal_parse("0.0000000000001", &d), -ERANGE);
}

static void rounds_half_away_from_zero(void **state)
{
	static const struct {
		const char *value;
		uint64_t numerator;
		uint64_t denominator;
		unsigned int scale;
		const char *result;
	} cases[] = {
		{"0.005", 1, 1, 2, "0.01"},
		{"-0.005", 1, 1, 2, "-0.01"},
		{"0.0049999", 1, 1, 2, "0.00"},
		{"0.0125", 61, 60, 4, "0.0127"},
		{"1", 1, 3, 6, "0.333333"},
		{"2", 1, 3, 6, "0.666667"},
		{"1", 1, 2, 0, "1"},
		{"5", 1, 1, 3, "5.000"},
		{"9223372036854775807", UINT64_MAX, UINT64_MAX, 0, "9223372036854775807"},
	};
	char text[DECIMAL_TEXT_BYTES];
	struct decimal d;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(decimal_parse(cases[i].value, &d), 0);
		assert_int_equal(decimal_scale_round(&d, cases[i].numerator, cases[i].denominator,
					 cases[i].scale, &d),
			0);
		assert_string_equal(decimal_format(&d, text), cases[i].result);
	}
}

static void tells_what_is_out_of_range(void **state)
{
	struct decimal most = {.units = INT64_MAX, .scale = 0};
	struct decimal one = {.units = 1, .scale = 0};
	struct decimal cent = {.units = 1, .scale = 2};
	struct decimal out;

	assert_int_equal(decimal_scale_round(&most, 2, 1, 0, &out), -ERANGE);
	assert_int_equal(decimal_scale_round(&most, 1, 1, 1, &out), -ERANGE);
	assert_int_equal(decimal_scale_round(&most, UINT64_MAX, 1, 12, &out), -ERANGE);
	assert_int_equal(decimal_scale_round(&one, 1, 0, 0, &out), -ERANGE);
	assert_int_equal(decimal_add(&most, &one), -ERANGE);
	assert_int_equal(most.units, INT64_MAX);
	assert_int_equal(decimal_add(&one, &cent), -ERANGE);
	assert_int_equal(decimal_add(&cent, &cent), 0);
	assert_int_equal(cent.units, 2);
}

/* Python's decimal is the independent reckoner; it prints value, numerator, denominator, scale and
 * the result, or "range". */
static const char *const reckoner =
	"python3 - <<'END'\n"
	"import random\n"
	"from decimal import Decimal, ROUND_HALF_UP, getcontext\n"
	"getcontext().prec = 200\n"
	"random.seed(7)\n"
	"for i in range(20000):\n"
	"    s = random.randint(0, 12)\n"
	"    u = random.choice([1, -1]) * random.randrange(2 ** random.randint(1, 63))\n"
	"    n = random.randrange(2 ** random.randint(1, 64))\n"
	"    d = random.choice([60, 2, 1000, random.randrange(1, 2 ** random.randint(1, 64) + "
	"1)])\n"
	"    d = min(d, 2 ** 64 - 1)\n"
	"    out = random.randint(0, 12)\n"
	"    v = Decimal(u).scaleb(-s)\n"
	"    r = (v * n / d).quantize(Decimal(1).scaleb(-out), ROUND_HALF_UP)\n"
	"    fits = abs(int(r.scaleb(out))) < 2 ** 63\n"
	"    r = abs(r) if r == 0 else r\n"
	"    print(format(v, 'f'), n, d, out, format(r, 'f') if fits else 'range')\n"
	"END";

static void agrees_with_an_independent_reckoner(void **state)
{
	FILE *in = popen(reckoner, "r");
	char value[80];
	char expected[120];
	char text[DECIMAL_TEXT_BYTES];
	uint64_t numerator;
	uint64_t denominator;
	unsigned int scale;
	unsigned int cases = 0;
	struct decimal d;

	assert_non_null(in);
	while (fscanf(in, "%79s %" SCNu64 " %" SCNu64 " %u %119s", value, &numerator, &denominator,
		       &scale, expected) == 5) {
		int err;

		assert_int_equal(decimal_parse(value, &d), 0);
		err = decimal_scale_round(&d, numerator, denominator, scale, &d);
		if (strcmp(expected, "range") == 0) {
			assert_int_equal(err, -ERANGE);
		} else {
			assert_int_equal(err, 0);
			assert_string_equal(decimal_format(&d, text), expected);
		}
		cases++;
	}
	assert_int_equal(pclose(in), 0);
	assert_int_equal(cases, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_formats),
		cmocka_unit_test(refuses_what_is_no_decimal),
		cmocka_unit_test(rounds_half_away_from_zero),
		cmocka_unit_test(tells_what_is_out_of_range),
		cmocka_unit_test(agrees_with_an_independent_reckoner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
