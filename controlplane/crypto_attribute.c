#include "controlplane/crypto_attribute.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#define TAG_MOST 999999999U	 /* nine digits */
#define LIFETIME_BITS_MOST 48U	 /* RFC 3711, 9.2: 2^48 packets */
#define DERIVATION_BITS_MOST 24U /* RFC 4568, 6.3.1 */
#define BASE64_BYTES 64		 /* of the longest secret */
#define MKI_VALUE_BYTES 8	 /* of which more is not read */

/* Bytes of a text. */
struct span_text {
	const char *at;
	size_t length;
};

static bool is(struct span_text t, const char *text)
{
	return strlen(text) == t.length && strncasecmp(t.at, text, t.length) == 0;
}

static bool begins(struct span_text t, const char *text)
{
	return t.length >= strlen(text) && strncasecmp(t.at, text, strlen(text)) == 0;
}

static struct span_text after(struct span_text t, size_t bytes)
{
	return (struct span_text){t.at + bytes, t.length - bytes};
}

/* Takes what stands before the next of `delimiters`, or all. */
static struct span_text take(struct span_text *rest, const char *delimiters)
{
	struct span_text taken = {rest->at, 0};

	while (taken.length < rest->length && !strchr(delimiters, rest->at[taken.length]))
		taken.length++;
	*rest = after(*rest, taken.length + (taken.length < rest->length));
	return taken;
}

static struct span_text take_word(struct span_text *rest)
{
	while (rest->length > 0 && strchr(" \t", *rest->at))
		*rest = after(*rest, 1);
	return take(rest, " \t");
}

static bool number(struct span_text t, uint64_t most, uint64_t *out)
{
	uint64_t n = 0;

	if (t.length == 0)
		return false;
	for (size_t i = 0; i < t.length; i++) {
		unsigned int digit = (unsigned int)(t.at[i] - '0');

		if (digit > 9 || n > (most - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

/* Base64 of exactly the suite's key and salt; the padding at the end may be missing. */
static int read_secret(struct srtp_key *key, struct span_text t)
{
	const struct crypto_suite_info *suite = crypto_suite_info((enum crypto_suite)key->suite);
	size_t bytes = suite->key_bytes + suite->salt_bytes;
	size_t digits = (bytes * 8 + 5) / 6;
	unsigned char padded[BASE64_BYTES + 1];
	unsigned char plain[BASE64_BYTES];
	int got;

	while (t.length > digits && t.at[t.length - 1] == '=')
		t.length--;
	if (t.length != digits)
		return -EBADMSG;
	memset(padded, '=', sizeof(padded));
	memcpy(padded, t.at, t.length);
	got = memchr(t.at, '=', t.length)
		      ? -1
		      : EVP_DecodeBlock(plain, padded, (int)(digits + 3) / 4 * 4);
	if (got >= (int)bytes)
		memcpy(key->secret, plain, bytes);
	explicit_bzero(padded, sizeof(padded));
	explicit_bzero(plain, sizeof(plain));
	return got >= (int)bytes ? 0 : -EBADMSG;
}

/* "2^20", "1048576" */
static int read_lifetime(struct srtp_key *key, struct span_text t)
{
	uint64_t n;

	if (begins(t, "2^")) {
		if (!number(after(t, 2), LIFETIME_BITS_MOST, &n))
			return -EBADMSG;
		key->lifetime = 1ULL << n;
		return 0;
	}
	return number(t, 1ULL << LIFETIME_BITS_MOST, &key->lifetime) ? 0 : -EBADMSG;
}

/* "1:4" */
static int read_mki(struct srtp_key *key, struct span_text t)
{
	struct span_text value = take(&t, ":");
	uint64_t bytes;

	if (!number(value, UINT64_MAX, &key->mki) || !number(t, SRTP_MKI_BYTES_MAX, &bytes) ||
		bytes == 0)
		return -EBADMSG;
	if (bytes < MKI_VALUE_BYTES && key->mki >> bytes * 8)
		return -EBADMSG;
	key->mki_bytes = (uint8_t)bytes;
	return 0;
}

/* "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4"; old ends write empty fields. */
static int read_key(struct srtp_key *key, struct span_text t)
{
	struct span_text secret;
	int err;

	if (!begins(t, "inline:"))
		return -ENOTSUP;
	t = after(t, 7);
	secret = take(&t, "|");
	err = read_secret(key, secret);
	while (err == 0 && t.length > 0) {
		struct span_text field = take(&t, "|");

		if (field.length > 0)
			err = memchr(field.at, ':', field.length) ? read_mki(key, field)
								  : read_lifetime(key, field);
	}
	return err;
}

static int read_parameter(struct srtp_key *key, struct span_text t)
{
	uint64_t bits;

	if (begins(t, "KDR=")) {
		if (!number(after(t, 4), DERIVATION_BITS_MOST, &bits))
			return -EBADMSG;
		key->derivation_packets = 1U << bits;
	} else if (is(t, "UNENCRYPTED_SRTP")) {
		key->unencrypted = true;
	} else if (is(t, "UNENCRYPTED_SRTCP")) {
		key->unencrypted_rtcp = true;
	} else if (is(t, "UNAUTHENTICATED_SRTP")) {
		key->unauthenticated = true;
	} else if (!begins(t, "-") && !begins(t, "WSH=") && !begins(t, "FEC_ORDER=") &&
		   !begins(t, "FEC_KEY=")) {
		return -ENOTSUP;
	}
	return 0;
}

/* The tag, the suite, and the session parameters, which go for every key of the line; *keys is what
 * stands in between. */
static int read_common(struct srtp_key *key, const char *value, struct span_text *keys)
{
	struct span_text rest = {value, strlen(value)};
	struct span_text suite;
	enum crypto_suite which;
	uint64_t tag;
	int err = 0;

	if (!number(take_word(&rest), TAG_MOST, &tag))
		return -EBADMSG;
	suite = take_word(&rest);
	*keys = take_word(&rest);
	if (suite.length == 0 || keys->length == 0)
		return -EBADMSG;
	if (crypto_suite_find(&which, suite.at, suite.length) != 0)
		return -ENOTSUP;
	key->tag = (uint32_t)tag;
	key->suite = (uint8_t)which;
	while (err == 0 && rest.length > 0) {
		struct span_text parameter = take_word(&rest);

		if (parameter.length > 0)
			err = read_parameter(key, parameter);
	}
	/* RFC 7714, 14.2: these suites always do both. */
	if (crypto_suite_info(which)->aead && (key->unencrypted || key->unauthenticated))
		err = -ENOTSUP;
	return err;
}

/* Where there are several keys, their MKIs tell them apart: all of one length (RFC 4568, 6.1). */
static bool can_be_told_apart(const struct srtp_key *keys, unsigned int count)
{
	for (unsigned int i = 0; count > 1 && i < count; i++)
		if (keys[i].mki_bytes == 0 || keys[i].mki_bytes != keys[0].mki_bytes)
			return false;
	return true;
}

int crypto_attribute_parse(struct srtp_keys *out, const char *value)
{
	struct srtp_key common = {0};
	unsigned int count = out->count;
	struct span_text keys;
	int err = read_common(&common, value, &keys);

	while (err == 0 && keys.length > 0) {
		if (count == SRTP_KEYS_MAX) {
			err = -ENOSPC;
			break;
		}
		out->list[count] = common;
		err = read_key(&out->list[count++], take(&keys, ";"));
	}
	if (err == 0 && (count == out->count ||
				!can_be_told_apart(&out->list[out->count], count - out->count)))
		err = -EBADMSG;
	if (err != 0) {
		explicit_bzero(&out->list[out->count], (count - out->count) * sizeof(out->list[0]));
		return err;
	}
	out->current = (uint16_t)(out->current + count - out->count);
	out->count = (uint16_t)count;
	return 0;
}

/* --- Printing --- */

static void print_parameters(const struct srtp_key *key, char *out, size_t size)
{
	char mki[32] = "";
	char lifetime[32] = "";
	unsigned int bits = 0;
	char rate[16] = "";

	if (key->lifetime)
		snprintf(lifetime, sizeof(lifetime), "|%llu", (unsigned long long)key->lifetime);
	if (key->mki_bytes)
		snprintf(
			mki, sizeof(mki), "|%llu:%u", (unsigned long long)key->mki, key->mki_bytes);
	while (key->derivation_packets >> bits > 1)
		bits++;
	if (key->derivation_packets)
		snprintf(rate, sizeof(rate), " KDR=%u", bits);
	snprintf(out, size, "%s%s%s%s%s%s", lifetime, mki, rate,
		key->unencrypted ? " UNENCRYPTED_SRTP" : "",
		key->unencrypted_rtcp ? " UNENCRYPTED_SRTCP" : "",
		key->unauthenticated ? " UNAUTHENTICATED_SRTP" : "");
}

int crypto_attribute_print(const struct srtp_key *key, char *out, size_t size)
{
	const struct crypto_suite_info *suite = crypto_suite_info((enum crypto_suite)key->suite);
	unsigned char secret[BASE64_BYTES + 1];
	char parameters[160];
	int length;

	EVP_EncodeBlock(secret, key->secret, suite->key_bytes + suite->salt_bytes);
	print_parameters(key, parameters, sizeof(parameters));
	length = snprintf(
		out, size, "a=crypto:%u %s inline:%s%s", key->tag, suite->name, secret, parameters);
	explicit_bzero(secret, sizeof(secret));
	return length >= 0 && (size_t)length < size ? length : -ENOSPC;
}
