/* legtapd(8): arguments, and the order of things. */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <re.h>
#include <systemd/sd-daemon.h>

#include "common/log.h"
#include "controlplane/ledger.h"
#include "controlplane/loop.h"
#include "controlplane/process.h"
#include "controlplane/read_advice.h"
#include "controlplane/recordings.h"
#include "controlplane/report.h"
#include "dataplane/dataplane.h"
#include "storage/storage.h"

enum { EXIT_RECORDING = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: legtapd --config FILE [-- EAL-ARGUMENTS]\n"
	"       legtapd --config FILE --check\n"
	"       legtapd --read CAPTURE --out DIR [--record BOTH|INCOMING|OUTGOING] [--config "
	"FILE]\n"
	"\n"
	"Records telephone calls, leg by leg and track by track, off a mirror port.\n"
	"\n"
	"  --config FILE     the configuration (docs/configuration.md)\n"
	"  --check           validate it, print it with all defaults, start nothing\n"
	"  --read CAPTURE    record the calls of a pcap or pcapng file instead of a port's; needs "
	"no root\n"
	"  --out DIR         where --read writes the WAVs, recordings.jsonl and ledger.jsonl\n"
	"  --record TRACK    which tracks --read records of a leg where no rule says; default "
	"BOTH\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0; 1 when it failed or, with --read, a leg's recording failed or was "
	"undecodable;\n"
	"2 for bad usage, an unreadable input, or a DIR that holds a run already.\n";

struct arguments {
	const char *config;
	bool check;
	struct process_options options;
};

static int bad_usage(const char *what, const char *which)
{
	fprintf(stderr, "legtapd: %s%s\nTry legtapd --help.\n", what, which);
	return EXIT_USAGE;
}

/* -1: go on; else the exit status. */
static int parse_arguments(int argc, char *argv[], struct arguments *a)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'}, {"read", required_argument, NULL, 'r'},
		{"out", required_argument, NULL, 'o'}, {"record", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			a->config = optarg;
			break;
		case 'k':
			a->check = true;
			break;
		case 'r':
			a->options.capture = optarg;
			break;
		case 'o':
			a->options.out = optarg;
			break;
		case 't':
			a->options.record_tracks = tracks_parse(optarg);
			if (!a->options.record_tracks)
				return bad_usage(
					"--record takes BOTH, INCOMING or OUTGOING, not ", optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'v':
			printf("legtapd %s\n", LEGTAP_VERSION);
			return 0;
		default:
			fprintf(stderr, "Try legtapd --help.\n");
			return EXIT_USAGE;
		}
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		return bad_usage("unexpected argument ", argv[optind]);
	a->options.eal_args = argv + optind;
	a->options.eal_arg_count = argc - optind;
	return -1;
}

static int check_arguments(const struct arguments *a)
{
	if (a->options.capture && !a->options.out)
		return bad_usage("--read needs --out DIR", "");
	if (!a->options.capture && (a->options.out || a->options.record_tracks))
		return bad_usage("--out and --record go with --read", "");
	if (!a->options.capture && !a->config)
		return bad_usage("--config FILE or --read CAPTURE is needed", "");
	return -1;
}

/* Makes DIR; refuses one that holds a run. -1: go on. */
static int prepare_out(struct process *p)
{
	static const char *const names[] = {"recordings.jsonl", "ledger.jsonl", ".spool"};
	const char *out = p->options.out;
	char path[4096];

	if (mkdir(out, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "legtapd: cannot make %s: %s\n", out, strerror(errno));
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", out, names[i]);
		if (access(path, F_OK) == 0) {
			fprintf(stderr,
				"legtapd: %s holds a run already (%s): name another folder\n", out,
				names[i]);
			return EXIT_USAGE;
		}
	}
	snprintf(p->spool_path, sizeof(p->spool_path), "%s/.spool", out);
	return -1;
}

static int fail(const struct errmsg *e, int status)
{
	log_error("legtapd", "%s", e->text);
	return status;
}

/* What the threads left in their rings and mailboxes, after they have stopped. */
static void take_leftovers(struct process *p)
{
	struct storage_handlers h;

	recordings_storage_handlers(p->control.recordings, &h);
	while (storage_poll(p->control.storage, &h) + ledger_poll(p->control.ledger) > 0)
		continue;
}

static int run_live(struct process *p)
{
	struct errmsg e = {""};
	int err = process_create(p, &e);

	if (err == 0)
		err = process_start(p, &e);
	if (err == 0) {
		sd_notify(0, "READY=1");
		log_info("legtapd", "ready: %u ports, admin socket %s", p->config.port_count,
			p->config.socket.path);
		err = control_run(&p->control, &e);
		sd_notify(0, "STOPPING=1");
		process_stop(p);
		take_leftovers(p);
		log_info("legtapd", "ended: %u recordings wait in the spool for delivery",
			p->control.recordings->unfinished);
	}
	process_destroy(p);
	return err ? fail(&e, EXIT_FAILURE) : 0;
}

static int finish_read(struct process *p, struct errmsg *e)
{
	struct capture_stats stats = {0};
	char advice[1024];
	int err;

	process_stop(p);
	take_leftovers(p);
	dataplane_capture_stats(p->control.dataplane, &stats);
	if (stats.warning[0])
		log_warning("capture", "%s: %s", p->options.capture, stats.warning);
	err = recordings_write_read_outputs(
		p->control.recordings, p->options.out, stats.last_ns, e);
	read_advice(p, advice, sizeof(advice));
	if (advice[0])
		log_warning("read", "%s: %s", p->options.capture, advice);
	report_recordings(p, stdout);
	report_summary(p, stdout);
	if (advice[0])
		printf("warning: %s\n", advice);
	return err;
}

/* But for tracks that could not be decoded: they are kept in it. */
static void remove_spool(const char *path)
{
	char pattern[4096];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/recordings", path);
	if (rmdir(pattern) != 0)
		return;
	snprintf(pattern, sizeof(pattern), "%s/*", path);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	rmdir(path);
}

static int run_read(struct process *p)
{
	struct errmsg e = {""};
	unsigned int failures = 0;
	int err = process_create(p, &e);
	int status = err ? EXIT_USAGE : EXIT_FAILURE;

	if (err == 0)
		err = process_start(p, &e);
	if (err == 0)
		err = control_run(&p->control, &e);
	if (err == 0) {
		err = finish_read(p, &e);
		failures = p->control.recordings->failures;
	}
	process_destroy(p);
	remove_spool(p->spool_path);
	if (err)
		return fail(&e, status);
	return failures ? EXIT_RECORDING : 0;
}

/* Renderers take and free a few buffers of 1 MiB for each track: without this each is mapped,
 * cleared page by page, and unmapped again. */
static void keep_freed_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

int main(int argc, char *argv[])
{
	static struct process p;
	struct arguments a = {0};
	struct errmsg e = {""};
	int status = parse_arguments(argc, argv, &a);

	if (status < 0)
		status = check_arguments(&a);
	if (status >= 0)
		return status;
	p.options = a.options;
	if (config_defaults(&p.config) != 0)
		return fail(&(struct errmsg){"no memory"}, EXIT_FAILURE);
	if (a.config && config_load(&p.config, a.config, a.check || a.options.capture, &e) != 0)
		return fail(&e, EXIT_USAGE);
	if (a.check) {
		config_print(&p.config, stdout);
		return 0;
	}
	keep_freed_memory();
	log_set_level(p.config.log_level);
	if (p.options.capture) {
		status = prepare_out(&p);
		if (status >= 0)
			return status;
	}
	libre_init();
	status = p.options.capture ? run_read(&p) : run_live(&p);
	libre_close();
	return status;
}
