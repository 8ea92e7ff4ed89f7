#include "http_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTS_MAX 256
#define REQUEST_BYTES (256 * 1024)
#define LONG_BYTES (300 * 1024)

struct http_server {
	int fd;
	unsigned int port;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	unsigned int open; /* connections */
	char url[256];
	char *requests[REQUESTS_MAX];
	unsigned int request_count;
	char *script[REQUESTS_MAX];
	unsigned int script_count;
	unsigned int script_next;
};

struct connection {
	struct http_server *server;
	int fd;
};

static bool send_all(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data += sent;
		bytes -= (size_t)sent;
	}
	return true;
}

static bool answer(int fd, const char *status, const char *header, const char *body, size_t bytes)
{
	char head[256];

	snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, header,
		bytes);
	return send_all(fd, head, strlen(head)) && send_all(fd, body, bytes);
}

static void wait_for_close(int fd)
{
	char c;

	while (recv(fd, &c, 1, 0) > 0)
		continue;
}

static char *next_of_script(struct http_server *s)
{
	char *text = NULL;

	pthread_mutex_lock(&s->mutex);
	if (s->script_next < s->script_count)
		text = s->script[s->script_next++];
	pthread_mutex_unlock(&s->mutex);
	return text;
}

static void keep(struct http_server *s, const char *body)
{
	pthread_mutex_lock(&s->mutex);
	assert(s->request_count < REQUESTS_MAX);
	s->requests[s->request_count++] = strdup(body);
	pthread_mutex_unlock(&s->mutex);
}

/* False: the connection is of no more use. */
static bool serve(struct connection *c, const char *path, const char *body)
{
	char *text;
	bool sent;

	keep(c->server, body);
	if (strncmp(path, "/echo ", 6) == 0)
		return answer(c->fd, "200 OK", "", body, strlen(body));
	if (strncmp(path, "/503 ", 5) == 0)
		return answer(c->fd, "503 Service Unavailable", "", "busy", 4);
	if (strncmp(path, "/error ", 7) == 0)
		return answer(c->fd, "200 OK", "x-amz-function-error: Unhandled\r\n", "{}", 2);
	if (strncmp(path, "/long ", 6) == 0) {
		text = malloc(LONG_BYTES);
		memset(text, 'x', LONG_BYTES);
		sent = answer(c->fd, "200 OK", "", text, LONG_BYTES);
		free(text);
		return sent;
	}
	text = strncmp(path, "/script ", 8) == 0 ? next_of_script(c->server) : NULL;
	if (strncmp(path, "/hang ", 6) == 0 || (text && strcmp(text, "hang") == 0)) {
		wait_for_close(c->fd);
		return false;
	}
	return answer(c->fd, "200 OK", "", text ? text : "{}", strlen(text ? text : "{}"));
}

/* Length of the whole request, once its head is there; 0: not yet. */
static size_t request_length(const char *data, const char **body)
{
	const char *end = strstr(data, "\r\n\r\n");
	const char *length = strcasestr(data, "\ncontent-length:");

	if (!end)
		return 0;
	*body = end + 4;
	return (size_t)(*body - data) + (length ? strtoul(length + 16, NULL, 10) : 0);
}

static void *run_connection(void *arg)
{
	struct connection *c = arg;
	char *data = malloc(REQUEST_BYTES);
	size_t used = 0;
	const char *body = NULL;
	bool open = true;

	while (open) {
		ssize_t got = recv(c->fd, data + used, REQUEST_BYTES - 1 - used, 0);
		size_t whole;

		if (got <= 0)
			break;
		used += (size_t)got;
		data[used] = '\0';
		whole = request_length(data, &body);
		if (whole == 0 || used < whole)
			continue;
		used = 0;
		open = serve(c, strchr(data, ' ') + 1, body);
	}
	close(c->fd);
	free(data);
	pthread_mutex_lock(&c->server->mutex);
	c->server->open--;
	pthread_cond_signal(&c->server->ended);
	pthread_mutex_unlock(&c->server->mutex);
	free(c);
	return NULL;
}

static void *run(void *arg)
{
	struct http_server *s = arg;
	pthread_t thread;

	for (;;) {
		int fd = accept(s->fd, NULL, NULL);
		struct connection *c;

		if (fd < 0)
			return NULL;
		c = malloc(sizeof(*c));
		*c = (struct connection){.server = s, .fd = fd};
		pthread_mutex_lock(&s->mutex);
		s->open++;
		pthread_mutex_unlock(&s->mutex);
		if (pthread_create(&thread, NULL, run_connection, c) != 0)
			abort();
		pthread_detach(thread);
	}
}

struct http_server *http_server_start(void)
{
	struct http_server *s = calloc(1, sizeof(*s));
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(s->fd, 64) != 0 ||
		getsockname(s->fd, (struct sockaddr *)&address, &bytes) != 0)
		abort();
	s->port = ntohs(address.sin_port);
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->ended, NULL);
	if (pthread_create(&s->thread, NULL, run, s) != 0)
		abort();
	return s;
}

void http_server_stop(struct http_server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	pthread_mutex_lock(&s->mutex);
	while (s->open)
		pthread_cond_wait(&s->ended, &s->mutex);
	pthread_mutex_unlock(&s->mutex);
	for (unsigned int i = 0; i < s->request_count; i++)
		free(s->requests[i]);
	for (unsigned int i = 0; i < s->script_count; i++)
		free(s->script[i]);
	free(s);
}

const char *http_server_url(struct http_server *s, const char *path)
{
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u%s", s->port, path);
	return s->url;
}

void http_server_script(struct http_server *s, const char *body)
{
	pthread_mutex_lock(&s->mutex);
	s->script[s->script_count++] = strdup(body);
	pthread_mutex_unlock(&s->mutex);
}

unsigned int http_server_requests(struct http_server *s)
{
	unsigned int count;

	pthread_mutex_lock(&s->mutex);
	count = s->request_count;
	pthread_mutex_unlock(&s->mutex);
	return count;
}

const char *http_server_request(struct http_server *s, unsigned int n)
{
	return n < http_server_requests(s) ? s->requests[n] : NULL;
}
