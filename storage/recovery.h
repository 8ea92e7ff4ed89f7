/* Recovery: what an earlier run left in the spool.
 *
 * The journal says what a recording is and how far it came; its track files say until when there is
 * audio. A journal's last line that a crash has cut is cut off, and so is what follows a damaged
 * line. What no journal explains is left where it is, and named in the log. Before the threads
 * start; blocking. */
#ifndef LEGTAP_STORAGE_RECOVERY_H
#define LEGTAP_STORAGE_RECOVERY_H

#include "common/errmsg.h"
#include "storage/spool.h"
#include "storage/storage.h"

/* Calls `found` for each recording, in the order of their names, and removes checkpoints that no
 * journal needs. The count, or -errno with a message. */
int recovery_scan(const struct spool *spool,
	void (*found)(void *arg, const struct storage_leftover *l), void *arg, struct errmsg *e);

#endif
