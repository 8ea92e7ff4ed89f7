/* Work that would block the control thread (reading a whole ledger), on a short-lived thread each.
 *
 * The control thread starts a piece of work and is woken when it is done; at most WORKERS_MAX run
 * at once. The threads are of ordinary priority, keep the control thread's cores, and take no
 * signals. Control thread, but for `run`. */
#ifndef LEGTAP_CONTROLPLANE_WORKER_H
#define LEGTAP_CONTROLPLANE_WORKER_H

#define WORKERS_MAX 4

struct workers;

int workers_create(struct workers **out);

/* Waits for what is under way; its done handlers are called. NULL is legal. */
void workers_destroy(struct workers *w);

/* run(arg) on a thread of its own, then done(arg) on the control thread, from workers_poll. 0;
 * -EBUSY: as many run already as may; -errno of pthread_create(3). */
int workers_start(struct workers *w, void (*run)(void *arg), void (*done)(void *arg), void *arg);

/* Readable when workers_poll has something to do. */
int workers_fd(const struct workers *w);
void workers_poll(struct workers *w);

#endif
