/* m= lines of port 0 that share another one's transport (RFC 9143). A pure function; any thread. */
#ifndef LEGTAP_CONTROLPLANE_SDP_BUNDLE_H
#define LEGTAP_CONTROLPLANE_SDP_BUNDLE_H

#include <stdint.h>

/* Whose transport it is. */
struct sdp_bundle {
	const char *section; /* that m= line's own lines, up to the next m= line or the end */
	uint16_t port;	     /* never 0 */
};

/* section: behind an m= line of port 0 in the description from `sdp` to `end`. The first m= line of
 * its BUNDLE group that has a port (in an offer: 7.2, "offerer tagged"). 0, or -ENOENT: the line is
 * not marked bundle-only, of no group, or none of the group has a port. */
int sdp_bundle_find(struct sdp_bundle *out, const char *sdp, const char *end, const char *section);

#endif
