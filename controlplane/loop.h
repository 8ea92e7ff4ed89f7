/* The control thread's event loop: libre's re_main, with every descriptor of the other parts in it,
 * and the hooks that tie them together. */
#ifndef LEGTAP_CONTROLPLANE_LOOP_H
#define LEGTAP_CONTROLPLANE_LOOP_H

#include "common/errmsg.h"
#include "controlplane/control.h"

/* Makes timers, legs, dialogs, endpoints, media, recordings of a control whose config, read_mode,
 * topology, dataplane, storage and ledger are there. 0 or -errno with a message. */
int control_create(struct control *c, struct errmsg *e);
void control_destroy(struct control *c);

/* Opens the network listeners that the configuration asks for. 0 or -errno with a message. */
int control_listen(struct control *c, struct errmsg *e);

/* Runs until SIGTERM or SIGINT and everything recorded is finished, or, in --read, until the
 * capture is at its end and everything is delivered. 0 or -errno. */
int control_run(struct control *c, struct errmsg *e);

#endif
