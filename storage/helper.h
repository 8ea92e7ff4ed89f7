/* The helper thread: everything about the spool's files that may block, but for the writing of
 * chunks. It makes, sizes, cuts, closes and removes them, and appends to journals.
 *
 * It gets orders from the control thread, and letters about single tracks from writers, by one
 * inbox; orders about one recording are carried out in the order in which they were sent. A journal
 * line that the disk has no room for is kept, with all lines behind it, and tried again. Outcomes
 * go to the control thread as events. */
#ifndef LEGTAP_STORAGE_HELPER_H
#define LEGTAP_STORAGE_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/topology.h"
#include "storage/event.h"
#include "storage/finisher.h"
#include "storage/inbox.h"
#include "storage/spool.h"
#include "storage/writer.h"

enum order_kind {
	ORDER_OPEN,   /* line, refs: makes the journal and a file for each reference. OPENED */
	ORDER_APPEND, /* line */
	ORDER_CLOSE,  /* line, refs: writes what is on its way, closes the files, appends. CLOSED */
	ORDER_FINISH, /* gives it to the finishers */
	ORDER_REMOVE, /* refs, or none: closes and removes the files. REMOVED */
	ORDER_SETTLE, /* none: helper_settle waits for it */
};

/* Becomes the event that tells of its outcome. */
struct order {
	struct event event; /* letter.kind: enum order_kind; recording */
	char *line;	    /* the order's; of the journal */
	track_ref refs[TRACK_COUNT];
	unsigned int tracks_left;     /* helper: files whose writer has not let go of them */
	struct storage_closed result; /* helper */
	struct order *next;	      /* helper: of those whose line is late */
};

struct helper_setup {
	const struct spool *spool;
	struct topology *topology;
	struct writer **writers;
	struct finisher *finisher;
	struct inbox *results; /* events */
	uint32_t slots;
	bool direct; /* files are opened for direct I/O */
};

struct helper;

/* 0 or -errno. */
int helper_create(struct helper **out, const struct helper_setup *setup);
void helper_destroy(struct helper *h);

/* The thread's function; arg is the helper. When it is asked to stop it carries out what was
 * ordered, and closes what is open; the writers must have ended. */
void helper_run(struct thread *self, void *arg);

/* The letters that writers send back, for their setup; by slot. */
struct track_letter *helper_grow_letters(struct helper *h);
struct inbox *helper_inbox(struct helper *h);

/* A new order, or NULL. Any thread. */
struct order *order_new(enum order_kind kind, const struct uuid *recording);

/* Sends an order, whose ownership passes. Once the thread has ended it is carried out at once, by
 * the caller. Control thread. */
void helper_order(struct helper *h, struct order *o);

/* Waits until all that was ordered is carried out, as far as it can be. The writers must be
 * running. Control thread; blocking. */
void helper_settle(struct helper *h);
/* The thread was joined: from now on the control thread owns the helper. */
void helper_ended(struct helper *h);

#endif
