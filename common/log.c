#include "common/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024

static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

/* A prefix for the journal, or a time for a terminal. */
static int put_prefix(char *line, size_t size, enum log_level level)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	static const int priority[] = {3, 4, 6, 7};
	struct timespec now;
	struct tm tm;

	if (!isatty(STDERR_FILENO))
		return snprintf(line, size, "<%d>%s: ", priority[level], names[level]);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	return snprintf(line, size, "%02d:%02d:%02d.%03ld %s: ", tm.tm_hour, tm.tm_min, tm.tm_sec,
		now.tv_nsec / 1000000, names[level]);
}

void log_write(enum log_level level, const char *component, const char *fmt, ...)
{
	char line[LINE_BYTES + 1];
	size_t used;
	va_list ap;

	if (level > max_level)
		return;
	used = (size_t)put_prefix(line, LINE_BYTES, level);
	used += (size_t)snprintf(line + used, LINE_BYTES - used, "%s: ", component);
	va_start(ap, fmt);
	used += (size_t)vsnprintf(line + used, LINE_BYTES - used, fmt, ap);
	va_end(ap);
	if (used > LINE_BYTES - 1)
		used = LINE_BYTES - 1;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nowhere left to say it */
}
