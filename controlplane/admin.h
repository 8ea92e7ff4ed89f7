/* The admin API: HTTP/1.1 with JSON over a Unix socket and, if admin.aws.listen is set, for AWS
 * clients over a loopback TCP address (libmicrohttpd, its epoll descriptors inside the control
 * thread's loop). Control thread. */
#ifndef LEGTAP_CONTROLPLANE_ADMIN_H
#define LEGTAP_CONTROLPLANE_ADMIN_H

#include "common/errmsg.h"

struct admin;
struct control;

/* Listens on config.socket (a stale socket file of a dead process is replaced, a live one refused),
 * with its mode and group; and at config.aws.listen, if set. 0 or -errno with a message. */
int admin_create(struct admin **out, struct control *control, struct errmsg *e);

/* Stops listening, ends open connections, removes the socket. NULL is legal. */
void admin_destroy(struct admin *a);

/* For the event loop: readable when there is something to do. */
int admin_fd(const struct admin *a);
void admin_run(struct admin *a);

/* Lets out the answers to requests that slept until an action was effective: called at the end of
 * each turn of the loop. NULL is legal. */
void admin_flush(struct admin *a);

struct workers *admin_workers(struct admin *a);

#endif
