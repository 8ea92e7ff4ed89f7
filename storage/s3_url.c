#include "storage/s3.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* RFC 3986's unreserved characters stand as they are; so does the slash. */
static bool is_plain(unsigned char c)
{
	return isalnum(c) || strchr("-_.~/", c) != NULL;
}

static int append_encoded(char *out, size_t room, const char *key)
{
	size_t at = 0;

	for (const unsigned char *c = (const unsigned char *)key; *c != '\0'; c++) {
		if (at + 4 > room)
			return -EINVAL;
		if (is_plain(*c))
			out[at++] = (char)*c;
		else
			at += (size_t)snprintf(out + at, room - at, "%%%02X", *c);
	}
	out[at] = '\0';
	return 0;
}

/* Where the host begins in an endpoint; NULL: no http or https URL. */
static const char *host_of(const char *endpoint)
{
	if (strncmp(endpoint, "http://", 7) == 0)
		return endpoint + 7;
	if (strncmp(endpoint, "https://", 8) == 0)
		return endpoint + 8;
	return NULL;
}

int s3_url(const struct s3_config *config, const char *bucket, const char *key,
	char out[S3_URL_BYTES], struct errmsg *e)
{
	const char *endpoint = config->endpoint;
	const char *host = host_of(endpoint);
	size_t length = strlen(endpoint);
	int used;

	if (!host || *host == '\0')
		return errmsg_set(
			e, -EINVAL, "the S3 endpoint \"%s\" is no http or https URL", endpoint);
	while (endpoint[length - 1] == '/')
		length--;
	if (config->path_style)
		used = snprintf(out, S3_URL_BYTES, "%.*s/%s/", (int)length, endpoint, bucket);
	else
		used = snprintf(out, S3_URL_BYTES, "%.*s%s.%.*s/", (int)(host - endpoint), endpoint,
			bucket, (int)(length - (size_t)(host - endpoint)), host);
	if (append_encoded(out + used, S3_URL_BYTES - (size_t)used, key) != 0)
		return errmsg_set(e, -EINVAL, "the key %.128s… is too long", key);
	return 0;
}
