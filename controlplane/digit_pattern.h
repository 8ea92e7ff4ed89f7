/* The regular expressions of ReceiveDigits, as applications write them (Perl's \d, (?:…)), compiled
 * by regcomp(3), with bounds, for it takes memory and time by what the expression asks for. Pure
 * functions; any thread. */
#ifndef LEGTAP_CONTROLPLANE_DIGIT_PATTERN_H
#define LEGTAP_CONTROLPLANE_DIGIT_PATTERN_H

#include <stdbool.h>

#include <regex.h>

#include "common/errmsg.h"

#define DIGIT_PATTERN_BYTES 128
#define DIGITS_MAX 64 /* of one input */

/* 0: *out is to be given to regfree(3). -EINVAL with a message: too long, repeats too much, refers
 * back, or is no regular expression. */
int digit_pattern_compile(regex_t *out, const char *text, struct errmsg *e);

#endif
