/* DPDK's environment: what rte_eal_init(3) must be told. Once, from main. */
#ifndef LEGTAP_CONTROLPLANE_EAL_H
#define LEGTAP_CONTROLPLANE_EAL_H

#include <stdbool.h>

#include "common/errmsg.h"
#include "dataplane/dataplane.h"

/* Starts EAL for these ports on the control core, on huge pages where the host has enough free,
 * else without (said once in the log). `extra`: the operator's own arguments, which win. 0, or
 * -errno with a message. */
int eal_start(const struct dataplane_config *config, int control_core, char *const extra[],
	int extra_count, struct errmsg *e);

void eal_stop(void);

#endif
