#include "storage/srtp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define BLOCK_BYTES 16
#define SALT_BYTES 14 /* room; an AEAD salt of 12 stands at its begin, zeros after it */
#define AUTH_KEY_BYTES 20
#define DIGEST_BYTES 20
#define AEAD_IV_BYTES 12
#define NOT_DERIVED UINT64_MAX

struct srtp_context {
	struct srtp_key key;
	const struct crypto_suite_info *suite;
	uint64_t derived; /* for which index / derivation rate the session keys are */
	uint8_t salt[SALT_BYTES];
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac; /* NULL: AEAD */
};

/* --- Session keys --- */

static const EVP_CIPHER *counter_mode(const struct crypto_suite_info *suite)
{
	return suite->key_bytes == 16	? EVP_aes_128_ctr()
	       : suite->key_bytes == 24 ? EVP_aes_192_ctr()
					: EVP_aes_256_ctr();
}

static const EVP_CIPHER *packet_cipher(const struct crypto_suite_info *suite)
{
	if (!suite->aead)
		return counter_mode(suite);
	return suite->key_bytes == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

/* AES in counter mode over zeros, from the master salt with label and r over it on. */
int srtp_derive(
	const struct srtp_key *key, enum srtp_label label, uint64_t r, uint8_t *out, size_t bytes)
{
	const struct crypto_suite_info *suite =
		crypto_suite_info(key->derived_as_256 ? CRYPTO_AES_256_CM_HMAC_SHA1_80
						      : (enum crypto_suite)key->suite);
	EVP_CIPHER_CTX *prf = EVP_CIPHER_CTX_new();
	uint8_t iv[BLOCK_BYTES] = {0};
	int length;
	int done;

	memcpy(iv, key->secret + suite->key_bytes, suite->salt_bytes);
	iv[7] ^= (uint8_t)label;
	for (unsigned int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(r >> (40 - 8 * i));
	memset(out, 0, bytes);
	done = prf && EVP_EncryptInit_ex(prf, counter_mode(suite), NULL, key->secret, iv) == 1 &&
	       EVP_EncryptUpdate(prf, out, &length, out, (int)bytes) == 1;
	EVP_CIPHER_CTX_free(prf);
	explicit_bzero(iv, sizeof(iv));
	return done ? 0 : -ENOTSUP;
}

static int set_keys(struct srtp_context *c, const uint8_t *key, const uint8_t *auth)
{
	char sha1[] = "SHA1";
	OSSL_PARAM digest[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0),
		OSSL_PARAM_construct_end()};

	if (EVP_DecryptInit_ex(c->cipher, packet_cipher(c->suite), NULL, key, NULL) != 1)
		return -ENOTSUP;
	return !c->mac || EVP_MAC_init(c->mac, auth, AUTH_KEY_BYTES, digest) == 1 ? 0 : -ENOTSUP;
}

static int derive_all(struct srtp_context *c, uint64_t r)
{
	uint8_t key[32];
	uint8_t auth[AUTH_KEY_BYTES] = {0};
	int err = srtp_derive(&c->key, SRTP_LABEL_ENCRYPTION, r, key, c->suite->key_bytes);

	if (err == 0)
		err = srtp_derive(&c->key, SRTP_LABEL_SALT, r, c->salt, c->suite->salt_bytes);
	if (err == 0 && c->mac)
		err = srtp_derive(&c->key, SRTP_LABEL_AUTHENTICATION, r, auth, sizeof(auth));
	if (err == 0)
		err = set_keys(c, key, auth);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(auth, sizeof(auth));
	c->derived = err == 0 ? r : NOT_DERIVED;
	return err;
}

/* RFC 3711, 4.3.1: r = index DIV key_derivation_rate, 0 without a rate. */
static int follow_derivation(struct srtp_context *c, uint64_t index)
{
	uint64_t r = c->key.derivation_packets ? index / c->key.derivation_packets : 0;

	return r == c->derived ? 0 : derive_all(c, r);
}

/* --- A context --- */

int srtp_context_make(struct srtp_context **out, const struct srtp_key *key)
{
	struct srtp_context *c = calloc(1, sizeof(*c));
	EVP_MAC *hmac = NULL;
	int err = -ENOMEM;

	if (!c)
		return -ENOMEM;
	c->key = *key;
	c->suite = crypto_suite_info((enum crypto_suite)key->suite);
	c->cipher = EVP_CIPHER_CTX_new();
	if (!c->suite->aead) {
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
		c->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
		EVP_MAC_free(hmac);
	}
	if (c->cipher && (c->mac || c->suite->aead))
		err = derive_all(c, 0);
	if (err != 0) {
		srtp_context_free(c);
		return err;
	}
	*out = c;
	return 0;
}

void srtp_context_free(struct srtp_context *c)
{
	if (!c)
		return;
	EVP_MAC_CTX_free(c->mac);
	EVP_CIPHER_CTX_free(c->cipher);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

const struct srtp_key *srtp_context_key(const struct srtp_context *c)
{
	return &c->key;
}

/* --- A packet --- */

/* The MKI is a number of mki_bytes, the most significant first. */
static bool bears_mki(const struct srtp_context *c, const uint8_t *at)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < c->key.mki_bytes; i++) {
		if (value >> 56)
			return false;
		value = value << 8 | at[i];
	}
	return value == c->key.mki;
}

/* Over the packet up to the MKI, then the rollover counter (RFC 3711, 4.2). */
static bool is_authentic(struct srtp_context *c, const uint8_t *packet, size_t bytes,
	uint32_t rollover, const uint8_t *tag)
{
	const uint8_t roc[] = {(uint8_t)(rollover >> 24), (uint8_t)(rollover >> 16),
		(uint8_t)(rollover >> 8), (uint8_t)rollover};
	uint8_t digest[DIGEST_BYTES];
	size_t length;

	return EVP_MAC_init(c->mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(c->mac, packet, bytes) == 1 &&
	       EVP_MAC_update(c->mac, roc, sizeof(roc)) == 1 &&
	       EVP_MAC_final(c->mac, digest, &length, sizeof(digest)) == 1 &&
	       CRYPTO_memcmp(digest, tag, c->suite->tag_bytes) == 0;
}

/* RFC 3711, 4.1.1: the salt, with SSRC and index over it. */
static int decrypt(
	struct srtp_context *c, uint8_t *packet, uint16_t header_bytes, int bytes, uint64_t index)
{
	uint8_t iv[BLOCK_BYTES] = {0};
	int length;

	memcpy(iv, c->salt, SALT_BYTES);
	for (unsigned int i = 0; i < 4; i++)
		iv[4 + i] ^= packet[8 + i];
	for (unsigned int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
	return EVP_DecryptInit_ex(c->cipher, NULL, NULL, NULL, iv) == 1 &&
			       EVP_DecryptUpdate(c->cipher, packet + header_bytes, &length,
				       packet + header_bytes, bytes) == 1
		       ? 0
		       : -EBADMSG;
}

static int open_with_hmac(struct srtp_context *c, uint8_t *packet, uint16_t *bytes,
	uint16_t header_bytes, uint64_t index)
{
	uint32_t tag = c->key.unauthenticated ? 0 : c->suite->tag_bytes;
	uint32_t added = tag + c->key.mki_bytes;
	uint16_t left;

	if (*bytes < header_bytes + added)
		return -EBADMSG;
	left = (uint16_t)(*bytes - added);
	if (!bears_mki(c, packet + left))
		return -EBADMSG;
	if (tag && !is_authentic(c, packet, left, (uint32_t)(index >> 16), packet + *bytes - tag))
		return -EBADMSG;
	if (!c->key.unencrypted && left > header_bytes &&
		decrypt(c, packet, header_bytes, left - header_bytes, index) != 0)
		return -EBADMSG;
	*bytes = left;
	return 0;
}

static bool run_gcm(struct srtp_context *c, const uint8_t iv[AEAD_IV_BYTES], uint8_t *packet,
	uint16_t header_bytes, int bytes)
{
	uint8_t *payload = packet + header_bytes;
	int length;

	return EVP_DecryptInit_ex(c->cipher, NULL, NULL, NULL, iv) == 1 &&
	       EVP_DecryptUpdate(c->cipher, NULL, &length, packet, header_bytes) == 1 &&
	       (bytes == 0 || EVP_DecryptUpdate(c->cipher, payload, &length, payload, bytes) == 1);
}

/* RFC 7714, 8.1: two zero octets, SSRC, rollover counter, sequence number, under the salt; the
 * header is the associated data; the MKI stands behind the tag. */
static int open_with_gcm(struct srtp_context *c, uint8_t *packet, uint16_t *bytes,
	uint16_t header_bytes, uint64_t index)
{
	uint32_t tag = c->suite->tag_bytes;
	uint8_t iv[AEAD_IV_BYTES];
	uint16_t left;
	int rest;

	if (*bytes < header_bytes + tag + c->key.mki_bytes)
		return -EBADMSG;
	left = (uint16_t)(*bytes - tag - c->key.mki_bytes);
	if (!bears_mki(c, packet + left + tag))
		return -EBADMSG;
	memcpy(iv, c->salt, sizeof(iv));
	for (unsigned int i = 0; i < 4; i++)
		iv[2 + i] ^= packet[8 + i];
	for (unsigned int i = 0; i < 6; i++)
		iv[6 + i] ^= (uint8_t)(index >> (40 - 8 * i));
	if (!run_gcm(c, iv, packet, header_bytes, left - header_bytes))
		return -EBADMSG;
	if (EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_SET_TAG, (int)tag, packet + left) == 1 &&
		EVP_DecryptFinal_ex(c->cipher, packet + left, &rest) == 1) {
		*bytes = left;
		return 0;
	}
	/* The key stream once more makes of it what it was. */
	(void)run_gcm(c, iv, packet, header_bytes, left - header_bytes);
	return -EBADMSG;
}

int srtp_context_open(struct srtp_context *c, uint8_t *packet, uint16_t *bytes,
	uint16_t header_bytes, uint64_t index)
{
	if (follow_derivation(c, index) != 0)
		return -EBADMSG;
	return c->suite->aead ? open_with_gcm(c, packet, bytes, header_bytes, index)
			      : open_with_hmac(c, packet, bytes, header_bytes, index);
}
