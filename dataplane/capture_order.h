/* The packets of a capture file in the order of their times, where the file has them in another:
 * files put one behind another (mergecap -a), interfaces that a capture program emptied in turn.
 * Nothing behind the port can put such packets right: a call's BYE may stand before its media.
 *
 * The file is read once to see whether it is so; only then it is read again for the place of each
 * packet, 32 bytes of memory each. Belongs to one thread at a time. */
#ifndef LEGTAP_DATAPLANE_CAPTURE_ORDER_H
#define LEGTAP_DATAPLANE_CAPTURE_ORDER_H

#include "common/errmsg.h"
#include "dataplane/capture.h"

struct capture_order;

/* *out is NULL when there is nothing to sort: the packets are in order, or it is no file that can
 * be read twice, or one of over 64 million packets (capture_stats then warns). 0, or -errno with a
 * message that names the path. */
int capture_order_create(struct capture_order **out, const char *path, struct errmsg *e);
void capture_order_destroy(struct capture_order *o);

/* As capture_next. Packets of one time come in the order of the file. */
int capture_order_next(struct capture_order *o, struct capture_record *out);

/* As capture_stats_of; all packets count from the start. */
void capture_order_stats(const struct capture_order *o, struct capture_stats *out);

#endif
