/* A port that reads a capture: it gives the records of a file as mbufs, each with its own arrival
 * time, link layer and length in its private area, so that an rx core treats it like any queue.
 *
 * Made and destroyed by the control thread; read by its rx core. */
#ifndef LEGTAP_DATAPLANE_CAPTURE_PORT_H
#define LEGTAP_DATAPLANE_CAPTURE_PORT_H

#include "common/errmsg.h"
#include "dataplane/dataplane.h"
#include "dataplane/rx.h"

struct capture_port;

/* Opens the capture. 0, or -errno with a message that names the path. */
int capture_port_create(struct capture_port **out, const char *path, struct errmsg *e);
void capture_port_destroy(struct capture_port *p);

/* The queue that an rx core polls. */
struct rx_queue capture_port_queue(struct capture_port *p);

/* True when the last record was given, or reading failed. Any thread. */
bool capture_port_ended(void *port);

/* What was found so far. Only when it has ended, or its rx core has stopped. */
void capture_port_stats(const struct capture_port *p, struct capture_stats *out);

#endif
