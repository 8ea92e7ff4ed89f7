/* Reads a ledger from its first entry on and checks the chain, in bounded memory. One thread at a
 * time. */
#ifndef LEGTAP_CONTROLPLANE_LEDGER_READER_H
#define LEGTAP_CONTROLPLANE_LEDGER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/ledger_line.h"

#define LEDGER_READER_BYTES (256 * 1024)

struct ledger_reader {
	int fd;
	char *buffer; /* LEDGER_READER_BYTES */
	size_t start; /* of what is not yet read in it */
	size_t end;
	bool at_end;	/* of the file */
	uint64_t line;	/* the newest line's number */
	int64_t offset; /* where the next line begins in the file */
	uint64_t seq;	/* the newest entry's */
	char hash[DIGEST_TEXT_BYTES];
};

/* 0, or -errno of open(2) with a message. */
int ledger_reader_open(struct ledger_reader *r, const char *path, struct errmsg *e);
void ledger_reader_close(struct ledger_reader *r);

/* The next entry. 1; 0 at the end; -ENODATA when what is left is a line without its newline (it is
 * being written, or a crash tore it), -EILSEQ when the next line holds NUL bytes (a crash of the
 * machine may leave them), both at r->offset; -EBADMSG with the line and what is wrong with it;
 * -errno of read(2). */
int ledger_reader_next(struct ledger_reader *r, struct ledger_line *line, struct errmsg *e);

#endif
