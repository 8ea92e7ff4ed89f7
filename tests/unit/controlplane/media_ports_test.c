/* Ports that were given back rest before they are given out again; sockets hold those that are out.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "controlplane/media_ports.h"

#define REST_NS 5000

static struct media_ports *ports;
static uint64_t now_ns;

static int setup(void **state)
{
	struct netaddr host;

	now_ns = 1000000;
	netaddr_parse("192.0.2.40", &host);
	assert_int_equal(media_ports_create(&ports, &host, 1, 40000, 40003), 0);
	media_ports_let_rest(ports, &now_ns, REST_NS);
	return 0;
}

static int teardown(void **state)
{
	media_ports_destroy(ports);
	return 0;
}

static void a_port_rests(void **state)
{
	struct netaddr a;
	struct netaddr b;

	assert_int_equal(media_ports_take(ports, 4, &a), 0);
	media_ports_give(ports, &a);
	assert_int_equal(media_ports_take(ports, 4, &b), 0); /* never taken before */
	assert_int_not_equal(a.port, b.port);
	assert_int_equal(media_ports_take(ports, 4, &a), -ENOSPC);
	assert_int_equal(media_ports_refused(ports), 1);
	assert_int_equal(media_ports_used(ports), 1);
	now_ns += REST_NS - 1;
	assert_int_equal(media_ports_take(ports, 4, &a), -ENOSPC);
	now_ns++;
	assert_int_equal(media_ports_take(ports, 4, &a), 0);
	assert_int_equal(media_ports_used(ports), 2);
	assert_int_equal(media_ports_refused(ports), 2);
}

static void none_is_lost_or_given_twice(void **state)
{
	struct netaddr taken[2];
	unsigned int have = 0;
	uint32_t seed = 1;

	for (unsigned int i = 0; i < 10000; i++) {
		seed = seed * 1103515245 + 12345;
		now_ns += seed >> 20;
		if (have < 2 && media_ports_take(ports, 4, &taken[have]) == 0) {
			have++;
			assert_false(have == 2 && taken[0].port == taken[1].port);
		} else if (have > 0) {
			media_ports_give(ports, &taken[--have]);
		}
		assert_int_equal(media_ports_used(ports), have);
	}
}

/* What comes back to a sender from a port of this machine: 0, or ECONNREFUSED for ICMP's "port
 * unreachable". */
static int echo_of(const struct netaddr *a, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int err = 0;

	memcpy(&to.sin_addr, a->ip, 4);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	for (unsigned int i = 0; i < 100 && err == 0; i++)
		err = send(fd, "rtp", 3, 0) < 0 ? errno : 0; /* of the packet before */
	close(fd);
	return err;
}

static unsigned int open_files(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void the_kernel_says_nothing(void **state)
{
	unsigned int files = open_files();
	struct media_ports *p;
	struct netaddr hosts[2];
	struct netaddr at;

	netaddr_parse("127.0.0.1", &hosts[0]);
	netaddr_parse("2001:db8::40", &hosts[1]); /* not of this machine */
	assert_int_equal(media_ports_create(&p, hosts, 2, 47110, 47113), 0);
	assert_int_equal(media_ports_hold_sockets(p), 0);
	assert_int_equal(echo_of(&hosts[0], 47110), ECONNREFUSED);
	assert_int_equal(media_ports_take(p, 4, &at), 0);
	assert_int_equal(echo_of(&at, at.port), 0);
	assert_int_equal(echo_of(&at, at.port + 1), 0);
	assert_int_equal(open_files(), files + 2);
	media_ports_give(p, &at);
	assert_int_equal(echo_of(&at, at.port), ECONNREFUSED);
	assert_int_equal(open_files(), files);
	assert_int_equal(media_ports_take(p, 6, &at), 0);
	assert_int_equal(open_files(), files);
	assert_int_equal(media_ports_take(p, 4, &at), 0);
	media_ports_destroy(p);
	assert_int_equal(open_files(), files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_port_rests, setup, teardown),
		cmocka_unit_test(the_kernel_says_nothing),
		cmocka_unit_test_setup_teardown(none_is_lost_or_given_twice, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
