/* The sockets that the admin API listens on: a Unix socket (unix(7)) and, for AWS clients, a
 * loopback TCP address. At start and stop of the process; may
 * block for a moment. */
#ifndef LEGTAP_CONTROLPLANE_ADMIN_SOCKET_H
#define LEGTAP_CONTROLPLANE_ADMIN_SOCKET_H

#include <sys/types.h>

#include "common/errmsg.h"
#include "common/netaddr.h"

struct admin_socket {
	int fd;	   /* listening, non-blocking; -1: none */
	dev_t dev; /* of the file, so that another's is not removed */
	ino_t ino;
};

/* Listens at path, with mode and group ("": the process's). The file is never more open than mode.
 * A stale file of a process that is gone is replaced; 0 or -errno with a message: -EADDRINUSE when
 * a live process listens there, -EEXIST when what stands there is no socket. */
int admin_socket_open(struct admin_socket *s, const char *path, unsigned int mode,
	const char *group, int backlog, struct errmsg *e);

/* Removes the file, if it is still ours. Does not close fd, which libmicrohttpd does. */
void admin_socket_remove(struct admin_socket *s, const char *path);

/* Listens at a TCP address. 0 with a non-blocking socket in *fd, or -errno with a message. */
int admin_socket_open_tcp(int *fd, const struct netaddr *at, int backlog, struct errmsg *e);

#endif
