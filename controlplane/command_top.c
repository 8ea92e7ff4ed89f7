/* legtapctl top: a screen of rates, made anew each second from two answers to GET /v1/status. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "controlplane/command.h"
#include "controlplane/command_status.h"
#include "controlplane/table.h"

#define COUNT_MAX 1000000000ULL
#define CLEAR_SCREEN "\033[H\033[2J"

/* Two answers. */
struct span {
	const cJSON *old; /* NULL: this is the first, or legtapd began anew between */
	const cJSON *new;
	double seconds;
};

static struct span span_of(const cJSON *old, const cJSON *new)
{
	double ms = status_number(new, "uptime_ms") - status_number(old, "uptime_ms");

	if (!old || ms <= 0 || status_number(old, "pid") != status_number(new, "pid"))
		return (struct span){.new = new};
	return (struct span){.old = old, .new = new, .seconds = ms / 1000};
}

/* The n-th member of a list, in either answer. */
static const cJSON *item_of(const cJSON *o, const char *list, int n)
{
	return cJSON_GetArrayItem(status_member(o, list), n);
}

/* --- Rates --- */

static void add_rate(struct table *t, const struct span *s, double before, double after)
{
	if (s->old && after >= before)
		table_addf(t, "%.0f", (after - before) / s->seconds);
	else
		table_add(t, NULL);
}

static double lost_at_port(const cJSON *port)
{
	return status_number(port, "missed") + status_number(port, "errors") +
	       status_number(port, "no_mbuf");
}

static int show_ports(const struct span *s)
{
	struct table *t = table_create("PORT|>RECEIVED/S|>LOST/S|>LOST");
	int count = cJSON_GetArraySize(status_member(s->new, "ports"));

	for (int i = 0; i < count; i++) {
		const cJSON *before = item_of(s->old, "ports", i);
		const cJSON *port = item_of(s->new, "ports", i);

		table_add(t, status_text(port, "device"));
		add_rate(t, s, status_number(before, "received"), status_number(port, "received"));
		add_rate(t, s, lost_at_port(before), lost_at_port(port));
		table_addf(t, "%.0f", lost_at_port(port));
	}
	return table_print(t, stdout);
}

/* Of an rx core: how many of its polls found packets. */
static void add_busy(struct table *t, const struct span *s, const cJSON *before, const cJSON *after)
{
	double found = status_number(after, "bursts") - status_number(before, "bursts");
	double none = status_number(after, "empty_polls") - status_number(before, "empty_polls");

	if (s->old && found >= 0 && none >= 0 && found + none > 0)
		table_addf(t, "%.1f %%", 100 * found / (found + none));
	else
		table_add(t, NULL);
}

/* done: the counter of what came through this stage. */
static void add_stage(
	struct table *t, const struct span *s, const char *list, const char *kind, const char *done)
{
	int count = cJSON_GetArraySize(status_member(s->new, list));

	for (int i = 0; i < count; i++) {
		const cJSON *before = item_of(s->old, list, i);
		const cJSON *core = item_of(s->new, list, i);
		const cJSON *old = status_member(before, "accounting");
		const cJSON *new = status_member(core, "accounting");

		table_addf(t, "%s%.0f", kind, status_number(core, kind));
		add_rate(t, s, status_number(old, "in"), status_number(new, "in"));
		add_rate(t, s, status_number(status_member(before, "counters"), done),
			status_number(status_member(core, "counters"), done));
		add_rate(t, s, status_number(old, "dropped"), status_number(new, "dropped"));
		table_addf(t, "%.0f", status_number(new, "dropped"));
		table_addf(t, "%.0f", status_number(new, "in_flight"));
		add_busy(t, s, status_member(before, "counters"), status_member(core, "counters"));
	}
}

static int show_cores(const struct span *s)
{
	struct table *t =
		table_create("CORE|>IN/S|>KEPT/S|>DROPPED/S|>DROPPED|>IN FLIGHT|>BUSY POLLS");

	add_stage(t, s, "rx", "rx", "recorded");
	add_stage(t, s, "writers", "writer", "chunks_written");
	return table_print(t, stdout);
}

static void show_head(const cJSON *o)
{
	status_show_process(o);
	status_show_storage(o);
}

static int show_screen(const struct span *s)
{
	int err;

	show_head(s->new);
	puts("");
	err = show_ports(s);
	puts("");
	err |= show_cores(s);
	puts("");
	err |= status_show_rings(s->new);
	return err;
}

/* --- The loop --- */

/* 0: without end. */
static int count_of(const struct arguments *a, unsigned long long *count)
{
	char *end;

	*count = 0;
	if (!a->count)
		return 0;
	errno = 0;
	*count = strtoull(a->count, &end, 10);
	if (a->count[0] < '0' || a->count[0] > '9' || *end || errno || *count < 1 ||
		*count > COUNT_MAX)
		return command_fail(a, COMMAND_BAD_USAGE,
			"--count is a whole number from 1 on, not %.100s", a->count);
	return 0;
}

static int show(const struct arguments *a, const cJSON *old, const cJSON *new)
{
	static bool further;
	const struct span s = span_of(old, new);

	if (a->json)
		return command_print_json(a, new);
	if (isatty(STDOUT_FILENO))
		fputs(CLEAR_SCREEN, stdout);
	else if (further)
		puts("");
	further = true;
	return show_screen(&s) == 0 ? 0 : command_fail(a, COMMAND_FAILED, "no memory");
}

/* The next screen's time: a slow answer does not shift those that follow. */
static void wait_second(struct timespec *due)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	due->tv_sec++;
	if (due->tv_sec < now.tv_sec)
		*due = now;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, NULL) == EINTR)
		;
}

int command_top(const struct arguments *a, struct client *c)
{
	unsigned long long count;
	struct timespec due;
	cJSON *old = NULL;
	cJSON *new;
	int status = count_of(a, &count);

	clock_gettime(CLOCK_MONOTONIC, &due);
	for (unsigned long long i = 0; status == 0 && (count == 0 || i < count); i++) {
		if (i > 0)
			wait_second(&due);
		status = command_get(a, c, "/v1/status", &new);
		if (status)
			break;
		status = show(a, old, new);
		cJSON_Delete(old);
		old = new;
		if (status == 0 && fflush(stdout) != 0)
			status = COMMAND_FAILED; /* nobody reads any more */
	}
	cJSON_Delete(old);
	return status;
}
