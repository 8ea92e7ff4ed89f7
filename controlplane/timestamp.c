#include "controlplane/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define YEAR_9999_MS 253402300799999

char *timestamp_format(int64_t unix_ms, char buf[TIMESTAMP_TEXT_BYTES])
{
	int64_t in_range = unix_ms < 0 ? 0 : unix_ms;
	time_t seconds;
	struct tm tm;
	size_t used;

	if (in_range > YEAR_9999_MS)
		in_range = YEAR_9999_MS;
	seconds = (time_t)(in_range / 1000);
	gmtime_r(&seconds, &tm);
	used = strftime(buf, TIMESTAMP_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(
		buf + used, TIMESTAMP_TEXT_BYTES - used, ".%03uZ", (unsigned int)(in_range % 1000));
	return buf;
}

/* Takes exactly `count` digits. */
static bool take_number(const char **at, unsigned int count, int least, int most, int *out)
{
	int value = 0;

	for (unsigned int i = 0; i < count; i++, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return value >= least && value <= most;
}

static bool take_char(const char **at, const char *any_of)
{
	if (**at == '\0' || !strchr(any_of, **at))
		return false;
	(*at)++;
	return true;
}

static bool take_date(const char **at, struct tm *tm)
{
	struct tm given;

	if (!take_number(at, 4, 1970, 9999, &tm->tm_year) || !take_char(at, "-") ||
		!take_number(at, 2, 1, 12, &tm->tm_mon) || !take_char(at, "-") ||
		!take_number(at, 2, 1, 31, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	given = *tm;
	timegm(&given); /* carries 30 February over into March */
	return given.tm_mday == tm->tm_mday;
}

/* "18:57:39.123"; a leap second is the next minute's first. */
static bool take_time(const char **at, struct tm *tm, int *ms)
{
	int weight = 100;

	if (!take_number(at, 2, 0, 23, &tm->tm_hour) || !take_char(at, ":") ||
		!take_number(at, 2, 0, 59, &tm->tm_min) || !take_char(at, ":") ||
		!take_number(at, 2, 0, 60, &tm->tm_sec))
		return false;
	if (!take_char(at, "."))
		return true;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++, weight /= 10)
		*ms += (**at - '0') * weight;
	return true;
}

static bool take_offset(const char **at, int64_t *offset_s)
{
	bool west = **at == '-';
	int hours;
	int minutes;

	if (take_char(at, "Zz"))
		return true;
	if (!take_char(at, "+- ") || !take_number(at, 2, 0, 23, &hours) || !take_char(at, ":") ||
		!take_number(at, 2, 0, 59, &minutes))
		return false;
	*offset_s = (hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

int timestamp_parse(const char *text, int64_t *unix_ms)
{
	struct tm tm = {0};
	int64_t offset_s = 0;
	int ms = 0;

	if (!take_date(&text, &tm))
		return -EINVAL;
	if (*text != '\0' && (!take_char(&text, "Tt ") || !take_time(&text, &tm, &ms) ||
				     !take_offset(&text, &offset_s)))
		return -EINVAL;
	if (*text != '\0')
		return -EINVAL;
	*unix_ms = ((int64_t)timegm(&tm) - offset_s) * 1000 + ms;
	return *unix_ms < 0 ? -EINVAL : 0;
}
