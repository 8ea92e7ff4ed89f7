/* A web server within the test's process, on a thread for each connection, for clients that must
 * not block. What it answers depends on the path:
 *
 *   /echo  200 and the request's body    /503  that status       /hang  nothing, ever
 *   /error 200, X-Amz-Function-Error     /long 300 KiB
 *   /script  the next answer that http_server_script was given, else "{}" */
#ifndef LEGTAP_TESTS_UNIT_CONTROLPLANE_HTTP_SERVER_H
#define LEGTAP_TESTS_UNIT_CONTROLPLANE_HTTP_SERVER_H

struct http_server;

struct http_server *http_server_start(void);
void http_server_stop(struct http_server *s); /* its clients have ended their connections */

/* "http://127.0.0.1:PORT" + path; valid until the next call. */
const char *http_server_url(struct http_server *s, const char *path);

/* Bodies of answers, in order; "hang" for none. */
void http_server_script(struct http_server *s, const char *body);

/* Requests so far, and the n-th one's body (the server's; NULL: not yet). */
unsigned int http_server_requests(struct http_server *s);
const char *http_server_request(struct http_server *s, unsigned int n);

#endif
