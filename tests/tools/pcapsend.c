/* pcapsend: sends the frames of a capture on a network interface at the pace of their arrival
 * times. Every frame leaves: where the kernel has no room it is tried again. Needs CAP_NET_RAW.
 *
 * Prints one JSON object: frames, bytes, retries, late_max_us (behind its time, when the kernel had
 * taken it), seconds, shift_us (Unix time of sending less capture time; with --speed 1). */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/capture.h"

#define EXIT_USAGE 2
#define BATCH_FRAMES 64
#define FRAME_BYTES_MAX 9216
#define SOCKET_BUFFER_BYTES (16 << 20)
#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)
#define LEAD_NS (20000 * NS_PER_US) /* before the first frame */

struct arguments {
	const char *interface;
	const char *path;
	double speed;
};

struct sender {
	int fd;
	unsigned int count; /* frames waiting */
	uint64_t due_ns;    /* of the first of them */
	uint64_t frames;
	uint64_t bytes;
	uint64_t retries;
	uint64_t late_max_ns;
	struct mmsghdr messages[BATCH_FRAMES];
	struct iovec vectors[BATCH_FRAMES];
	uint8_t buffers[BATCH_FRAMES][FRAME_BYTES_MAX];
};

static const struct option options[] = {
	{"iface", required_argument, NULL, 'i'},
	{"speed", required_argument, NULL, 's'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char help[] =
	"pcapsend --iface NAME FILE [--speed X]\n"
	"Sends a capture's frames on an interface, X times as fast as they came.\n";

static void read_arguments(struct arguments *a, int argc, char **argv)
{
	int option;
	char *end;

	*a = (struct arguments){.speed = 1};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'i') {
			a->interface = optarg;
		} else if (option == 's') {
			a->speed = strtod(optarg, &end);
			if (end == optarg || *end || !(a->speed > 0))
				errx(EXIT_USAGE, "--speed %s: above 0", optarg);
		} else {
			fputs(help, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : EXIT_USAGE);
		}
	}
	if (!a->interface || optind + 1 != argc) {
		fputs(help, stderr);
		exit(EXIT_USAGE);
	}
	a->path = argv[optind];
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static void open_socket(struct sender *s, const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET};
	int bytes = SOCKET_BUFFER_BYTES;

	address.sll_ifindex = (int)if_nametoindex(interface);
	if (address.sll_ifindex == 0)
		err(1, "interface %s", interface);
	/* Protocol 0: it sends, and never receives. */
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		err(1, "packet socket (needs CAP_NET_RAW)");
	if (setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0 &&
		setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0)
		err(1, "socket buffer of %d bytes", bytes);
	if (bind(s->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "interface %s", interface);
}

/* Waits for room; the device's queue, when that is what is full, tells nobody, so not for long. */
static void wait_for_room(struct sender *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};

	s->retries++;
	if (poll(&p, 1, 1) < 0 && errno != EINTR)
		err(1, "poll");
}

static void flush(struct sender *s)
{
	unsigned int sent = 0;
	uint64_t late_ns;

	while (sent < s->count) {
		int n = sendmmsg(s->fd, s->messages + sent, s->count - sent, 0);

		if (n > 0)
			sent += (unsigned int)n;
		else if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
			wait_for_room(s);
		else
			err(1, "frame of %zu bytes", s->vectors[sent].iov_len);
	}
	if (s->count == 0)
		return;
	late_ns = clock_ns(CLOCK_MONOTONIC) - s->due_ns;
	if (late_ns > s->late_max_ns)
		s->late_max_ns = late_ns;
	s->frames += s->count;
	s->count = 0;
}

static void add(struct sender *s, const struct capture_record *r, uint64_t due_ns)
{
	struct iovec *v = &s->vectors[s->count];

	if (r->link != LINK_ETHERNET || r->captured_bytes > FRAME_BYTES_MAX ||
		r->captured_bytes != r->wire_bytes)
		errx(1, "a frame of %u bytes, %u of them captured, cannot be sent", r->wire_bytes,
			r->captured_bytes);
	if (s->count == 0)
		s->due_ns = due_ns;
	memcpy(s->buffers[s->count], r->data, r->captured_bytes);
	*v = (struct iovec){.iov_base = s->buffers[s->count], .iov_len = r->captured_bytes};
	s->messages[s->count] = (struct mmsghdr){.msg_hdr = {.msg_iov = v, .msg_iovlen = 1}};
	s->bytes += r->captured_bytes;
	if (++s->count == BATCH_FRAMES)
		flush(s);
}

static struct capture *open_capture(const char *path)
{
	struct capture *c;
	struct errmsg e;

	if (capture_open(&c, path, &e) < 0)
		errx(1, "%s", e.text);
	return c;
}

/* Frames whose time has come are sent together. Returns how much later than in the capture. */
static int64_t send_all(struct sender *s, struct capture *c, double speed)
{
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC) + LEAD_NS, now_ns = 0, first_ns = 0;
	int64_t unix_ns = (int64_t)(clock_ns(CLOCK_REALTIME) + LEAD_NS);
	struct capture_record r;

	while (capture_next(c, &r) == 1) {
		uint64_t due_ns;

		if (first_ns == 0)
			first_ns = r.time_ns;
		due_ns = start_ns + (uint64_t)((double)(r.time_ns - first_ns) / speed);
		if (due_ns > now_ns) {
			flush(s);
			sleep_until(due_ns);
			now_ns = clock_ns(CLOCK_MONOTONIC);
		}
		add(s, &r, due_ns);
	}
	flush(s);
	return (unix_ns - (int64_t)first_ns) / (int64_t)NS_PER_US;
}

int main(int argc, char **argv)
{
	static struct sender s;
	struct arguments a;
	struct capture *c;
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	int64_t shift_us;

	read_arguments(&a, argc, argv);
	c = open_capture(a.path);
	open_socket(&s, a.interface);
	/* The kernel rounds sleeps up by 50 us where nothing else is said. */
	prctl(PR_SET_TIMERSLACK, 1);
	shift_us = send_all(&s, c, a.speed);
	printf("{\"frames\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"retries\":%" PRIu64
	       ",\"late_max_us\":%" PRIu64 ",\"seconds\":%.3f,\"shift_us\":%" PRId64 "}\n",
		s.frames, s.bytes, s.retries, s.late_max_ns / NS_PER_US,
		(double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / NS_PER_S, shift_us);
	capture_close(c);
	close(s.fd);
	return 0;
}
