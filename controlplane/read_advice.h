/* What --read says when nothing, or less than was to be expected, came of a capture: what is
 * missing, the likely causes by what was counted, and their remedies. The main thread, when the
 * others have stopped. */
#ifndef LEGTAP_CONTROLPLANE_READ_ADVICE_H
#define LEGTAP_CONTROLPLANE_READ_ADVICE_H

#include <stddef.h>

#include "controlplane/process.h"

/* One line without its end, cut at `size`; "" when there is nothing to say. */
void read_advice(const struct process *p, char *text, size_t size);

#endif
