/* A message for people: what is wrong, and what to do about it.
 *
 * Functions that can fail for a reason an operator must act on take a `struct errmsg *` beside
 * their -errno. It may be NULL. Any thread; each caller owns its own. */
#ifndef LEGTAP_COMMON_ERRMSG_H
#define LEGTAP_COMMON_ERRMSG_H

#include <stdarg.h>

#define ERRMSG_BYTES 512

struct errmsg {
	char text[ERRMSG_BYTES];
};

/* Formats into e->text, cut at its size; returns err, so that `return errmsg_set(e, -EINVAL, …)`
 * reads well. */
int errmsg_set(struct errmsg *e, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
