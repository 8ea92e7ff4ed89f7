#include "common/uuid.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>

/* legtap's name space, made once at random: changing it would change every CallId. */
static const uint8_t name_space[16] = {0x6c, 0x1f, 0x5d, 0x0e, 0x93, 0x4b, 0x4e, 0x0a, 0x9a, 0x57,
	0x2d, 0xc4, 0x80, 0xe1, 0x76, 0x3b};

static void set_version(struct uuid *u, uint8_t version)
{
	u->bytes[6] = (uint8_t)((u->bytes[6] & 0x0f) | (version << 4));
	u->bytes[8] = (uint8_t)((u->bytes[8] & 0x3f) | 0x80);
}

int uuid_random(struct uuid *out)
{
	if (getrandom(out->bytes, sizeof(out->bytes), 0) != (ssize_t)sizeof(out->bytes))
		return -EIO;
	set_version(out, 4);
	return 0;
}

void uuid_named(struct uuid *out, const char *const parts[], size_t count)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	EVP_DigestInit_ex(ctx, EVP_sha1(), NULL);
	EVP_DigestUpdate(ctx, name_space, sizeof(name_space));
	for (size_t i = 0; i < count; i++) {
		const char *part = parts[i] ? parts[i] : "";

		EVP_DigestUpdate(ctx, part, strlen(part) + (i + 1 < count ? 1 : 0));
	}
	EVP_DigestFinal_ex(ctx, digest, NULL);
	EVP_MD_CTX_free(ctx);
	memcpy(out->bytes, digest, sizeof(out->bytes));
	set_version(out, 5);
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool uuid_is_nil(const struct uuid *a)
{
	static const struct uuid nil;

	return uuid_equal(a, &nil);
}

uint32_t uuid_hash(const struct uuid *a)
{
	uint32_t h;

	memcpy(&h, a->bytes, sizeof(h)); /* made by SHA-1 or at random: any four bytes do */
	return h;
}

char *uuid_format(const struct uuid *u, char buf[UUID_TEXT_BYTES])
{
	size_t used = 0;

	for (size_t i = 0; i < sizeof(u->bytes); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			buf[used++] = '-';
		used += (size_t)snprintf(buf + used, UUID_TEXT_BYTES - used, "%02x", u->bytes[i]);
	}
	return buf;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int uuid_parse(const char *text, struct uuid *out)
{
	struct uuid u;

	for (size_t i = 0; i < sizeof(u.bytes); i++) {
		int high;
		int low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return -EINVAL;
		high = hex_digit(*text++);
		if (high < 0)
			return -EINVAL;
		low = hex_digit(*text++);
		if (low < 0)
			return -EINVAL;
		u.bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (*text)
		return -EINVAL;
	*out = u;
	return 0;
}
