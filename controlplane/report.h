/* What --read prints when it is done: a table of the recordings, and where every packet went. The
 * main thread, when the others have stopped. */
#ifndef LEGTAP_CONTROLPLANE_REPORT_H
#define LEGTAP_CONTROLPLANE_REPORT_H

#include <stdio.h>

#include "controlplane/process.h"

void report_recordings(const struct process *p, FILE *out);
void report_summary(const struct process *p, FILE *out);

#endif
