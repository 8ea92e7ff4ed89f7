#include "dataplane/packet_socket.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

static bool has_option(int fd, int option, int expected)
{
	int value = 0;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 && value == expected;
}

static bool is_bound_to(int fd, unsigned int interface)
{
	struct sockaddr_ll address = {0};
	socklen_t length = sizeof(address);

	return has_option(fd, SO_DOMAIN, AF_PACKET) && has_option(fd, SO_TYPE, SOCK_RAW) &&
	       getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	       address.sll_ifindex == (int)interface;
}

int packet_socket_drops(const char *interface, uint64_t *drops)
{
	unsigned int index = if_nametoindex(interface);
	struct dirent *entry;
	DIR *fds;

	if (index == 0)
		return -ENODEV;
	fds = opendir("/proc/self/fd");
	if (!fds)
		return -errno;
	while ((entry = readdir(fds))) {
		struct tpacket_stats stats = {0};
		socklen_t length = sizeof(stats);
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && is_bound_to(fd, index) &&
			getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0)
			*drops += stats.tp_drops;
	}
	closedir(fds);
	return 0;
}
