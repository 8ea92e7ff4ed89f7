/* A bounded queue of owned messages, with an eventfd that wakes its one reader.
 *
 * For threads that may sleep (control, helpers, finishers); rx cores use bare rings. A message is a
 * pointer whose ownership passes with it. */
#ifndef LEGTAP_COMMON_MAILBOX_H
#define LEGTAP_COMMON_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

struct mailbox;

/* depth: messages, up to a power of two. 0 or -errno. */
int mailbox_create(struct mailbox **out, const char *name, unsigned int depth);
void mailbox_destroy(struct mailbox *m);

/* Any thread. 0, or -ENOBUFS when full: the caller keeps the message. */
int mailbox_put(struct mailbox *m, void *message);

/* The next message or NULL. The reader only. */
void *mailbox_take(struct mailbox *m);

/* Waits until a message may be there, or timeout_ms (-1: for ever) passes. */
void mailbox_wait(struct mailbox *m, int timeout_ms);

/* For an event loop: readable when a message may be there. Call mailbox_clear before taking. */
int mailbox_fd(const struct mailbox *m);
void mailbox_clear(struct mailbox *m);

#endif
