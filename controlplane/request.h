/* One HTTP request of the admin API: what a route's handler asks of it, and how it is answered.
 *
 *   receiving ──(body complete)── handled ──(answer)── answering ── gone
 *
 * A handler answers once: before it returns, or later (the connection sleeps meanwhile, and a
 * client that goes away is noticed only then). The object lives until both the handler has answered
 * and libmicrohttpd has let go of it. Control thread. */
#ifndef LEGTAP_CONTROLPLANE_REQUEST_H
#define LEGTAP_CONTROLPLANE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <microhttpd.h>

struct cJSON;
struct aws_keys;
struct control;
struct request;
struct request_server;
struct workers;

#define REQUEST_BODY_MAX (256 * 1024)

struct control *request_control(const struct request *r);
struct workers *request_workers(const struct request *r);

/* The body, which is NUL-terminated beyond its length too. */
const char *request_body(const struct request *r, size_t *bytes);

/* What stands in the path where the route has its "{…}", unescaped; "" if it has none. */
const char *request_id(const struct request *r);

/* The value of a query parameter or a header, or NULL. */
const char *request_query(const struct request *r, const char *name);
const char *request_header(const struct request *r, const char *name);

/* A query parameter that is a number from least to most. False: it is something else, and the
 * request has been answered with 400. */
bool request_query_number(struct request *r, const char *name, unsigned int least,
	unsigned int most, unsigned int fallback, unsigned int *out);

/* What a changing request came to, for the audit log; the text is copied. */
void request_summary(struct request *r, const char *text);

/* Answers. Each takes text (of malloc) or json; NULL is answered with 500, no memory. */
void request_answer(struct request *r, unsigned int status, const char *content_type, char *text);
void request_answer_json(struct request *r, unsigned int status, struct cJSON *json);

/* Answers with a response made by the handler, which is taken. */
void request_answer_response(struct request *r, unsigned int status, struct MHD_Response *response);

/* A header of the answer that the handler has just given. */
void request_add_header(struct request *r, const char *name, const char *value);

/* For an answer that is made bit by bit: what it stands on. */
struct MHD_Connection *request_connection(const struct request *r);
struct request_server *request_server_of(const struct request *r);

/* {"Message": …}, and the service's name for such a status in the header x-amzn-ErrorType. */
void request_fail(struct request *r, unsigned int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* --- Between admin.c and request.c --- */

/* What all requests share. Outlives them, but for those that were abandoned. */
struct request_server {
	struct control *control;
	struct workers *workers;
	const struct aws_keys *keys; /* requests must be signed with one of these, and may use the
					routes for AWS clients alone; NULL: a Unix socket, whose
					mode says who may what */
	struct request *requests;    /* list of all that libmicrohttpd holds */
	bool answered; /* a request that slept has its answer: libmicrohttpd must run, and does not
			  wake by itself */
};

/* For MHD_OPTION_URI_LOG_CALLBACK, which alone tells the request line's target as it was sent:
 * begins a request. */
void *request_begin(void *cls, const char *target, struct MHD_Connection *connection);

/* libmicrohttpd's MHD_AccessHandlerCallback and MHD_RequestCompletedCallback; cls is the server. */
enum MHD_Result request_access(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
	void **request);
void request_completed(void *cls, struct MHD_Connection *connection, void **request,
	enum MHD_RequestTerminationCode code);

/* Answers 503 to all that wait; what their handlers answer later is thrown away. */
void requests_abandon(struct request_server *server);

#endif
