/* Who may send requests to the SIPREC server: by address (siprec.allow), certificate (siprec.tls),
 * and digest credentials (siprec.digest). Control thread. */
#ifndef LEGTAP_CONTROLPLANE_SIPREC_ACCESS_H
#define LEGTAP_CONTROLPLANE_SIPREC_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include <re.h>

#include "controlplane/siprec_server.h"

struct siprec_access;

/* Reads the files that the configuration names. 0, or -errno with a message. */
int siprec_access_create(
	struct siprec_access **out, struct siprec_server *server, struct errmsg *e);
void siprec_access_destroy(struct siprec_access *a); /* NULL is legal */

/* Reads them again, on a thread of its own: what is wrong is logged, and the old ones stay. */
void siprec_access_reload(struct siprec_access *a);

/* For libre's TLS transport; NULL when nothing listens by TLS. */
struct tls *siprec_access_tls(const struct siprec_access *a);

/* Whether a request may be served; one that may not is answered (403, 401), ACK aside. */
bool siprec_access_allows(struct siprec_access *a, const struct sip_msg *m);

#endif
