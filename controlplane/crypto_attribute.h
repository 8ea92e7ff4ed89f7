/* The a=crypto line of SDP (security descriptions, RFC 4568, with the suites of RFC 6188 and 7714).
 * Pure functions; any thread. Nothing of a line may go to a log: it holds a key. */
#ifndef LEGTAP_CONTROLPLANE_CRYPTO_ATTRIBUTE_H
#define LEGTAP_CONTROLPLANE_CRYPTO_ATTRIBUTE_H

#include <stddef.h>

#include "common/srtp_key.h"

/* Adds the keys of a line, `value` being what follows "a=crypto:", to those that out->list has of
 * the same description, and counts them in out->count and out->current. Several keys in one line
 * bear MKIs, which tell them apart. 0; -ENOTSUP: another suite, another key method, or a session
 * parameter that is not known and not optional; -EBADMSG: malformed; -ENOSPC: there are
 * SRTP_KEYS_MAX already. After an error *out is as it was. */
int crypto_attribute_parse(struct srtp_keys *out, const char *value);

#define CRYPTO_ATTRIBUTE_BYTES 512

/* Prints a whole line with one key, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…", without line
 * end, for an answer: `key->tag` and the suite are those of the offer's line that is accepted. The
 * bytes printed, or -ENOSPC. */
int crypto_attribute_print(const struct srtp_key *key, char *out, size_t size);

#endif
