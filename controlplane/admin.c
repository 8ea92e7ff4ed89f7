/* libmicrohttpd without threads of its own: a daemon for each listening socket; their epoll
 * descriptors, and the workers' eventfd, stand in one epoll instance that the control loop watches.
 * A timer runs it when a connection must time out, and when it has more to do than one run did. */
#include "controlplane/admin.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/log.h"
#include "controlplane/admin_socket.h"
#include "controlplane/aws_keys.h"
#include "controlplane/control.h"
#include "controlplane/events.h"
#include "controlplane/request.h"
#include "controlplane/worker.h"

#define CONNECTIONS_MAX 64U
#define AWS_CONNECTIONS_MAX 16U
#define IDLE_TIMEOUT_S 30U
#define CONNECTION_MEMORY_BYTES ((size_t)32 * 1024) /* request line and headers must fit in it */
#define RUNS_MAX 16				    /* in one turn of the loop */

/* One listening socket and who came over it. */
struct door {
	struct request_server server;
	struct MHD_Daemon *daemon; /* NULL: the door is shut */
	int fd;			   /* -1: none; the daemon closes it */
};

enum { UNIX_DOOR, AWS_DOOR, DOOR_COUNT };

struct admin {
	struct control *control;
	struct admin_socket socket;
	struct door doors[DOOR_COUNT];
	struct workers *workers;
	struct aws_keys keys;
	struct timer timer;
	int epoll_fd;
};

__attribute__((format(printf, 2, 0))) static void log_daemon(void *arg, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("admin", "%s", text);
}

static int start_daemon(
	struct door *d, unsigned int connections, const char *where, struct errmsg *e)
{
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	d->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_access, &d->server,
		MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL, MHD_OPTION_LISTEN_SOCKET, d->fd,
		MHD_OPTION_URI_LOG_CALLBACK, request_begin, &d->server, MHD_OPTION_NOTIFY_COMPLETED,
		request_completed, &d->server, MHD_OPTION_CONNECTION_LIMIT, connections,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		CONNECTION_MEMORY_BYTES, MHD_OPTION_END);
	if (!d->daemon)
		return errmsg_set(e, -EIO, "libmicrohttpd does not start on %s", where);
	return 0;
}

static int open_unix(struct admin *a, struct errmsg *e)
{
	const struct config *c = a->control->config;
	struct door *d = &a->doors[UNIX_DOOR];
	int err = admin_socket_open(
		&a->socket, c->socket.path, c->socket.mode, c->socket.group, SOMAXCONN, e);

	d->fd = a->socket.fd;
	return err ? err : start_daemon(d, CONNECTIONS_MAX, c->socket.path, e);
}

static int open_aws(struct admin *a, struct errmsg *e)
{
	const struct config *c = a->control->config;
	struct door *d = &a->doors[AWS_DOOR];
	struct netaddr at;
	struct errmsg why;
	int err;

	if (!c->aws.listen[0])
		return 0;
	err = aws_keys_load(c->aws.keys_file, &a->keys, &why);
	if (err != 0)
		return errmsg_set(e, err, "admin.aws.keys_file: %s", why.text);
	err = netaddr_parse_port(c->aws.listen, &at);
	if (err == 0)
		err = admin_socket_open_tcp(&d->fd, &at, SOMAXCONN, &why);
	if (err != 0)
		return errmsg_set(e, err, "admin.aws.listen: %s", why.text);
	d->server.keys = &a->keys;
	err = start_daemon(d, AWS_CONNECTIONS_MAX, c->aws.listen, e);
	if (err == 0)
		log_info("admin", "listening at %s for AWS clients, with %u keys", c->aws.listen,
			a->keys.count);
	return err;
}

static int watch(struct admin *a, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int watch_all(struct admin *a, struct errmsg *e)
{
	int err = watch(a, workers_fd(a->workers));

	for (struct door *d = a->doors; d < a->doors + DOOR_COUNT && err == 0; d++)
		if (d->daemon)
			err = watch(a,
				MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
	if (err != 0)
		return errmsg_set(e, err, "the admin API: epoll: %s", strerror(-err));
	return 0;
}

static struct admin *make(struct control *control)
{
	struct admin *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->control = control;
	a->socket.fd = -1;
	for (struct door *d = a->doors; d < a->doors + DOOR_COUNT; d++)
		d->fd = -1;
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (a->epoll_fd < 0 || workers_create(&a->workers) != 0) {
		admin_destroy(a);
		return NULL;
	}
	for (struct door *d = a->doors; d < a->doors + DOOR_COUNT; d++)
		d->server = (struct request_server){.control = control, .workers = a->workers};
	return a;
}

int admin_create(struct admin **out, struct control *control, struct errmsg *e)
{
	struct admin *a = make(control);
	int err;

	if (!a)
		return errmsg_set(e, -ENOMEM, "no memory or file descriptors for the admin API");
	err = open_unix(a, e);
	if (err == 0)
		err = open_aws(a, e);
	if (err == 0)
		err = watch_all(a, e);
	if (err != 0) {
		admin_destroy(a);
		return err;
	}
	log_info("admin", "listening at %s", control->config->socket.path);
	*out = a;
	return 0;
}

static void run_daemons(struct admin *a)
{
	for (struct door *d = a->doors; d < a->doors + DOOR_COUNT; d++)
		if (d->daemon)
			MHD_run(d->daemon);
}

static void stop_daemons(struct admin *a)
{
	for (struct door *d = a->doors; d < a->doors + DOOR_COUNT; d++)
		requests_abandon(&d->server);
	events_close(a->control->events);
	for (unsigned int i = 0; i < RUNS_MAX; i++)
		run_daemons(a); /* lets the answers out */
	for (struct door *d = a->doors; d < a->doors + DOOR_COUNT; d++)
		if (d->daemon)
			MHD_stop_daemon(d->daemon); /* closes the listening socket */
		else if (d->fd >= 0)
			close(d->fd);
}

void admin_destroy(struct admin *a)
{
	if (!a)
		return;
	timer_cancel(&a->control->timers, &a->timer);
	workers_destroy(a->workers);
	if (a->socket.fd >= 0)
		admin_socket_remove(&a->socket, a->control->config->socket.path);
	stop_daemons(a);
	if (a->epoll_fd >= 0)
		close(a->epoll_fd);
	explicit_bzero(&a->keys, sizeof(a->keys));
	free(a);
}

int admin_fd(const struct admin *a)
{
	return a->epoll_fd;
}

static void on_timer(void *arg, uint64_t now_ns)
{
	admin_run(arg);
}

static unsigned int connections(const struct door *d)
{
	return MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* Until it has nothing more to do, but not for ever. How long it can wait then, at most. A run in
 * which a connection ended has made room, and only the next one takes who waits for it. */
static uint64_t run_door(struct door *d)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	bool timed = true;
	bool again = true;

	if (!d->daemon)
		return UINT64_MAX;
	for (unsigned int i = 0; i < RUNS_MAX && again; i++) {
		unsigned int before = connections(d);

		MHD_run(d->daemon);
		timed = MHD_get_timeout(d->daemon, &wait_ms) == MHD_YES;
		again = connections(d) < before || (timed && wait_ms == 0);
	}
	if (again)
		return 0;
	return timed ? wait_ms : UINT64_MAX;
}

void admin_run(struct admin *a)
{
	uint64_t wait_ms = UINT64_MAX;

	workers_poll(a->workers);
	for (struct door *d = a->doors; d < a->doors + DOOR_COUNT; d++) {
		uint64_t door_ms = run_door(d);

		if (door_ms < wait_ms)
			wait_ms = door_ms;
	}
	if (wait_ms != UINT64_MAX)
		timer_start(&a->control->timers, &a->timer, a->control->now_ns + wait_ms * 1000000,
			on_timer, a);
	else
		timer_cancel(&a->control->timers, &a->timer);
}

void admin_flush(struct admin *a)
{
	bool answered = false;

	if (!a)
		return;
	for (struct door *d = a->doors; d < a->doors + DOOR_COUNT; d++) {
		answered = answered || d->server.answered;
		d->server.answered = false;
	}
	if (answered)
		admin_run(a);
}

struct workers *admin_workers(struct admin *a)
{
	return a->workers;
}
