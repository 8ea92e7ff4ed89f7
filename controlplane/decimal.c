#include "controlplane/decimal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

static const uint64_t powers[DECIMAL_SCALE_MAX + 1] = {1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL,
	100000ULL, 1000000ULL, 10000000ULL, 100000000ULL, 1000000000ULL, 10000000000ULL,
	100000000000ULL, 1000000000000ULL};

static uint64_t magnitude(int64_t units)
{
	return units < 0 ? -(uint64_t)units : (uint64_t)units;
}

/* INT64_MIN is left out: no result has a magnitude that its negative has not. */
static int with_sign(unsigned __int128 value, bool negative, int64_t *out)
{
	if (value > INT64_MAX)
		return -ERANGE;
	*out = negative ? -(int64_t)value : (int64_t)value;
	return 0;
}

/* Takes digits from *text on into *value and counts them. */
static int take_digits(const char **text, unsigned __int128 *value, unsigned int *count)
{
	const char *p = *text;

	for (; *p >= '0' && *p <= '9'; p++) {
		*value = *value * 10 + (unsigned int)(*p - '0');
		if (*value > INT64_MAX)
			return -ERANGE;
	}
	*count = (unsigned int)(p - *text);
	*text = p;
	return *count == 0 ? -EINVAL : 0;
}

int decimal_parse(const char *text, struct decimal *out)
{
	bool negative = *text == '-';
	unsigned __int128 value = 0;
	unsigned int digits;
	unsigned int scale = 0;
	int err;

	text += negative;
	err = take_digits(&text, &value, &digits);
	if (err == 0 && *text == '.') {
		text++;
		err = take_digits(&text, &value, &scale);
	}
	if (err)
		return err;
	if (*text)
		return -EINVAL;
	if (scale > DECIMAL_SCALE_MAX)
		return -ERANGE;
	out->scale = scale;
	return with_sign(value, negative, &out->units);
}

char *decimal_format(const struct decimal *d, char buf[DECIMAL_TEXT_BYTES])
{
	uint64_t value = magnitude(d->units);
	uint64_t whole = value / powers[d->scale];
	uint64_t rest = value % powers[d->scale];
	const char *sign = d->units < 0 ? "-" : "";

	if (d->scale == 0)
		snprintf(buf, DECIMAL_TEXT_BYTES, "%s%" PRIu64, sign, whole);
	else
		snprintf(buf, DECIMAL_TEXT_BYTES, "%s%" PRIu64 ".%0*" PRIu64, sign, whole,
			(int)d->scale, rest);
	return buf;
}

/* quotient × multiplier + (remainder × multiplier) / divisor, half up: dividing before multiplying
 * keeps every step below 2^128. */
static int divide(unsigned __int128 value, unsigned __int128 divisor, uint64_t multiplier,
	unsigned __int128 *out)
{
	unsigned __int128 high;
	unsigned __int128 low = value % divisor * multiplier;
	unsigned __int128 rest = low % divisor;

	if (__builtin_mul_overflow(value / divisor, multiplier, &high) || high > INT64_MAX)
		return -ERANGE;
	*out = high + low / divisor + (rest >= divisor - rest);
	return 0;
}

int decimal_scale_round(const struct decimal *d, uint64_t numerator, uint64_t denominator,
	unsigned int scale, struct decimal *out)
{
	unsigned __int128 value = (unsigned __int128)magnitude(d->units) * numerator;
	unsigned __int128 divisor = denominator;
	uint64_t multiplier = 1;
	int err;

	if (denominator == 0 || scale > DECIMAL_SCALE_MAX)
		return -ERANGE;
	if (scale >= d->scale)
		multiplier = powers[scale - d->scale];
	else
		divisor *= powers[d->scale - scale];
	err = divide(value, divisor, multiplier, &value);
	if (err)
		return err;
	out->scale = scale;
	return with_sign(value, d->units < 0, &out->units);
}

int decimal_add(struct decimal *sum, const struct decimal *d)
{
	int64_t units;

	if (sum->scale != d->scale || __builtin_add_overflow(sum->units, d->units, &units))
		return -ERANGE;
	sum->units = units;
	return 0;
}
