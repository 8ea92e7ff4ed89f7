/* HTTP/1.1 over legtapd's Unix socket, by libcurl. For legtapctl: one thread, blocks. */
#ifndef LEGTAP_CONTROLPLANE_CLIENT_H
#define LEGTAP_CONTROLPLANE_CLIENT_H

#include <stddef.h>

#include "common/errmsg.h"

struct client;

struct client_answer {
	long status; /* HTTP's */
	size_t bytes;
	char *body; /* ends with NUL beyond its length; owned by the receiver */
};

/* Connects with the first request only. 0 or -errno with a message. */
int client_create(struct client **out, const char *socket, struct errmsg *e);
void client_destroy(struct client *c); /* NULL is legal */

/* accept: the media type asked for. 0 when an answer came, whatever its status: answer->body is to
 * be freed. -errno with a message that names the socket and what to do: nothing listens, no
 * permission, no answer in time. */
int client_get(struct client *c, const char *path, const char *accept, struct client_answer *answer,
	struct errmsg *e);

/* The same for an answer of lines, without a limit of time: each is handed over as it comes,
 * without its newline. answer->body is only that of a status other than 200. */
typedef void client_line_h(void *arg, const char *line);
int client_get_lines(struct client *c, const char *path, client_line_h *line, void *arg,
	struct client_answer *answer, struct errmsg *e);

int client_post(struct client *c, const char *path, const char *json, struct client_answer *answer,
	struct errmsg *e);

/* Escapes text for a path or a query: to be freed; NULL without memory. */
char *client_escape(struct client *c, const char *text);

#endif
