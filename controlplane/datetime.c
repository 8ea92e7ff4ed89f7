#include "controlplane/datetime.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define YEAR_0_MS (-62167219200000LL)
#define YEAR_9999_MS 253402300799999LL

char *datetime_format(int64_t unix_ms, char buf[DATETIME_TEXT_BYTES])
{
	char text[64];
	time_t seconds;
	struct tm tm;
	int ms;

	unix_ms = unix_ms < YEAR_0_MS ? YEAR_0_MS : unix_ms;
	unix_ms = unix_ms > YEAR_9999_MS ? YEAR_9999_MS : unix_ms;
	ms = (int)((unix_ms % 1000 + 1000) % 1000);
	seconds = (time_t)((unix_ms - ms) / 1000);
	gmtime_r(&seconds, &tm);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
	memcpy(buf, text, DATETIME_TEXT_BYTES);
	buf[DATETIME_TEXT_BYTES - 1] = '\0';
	return buf;
}

/* Whether text has the form's digits and separators. */
static int shape_fits(const char *text)
{
	const char *form = "0000-00-00T00:00:00.000Z";

	for (; *form; form++, text++)
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return 0;
	return *text == '\0';
}

int datetime_parse(const char *text, int64_t *unix_ms)
{
	char again[DATETIME_TEXT_BYTES];
	struct tm tm = {0};
	int ms;

	if (!shape_fits(text))
		return -EINVAL;
	sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		&tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	*unix_ms = (int64_t)timegm(&tm) * 1000 + ms;
	/* timegm takes the 31st of February for the 3rd of March */
	return strcmp(datetime_format(*unix_ms, again), text) == 0 ? 0 : -EINVAL;
}
