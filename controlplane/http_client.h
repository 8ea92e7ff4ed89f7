/* HTTP requests of the control thread (libcurl's multi interface inside libre's loop): they never
 * block it. Names are looked up by libcurl's own threads. At most so many are under way at once;
 * further ones wait their turn, in order. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_HTTP_CLIENT_H
#define LEGTAP_CONTROLPLANE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

struct http_client;
struct http_request;

#define HTTP_ANSWER_BYTES_MAX ((size_t)256 * 1024)

/* libre is initialised. 0 or -errno with a message; -ENOTSUP: this libcurl looks names up without
 * threads, and would block. */
int http_client_create(struct http_client **out, unsigned int concurrent_max, struct errmsg *e);

/* What is under way is dropped without an answer. NULL is legal. */
void http_client_destroy(struct http_client *c);

/* How a request is signed (AWS signature version 4); all texts are copied. */
struct http_signing {
	const char *scope; /* "aws:amz:REGION:SERVICE" */
	const char *access_key;
	const char *secret_key;
	const char *session_token; /* NULL: none */
};

struct http_post {
	const char *url;
	const char *body; /* JSON; copied */
	size_t bytes;
	uint32_t timeout_ms; /* from when its turn comes to its answer's last octet */
	const struct http_signing *signing; /* NULL: not signed */
};

/* Valid during the call. */
struct http_answer {
	int err;	 /* 0: there is an answer, of whatever status; -ETIMEDOUT; -EMSGSIZE: over
			    HTTP_ANSWER_BYTES_MAX; -EIO: no connection, a bad name, no HTTP, … */
	const char *why; /* of an err */
	uint32_t elapsed_ms; /* since its turn came */
	long status;
	bool function_error; /* it bears X-Amz-Function-Error: the body tells of an error */
	const char *body;    /* ends with a NUL beyond its length too */
	size_t bytes;
};

typedef void http_done_h(void *arg, const struct http_answer *answer);

/* Posts. done is called once, never before this returns; *out is then invalid. 0 or -ENOMEM. */
int http_post(struct http_client *c, struct http_request **out, const struct http_post *post,
	http_done_h *done, void *arg);

/* done will not be called. Not from within it. NULL is legal. */
void http_cancel(struct http_request *r);

#endif
