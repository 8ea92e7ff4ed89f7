/* The ledger's file between runs: its folder, its lock, and its end after a crash. Control thread,
 * before its loop runs. */
#ifndef LEGTAP_CONTROLPLANE_LEDGER_FILE_H
#define LEGTAP_CONTROLPLANE_LEDGER_FILE_H

#include <limits.h>
#include <stdint.h>

#include "controlplane/ledger_line.h"
#include "controlplane/usage.h"

/* Appends go to the file in pieces of at most this: what a crash can tear is within so many bytes
 * of its end. */
#define LEDGER_BATCH_BYTES (64 * 1024)

struct ledger_file {
	char path[PATH_MAX];
	int folder_fd; /* locked */
	int fd;	       /* open for writing */
	int64_t bytes;
	uint64_t seq; /* of the last entry; 0: none */
	char hash[DIGEST_TEXT_BYTES];
};

/* Makes folder and file where they are missing, takes the lock, reads the chain into `usages`, and
 * cuts off an end that a crash tore (kept beside it as ledger.jsonl.cut-SEQ). 0, or -errno with a
 * message: -EBUSY when another process has it, -EBADMSG when the chain is broken. */
int ledger_file_open(
	struct ledger_file *f, const char *folder, struct usages *usages, struct errmsg *e);

/* Closes the file and gives up the lock. */
void ledger_file_close(struct ledger_file *f);

#endif
