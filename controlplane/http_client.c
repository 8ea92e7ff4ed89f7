#include "controlplane/http_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <re.h>

struct http_client {
	CURLM *multi;
	struct tmr tmr;
	unsigned int concurrent_max;
	unsigned int under_way;
	struct http_request *first; /* all, in order; those whose turn has come first */
	struct http_request *last;
};

struct http_request {
	struct http_client *client;
	struct http_request *next;
	struct http_request *previous;
	CURL *easy;
	struct curl_slist *headers;
	bool under_way;
	char *answer;
	size_t bytes;
	bool too_long;
	bool function_error;
	char why[CURL_ERROR_SIZE];
	http_done_h *done;
	void *arg;
};

/* A socket of libcurl's in libre's loop. */
struct watched {
	struct http_client *client;
	curl_socket_t fd;
};

static void take_finished(struct http_client *c);

/* --- libcurl's sockets and timer --- */

static void on_fd(int flags, void *arg)
{
	struct watched *w = arg;
	struct http_client *c = w->client;
	int events = 0;
	int running;

	if (flags & FD_READ)
		events |= CURL_CSELECT_IN;
	if (flags & FD_WRITE)
		events |= CURL_CSELECT_OUT;
	if (flags & FD_EXCEPT)
		events |= CURL_CSELECT_ERR;
	curl_multi_socket_action(c->multi, w->fd, events, &running); /* may free w */
	take_finished(c);
}

static void on_tmr(void *arg)
{
	struct http_client *c = arg;
	int running;

	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	take_finished(c);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http_client *c = arg;
	struct watched *w = socket_arg;
	int flags = 0;

	if (what == CURL_POLL_REMOVE) {
		fd_close(fd);
		free(w);
		curl_multi_assign(c->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		flags |= FD_READ;
	if (what & CURL_POLL_OUT)
		flags |= FD_WRITE;
	if (!w) {
		w = malloc(sizeof(*w));
		if (!w)
			return -1;
		*w = (struct watched){.client = c, .fd = fd};
		curl_multi_assign(c->multi, fd, w);
	}
	return fd_listen(fd, flags, on_fd, w) == 0 ? 0 : -1;
}

static int watch_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_client *c = arg;

	if (timeout_ms < 0)
		tmr_cancel(&c->tmr);
	else
		tmr_start(&c->tmr, (uint64_t)timeout_ms, on_tmr, c);
	return 0;
}

/* --- Its life --- */

int http_client_create(struct http_client **out, unsigned int concurrent_max, struct errmsg *e)
{
	struct http_client *c;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS))
		return errmsg_set(e, -ENOTSUP,
			"libcurl %s looks up names without threads, which would stop recording "
			"meanwhile: install one that is built with a threaded resolver",
			curl_version_info(CURLVERSION_NOW)->version);
	c = calloc(1, sizeof(*c));
	if (c)
		c->multi = curl_multi_init();
	if (!c || !c->multi) {
		free(c);
		return errmsg_set(e, -ENOMEM, "no memory for the HTTP client");
	}
	tmr_init(&c->tmr);
	c->concurrent_max = concurrent_max;
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	*out = c;
	return 0;
}

static void free_request(struct http_request *r)
{
	struct http_client *c = r->client;

	*(r->previous ? &r->previous->next : &c->first) = r->next;
	*(r->next ? &r->next->previous : &c->last) = r->previous;
	if (r->under_way) {
		curl_multi_remove_handle(c->multi, r->easy);
		c->under_way--;
	}
	curl_easy_cleanup(r->easy);
	curl_slist_free_all(r->headers);
	free(r->answer);
	free(r);
}

void http_client_destroy(struct http_client *c)
{
	struct http_request *next;

	if (!c)
		return;
	for (struct http_request *r = c->first; r; r = next) {
		next = r->next;
		free_request(r);
	}
	curl_multi_cleanup(c->multi);
	tmr_cancel(&c->tmr);
	free(c);
}

/* --- Answers --- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_request *r = arg;
	size_t bytes = size * count;
	char *longer;

	r->too_long = r->bytes + bytes > HTTP_ANSWER_BYTES_MAX;
	longer = r->too_long ? NULL : realloc(r->answer, r->bytes + bytes + 1);
	if (!longer)
		return 0; /* libcurl ends the transfer */
	memcpy(longer + r->bytes, data, bytes);
	r->answer = longer;
	r->bytes += bytes;
	r->answer[r->bytes] = '\0';
	return bytes;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	static const char name[] = "X-Amz-Function-Error:";
	struct http_request *r = arg;

	if (size * count >= strlen(name) && strncasecmp(data, name, strlen(name)) == 0)
		r->function_error = true;
	return size * count;
}

static int error_of(const struct http_request *r, CURLcode code)
{
	if (code == CURLE_OK)
		return 0;
	if (r->too_long)
		return -EMSGSIZE;
	return code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO;
}

static void finish(struct http_request *r, CURLcode code)
{
	struct http_answer answer = {.err = error_of(r, code),
		.why = r->why[0] ? r->why : curl_easy_strerror(code),
		.function_error = r->function_error,
		.body = r->answer ? r->answer : "",
		.bytes = r->bytes};
	curl_off_t elapsed_us = 0;

	if (r->too_long)
		answer.why = "the answer is longer than 256 KiB";
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	curl_easy_getinfo(r->easy, CURLINFO_TOTAL_TIME_T, &elapsed_us);
	answer.elapsed_ms = (uint32_t)(elapsed_us / 1000);
	r->done(r->arg, &answer);
	free_request(r);
}

static void begin_waiting(struct http_client *c);

static void take_finished(struct http_client *c)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
		struct http_request *r;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
		finish(r, message->data.result);
	}
	begin_waiting(c);
}

/* --- Asking --- */

static void begin_waiting(struct http_client *c)
{
	for (struct http_request *r = c->first; r && c->under_way < c->concurrent_max;
		r = r->next) {
		if (r->under_way)
			continue;
		r->under_way = true;
		c->under_way++;
		curl_multi_add_handle(c->multi, r->easy);
	}
}

static bool add_header(struct http_request *r, const char *line)
{
	struct curl_slist *longer = curl_slist_append(r->headers, line);

	if (longer)
		r->headers = longer;
	return longer != NULL;
}

static bool sign(struct http_request *r, const struct http_signing *signing)
{
	char *token;
	bool added = true;

	curl_easy_setopt(r->easy, CURLOPT_AWS_SIGV4, signing->scope);
	curl_easy_setopt(r->easy, CURLOPT_USERNAME, signing->access_key);
	curl_easy_setopt(r->easy, CURLOPT_PASSWORD, signing->secret_key);
	if (!signing->session_token)
		return true;
	if (asprintf(&token, "X-Amz-Security-Token: %s", signing->session_token) < 0)
		return false;
	added = add_header(r, token);
	free(token);
	return added;
}

static bool prepare(struct http_request *r, const struct http_post *post)
{
	CURL *easy = r->easy;

	if (!add_header(r, "Content-Type: application/json") || !add_header(r, "Expect:") ||
		(post->signing && !sign(r, post->signing)))
		return false;
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->bytes);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "legtap/" LEGTAP_VERSION);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* or a name look-up would be waited for */
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->why);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
	return curl_easy_setopt(easy, CURLOPT_URL, post->url) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, post->body) == CURLE_OK;
}

int http_post(struct http_client *c, struct http_request **out, const struct http_post *post,
	http_done_h *done, void *arg)
{
	struct http_request *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->client = c;
	r->done = done;
	r->arg = arg;
	r->previous = c->last;
	*(c->last ? &c->last->next : &c->first) = r;
	c->last = r;
	r->easy = curl_easy_init();
	if (!r->easy || !prepare(r, post)) {
		free_request(r);
		return -ENOMEM;
	}
	*out = r;
	begin_waiting(c);
	return 0;
}

void http_cancel(struct http_request *r)
{
	struct http_client *c;

	if (!r)
		return;
	c = r->client;
	free_request(r);
	begin_waiting(c);
}
