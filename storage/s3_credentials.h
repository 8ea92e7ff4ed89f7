/* Credentials for S3: from the environment, or from a file as AWS tools have it. */
#ifndef LEGTAP_STORAGE_S3_CREDENTIALS_H
#define LEGTAP_STORAGE_S3_CREDENTIALS_H

#include <stddef.h>

#include "common/errmsg.h"

#define S3_SECRET_BYTES 256
#define S3_TOKEN_BYTES 4096

struct s3_credentials {
	char access_key[S3_SECRET_BYTES];
	char secret_key[S3_SECRET_BYTES];
	char session_token[S3_TOKEN_BYTES]; /* "": none */
};

/* Parses a credentials file: the section [default], or what stands before any section. Lines
 * "name = value"; '#' and ';' begin comment lines; unknown names are passed over. A pure function.
 * 0, or -EINVAL with a message when a key is missing or too long. */
int s3_credentials_parse(
	const char *text, size_t bytes, struct s3_credentials *out, struct errmsg *e);

/* Reads them from a file; from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN when
 * `path` is "". They are read each time, so that they may be renewed. 0 or -errno with a message
 * that holds no secret. */
int s3_credentials_load(const char *path, struct s3_credentials *out, struct errmsg *e);

#endif
