/* A queue of messages for one reader that is never full: each message brings its own link.
 *
 * For what must not be refused: a file that is to be closed, an outcome. The number of messages is
 * bounded by what they are about (a track has so many, a recording so many), and putting one never
 * blocks, allocates or fails. Ownership of the message passes with it. Messages of one sender
 * arrive in the order in which they were put. */
#ifndef LEGTAP_STORAGE_INBOX_H
#define LEGTAP_STORAGE_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>

/* The first member of every message. */
struct letter {
	struct letter *next;
	int kind; /* an enum of the reader's */
};

struct inbox {
	_Atomic(struct letter *) newest; /* written by all */
	int fd;				 /* eventfd; -1 when the reader polls */
};

/* wakes: the reader may sleep in inbox_wait, or in an event loop on inbox.fd. 0 or -errno. */
int inbox_open(struct inbox *b, bool wakes);
/* Messages that are still there are lost. */
void inbox_close(struct inbox *b);

/* Any thread. */
void inbox_put(struct inbox *b, struct letter *letter);

/* All that is there, oldest first, linked by next; NULL: nothing. The reader only. */
struct letter *inbox_take(struct inbox *b);

/* Sleeps until something is put, inbox_wake is called, or timeout_ms (-1: for ever) has passed. The
 * reader only. */
void inbox_wait(struct inbox *b, int timeout_ms);
/* For an event loop on inbox.fd: before inbox_take. The reader only. */
void inbox_clear(struct inbox *b);
/* Any thread. */
void inbox_wake(struct inbox *b);

#endif
