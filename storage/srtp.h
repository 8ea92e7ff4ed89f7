/* Opening SRTP packets: the cryptography of RFC 3711, with the suites of RFC 6188 and 7714, for one
 * master key. AES, HMAC and GCM are OpenSSL's.
 *
 * Not libsrtp2, which is an endpoint's: it refuses a repeated packet, which a recorder must still
 * count and keep, has no way back from a rollover counter that was guessed wrong, leaves a damaged
 * packet behind when GCM fails, and knows no key derivation rate; Debian's brings NSS with it.
 * Tests let it make the packets that are opened here (tests/unit/storage/srtp_test.c).
 *
 * A context belongs to one thread at a time. */
#ifndef LEGTAP_STORAGE_SRTP_H
#define LEGTAP_STORAGE_SRTP_H

#include <stddef.h>
#include <stdint.h>

#include "common/srtp_key.h"

struct srtp_context;

/* Copies the key. 0, -ENOMEM, or -ENOTSUP when OpenSSL refuses it (FIPS). */
int srtp_context_make(struct srtp_context **out, const struct srtp_key *key);
/* Wipes all keys. srtp_context_free(NULL) is legal. */
void srtp_context_free(struct srtp_context *c);

enum srtp_label { SRTP_LABEL_ENCRYPTION, SRTP_LABEL_AUTHENTICATION, SRTP_LABEL_SALT };

/* A session key of a master key (RFC 3711, 4.3; RFC 6188, 3; RFC 7714, 11). r: index DIV key
 * derivation rate. 0 or -ENOTSUP. */
int srtp_derive(
	const struct srtp_key *key, enum srtp_label label, uint64_t r, uint8_t *out, size_t bytes);

const struct srtp_key *srtp_context_key(const struct srtp_context *c);

/* Opens in place an RTP packet whose header (with CSRCs and extension) has header_bytes; *bytes
 * shrinks by what SRTP had added. `index`: rollover counter << 16 | sequence number. 0; -EBADMSG:
 * it was not made by this key with this index, and is as it was. Of a suite without authentication
 * only the MKI can tell. */
int srtp_context_open(struct srtp_context *c, uint8_t *packet, uint16_t *bytes,
	uint16_t header_bytes, uint64_t index);

#endif
