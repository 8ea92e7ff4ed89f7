/* The certificate, key and authorities of SIP over TLS (siprec.tls), as OpenSSL's context, which
 * libre's TLS transport takes. */
#ifndef LEGTAP_CONTROLPLANE_SIPREC_TLS_H
#define LEGTAP_CONTROLPLANE_SIPREC_TLS_H

#include <openssl/types.h>

#include "common/errmsg.h"
#include "controlplane/config.h"

struct tls;

/* Reads the files, and checks that key and certificate belong together. May block; any thread. 0,
 * or -errno with a message that names key and file. The caller frees *out by SSL_CTX_free. */
int siprec_tls_load(const struct config *c, SSL_CTX **out, struct errmsg *e);

/* Lets libre's context use what was read, from the next connection on. Control thread. 0 or -EIO.
 */
int siprec_tls_apply(struct tls *tls, SSL_CTX *files, const struct config *c);

#endif
