/* The admin API over stand-ins, for admin_test.py: listens at argv[1], with argv[2] further legs
 * and as many recordings, until its standard input ends. argv[3], if given and not empty: the
 * ledger it bills from. argv[4] and argv[5]: where it listens for AWS clients, and their keys,
 * which sign for the region "here". */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controlplane/admin.h"
#include "fakes.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void add_legs(struct fakes *f, unsigned int further)
{
	struct leg *a = fakes_add_leg(f, "call-1", "LEG-A", LEG_ANSWERED, NULL);
	char name[32];

	fakes_add_leg(f, "call-2", "LEG-B", LEG_RINGING, a);
	fakes_add_leg(f, "held-1", "LEG-A", LEG_ANSWERED, NULL);
	fakes_add_leg(f, "release-1", "LEG-A", LEG_ANSWERED, NULL);
	fakes_add_leg(f, "twice", "LEG-A", LEG_ANSWERED, NULL);
	fakes_add_leg(f, "twice", "LEG-B", LEG_ANSWERED, NULL);
	fakes_add_leg(f, "over/\xff@192.0.2.1", "LEG-A", LEG_ENDED, NULL);
	fakes_add_leg(f, "forbidden", "LEG-A", LEG_ANSWERED, NULL);
	fakes_add_leg(f, "joins-1", "LEG-A", LEG_ANSWERED, NULL);
	fakes_add_leg(f, "recorded-1", "LEG-A", LEG_ANSWERED, NULL)->recordings = 1;
	for (unsigned int i = 0; i < further; i++) {
		snprintf(name, sizeof(name), "many-%u", i);
		fakes_add_leg(f, name, "LEG-A", LEG_ANSWERED, NULL);
	}
	fakes_add_recordings(f, further);
}

static int wait_ms(const struct control *c)
{
	uint64_t next_ns = timers_next_ns(&c->timers);

	if (next_ns == UINT64_MAX)
		return -1;
	return next_ns > c->now_ns ? (int)((next_ns - c->now_ns) / 1000000 + 1) : 0;
}

static void serve(struct fakes *f)
{
	struct pollfd fds[] = {
		{.fd = admin_fd(f->control.admin), .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};

	while (!fds[1].revents) {
		poll(fds, 2, wait_ms(&f->control));
		f->control.now_ns = now_ns();
		timers_run(&f->control.timers, f->control.now_ns);
		if (fds[0].revents)
			admin_run(f->control.admin);
		admin_flush(f->control.admin);
	}
}

int main(int argc, char **argv)
{
	static struct fakes f;
	struct errmsg e;

	if (argc < 3 || (argc > 4 && argc != 6))
		return 2;
	fakes_create(&f);
	if (argc > 3 && argv[3][0])
		fakes_set_ledger(argv[3]);
	f.control.now_ns = now_ns();
	f.control.started_ns = f.control.now_ns;
	snprintf(f.config.socket.path, sizeof(f.config.socket.path), "%s", argv[1]);
	f.config.socket.mode = 0640;
	if (argc == 6) {
		snprintf(f.config.aws.listen, sizeof(f.config.aws.listen), "%s", argv[4]);
		snprintf(f.config.aws.keys_file, sizeof(f.config.aws.keys_file), "%s", argv[5]);
		strcpy(f.config.aws.region, "here");
	}
	add_legs(&f, (unsigned int)atoi(argv[2]));
	if (admin_create(&f.control.admin, &f.control, &e) != 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	serve(&f);
	admin_destroy(f.control.admin);
	fakes_release(); /* what was held back is answered after all: nobody is there any more */
	fakes_destroy(&f);
	return 0;
}
