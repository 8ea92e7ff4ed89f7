/* The ledger's head goes to the destination: an object a day, replaced each minute in which the
 * ledger has grown, at Legtap-Ledger-Heads/<site>/YYYY-MM-DD.json of destination.bucket. Whoever
 * alters the ledger here cannot alter that. Control thread; the delivery itself is a worker's. */
#ifndef LEGTAP_CONTROLPLANE_LEDGER_COPY_H
#define LEGTAP_CONTROLPLANE_LEDGER_COPY_H

struct control;
struct ledger_copy;

/* 0 or -ENOMEM. */
int ledger_copy_create(struct ledger_copy **out, struct control *control);

/* The workers must have ended. NULL is legal. */
void ledger_copy_destroy(struct ledger_copy *c);

/* Begins a copy if the head has changed since the newest, there is a bucket, and none is under way.
 */
void ledger_copy_run(struct ledger_copy *c);

#endif
