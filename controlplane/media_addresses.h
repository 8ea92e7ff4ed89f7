/* The addresses of legtap's own that media is sent to. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_MEDIA_ADDRESSES_H
#define LEGTAP_CONTROLPLANE_MEDIA_ADDRESSES_H

#include "common/netaddr.h"
#include "controlplane/config.h"
#include "dataplane/dataplane.h"

/* Those of siprec.media_addresses; when it is empty, those of siprec.listen, each once. Returns how
 * many. */
unsigned int media_addresses(
	const struct config *c, struct netaddr out[CONFIG_SIPREC_LISTENERS_MAX]);

/* The same, and which of them the kernel has now, on any interface of this network namespace (all,
 * when it does not say: then the log does). */
unsigned int media_addresses_own(const struct config *c, struct own_address out[DATAPLANE_OWN_MAX]);

#endif
