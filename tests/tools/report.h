/* The differences a verifier finds: the first few are printed, all are counted. */
#ifndef LEGTAP_TESTS_TOOLS_REPORT_H
#define LEGTAP_TESTS_TOOLS_REPORT_H

#include <stdint.h>

#define REPORT_PRINTED_MAX 20

/* subject: which recording. */
void report_difference(const char *subject, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

uint64_t report_count(void);

#endif
