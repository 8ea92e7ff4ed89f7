/* See report.h. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

static uint64_t differences;

void report_difference(const char *subject, const char *fmt, ...)
{
	va_list ap;

	if (differences++ >= REPORT_PRINTED_MAX)
		return;
	fprintf(stderr, "%s: ", subject);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (differences == REPORT_PRINTED_MAX)
		fputs("(further differences are only counted)\n", stderr);
}

uint64_t report_count(void)
{
	return differences;
}
