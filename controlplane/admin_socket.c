#include "controlplane/admin_socket.h"

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"

static int set_address(struct sockaddr_un *address, const char *path, struct errmsg *e)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (path[0] == '\0')
		return errmsg_set(e, -EINVAL, "admin.socket has no path");
	if (strlen(path) >= sizeof(address->sun_path))
		return errmsg_set(e, -ENAMETOOLONG,
			"the socket's path %s is longer than %zu octets", path,
			sizeof(address->sun_path) - 1);
	strcpy(address->sun_path, path);
	return 0;
}

/* Whether somebody listens: only a refused connection says that nobody does. */
static int probe(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

static int clear_the_way(const struct sockaddr_un *address, struct errmsg *e)
{
	const char *path = address->sun_path;
	struct stat st;
	int err;

	if (lstat(path, &st) != 0)
		return 0; /* bind tells what else is wrong */
	if (!S_ISSOCK(st.st_mode))
		return errmsg_set(e, -EEXIST,
			"%s is there and is no socket: remove it, or change admin.socket.path",
			path);
	err = probe(address);
	if (err == 0 || err == -EAGAIN)
		return errmsg_set(e, -EADDRINUSE,
			"a live process listens at %s: stop that legtapd, or change "
			"admin.socket.path",
			path);
	if (err != -ECONNREFUSED)
		return errmsg_set(e, err, "cannot tell whether a process listens at %s: %s", path,
			strerror(-err));
	log_info("admin", "%s was left by a process that is gone; replacing it", path);
	if (unlink(path) != 0 && errno != ENOENT) {
		err = -errno;
		return errmsg_set(
			e, err, "cannot remove the stale socket %s: %s", path, strerror(-err));
	}
	return 0;
}

static int find_group(const char *name, gid_t *gid, struct errmsg *e)
{
	struct group *group;

	*gid = (gid_t)-1;
	if (name[0] == '\0')
		return 0;
	group = getgrnam(name);
	if (!group)
		return errmsg_set(e, -ENOENT,
			"admin.socket.group: there is no group %s: addgroup --system %s", name,
			name);
	*gid = group->gr_gid;
	return 0;
}

/* A folder below /run is gone after each boot. */
static void make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	strcpy(folder, path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return;
	*slash = '\0';
	if (mkdir(folder, 0755) == 0)
		log_info("admin", "made %s for the socket", folder);
}

/* The mode of the socket before bind(2) is that of the file it makes (less the umask): the owner
 * alone, until the group is set. */
static int bind_closed(int fd, const struct sockaddr_un *address, unsigned int mode, gid_t gid)
{
	if (fchmod(fd, mode & 0700) != 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
		return -errno;
	if ((gid != (gid_t)-1 && chown(address->sun_path, (uid_t)-1, gid) != 0) ||
		chmod(address->sun_path, mode) != 0) {
		int err = -errno;

		unlink(address->sun_path);
		return err;
	}
	return 0;
}

static int listen_at(struct admin_socket *s, const struct sockaddr_un *address, unsigned int mode,
	gid_t gid, int backlog)
{
	struct stat st;
	int err;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	err = bind_closed(s->fd, address, mode, gid);
	if (err == 0 && (stat(address->sun_path, &st) != 0 || listen(s->fd, backlog) != 0)) {
		err = -errno;
		unlink(address->sun_path);
	}
	if (err != 0) {
		close(s->fd);
		s->fd = -1;
		return err;
	}
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

int admin_socket_open(struct admin_socket *s, const char *path, unsigned int mode,
	const char *group, int backlog, struct errmsg *e)
{
	struct sockaddr_un address;
	gid_t gid;
	int err = set_address(&address, path, e);

	s->fd = -1;
	if (err == 0)
		err = find_group(group, &gid, e);
	if (err == 0)
		err = clear_the_way(&address, e);
	if (err != 0)
		return err;
	make_folder(path);
	err = listen_at(s, &address, mode, gid, backlog);
	if (err != 0)
		return errmsg_set(
			e, err, "cannot listen at %s: %s (see admin.socket)", path, strerror(-err));
	return 0;
}

void admin_socket_remove(struct admin_socket *s, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(path);
}

static socklen_t to_sockaddr(const struct netaddr *at, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (at->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(at->port);
		memcpy(&v4->sin_addr, at->ip, sizeof(v4->sin_addr));
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(at->port);
	memcpy(&v6->sin6_addr, at->ip, sizeof(v6->sin6_addr));
	return sizeof(*v6);
}

int admin_socket_open_tcp(int *fd, const struct netaddr *at, int backlog, struct errmsg *e)
{
	struct sockaddr_storage address;
	socklen_t bytes = to_sockaddr(at, &address);
	char text[NETADDR_TEXT_BYTES];
	int on = 1;
	int s = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (s >= 0 && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		bind(s, (struct sockaddr *)&address, bytes) == 0 && listen(s, backlog) == 0) {
		*fd = s;
		return 0;
	}
	err = -errno;
	if (s >= 0)
		close(s);
	return errmsg_set(
		e, err, "cannot listen at %s: %s", netaddr_format(at, text), strerror(-err));
}
