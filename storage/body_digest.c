#include "storage/body_digest.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>

#define READ_BYTES (256 * 1024)

static int feed(FILE *file, EVP_MD_CTX *sha256, EVP_MD_CTX *md5, uint64_t *bytes)
{
	unsigned char *buffer = malloc(READ_BYTES);
	size_t n;
	int err;

	if (!buffer)
		return -ENOMEM;
	*bytes = 0;
	while ((n = fread(buffer, 1, READ_BYTES, file)) > 0) {
		EVP_DigestUpdate(sha256, buffer, n);
		EVP_DigestUpdate(md5, buffer, n);
		*bytes += n;
	}
	free(buffer);
	err = ferror(file) ? -EIO : 0;
	rewind(file);
	return err;
}

int body_digest_file(FILE *file, struct body_digest *out)
{
	EVP_MD_CTX *sha256 = EVP_MD_CTX_new();
	EVP_MD_CTX *md5 = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	int err = -ENOMEM;

	if (sha256 && md5 && EVP_DigestInit_ex(sha256, EVP_sha256(), NULL) == 1 &&
		EVP_DigestInit_ex(md5, EVP_md5(), NULL) == 1)
		err = feed(file, sha256, md5, &out->bytes);
	if (err == 0) {
		EVP_DigestFinal_ex(sha256, digest, NULL);
		for (size_t i = 0; i < 32; i++)
			snprintf(out->sha256 + 2 * i, 3, "%02x", digest[i]);
		EVP_DigestFinal_ex(md5, digest, NULL);
		EVP_EncodeBlock((unsigned char *)out->md5, digest, 16);
	}
	EVP_MD_CTX_free(sha256);
	EVP_MD_CTX_free(md5);
	return err;
}
