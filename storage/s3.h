/* Delivery to S3: one PUT, signed with AWS signature version 4 by libcurl, streamed from the file.
 *
 * The body's SHA-256 is in the signature and its MD5 in Content-MD5, so the store refuses what was
 * damaged on the way. Confirmed = 200 with an ETag. Blocking; any thread. */
#ifndef LEGTAP_STORAGE_S3_H
#define LEGTAP_STORAGE_S3_H

#include <stdint.h>

#include "storage/deliver.h"
#include "storage/s3_credentials.h"

#define S3_OBJECT_BYTES_MAX (5ULL << 30) /* of one PUT */
#define S3_METADATA_MAX 8
#define S3_URL_BYTES 8192

struct s3_metadata {
	const char *name; /* without x-amz-meta-; lower case, none the beginning of another */
	const char *value;
};

struct s3_object {
	const char *bucket;
	const char *key;
	const char *file; /* path of the contents */
	const char *content_type;
	const char *sha256; /* of the contents as they should be, in hex; NULL: not known */
	unsigned int metadata_count;
	struct s3_metadata metadata[S3_METADATA_MAX];
};

/* The object's URL: path style or with the bucket before the host, the key percent-encoded but for
 * its slashes. A pure function. 0, or -EINVAL with a message: no http(s) endpoint, or too long. */
int s3_url(const struct s3_config *config, const char *bucket, const char *key,
	char out[S3_URL_BYTES], struct errmsg *e);

/* 0: the store has confirmed it. -errno, with what it said in *result: -EACCES it refused (403 or
 * 404: result->refused), -EIO it answered otherwise or not at all, -EBADMSG the file is not what
 * sha256 says, -EFBIG it is over S3_OBJECT_BYTES_MAX; or -errno of reading file or credentials. */
int s3_put(const struct s3_config *config, const struct s3_object *object,
	struct delivery_result *result);

#endif
