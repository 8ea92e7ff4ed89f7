/* libmicrohttpd without threads of its own: its epoll descriptor, and the workers' eventfd, stand
 * in one epoll instance that the control loop watches. A timer runs it when a connection must time
 * out, and when it has more to do than one run did. */
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
#include "controlplane/control.h"
#include "controlplane/events.h"
#include "controlplane/request.h"
#include "controlplane/worker.h"

#define CONNECTIONS_MAX 64U
#define IDLE_TIMEOUT_S 30U
#define CONNECTION_MEMORY_BYTES ((size_t)32 * 1024) /* request line and headers must fit in it */
#define RUNS_MAX 16				    /* in one turn of the loop */

struct admin {
	struct control *control;
	struct admin_socket socket;
	struct request_server server;
	struct MHD_Daemon *daemon;
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

static int start_daemon(struct admin *a, struct errmsg *e)
{
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	a->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_access, &a->server,
		MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL, MHD_OPTION_LISTEN_SOCKET,
		a->socket.fd, MHD_OPTION_NOTIFY_COMPLETED, request_completed, &a->server,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES,
		MHD_OPTION_END);
	if (!a->daemon)
		return errmsg_set(e, -EIO, "libmicrohttpd does not start on %s",
			a->control->config->socket.path);
	return 0;
}

static int watch(struct admin *a, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int watch_all(struct admin *a, struct errmsg *e)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int err;

	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (a->epoll_fd < 0)
		err = -errno;
	else
		err = watch(a, info->epoll_fd);
	if (err == 0)
		err = watch(a, workers_fd(a->server.workers));
	if (err != 0)
		return errmsg_set(e, err, "the admin API: epoll: %s", strerror(-err));
	return 0;
}

int admin_create(struct admin **out, struct control *control, struct errmsg *e)
{
	const struct config *c = control->config;
	struct admin *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return errmsg_set(e, -ENOMEM, "no memory for the admin API");
	a->control = control;
	a->server.control = control;
	a->socket.fd = -1;
	a->epoll_fd = -1;
	err = workers_create(&a->server.workers);
	if (err != 0)
		errmsg_set(e, err, "the admin API: eventfd: %s", strerror(-err));
	if (err == 0)
		err = admin_socket_open(
			&a->socket, c->socket.path, c->socket.mode, c->socket.group, SOMAXCONN, e);
	if (err == 0)
		err = start_daemon(a, e);
	if (err == 0)
		err = watch_all(a, e);
	if (err != 0) {
		admin_destroy(a);
		return err;
	}
	log_info("admin", "listening at %s", c->socket.path);
	*out = a;
	return 0;
}

static void stop_daemon(struct admin *a)
{
	requests_abandon(&a->server);
	events_close(a->control->events);
	for (unsigned int i = 0; i < RUNS_MAX; i++)
		MHD_run(a->daemon); /* lets the answers out */
	MHD_stop_daemon(a->daemon); /* closes the listening socket */
}

void admin_destroy(struct admin *a)
{
	if (!a)
		return;
	timer_cancel(&a->control->timers, &a->timer);
	workers_destroy(a->server.workers);
	if (a->socket.fd >= 0)
		admin_socket_remove(&a->socket, a->control->config->socket.path);
	if (a->daemon)
		stop_daemon(a);
	else if (a->socket.fd >= 0)
		close(a->socket.fd);
	if (a->epoll_fd >= 0)
		close(a->epoll_fd);
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

static unsigned int connections(const struct admin *a)
{
	return MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* A run in which a connection ended has made room, and only the next one takes who waits for it. */
void admin_run(struct admin *a)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	bool timed = true;
	bool again = true;

	workers_poll(a->server.workers);
	for (unsigned int i = 0; i < RUNS_MAX && again; i++) {
		unsigned int before = connections(a);

		MHD_run(a->daemon);
		timed = MHD_get_timeout(a->daemon, &wait_ms) == MHD_YES;
		again = connections(a) < before || (timed && wait_ms == 0);
	}
	if (again)
		wait_ms = 0;
	if (timed || again)
		timer_start(&a->control->timers, &a->timer, a->control->now_ns + wait_ms * 1000000,
			on_timer, a);
	else
		timer_cancel(&a->control->timers, &a->timer);
}

void admin_flush(struct admin *a)
{
	if (!a || !a->server.answered)
		return;
	a->server.answered = false;
	admin_run(a);
}

struct workers *admin_workers(struct admin *a)
{
	return a->server.workers;
}
