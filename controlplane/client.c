#include "controlplane/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>

#define TIMEOUT_S 120L /* a bill of millions of usages takes a while */
#define PATH_BYTES 2048

struct client {
	CURL *curl;
	const char *socket;
};

int client_create(struct client **out, const char *socket, struct errmsg *e)
{
	struct client *c;

	if (strlen(socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return errmsg_set(
			e, -ENAMETOOLONG, "%.200s: a socket's path has at most 107 bytes", socket);
	c = calloc(1, sizeof(*c));
	if (!c)
		return errmsg_set(e, -ENOMEM, "no memory");
	c->socket = socket;
	c->curl = curl_easy_init();
	if (!c->curl) {
		free(c);
		return errmsg_set(e, -ENOMEM, "libcurl does not start");
	}
	*out = c;
	return 0;
}

void client_destroy(struct client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	free(c);
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct client_answer *answer = arg;
	size_t bytes = size * count;
	char *body = realloc(answer->body, answer->bytes + bytes + 1);

	if (!body)
		return 0;
	memcpy(body + answer->bytes, data, bytes);
	answer->body = body;
	answer->bytes += bytes;
	body[answer->bytes] = '\0';
	return bytes;
}

struct lines {
	struct client *client;
	struct client_answer *answer; /* body: of the line that is not whole yet */
	client_line_h *line;
	void *arg;
};

static size_t take_lines(char *data, size_t size, size_t count, void *arg)
{
	struct lines *l = arg;
	struct client_answer *answer = l->answer;
	char *begin;
	char *end;
	long status = 0;

	if (take_body(data, size, count, answer) != size * count)
		return 0;
	curl_easy_getinfo(l->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return size * count;
	begin = answer->body;
	while ((end = memchr(begin, '\n', answer->bytes - (size_t)(begin - answer->body)))) {
		*end = '\0';
		l->line(l->arg, begin);
		begin = end + 1;
	}
	answer->bytes -= (size_t)(begin - answer->body);
	memmove(answer->body, begin, answer->bytes + 1);
	return size * count;
}

/* libcurl says only that it could not connect: why. */
static int why_not(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? errno : 0;

	if (err)
		return err;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		err = errno;
	close(fd);
	return err ? err : EAGAIN;
}

static int not_connected(const struct client *c, struct errmsg *e)
{
	int err = why_not(c->socket);

	switch (err) {
	case ENOENT:
	case ENOTDIR:
		return errmsg_set(e, -err,
			"%s is not there: is legtapd running? --socket must name its "
			"admin.socket.path",
			c->socket);
	case ECONNREFUSED:
		return errmsg_set(e, -err,
			"nothing listens on %s: legtapd has ended; start it, or name another "
			"with --socket",
			c->socket);
	case EACCES:
	case EPERM:
		return errmsg_set(e, -err,
			"no permission for %s: be root or in the group that admin.socket.group "
			"names",
			c->socket);
	default:
		return errmsg_set(
			e, -err, "%s cannot be connected to: %s", c->socket, strerror(err));
	}
}

static int explain(const struct client *c, CURLcode code, struct errmsg *e)
{
	if (code == CURLE_COULDNT_CONNECT)
		return not_connected(c, e);
	if (code == CURLE_OUT_OF_MEMORY || code == CURLE_WRITE_ERROR)
		return errmsg_set(e, -ENOMEM, "no memory for the answer");
	if (code == CURLE_OPERATION_TIMEDOUT)
		return errmsg_set(e, -ETIMEDOUT,
			"%s gave no answer within %ld s: legtapd's log may tell why", c->socket,
			TIMEOUT_S);
	return errmsg_set(e, -EIO, "%s gave no answer (%s): does legtapd listen there?", c->socket,
		curl_easy_strerror(code));
}

/* lines: NULL for an answer that is wanted whole. */
static int perform(struct client *c, const char *path, struct curl_slist *headers,
	struct lines *lines, struct client_answer *answer, struct errmsg *e)
{
	char url[PATH_BYTES + 32];
	CURLcode code;

	*answer = (struct client_answer){0};
	if (snprintf(url, sizeof(url), "http://localhost%s", path) >= (int)sizeof(url))
		return errmsg_set(e, -ENAMETOOLONG, "the arguments are too long");
	curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, lines ? 0 : TIMEOUT_S);
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, lines ? take_lines : take_body);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, lines ? (void *)lines : answer);
	code = curl_easy_perform(c->curl);
	if (code == CURLE_OK && !answer->body)
		take_body((char[]){""}, 1, 0, answer);
	if (code != CURLE_OK || !answer->body) {
		free(answer->body);
		answer->body = NULL;
		return explain(c, code == CURLE_OK ? CURLE_OUT_OF_MEMORY : code, e);
	}
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &answer->status);
	return 0;
}

int client_get(struct client *c, const char *path, const char *accept, struct client_answer *answer,
	struct errmsg *e)
{
	char header[128];
	struct curl_slist *headers;
	int err;

	snprintf(header, sizeof(header), "Accept: %s", accept);
	headers = curl_slist_append(NULL, header);
	curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	err = perform(c, path, headers, NULL, answer, e);
	curl_slist_free_all(headers);
	return err;
}

int client_get_lines(struct client *c, const char *path, client_line_h *line, void *arg,
	struct client_answer *answer, struct errmsg *e)
{
	struct lines lines = {.client = c, .answer = answer, .line = line, .arg = arg};

	curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	return perform(c, path, NULL, &lines, answer, e);
}

int client_post(struct client *c, const char *path, const char *json, struct client_answer *answer,
	struct errmsg *e)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	int err;

	curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(json));
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, json);
	err = perform(c, path, headers, NULL, answer, e);
	curl_slist_free_all(headers);
	return err;
}

char *client_escape(struct client *c, const char *text)
{
	char *escaped = curl_easy_escape(c->curl, text, 0);
	char *copy = escaped ? strdup(escaped) : NULL;

	curl_free(escaped);
	return copy;
}
