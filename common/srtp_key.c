#include "common/srtp_key.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct crypto_suite_info suites[CRYPTO_SUITES] = {
	[CRYPTO_AES_CM_128_HMAC_SHA1_80] = {"AES_CM_128_HMAC_SHA1_80", "AES_128_CM_HMAC_SHA1_80",
		16, 14, 10, false},
	[CRYPTO_AES_CM_128_HMAC_SHA1_32] = {"AES_CM_128_HMAC_SHA1_32", "AES_128_CM_HMAC_SHA1_32",
		16, 14, 4, false},
	[CRYPTO_AES_192_CM_HMAC_SHA1_80] = {"AES_192_CM_HMAC_SHA1_80", "AES_CM_192_HMAC_SHA1_80",
		24, 14, 10, false},
	[CRYPTO_AES_192_CM_HMAC_SHA1_32] = {"AES_192_CM_HMAC_SHA1_32", "AES_CM_192_HMAC_SHA1_32",
		24, 14, 4, false},
	[CRYPTO_AES_256_CM_HMAC_SHA1_80] = {"AES_256_CM_HMAC_SHA1_80", "AES_CM_256_HMAC_SHA1_80",
		32, 14, 10, false},
	[CRYPTO_AES_256_CM_HMAC_SHA1_32] = {"AES_256_CM_HMAC_SHA1_32", "AES_CM_256_HMAC_SHA1_32",
		32, 14, 4, false},
	[CRYPTO_AEAD_AES_128_GCM] = {"AEAD_AES_128_GCM", NULL, 16, 12, 16, true},
	[CRYPTO_AEAD_AES_256_GCM] = {"AEAD_AES_256_GCM", NULL, 32, 12, 16, true},
};

const struct crypto_suite_info *crypto_suite_info(enum crypto_suite suite)
{
	return &suites[suite];
}

static bool is_name(const char *name, const char *text, size_t length)
{
	return name && strlen(name) == length && strncasecmp(name, text, length) == 0;
}

int crypto_suite_find(enum crypto_suite *out, const char *name, size_t length)
{
	for (unsigned int i = 0; i < CRYPTO_SUITES; i++)
		if (is_name(suites[i].name, name, length) ||
			is_name(suites[i].alias, name, length)) {
			*out = (enum crypto_suite)i;
			return 0;
		}
	return -ENOENT;
}

bool srtp_key_equal(const struct srtp_key *a, const struct srtp_key *b)
{
	return a->suite == b->suite && a->mki_bytes == b->mki_bytes && a->mki == b->mki &&
	       a->derivation_packets == b->derivation_packets &&
	       a->derived_as_256 == b->derived_as_256 && a->unencrypted == b->unencrypted &&
	       a->unauthenticated == b->unauthenticated &&
	       memcmp(a->secret, b->secret, sizeof(a->secret)) == 0;
}

static bool holds(const struct srtp_keys *keys, const struct srtp_key *key)
{
	for (unsigned int i = 0; i < keys->count; i++)
		if (srtp_key_equal(&keys->list[i], key))
			return true;
	return false;
}

bool srtp_keys_take(struct srtp_keys *keys, const struct srtp_keys *announced)
{
	struct srtp_keys taken = {.count = announced->current, .current = announced->current};
	bool changed = announced->current != keys->current;

	memcpy(taken.list, announced->list, taken.count * sizeof(taken.list[0]));
	for (unsigned int i = 0; i < taken.count; i++)
		changed = changed || i >= keys->count ||
			  !srtp_key_equal(&keys->list[i], &taken.list[i]);
	for (unsigned int i = 0; i < keys->count && taken.count < SRTP_KEYS_MAX; i++)
		if (!holds(&taken, &keys->list[i]))
			taken.list[taken.count++] = keys->list[i];
	explicit_bzero(keys, sizeof(*keys));
	*keys = taken;
	explicit_bzero(&taken, sizeof(taken));
	return changed;
}

void srtp_keys_wipe(struct srtp_keys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}
