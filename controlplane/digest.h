/* Digest authentication of SIP requests (RFC 3261, 22; RFC 7616; RFC 8760), the server's side.
 *
 * A nonce is a number, its time, and a code over both and the client's address that only this
 * process can make: nothing is kept of a challenge that nobody answers. Of a nonce that was used
 * the newest nc is kept, so that no answer counts twice. A nonce that is too old, or whose number
 * has been overtaken too far to know its nc, is stale: its client is asked again, not refused.
 * Control thread. */
#ifndef LEGTAP_CONTROLPLANE_DIGEST_H
#define LEGTAP_CONTROLPLANE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "common/netaddr.h"
#include "controlplane/digest_users.h"

#define DIGEST_NONCES 16384   /* newer ones than this make a nonce stale */
#define DIGEST_LIFETIME_S 300 /* an older nonce is stale */
#define DIGEST_CHALLENGE_BYTES 768

enum digest_verdict {
	DIGEST_FITS,
	DIGEST_MISSING, /* no credentials of this realm, or none that can be read */
	DIGEST_STALE,	/* credentials of a nonce that is too old, or an nc that was there */
	DIGEST_WRONG,	/* unknown user, wrong password, a nonce of somebody else */
};

struct digest;

/* Offers the algorithms of the mask (enum digest_algorithms). The users are taken. 0 or -ENOMEM,
 * -EIO (no random numbers). */
int digest_create(struct digest **out, const char *realm, unsigned int algorithms,
	struct digest_users *users);
void digest_destroy(struct digest *d); /* NULL is legal */

/* New users take the place of the old ones; they are taken. */
void digest_set_users(struct digest *d, struct digest_users *users);

/* The WWW-Authenticate lines of a 401, each with its CRLF. */
void digest_challenge(struct digest *d, const struct netaddr *client, uint64_t now_s, bool stale,
	char out[DIGEST_CHALLENGE_BYTES]);

/* Judges the value of one Authorization header of a request with this method. */
enum digest_verdict digest_check(struct digest *d, const struct netaddr *client, uint64_t now_s,
	const char *method, size_t method_bytes, const char *value, size_t value_bytes);

#endif
