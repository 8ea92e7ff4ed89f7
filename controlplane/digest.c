#include "controlplane/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <re.h>

#include "controlplane/config.h"

#define SECRET_BYTES 32
#define CODE_BYTES 16
#define NONCE_HEAD 16 /* digits of number and time */
#define NONCE_DIGITS (NONCE_HEAD + 2 * CODE_BYTES)

/* The newest nc of a nonce that was used. Numbers of one slot are DIGEST_NONCES apart: only one of
 * them is not stale. */
struct used {
	uint32_t number;
	uint32_t nc; /* 0: none yet */
};

struct digest {
	char realm[64];
	unsigned int algorithms;
	struct digest_users *users;
	uint8_t secret[SECRET_BYTES];
	uint32_t next; /* nonce's number */
	struct used used[DIGEST_NONCES];
};

int digest_create(
	struct digest **out, const char *realm, unsigned int algorithms, struct digest_users *users)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	if (RAND_bytes(d->secret, SECRET_BYTES) != 1) {
		free(d);
		return -EIO;
	}
	snprintf(d->realm, sizeof(d->realm), "%s", realm);
	d->algorithms = algorithms;
	d->users = users;
	*out = d;
	return 0;
}

static void free_users(struct digest_users *users)
{
	if (users)
		explicit_bzero(users, sizeof(*users));
	free(users);
}

void digest_destroy(struct digest *d)
{
	if (!d)
		return;
	free_users(d->users);
	explicit_bzero(d->secret, SECRET_BYTES);
	free(d);
}

void digest_set_users(struct digest *d, struct digest_users *users)
{
	free_users(d->users);
	d->users = users;
}

/* --- Nonces --- */

static void print_hex(const uint8_t *bytes, size_t count, char *out)
{
	for (size_t i = 0; i < count; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void make_nonce(const struct digest *d, const struct netaddr *client, uint32_t number,
	uint32_t time_s, char out[NONCE_DIGITS + 1])
{
	uint8_t code[EVP_MAX_MD_SIZE];
	uint8_t text[NONCE_HEAD + 16];
	unsigned int bytes = 0;

	snprintf(out, NONCE_HEAD + 1, "%08x%08x", number, time_s);
	memcpy(text, out, NONCE_HEAD);
	memcpy(text + NONCE_HEAD, client->ip, 16);
	HMAC(EVP_sha256(), d->secret, SECRET_BYTES, text, sizeof(text), code, &bytes);
	print_hex(code, CODE_BYTES, out + NONCE_HEAD);
}

void digest_challenge(struct digest *d, const struct netaddr *client, uint64_t now_s, bool stale,
	char out[DIGEST_CHALLENGE_BYTES])
{
	static const struct {
		enum digest_algorithms bit;
		const char *name;
	} offers[] = {{DIGEST_SHA256, "SHA-256"}, {DIGEST_MD5, "MD5"}};
	char nonce[NONCE_DIGITS + 1];
	int used = 0;

	make_nonce(d, client, d->next++, (uint32_t)now_s, nonce);
	for (unsigned int i = 0; i < 2; i++)
		if (d->algorithms & offers[i].bit)
			used += snprintf(out + used, (size_t)(DIGEST_CHALLENGE_BYTES - used),
				"WWW-Authenticate: Digest realm=\"%s\", nonce=\"%s\", "
				"algorithm=%s, qop=\"auth\"%s\r\n",
				d->realm, nonce, offers[i].name, stale ? ", stale=true" : "");
}

/* A nonce of ours for that client; whether it still counts is told by its time and nc. */
static enum digest_verdict check_nonce(struct digest *d, const struct netaddr *client,
	uint64_t now_s, const struct pl *nonce, uint32_t nc, struct used **slot, uint32_t *number)
{
	char expected[NONCE_DIGITS + 1];
	uint8_t head[NONCE_HEAD / 2];
	uint32_t time_s;

	if (nonce->l != NONCE_DIGITS || digest_hex(nonce->p, NONCE_HEAD, head) != 0)
		return DIGEST_STALE; /* of an earlier start, or of another recorder */
	*number = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 |
		  head[3];
	time_s = (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 | (uint32_t)head[6] << 8 |
		 head[7];
	make_nonce(d, client, *number, time_s, expected);
	if (CRYPTO_memcmp(expected, nonce->p, NONCE_DIGITS) != 0)
		return DIGEST_STALE;
	*slot = &d->used[*number % DIGEST_NONCES];
	if ((uint32_t)now_s - time_s > DIGEST_LIFETIME_S || d->next - *number > DIGEST_NONCES ||
		((*slot)->nc && (*slot)->number == *number && nc <= (*slot)->nc))
		return DIGEST_STALE;
	return DIGEST_FITS;
}

/* --- Answers --- */

static void hash(const EVP_MD *md, const struct pl *parts, size_t count, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	EVP_DigestInit_ex(ctx, md, NULL);
	for (size_t i = 0; i < count; i++) {
		if (i)
			EVP_DigestUpdate(ctx, ":", 1);
		EVP_DigestUpdate(ctx, parts[i].p, parts[i].l);
	}
	EVP_DigestFinal_ex(ctx, out, NULL);
	EVP_MD_CTX_free(ctx);
}

/* RFC 7616, 3.4.1: H(H(A1):nonce:nc:cnonce:qop:H(A2)). */
static bool response_fits(const struct digest_user *user, const struct httpauth_digest_resp *r,
	const struct pl *method)
{
	const EVP_MD *md = user->hash_bytes == 16 ? EVP_md5() : EVP_sha256();
	const struct pl a2[] = {*method, r->uri};
	char hex1[2 * DIGEST_HASH_BYTES + 1];
	char hex2[2 * DIGEST_HASH_BYTES + 1];
	uint8_t expected[EVP_MAX_MD_SIZE];
	uint8_t got[DIGEST_HASH_BYTES];

	if (r->response.l != 2 * user->hash_bytes ||
		digest_hex(r->response.p, r->response.l, got) != 0)
		return false;
	print_hex(user->hash, user->hash_bytes, hex1);
	hash(md, a2, 2, expected);
	print_hex(expected, user->hash_bytes, hex2);
	const struct pl all[] = {{hex1, 2 * user->hash_bytes}, r->nonce, r->nc, r->cnonce, r->qop,
		{hex2, 2 * user->hash_bytes}};
	hash(md, all, 6, expected);
	explicit_bzero(hex1, sizeof(hex1));
	return CRYPTO_memcmp(expected, got, user->hash_bytes) == 0;
}

/* Bytes of the hash of the algorithm that the client took; 0: one that was not offered. */
static size_t hash_bytes_of(const struct digest *d, const struct pl *value)
{
	struct pl name = {"MD5", 3};

	(void)re_regex(
		value->p, value->l, "algorithm[ ]*=[ ]*[\"]*[^\", ]+", NULL, NULL, NULL, &name);
	if (pl_strcasecmp(&name, "MD5") == 0)
		return d->algorithms & DIGEST_MD5 ? 16 : 0;
	if (pl_strcasecmp(&name, "SHA-256") == 0)
		return d->algorithms & DIGEST_SHA256 ? 32 : 0;
	return 0;
}

enum digest_verdict digest_check(struct digest *d, const struct netaddr *client, uint64_t now_s,
	const char *method, size_t method_bytes, const char *value, size_t value_bytes)
{
	const struct pl all = {value, value_bytes};
	const struct pl verb = {method, method_bytes};
	struct httpauth_digest_resp r;
	const struct digest_user *user;
	enum digest_verdict verdict;
	struct used *slot = NULL;
	uint32_t number = 0;
	uint8_t count[4];
	uint32_t nc;

	if (httpauth_digest_response_decode(&r, &all) != 0 || pl_strcmp(&r.realm, d->realm) != 0 ||
		pl_strcasecmp(&r.qop, "auth") != 0 || !pl_isset(&r.cnonce) || r.nc.l != 8 ||
		digest_hex(r.nc.p, 8, count) != 0)
		return DIGEST_MISSING;
	nc = (uint32_t)count[0] << 24 | (uint32_t)count[1] << 16 | (uint32_t)count[2] << 8 |
	     count[3];
	user = digest_user_find(d->users, r.username.p, r.username.l, hash_bytes_of(d, &all));
	if (!user || nc == 0 || !response_fits(user, &r, &verb))
		return DIGEST_WRONG;
	verdict = check_nonce(d, client, now_s, &r.nonce, nc, &slot, &number);
	if (verdict == DIGEST_FITS)
		*slot = (struct used){.number = number, .nc = nc};
	return verdict;
}
