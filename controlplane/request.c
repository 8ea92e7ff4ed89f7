#include "controlplane/request.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "common/errmsg.h"
#include "common/log.h"
#include "common/netaddr.h"
#include "controlplane/aws_auth.h"
#include "controlplane/control.h"
#include "controlplane/route.h"
#include "controlplane/utf8.h"

#define BODY_DRAIN_MAX \
	(16 * REQUEST_BODY_MAX) /* of one too long, before the client is hung up on */
#define SUMMARY_BYTES 800
#define JSON_TYPE "application/json"

struct request {
	struct request_server *server;
	struct request *next;
	struct request *previous;
	struct MHD_Connection *connection; /* NULL: libmicrohttpd has let go of it */
	char peer[NETADDR_TEXT_BYTES];	   /* who it is from, for the audit log */
	char key_id[AWS_KEY_BYTES];	   /* that it is signed with; "": none */
	char *target;			   /* as sent, where requests are signed; else NULL */
	char method[16];
	char path[512]; /* for the audit log */
	char *body;
	size_t body_bytes; /* received; what is beyond REQUEST_BODY_MAX is not kept */
	char *id;
	bool begun; /* its headers have been seen */
	bool handled;
	bool suspended;
	bool owed; /* the handler has yet to answer */
	unsigned int status;
	struct MHD_Response *response;
	char summary[SUMMARY_BYTES];
};

/* --- Its life --- */

static void put_printable(char *to, size_t size, const char *from)
{
	size_t used = 0;

	for (; *from && used < size - 1; from++)
		to[used++] = isprint((unsigned char)*from) ? *from : '?';
	to[used] = '\0';
}

static void put_peer(char out[NETADDR_TEXT_BYTES], struct MHD_Connection *connection)
{
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	struct sockaddr_storage from = {0};
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&from;
	struct ucred user = {.uid = (uid_t)-1};
	struct netaddr address;
	socklen_t bytes = sizeof(from);

	getpeername(fd, (struct sockaddr *)&from, &bytes);
	if (from.ss_family == AF_INET || from.ss_family == AF_INET6) {
		address = from.ss_family == AF_INET
				  ? netaddr_from_ipv4(&v4->sin_addr, ntohs(v4->sin_port))
				  : netaddr_from_ipv6(&v6->sin6_addr, ntohs(v6->sin6_port));
		netaddr_format(&address, out);
		return;
	}
	bytes = sizeof(user);
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &bytes);
	snprintf(out, NETADDR_TEXT_BYTES, "uid %d, pid %d", (int)user.uid, (int)user.pid);
}

void *request_begin(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct request_server *server = cls;
	struct request *r = calloc(1, sizeof(*r));

	if (r && server->keys)
		r->target = strdup(target);
	if (!r || (server->keys && !r->target)) {
		free(r);
		return NULL;
	}
	r->server = server;
	r->connection = connection;
	put_peer(r->peer, connection);
	r->next = server->requests;
	if (r->next)
		r->next->previous = r;
	server->requests = r;
	return r;
}

static void free_if_done(struct request *r)
{
	if (r->owed || r->connection)
		return;
	if (r->response)
		MHD_destroy_response(r->response);
	free(r->body);
	free(r->id);
	free(r->target);
	free(r);
}

void request_completed(void *cls, struct MHD_Connection *connection, void **request,
	enum MHD_RequestTerminationCode code)
{
	struct request_server *server = cls;
	struct request *r = *request;

	if (!r)
		return;
	*request = NULL;
	if (r->previous)
		r->previous->next = r->next;
	else
		server->requests = r->next;
	if (r->next)
		r->next->previous = r->previous;
	r->connection = NULL;
	free_if_done(r);
}

/* --- Answering --- */

static void audit(const struct request *r)
{
	bool changes = strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;

	if (!changes && !r->server->keys)
		return;
	log_info("admin", "%s%s%s: %s %.100s: %u%s%s", r->peer, r->key_id[0] ? ", key " : "",
		r->key_id, r->method, r->path, r->status, r->summary[0] ? ": " : "", r->summary);
}

/* response NULL: without memory; libmicrohttpd then closes the connection. */
static void set_response(struct request *r, unsigned int status, struct MHD_Response *response)
{
	r->status = status;
	r->response = response;
	audit(r);
	if (r->suspended) {
		r->suspended = false;
		MHD_resume_connection(r->connection);
		r->server->answered = true;
	}
}

static struct MHD_Response *make_response(const char *content_type, char *text)
{
	static char no_memory[] = "{\"Message\":\"no memory\"}\n";
	enum MHD_ResponseMemoryMode mode = text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT;
	struct MHD_Response *response;

	if (!text)
		text = no_memory;
	response = MHD_create_response_from_buffer(strlen(text), text, mode);
	if (!response) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	return response;
}

void request_answer(struct request *r, unsigned int status, const char *content_type, char *text)
{
	r->owed = false;
	if (r->response || !r->connection) { /* abandoned */
		free(text);
		free_if_done(r);
		return;
	}
	set_response(r, text ? status : MHD_HTTP_INTERNAL_SERVER_ERROR,
		make_response(text ? content_type : JSON_TYPE, text));
}

void request_answer_response(struct request *r, unsigned int status, struct MHD_Response *response)
{
	r->owed = false;
	if (r->response || !r->connection) { /* abandoned */
		if (response)
			MHD_destroy_response(response);
		free_if_done(r);
		return;
	}
	set_response(r, status, response);
}

void request_add_header(struct request *r, const char *name, const char *value)
{
	if (r->response)
		MHD_add_response_header(r->response, name, value);
}

/* JSON on a line of its own, whatever octets a SIP header brought into it. */
static char *print_json(cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	size_t bytes = text ? strlen(text) : 0;
	char *line = text ? realloc(text, bytes + 2) : NULL;

	cJSON_Delete(json);
	if (!line) {
		free(text);
		return NULL;
	}
	utf8_repair(line, bytes);
	line[bytes] = '\n';
	line[bytes + 1] = '\0';
	return line;
}

void request_answer_json(struct request *r, unsigned int status, struct cJSON *json)
{
	request_answer(r, status, JSON_TYPE, print_json(json));
}

static cJSON *message_object(const char *text)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "Message", text);
	return o;
}

/* The exception that AWS SDKs make of a status: the errors of UpdateSipMediaApplicationCall. NULL:
 * the service has none. */
static const char *error_type(unsigned int status)
{
	switch (status) {
	case MHD_HTTP_BAD_REQUEST:
	case MHD_HTTP_CONTENT_TOO_LARGE:
		return "BadRequestException";
	case MHD_HTTP_UNAUTHORIZED:
		return "UnauthorizedClientException";
	case MHD_HTTP_FORBIDDEN:
		return "ForbiddenException";
	case MHD_HTTP_NOT_FOUND:
		return "NotFoundException";
	case MHD_HTTP_TOO_MANY_REQUESTS:
		return "ThrottledClientException";
	case MHD_HTTP_INTERNAL_SERVER_ERROR:
		return "ServiceFailureException";
	case MHD_HTTP_SERVICE_UNAVAILABLE:
		return "ServiceUnavailableException";
	default:
		return NULL;
	}
}

static struct MHD_Response *make_error(unsigned int status, const char *text)
{
	struct MHD_Response *response = make_response(JSON_TYPE, print_json(message_object(text)));
	const char *type = error_type(status);

	if (response && type)
		MHD_add_response_header(response, "x-amzn-ErrorType", type);
	return response;
}

void request_fail(struct request *r, unsigned int status, const char *fmt, ...)
{
	char text[ERRMSG_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (r->summary[0] == '\0')
		put_printable(r->summary, sizeof(r->summary), text);
	request_answer_response(r, status, make_error(status, text));
}

void requests_abandon(struct request_server *server)
{
	for (struct request *r = server->requests; r; r = r->next)
		if (r->suspended)
			set_response(r, MHD_HTTP_SERVICE_UNAVAILABLE,
				make_error(
					MHD_HTTP_SERVICE_UNAVAILABLE, "legtapd is shutting down"));
}

/* --- Asking --- */

struct control *request_control(const struct request *r)
{
	return r->server->control;
}

struct workers *request_workers(const struct request *r)
{
	return r->server->workers;
}

struct MHD_Connection *request_connection(const struct request *r)
{
	return r->connection;
}

struct request_server *request_server_of(const struct request *r)
{
	return r->server;
}

const char *request_body(const struct request *r, size_t *bytes)
{
	*bytes = r->body_bytes;
	return r->body ? r->body : "";
}

const char *request_id(const struct request *r)
{
	return r->id;
}

const char *request_query(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *request_header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

bool request_query_number(struct request *r, const char *name, unsigned int least,
	unsigned int most, unsigned int fallback, unsigned int *out)
{
	const char *text = request_query(r, name);
	unsigned long value;
	char *end;

	*out = fallback;
	if (!text)
		return true;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || value < least || value > most) {
		request_fail(r, MHD_HTTP_BAD_REQUEST, "%s must be a number from %u to %u", name,
			least, most);
		return false;
	}
	*out = (unsigned int)value;
	return true;
}

void request_summary(struct request *r, const char *text)
{
	put_printable(r->summary, sizeof(r->summary), text);
}

/* --- Receiving --- */

static void refuse_too_long(struct request *r)
{
	request_fail(r, MHD_HTTP_CONTENT_TOO_LARGE, "the body is longer than %d octets",
		REQUEST_BODY_MAX);
}

static bool announces_too_much(const struct request *r)
{
	const char *length = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length && strtoull(length, NULL, 10) > REQUEST_BODY_MAX;
}

/* Keeps what fits. False: no memory, or the client sends without end. */
static bool receive(struct request *r, const char *data, size_t bytes)
{
	size_t keep = r->body_bytes + bytes <= REQUEST_BODY_MAX ? bytes : 0;
	char *body;

	if (keep) {
		body = realloc(r->body, r->body_bytes + keep + 1);
		if (!body)
			return false;
		memcpy(body + r->body_bytes, data, keep);
		body[r->body_bytes + keep] = '\0';
		r->body = body;
	}
	r->body_bytes += bytes;
	return r->body_bytes <= BODY_DRAIN_MAX;
}

struct query_check {
	const char *known;
	char unknown[64];
};

static bool is_word_of(const char *word, const char *words)
{
	size_t bytes = strlen(word);

	for (const char *at = words; bytes && (at = strstr(at, word)) != NULL; at += bytes)
		if ((at == words || at[-1] == ' ') && (at[bytes] == ' ' || at[bytes] == '\0'))
			return true;
	return false;
}

static enum MHD_Result check_query(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query_check *check = cls;

	if (is_word_of(name, check->known))
		return MHD_YES;
	put_printable(check->unknown, sizeof(check->unknown), name[0] ? name : "(empty)");
	return MHD_NO;
}

static void refuse_route(struct request *r, const char *allow)
{
	if (allow[0] == '\0') {
		request_fail(r, MHD_HTTP_NOT_FOUND, "there is no %s", r->path);
		return;
	}
	request_fail(
		r, MHD_HTTP_METHOD_NOT_ALLOWED, "%s takes %s, not %s", r->path, allow, r->method);
	if (r->response)
		MHD_add_response_header(r->response, MHD_HTTP_HEADER_ALLOW, allow);
}

static enum MHD_Result take_header(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct aws_request *signed_request = cls;
	struct aws_header *headers = (struct aws_header *)signed_request->headers;

	headers[signed_request->header_count++] = (struct aws_header){name, value ? value : ""};
	return MHD_YES;
}

static int verify(struct request *r, struct errmsg *e)
{
	int count = MHD_get_connection_values(r->connection, MHD_HEADER_KIND, NULL, NULL);
	struct aws_header *headers = calloc((size_t)count + 1, sizeof(*headers));
	struct aws_request sent = {.method = r->method,
		.target = r->target,
		.headers = headers,
		.body = r->body ? r->body : "",
		.body_bytes = r->body_bytes};
	const struct aws_key *key;
	int err;

	if (!headers)
		return errmsg_set(e, -ENOMEM, "no memory");
	MHD_get_connection_values(r->connection, MHD_HEADER_KIND, take_header, &sent);
	err = aws_verify(&sent, r->server->keys, r->server->control->config->aws.region, time(NULL),
		&key, e);
	if (err == 0)
		strcpy(r->key_id, key->id);
	free(headers);
	return err;
}

/* False: the request has been answered. */
static bool may_ask(struct request *r)
{
	unsigned int status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	struct errmsg e;
	int err = r->server->keys ? verify(r, &e) : 0;

	if (err == 0)
		return true;
	if (err == -EPERM)
		status = MHD_HTTP_UNAUTHORIZED;
	else if (err == -EACCES)
		status = MHD_HTTP_FORBIDDEN;
	request_fail(r, status, "%s", e.text);
	return false;
}

static const struct route *find_route(const struct request *r, const char *method, const char *url,
	const char **id, char allow[ROUTE_ALLOW_BYTES])
{
	const struct route *route = route_find(method, url, id, allow);

	if (!r->server->keys || (route && route->reach == AWS_TOO))
		return route;
	allow[0] = '\0'; /* other routes are not there */
	return NULL;
}

static void handle(struct request *r, const char *method, const char *url)
{
	char allow[ROUTE_ALLOW_BYTES];
	const char *id;
	const struct route *route = find_route(r, method, url, &id, allow);
	struct query_check check = {.known = route ? route->query : ""};

	r->handled = true;
	r->owed = true;
	if (r->body_bytes > REQUEST_BODY_MAX) {
		refuse_too_long(r);
		return;
	}
	if (!may_ask(r))
		return;
	if (!route) {
		refuse_route(r, allow);
		return;
	}
	MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, check_query, &check);
	if (check.unknown[0]) {
		request_fail(r, MHD_HTTP_BAD_REQUEST, "unknown query parameter %s; known: %s",
			check.unknown, route->query[0] ? route->query : "none");
		return;
	}
	assert(r->connection); /* request_completed comes last: until then nothing frees it */
	r->id = strdup(id);
	if (r->id)
		route->handle(r);
	else
		request_answer(r, MHD_HTTP_INTERNAL_SERVER_ERROR, JSON_TYPE, NULL);
}

static enum MHD_Result send_or_wait(struct request *r)
{
	if (!r->owed || r->response)
		return r->response ? MHD_queue_response(r->connection, r->status, r->response)
				   : MHD_NO;
	r->suspended = true;
	MHD_suspend_connection(r->connection);
	return MHD_YES;
}

enum MHD_Result request_access(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
	void **request)
{
	struct request *r = *request;

	if (!r)
		return MHD_NO;
	assert(r->connection); /* request_completed comes last: until then nothing frees it */
	if (!r->begun) {
		r->begun = true;
		put_printable(r->method, sizeof(r->method), method);
		put_printable(r->path, sizeof(r->path), url);
		if (!announces_too_much(r))
			return MHD_YES;
		refuse_too_long(r);
		return send_or_wait(r);
	}
	if (*upload_data_size) {
		bool more = receive(r, upload_data, *upload_data_size);

		*upload_data_size = 0;
		return more ? MHD_YES : MHD_NO;
	}
	if (!r->handled && !r->response)
		handle(r, method, url);
	return send_or_wait(r);
}
