#include "controlplane/aws_auth.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define SIGNED_HEADERS_MAX 2048
#define SCOPE_PART_MAX 64
#define DATE_LENGTH 16 /* 20150830T123600Z */
#define SHA256_BYTES 32

/* --- Texts --- */

static bool consists_of(struct text_part t, bool (*fits)(char c))
{
	for (size_t i = 0; i < t.length; i++)
		if (!fits(t.at[i]))
			return false;
	return true;
}

static bool is_decimal(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_decimal(c) || (c >= 'a' && c <= 'f');
}

static bool is_unreserved(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("-._~", c));
}

static bool is_header_list(char c)
{
	return is_hex(c) || (c >= 'a' && c <= 'z') || (c && strchr(";-_.!#$%&'*+^`|~", c));
}

static bool is_name(struct text_part t)
{
	return t.length > 0 && t.length <= SCOPE_PART_MAX && consists_of(t, is_unreserved);
}

/* --- Authorization --- */

static int refuse(struct errmsg *e, const char *why)
{
	errmsg_set(e, -EINVAL, "Authorization: %s", why);
	return -EINVAL;
}

static int parse_credential(struct aws_authorization *a, struct text_part rest, struct errmsg *e)
{
	a->key_id = text_take_until(&rest, '/');
	a->scope = rest;
	a->date = text_take_until(&rest, '/');
	a->region = text_take_until(&rest, '/');
	a->service = text_take_until(&rest, '/');
	if (a->key_id.length == 0 || a->key_id.length >= AWS_KEY_BYTES ||
		!consists_of(a->key_id, is_unreserved))
		return refuse(e, "Credential does not begin with an access key id");
	if (a->date.length != 8 || !consists_of(a->date, is_decimal) || !is_name(a->region) ||
		!is_name(a->service) || !text_is(rest, TERMINATOR))
		return refuse(e, "Credential is not ID/YYYYMMDD/REGION/SERVICE/" TERMINATOR);
	return 0;
}

static int parse_part(struct aws_authorization *a, struct text_part part, struct errmsg *e)
{
	struct text_part name = text_take_until(&part, '=');
	struct text_part *field;

	if (text_is(name, "Credential"))
		return a->key_id.at ? refuse(e, "Credential is given twice")
				    : parse_credential(a, part, e);
	if (text_is(name, "SignedHeaders"))
		field = &a->signed_headers;
	else if (text_is(name, "Signature"))
		field = &a->signature;
	else
		return refuse(e, "known are Credential, SignedHeaders and Signature alone");
	if (field->at)
		return refuse(e, "SignedHeaders or Signature is given twice");
	*field = part;
	return 0;
}

int aws_authorization_parse(const char *value, struct aws_authorization *out, struct errmsg *e)
{
	struct text_part rest = text_trim((struct text_part){value, strlen(value)});
	int err = 0;

	memset(out, 0, sizeof(*out));
	if (!text_is(text_take_until(&rest, ' '), ALGORITHM))
		return refuse(e, "its algorithm is not " ALGORITHM);
	while (rest.length && err == 0)
		err = parse_part(out, text_trim(text_take_until(&rest, ',')), e);
	if (err != 0)
		return err;
	if (!out->key_id.at || !out->signed_headers.at || !out->signature.at)
		return refuse(e, "Credential, SignedHeaders or Signature is missing");
	if (out->signature.length != AWS_SIGNATURE_BYTES - 1 ||
		!consists_of(out->signature, is_hex))
		return refuse(e, "Signature is not 64 hexadecimal digits");
	if (out->signed_headers.length == 0 || out->signed_headers.length > SIGNED_HEADERS_MAX ||
		!consists_of(out->signed_headers, is_header_list))
		return refuse(e, "SignedHeaders is not names in lower case with ; between");
	return 0;
}

/* --- The canonical request, into a hash --- */

static void add(EVP_MD_CTX *hash, const char *data, size_t bytes)
{
	EVP_DigestUpdate(hash, data, bytes);
}

static void add_text(EVP_MD_CTX *hash, const char *text)
{
	add(hash, text, strlen(text));
}

/* The path is escaped once more, as for all services but S3. It is not brought into normal form: no
 * path that is served has empty, "." or ".." segments. */
static void add_path(EVP_MD_CTX *hash, const char *path)
{
	char escaped[4];

	for (; *path && *path != '?'; path++) {
		if (is_unreserved(*path) || *path == '/') {
			add(hash, path, 1);
			continue;
		}
		snprintf(escaped, sizeof(escaped), "%%%02X", (unsigned char)*path);
		add(hash, escaped, 3);
	}
}

/* Trimmed, each run of blanks as one. */
static void add_value(EVP_MD_CTX *hash, const char *value)
{
	struct text_part t = text_trim((struct text_part){value, strlen(value)});

	for (size_t i = 0; i < t.length; i++) {
		if (!isspace((unsigned char)t.at[i]))
			add(hash, &t.at[i], 1);
		else if (!isspace((unsigned char)t.at[i + 1]))
			add(hash, " ", 1);
	}
}

static bool name_is(const struct aws_header *h, struct text_part name)
{
	return strlen(h->name) == name.length && strncasecmp(h->name, name.at, name.length) == 0;
}

/* "name:value,value\n" of all headers of that name. */
static int add_header(
	EVP_MD_CTX *hash, const struct aws_request *r, struct text_part name, struct errmsg *e)
{
	const char *before = ":";

	add(hash, name.at, name.length);
	for (size_t i = 0; i < r->header_count; i++) {
		if (!name_is(&r->headers[i], name))
			continue;
		add_text(hash, before);
		add_value(hash, r->headers[i].value);
		before = ",";
	}
	if (before[0] == ':')
		return errmsg_set(e, -ENOENT, "the signed header \"%.*s\" is not in the request",
			(int)name.length, name.at);
	add_text(hash, "\n");
	return 0;
}

static void to_hex(const unsigned char digest[SHA256_BYTES], char out[AWS_SIGNATURE_BYTES])
{
	for (unsigned int i = 0; i < SHA256_BYTES; i++)
		sprintf(out + (size_t)2 * i, "%02x", digest[i]);
}

static int hash_body(const struct aws_request *r, char out[AWS_SIGNATURE_BYTES])
{
	unsigned char digest[SHA256_BYTES];

	if (EVP_Digest(r->body, r->body_bytes, digest, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	to_hex(digest, out);
	return 0;
}

static int add_request(EVP_MD_CTX *hash, const struct aws_request *r,
	const struct aws_authorization *a, struct errmsg *e)
{
	struct text_part rest = a->signed_headers;
	char body[AWS_SIGNATURE_BYTES];
	int err = hash_body(r, body);

	add_text(hash, r->method);
	add_text(hash, "\n");
	add_path(hash, r->target);
	add_text(hash, "\n\n"); /* the query is empty */
	while (rest.length && err == 0)
		err = add_header(hash, r, text_take_until(&rest, ';'), e);
	add_text(hash, "\n");
	add(hash, a->signed_headers.at, a->signed_headers.length);
	add_text(hash, "\n");
	if (err == 0)
		add_text(hash, body);
	return err;
}

static int hash_request(const struct aws_request *r, const struct aws_authorization *a,
	char out[AWS_SIGNATURE_BYTES], struct errmsg *e)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	unsigned char digest[SHA256_BYTES];
	int err = -EIO;

	if (hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1)
		err = add_request(hash, r, a, e);
	if (err == 0 && EVP_DigestFinal_ex(hash, digest, NULL) != 1)
		err = -EIO;
	EVP_MD_CTX_free(hash);
	if (err == 0)
		to_hex(digest, out);
	return err;
}

/* --- The signature --- */

static int hmac(unsigned char key[SHA256_BYTES], const char *data, size_t bytes)
{
	unsigned char digest[SHA256_BYTES];

	if (!HMAC(EVP_sha256(), key, SHA256_BYTES, (const unsigned char *)data, bytes, digest,
		    NULL))
		return -EIO;
	memcpy(key, digest, SHA256_BYTES);
	return 0;
}

/* The key of a day, region and service. */
static int signing_key(
	const struct aws_authorization *a, const char *secret, unsigned char key[SHA256_BYTES])
{
	char first[AWS_KEY_BYTES + 4];
	int bytes = snprintf(first, sizeof(first), "AWS4%s", secret);
	bool done = HMAC(EVP_sha256(), first, bytes, (const unsigned char *)a->date.at,
			    a->date.length, key, NULL) != NULL;
	int err = done ? 0 : -EIO;

	explicit_bzero(first, sizeof(first));
	if (err == 0)
		err = hmac(key, a->region.at, a->region.length);
	if (err == 0)
		err = hmac(key, a->service.at, a->service.length);
	return err ? err : hmac(key, TERMINATOR, strlen(TERMINATOR));
}

int aws_signature(const struct aws_request *r, const struct aws_authorization *a, const char *date,
	const char *secret, char out[AWS_SIGNATURE_BYTES], struct errmsg *e)
{
	unsigned char key[SHA256_BYTES];
	char request[AWS_SIGNATURE_BYTES];
	char text[512]; /* the scope has three short parts */
	int bytes;
	int err = hash_request(r, a, request, e);

	if (err == 0)
		err = signing_key(a, secret, key);
	if (err != 0)
		return err;
	bytes = snprintf(text, sizeof(text), ALGORITHM "\n%.*s\n%.*s\n%s", DATE_LENGTH, date,
		(int)a->scope.length, a->scope.at, request);
	err = hmac(key, text, (size_t)bytes);
	if (err == 0)
		to_hex(key, out);
	explicit_bzero(key, sizeof(key));
	return err;
}

/* --- Checks --- */

/* The one header of that name; NULL: none, or several. */
static const char *header(const struct aws_request *r, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < r->header_count; i++) {
		if (strcasecmp(r->headers[i].name, name) != 0)
			continue;
		if (value)
			return NULL;
		value = r->headers[i].value;
	}
	return value;
}

static bool is_signed(const struct aws_authorization *a, const char *name)
{
	struct text_part rest = a->signed_headers;

	while (rest.length) {
		struct text_part one = text_take_until(&rest, ';');

		if (one.length && one.length == strlen(name) &&
			strncasecmp(name, one.at, one.length) == 0)
			return true;
	}
	return false;
}

/* Without these a request could be sent again elsewhere, or later, or altered. */
static int check_signed(
	const struct aws_request *r, const struct aws_authorization *a, struct errmsg *e)
{
	if (!is_signed(a, "host"))
		return errmsg_set(e, -EACCES, "the header host is not signed");
	for (size_t i = 0; i < r->header_count; i++) {
		const char *name = r->headers[i].name;

		if (strncasecmp(name, "x-amz-", 6) == 0 && !is_signed(a, name))
			return errmsg_set(e, -EACCES, "the header %.60s is not signed", name);
	}
	return 0;
}

static int parse_date(const char *text, int64_t *unix_s)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y%m%dT%H%M%SZ", &tm);

	if (strlen(text) != DATE_LENGTH || !end || *end)
		return -EINVAL;
	*unix_s = timegm(&tm);
	return 0;
}

static int check_date(
	const struct aws_authorization *a, const char *date, int64_t now_s, struct errmsg *e)
{
	int64_t then_s;

	if (!date || parse_date(date, &then_s) != 0)
		return errmsg_set(
			e, -EACCES, "one header X-Amz-Date of the form YYYYMMDDTHHMMSSZ is needed");
	if (memcmp(date, a->date.at, a->date.length) != 0)
		return errmsg_set(e, -EACCES, "Credential has another day than X-Amz-Date");
	if (llabs(then_s - now_s) > AWS_SKEW_S)
		return errmsg_set(e, -EACCES,
			"X-Amz-Date %s is %lld s away from this machine's clock, more than 15 "
			"minutes: set the clocks",
			date, llabs(then_s - now_s));
	return 0;
}

static int check_scope(const struct aws_authorization *a, const char *region, struct errmsg *e)
{
	if (!text_is(a->service, AWS_SERVICE))
		return errmsg_set(e, -EACCES,
			"signed for the service \"%.*s\"; needed is \"" AWS_SERVICE "\"",
			(int)a->service.length, a->service.at);
	if (region[0] && !text_is(a->region, region))
		return errmsg_set(e, -EACCES,
			"signed for the region \"%.*s\"; admin.aws.region is \"%s\"",
			(int)a->region.length, a->region.at, region);
	return 0;
}

static int check_body(const struct aws_request *r, struct errmsg *e)
{
	const char *given = header(r, "x-amz-content-sha256");
	char hash[AWS_SIGNATURE_BYTES];

	if (!given)
		return 0; /* the signature is over the body's hash all the same */
	if (hash_body(r, hash) != 0)
		return errmsg_set(e, -EIO, "SHA-256 does not work");
	if (strcmp(given, hash) != 0)
		return errmsg_set(
			e, -EACCES, "X-Amz-Content-SHA256 is not the SHA-256 of the body");
	return 0;
}

static int stranger(struct errmsg *e, const char *why)
{
	errmsg_set(e, -EPERM, "%s", why);
	return -EPERM;
}

/* What can be said without a key. -EPERM when something is wrong. */
static int check_form(const struct aws_request *r, struct aws_authorization *a, struct errmsg *e)
{
	const char *authorization = header(r, "authorization");

	if (!authorization)
		return stranger(
			e, "one header Authorization with an AWS signature of version 4 is needed");
	if (aws_authorization_parse(authorization, a, e) != 0)
		return -EPERM;
	if (header(r, "x-amz-security-token"))
		return stranger(e,
			"temporary credentials (X-Amz-Security-Token) cannot be checked here: use "
			"a key of admin.aws.keys_file, without a session token");
	if (strchr(r->target, '?'))
		return stranger(e, "a query has no place here: sign by the header Authorization");
	return 0;
}

static int check_signature(const struct aws_request *r, const struct aws_authorization *a,
	const struct aws_key *key, struct errmsg *e)
{
	char signature[AWS_SIGNATURE_BYTES];
	int err = aws_signature(r, a, header(r, "x-amz-date"), key->secret, signature, e);

	if (err == -EIO)
		return errmsg_set(e, -EIO, "HMAC-SHA-256 does not work");
	if (err != 0)
		return -EACCES;
	if (CRYPTO_memcmp(signature, a->signature.at, a->signature.length) == 0)
		return 0;
	return errmsg_set(e, -EACCES,
		"the signature is not that of this request by the secret key of %s", key->id);
}

int aws_verify(const struct aws_request *r, const struct aws_keys *keys, const char *region,
	int64_t now_s, const struct aws_key **key, struct errmsg *e)
{
	struct aws_authorization a;
	const struct aws_key *found;
	int err;

	if (check_form(r, &a, e) != 0)
		return -EPERM;
	found = aws_key_find(keys, a.key_id.at, a.key_id.length);
	if (!found)
		return errmsg_set(e, -EPERM, "the access key id %.*s is not in admin.aws.keys_file",
			(int)a.key_id.length, a.key_id.at);
	err = check_scope(&a, region, e);
	if (err == 0)
		err = check_date(&a, header(r, "x-amz-date"), now_s, e);
	if (err == 0)
		err = check_signed(r, &a, e);
	if (err == 0)
		err = check_body(r, e);
	if (err == 0)
		err = check_signature(r, &a, found, e);
	if (err == 0)
		*key = found;
	return err;
}
