/* The HEP listeners on loopback sockets, in libre's loop. Each test sends, then lets the loop run
 * until the counters say that all has come. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <re.h>

#include "controlplane/hep.h"
#include "controlplane/hep_server.h"
#include "hep_frame.h"

#define PATIENCE_MS 10000
#define SIP "OPTIONS sip:a SIP/2.0\r\n\r\n"

static struct config config;
static struct hep_server *server;
static struct hep_frame frame;
static struct tmr tick;
static uint64_t deadline_ms;
static char got[256]; /* "source>destination payload-length, …" */

static void on_sip(void *arg, const struct hep_message *m)
{
	char source[NETADDR_TEXT_BYTES];
	char destination[NETADDR_TEXT_BYTES];
	size_t used = strlen(got);

	snprintf(got + used, sizeof(got) - used, "%s>%s %zu\n", netaddr_format(&m->source, source),
		netaddr_format(&m->destination, destination), m->payload_bytes);
}

static int setup(void **state)
{
	memset(&config, 0, sizeof(config));
	netaddr_parse("127.0.0.1", &config.hep.listen[0].address);
	netaddr_parse("127.0.0.1", &config.hep.listen[1].address);
	config.hep.listen[1].transport = LISTEN_TCP;
	config.hep.listen_count = 2;
	netprefix_parse("127.0.0.1", &config.hep.allow[0]);
	config.hep.allow_count = 1;
	got[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	hep_server_destroy(server);
	server = NULL;
	return 0;
}

static void start(void)
{
	struct errmsg e = {""};

	assert_int_equal(hep_server_create(&server, &config, on_sip, NULL, &e), 0);
	assert_non_null(server);
}

static int connect_to(unsigned int listener, const char *from)
{
	bool tcp = config.hep.listen[listener].transport == LISTEN_TCP;
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(hep_server_port(server, listener)),
		.sin_addr.s_addr = inet_addr("127.0.0.1")};
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(from)};
	int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void send_all(int fd, const void *data, size_t bytes)
{
	assert_int_equal(send(fd, data, bytes, MSG_NOSIGNAL), bytes);
}

/* --- The loop --- */

struct wanted {
	enum hep_counter which;
	uint64_t count;
	unsigned int connections; /* UINT32_MAX: whatever */
};

static void on_tick(void *arg)
{
	const struct wanted *w = arg;
	bool reached = hep_count(server, w->which) >= w->count &&
		       (w->connections == UINT32_MAX || w->connections == hep_connections(server));

	if (reached || tmr_jiffies() > deadline_ms)
		re_cancel();
	else
		tmr_start(&tick, 1, on_tick, arg);
}

static void run_until(enum hep_counter which, uint64_t count, unsigned int connections)
{
	struct wanted w = {which, count, connections};

	deadline_ms = tmr_jiffies() + PATIENCE_MS;
	tmr_start(&tick, 0, on_tick, &w);
	re_main(NULL);
	assert_int_equal(hep_count(server, which), count);
	if (connections != UINT32_MAX)
		assert_int_equal(hep_connections(server), connections);
}

/* Whether the peer has closed. */
static bool is_closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char octet;

	return poll(&p, 1, 1000) == 1 && recv(fd, &octet, 1, MSG_DONTWAIT) <= 0;
}

/* --- Tests --- */

static void off_by_default(void **state)
{
	struct errmsg e;

	config.hep.listen_count = 0;
	server = (struct hep_server *)&e;
	assert_int_equal(hep_server_create(&server, &config, on_sip, NULL, &e), 0);
	assert_null(server);
	assert_int_equal(hep_count(server, HEP_received), 0);
	assert_int_equal(hep_connections(server), 0);
}

static void an_address_in_use_is_named(void **state)
{
	struct config second = config;
	struct hep_server *other;
	struct errmsg e = {""};

	start();
	second.hep.listen[1].address.port = hep_server_port(server, 1);
	assert_int_equal(hep_server_create(&other, &second, on_sip, NULL, &e), -EADDRINUSE);
	assert_non_null(strstr(e.text, "hep.listen[1]: tcp:127.0.0.1:"));
}

static void datagrams(void **state)
{
	int fd;

	start();
	fd = connect_to(0, "127.0.0.1");
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, NULL);
	send_all(fd, frame.data, frame.bytes);
	send_all(fd, frame.data, frame.bytes - 1);
	send_all(fd, SIP, strlen(SIP));
	hep_frame_add_number(&frame, 11, 5, 1); /* RTCP */
	send_all(fd, frame.data, frame.bytes);
	hep_frame_begin(&frame);
	hep_frame_add_head(&frame, "192.0.2.10", 1, "192.0.2.20", 2);
	hep_frame_add(&frame, 0, 16, "\x78\x9c", 2);
	send_all(fd, frame.data, frame.bytes);
	run_until(HEP_received, 5, 0);
	assert_int_equal(hep_count(server, HEP_sip), 1);
	assert_int_equal(hep_count(server, HEP_malformed), 2);
	assert_int_equal(hep_count(server, HEP_other), 1);
	assert_int_equal(hep_count(server, HEP_compressed), 1);
	assert_string_equal(got, "192.0.2.10:5060>192.0.2.20:5060 25\n");
	close(fd);
}

static void a_long_datagram(void **state)
{
	static char payload[60000];
	int fd;

	start();
	memset(payload, 'x', sizeof(payload) - 1);
	fd = connect_to(0, "127.0.0.1");
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", payload, NULL);
	send_all(fd, frame.data, frame.bytes);
	run_until(HEP_sip, 1, 0);
	assert_string_equal(got, "192.0.2.10:5060>192.0.2.20:5060 59999\n");
	close(fd);
}

static void the_key(void **state)
{
	int fd;

	strcpy(config.hep.key, "secret");
	start();
	fd = connect_to(0, "127.0.0.1");
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, NULL);
	send_all(fd, frame.data, frame.bytes);
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, "secreT");
	send_all(fd, frame.data, frame.bytes);
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, "secret1");
	send_all(fd, frame.data, frame.bytes);
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, "secret");
	send_all(fd, frame.data, frame.bytes);
	run_until(HEP_received, 4, 0);
	assert_int_equal(hep_count(server, HEP_refused_key), 3);
	assert_int_equal(hep_count(server, HEP_sip), 1);
	close(fd);
}

static void other_addresses_may_not_send(void **state)
{
	int udp;
	int tcp;

	start();
	udp = connect_to(0, "127.0.0.2");
	tcp = connect_to(1, "127.0.0.2");
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, NULL);
	send_all(udp, frame.data, frame.bytes);
	run_until(HEP_refused_address, 2, 0);
	assert_int_equal(hep_count(server, HEP_received), 0);
	assert_true(is_closed(tcp));
	close(udp);
	close(tcp);
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0;

	close(fd);
	return has;
}

/* At "::" IPv4 senders appear with mapped addresses, and are known by their own nevertheless. */
static void an_ipv6_listener_knows_ipv4_senders(void **state)
{
	int udp;
	int tcp;

	if (!has_ipv6()) {
		print_message("no IPv6 here\n");
		skip();
	}
	netaddr_parse("::", &config.hep.listen[0].address);
	netaddr_parse("::", &config.hep.listen[1].address);
	start();
	udp = connect_to(0, "127.0.0.1");
	tcp = connect_to(1, "127.0.0.1");
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, NULL);
	send_all(udp, frame.data, frame.bytes);
	send_all(tcp, frame.data, frame.bytes);
	run_until(HEP_sip, 2, 1);
	close(udp);
	close(tcp);
}

/* Messages of a stream, however it is cut. */
static void frames_of_a_stream(void **state)
{
	struct hep_frame *both = calloc(1, sizeof(*both));
	uint64_t sent = 0;

	start();
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, NULL);
	memcpy(both->data, frame.data, frame.bytes);
	memcpy(both->data + frame.bytes, frame.data, frame.bytes);
	both->bytes = 2 * frame.bytes;
	for (size_t cut = 1; cut < both->bytes; cut += 7) {
		int fd = connect_to(1, "127.0.0.1");

		send_all(fd, both->data, cut);
		run_until(HEP_sip, sent + cut / frame.bytes, 1);
		send_all(fd, both->data + cut, both->bytes - cut);
		sent += 2;
		run_until(HEP_sip, sent, 1);
		got[0] = '\0';
		close(fd);
		run_until(HEP_sip, sent, 0);
	}
	assert_int_equal(hep_count(server, HEP_received), sent);
	free(both);
}

static void a_stream_of_something_else_is_closed(void **state)
{
	int fd;

	start();
	fd = connect_to(1, "127.0.0.1");
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, NULL);
	memcpy(frame.data + frame.bytes, "GET / HTTP/1.1\r\n", 16);
	send_all(fd, frame.data, frame.bytes + 16);
	run_until(HEP_malformed, 1, 0);
	assert_int_equal(hep_count(server, HEP_sip), 1);
	assert_true(is_closed(fd));
	close(fd);
}

/* A message that is framed well but makes no sense does not end the stream. */
static void a_malformed_message_is_passed_over(void **state)
{
	int fd;

	start();
	fd = connect_to(1, "127.0.0.1");
	hep_frame_begin(&frame);
	send_all(fd, frame.data, frame.bytes);
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, NULL);
	send_all(fd, frame.data, frame.bytes);
	run_until(HEP_sip, 1, 1);
	assert_int_equal(hep_count(server, HEP_malformed), 1);
	close(fd);
}

static void connections_are_bounded(void **state)
{
	int fds[HEP_CONNECTIONS_MAX + 1];

	start();
	for (unsigned int i = 0; i < HEP_CONNECTIONS_MAX; i++) {
		fds[i] = connect_to(1, "127.0.0.1");
		run_until(HEP_received, 0, i + 1);
	}
	fds[HEP_CONNECTIONS_MAX] = connect_to(1, "127.0.0.1");
	run_until(HEP_refused_connections, 1, HEP_CONNECTIONS_MAX);
	assert_true(is_closed(fds[HEP_CONNECTIONS_MAX]));
	for (unsigned int i = 0; i <= HEP_CONNECTIONS_MAX; i++)
		close(fds[i]);
	run_until(HEP_received, 0, 0);
}

static void silent_connections_are_closed(void **state)
{
	int idle;
	int partial;

	start();
	idle = connect_to(1, "127.0.0.1");
	partial = connect_to(1, "127.0.0.1");
	hep_frame_sip(&frame, "192.0.2.10", "192.0.2.20", SIP, NULL);
	send_all(idle, frame.data, frame.bytes);
	send_all(partial, frame.data, frame.bytes);
	send_all(partial, frame.data, 10);
	run_until(HEP_sip, 2, 2);
	for (unsigned int i = 0; i < HEP_SWEEPS_PARTIAL; i++) {
		assert_int_equal(hep_connections(server), 2);
		hep_server_sweep(server);
	}
	assert_int_equal(hep_connections(server), 1);
	assert_true(is_closed(partial));
	send_all(idle, frame.data, frame.bytes);
	run_until(HEP_sip, 3, 1);
	for (unsigned int i = 0; i < HEP_SWEEPS_IDLE; i++) {
		assert_int_equal(hep_connections(server), 1);
		hep_server_sweep(server);
	}
	assert_int_equal(hep_connections(server), 0);
	assert_int_equal(hep_count(server, HEP_closed_idle), 2);
	close(idle);
	close(partial);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(off_by_default),
		TEST(an_address_in_use_is_named),
		TEST(datagrams),
		TEST(a_long_datagram),
		TEST(the_key),
		TEST(other_addresses_may_not_send),
		TEST(an_ipv6_listener_knows_ipv4_senders),
		TEST(frames_of_a_stream),
		TEST(a_stream_of_something_else_is_closed),
		TEST(a_malformed_message_is_passed_over),
		TEST(connections_are_bounded),
		TEST(silent_connections_are_closed),
	};
	int failed;

	libre_init();
	fd_setsize(4096);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
