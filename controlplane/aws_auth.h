/* AWS signature version 4, checked: that a request was made by who has a secret key, and is as it
 * was made. The algorithm is that of "Create a signed AWS API request" in the IAM User Guide, for
 * requests without a query, signed by the header Authorization.
 *
 * Pure functions; any thread. */
#ifndef LEGTAP_CONTROLPLANE_AWS_AUTH_H
#define LEGTAP_CONTROLPLANE_AWS_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"
#include "common/text.h"
#include "controlplane/aws_keys.h"

#define AWS_SIGNATURE_BYTES 65 /* hexadecimal SHA-256 and its end */
#define AWS_SKEW_S (15 * 60)   /* how far the clocks of client and legtapd may be apart */
#define AWS_SERVICE "chime"    /* what clients `chime` and `chime-sdk-voice` both sign for */

/* AWS4-HMAC-SHA256 Credential=key_id/date/region/service/aws4_request,
 * SignedHeaders=signed_headers, Signature=signature */
struct aws_authorization {
	struct text_part scope; /* date/region/service/aws4_request */
	struct text_part key_id;
	struct text_part date; /* eight digits */
	struct text_part region;
	struct text_part service;
	struct text_part signed_headers; /* lower case, with ';' between */
	struct text_part signature;	 /* 64 hexadecimal digits, lower case */
};

struct aws_header {
	const char *name;
	const char *value;
};

struct aws_request {
	const char *method;
	const char *target; /* path as in the request line, not unescaped */
	const struct aws_header *headers;
	size_t header_count;
	const void *body;
	size_t body_bytes;
};

/* Parses the value of an Authorization header; the parts point into it. 0, or -EINVAL with a
 * message. */
int aws_authorization_parse(const char *value, struct aws_authorization *out, struct errmsg *e);

/* The signature that the request should have; `date` is its X-Amz-Date. 0, -ENOENT with a message
 * when a signed header is missing, or -EIO. */
int aws_signature(const struct aws_request *r, const struct aws_authorization *a, const char *date,
	const char *secret, char out[AWS_SIGNATURE_BYTES], struct errmsg *e);

/* Checks a request at now_s (Unix time). `region`: what must be signed for, "" any. 0 with the key
 * that signed it; with a message -EPERM (nobody we know: no or a malformed Authorization, an
 * unknown key), -EACCES (not as it was signed, not for here, not now) or -EIO. */
int aws_verify(const struct aws_request *r, const struct aws_keys *keys, const char *region,
	int64_t now_s, const struct aws_key **key, struct errmsg *e);

#endif
