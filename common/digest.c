#include "common/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#define READ_BYTES (256 * 1024)

static void to_hex(const unsigned char *digest, char out[DIGEST_TEXT_BYTES])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

int digest_sha256(const void *data, size_t bytes, char out[DIGEST_TEXT_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(data, bytes, digest, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	to_hex(digest, out);
	return 0;
}

/* EVP's context under a name of ours. */
static EVP_MD_CTX *context(struct digest *d)
{
	return (EVP_MD_CTX *)(void *)d;
}

int digest_begin(struct digest **out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		return -ENOMEM;
	}
	*out = (struct digest *)(void *)ctx;
	return 0;
}

void digest_feed(struct digest *d, const void *data, size_t bytes)
{
	EVP_DigestUpdate(context(d), data, bytes);
}

void digest_end(struct digest *d, char out[DIGEST_TEXT_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	EVP_DigestFinal_ex(context(d), digest, NULL);
	to_hex(digest, out);
	EVP_MD_CTX_free(context(d));
}

static int feed_file(struct digest *d, int fd, uint64_t *bytes)
{
	char *buf = malloc(READ_BYTES);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	while ((n = read(fd, buf, READ_BYTES)) > 0) {
		digest_feed(d, buf, (size_t)n);
		*bytes += (uint64_t)n;
	}
	free(buf);
	return n < 0 ? -errno : 0;
}

int digest_sha256_file(const char *path, char out[DIGEST_TEXT_BYTES], uint64_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct digest *d = NULL;
	uint64_t count = 0;
	int err = fd < 0 ? -errno : digest_begin(&d);

	if (d) {
		err = feed_file(d, fd, &count);
		digest_end(d, out);
	}
	if (err == 0 && bytes)
		*bytes = count;
	if (fd >= 0)
		close(fd);
	return err;
}
