/* GET /v1/events: the event log as a response without end (docs/events.md).
 *
 * The connection sleeps while there is nothing to send and is woken by the next event. A reader
 * holds the line that it is being sent, no more: what it does not fetch in time goes from the log,
 * and it is told so. Control thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/control.h"
#include "controlplane/events.h"
#include "controlplane/handlers.h"
#include "controlplane/request.h"

#define BLOCK_BYTES 16384
#define STALLED_TIMEOUT_S 300U /* a reader that takes nothing for so long is hung up on */

struct stream {
	struct events *events;
	struct event_reader reader;
	struct request_server *server;
	struct MHD_Connection *connection;
	bool follow;
	char *line; /* being sent */
	size_t bytes;
	size_t sent;
};

static void wake(void *arg)
{
	struct stream *s = arg;

	MHD_resume_connection(s->connection);
	s->server->answered = true;
}

static bool has_line(struct stream *s)
{
	if (s->line && s->sent < s->bytes)
		return true;
	free(s->line);
	s->sent = 0;
	s->line = events_next(s->events, &s->reader, &s->bytes);
	return s->line != NULL;
}

static size_t fill(struct stream *s, char *buf, size_t most)
{
	size_t used = 0;

	while (used < most && has_line(s)) {
		size_t bytes = s->bytes - s->sent;

		if (bytes > most - used)
			bytes = most - used;
		memcpy(buf + used, s->line + s->sent, bytes);
		s->sent += bytes;
		used += bytes;
	}
	return used;
}

/* libmicrohttpd's MHD_ContentReaderCallback. */
static ssize_t read_content(void *cls, uint64_t pos, char *buf, size_t most)
{
	struct stream *s = cls;
	size_t used = fill(s, buf, most);

	if (used)
		return (ssize_t)used;
	if (!s->follow || events_closed(s->events))
		return MHD_CONTENT_READER_END_OF_STREAM;
	events_wait(s->events, &s->reader);
	MHD_suspend_connection(s->connection);
	return 0;
}

static void free_stream(void *cls)
{
	struct stream *s = cls;

	events_leave(s->events, &s->reader);
	free(s->line);
	free(s);
}

/* A decimal number that fits, and nothing else. */
static bool parse_id(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static void refuse(struct request *r, struct events *ev, int err)
{
	struct events_stats stats;

	events_stats(ev, &stats);
	if (err == -EINVAL)
		request_fail(r, MHD_HTTP_BAD_REQUEST,
			"after: no event has this EventId yet; the newest is %llu",
			(unsigned long long)stats.newest);
	else if (err == -EBUSY)
		request_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"%u clients read events already, and that is the most", EVENT_READERS_MAX);
	else
		request_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "legtapd is shutting down");
}

static void answer(struct request *r, struct stream *s)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_content, s, free_stream);

	if (!response) {
		free_stream(s);
		request_answer_json(r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL);
		return;
	}
	MHD_add_response_header(
		response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-ndjson; charset=utf-8");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_set_connection_option(s->connection, MHD_CONNECTION_OPTION_TIMEOUT, STALLED_TIMEOUT_S);
	request_answer_response(r, MHD_HTTP_OK, response);
}

void handle_events(struct request *r)
{
	struct events *ev = request_control(r)->events;
	const char *after = request_query(r, "after");
	unsigned int follow;
	uint64_t id = 0;
	struct stream *s;
	int err;

	if (after && !parse_id(after, &id)) {
		request_fail(r, MHD_HTTP_BAD_REQUEST, "after must be an EventId, a whole number");
		return;
	}
	if (!request_query_number(r, "follow", 0, 1, 1, &follow))
		return;
	s = calloc(1, sizeof(*s));
	if (!s) {
		request_answer_json(r, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL);
		return;
	}
	*s = (struct stream){.events = ev,
		.reader = {.wake = wake, .arg = s},
		.server = request_server_of(r),
		.connection = request_connection(r),
		.follow = follow == 1};
	err = events_enter(ev, &s->reader, after != NULL, id);
	if (err != 0) {
		free(s);
		refuse(r, ev, err);
		return;
	}
	answer(r, s);
}
