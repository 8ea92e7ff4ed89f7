/* What mirrors, and the networks below them, wrap frames in. */
#ifndef LEGTAP_TESTS_TOOLS_WRAP_H
#define LEGTAP_TESTS_TOOLS_WRAP_H

#include "frame.h"

/* Wraps a frame in `list`, the outermost first: names of wrap_names with commas between them. Ends
 * the program when one is not known. */
void wrap_frame(struct frame *f, const char *list);

/* The names, with spaces between them. */
extern const char wrap_names[];

#endif
