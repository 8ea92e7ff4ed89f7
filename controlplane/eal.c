/* Huge pages make the stream table and the mbufs cheap to reach; everything works without them, and
 * --read never needs them. --in-memory keeps runs apart (no shared files), but excludes --no-huge,
 * which takes --no-shconf instead. */
#include "controlplane/eal.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "common/log.h"

#define ARGS_MAX 96
#define ORDINARY_MIB \
	1536		 /* address space for pools and table without huge pages; touched as used */
#define HUGE_MIB_MIN 512 /* fewer free huge pages than this are left alone */

struct args {
	char *value[ARGS_MAX];
	int count;
	int err; /* -errno of the first that could not be added */
};

static void add(struct args *a, const char *text)
{
	if (a->err)
		return;
	if (a->count == ARGS_MAX - 1)
		a->err = -E2BIG;
	else if (asprintf(&a->value[a->count], "%s", text) < 0)
		a->err = -ENOMEM;
	else
		a->count++;
}

/* Free 2 MiB and 1 GiB pages, in MiB. */
static unsigned long free_huge_mib(void)
{
	static const struct {
		const char *path;
		unsigned long mib;
	} sizes[] = {{"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", 2},
		{"/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", 1024}};
	unsigned long total = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		FILE *f = fopen(sizes[i].path, "re");
		unsigned long pages = 0;

		if (!f)
			continue;
		if (fscanf(f, "%lu", &pages) == 1)
			total += pages * sizes[i].mib;
		fclose(f);
	}
	return total;
}

static bool has(char *const extra[], int count, const char *option)
{
	for (int i = 0; i < count; i++)
		if (strcmp(extra[i], option) == 0)
			return true;
	return false;
}

static void add_memory(
	struct args *a, const struct dataplane_config *config, char *const extra[], int extra_count)
{
	unsigned long huge = config->capture_path ? 0 : free_huge_mib();
	char text[32];

	if (has(extra, extra_count, "-m") || has(extra, extra_count, "--no-huge") ||
		has(extra, extra_count, "--in-memory") || has(extra, extra_count, "--socket-mem"))
		return;
	if (huge >= HUGE_MIB_MIN) {
		add(a, "--in-memory");
		return;
	}
	if (!config->capture_path)
		log_info("eal",
			"%lu MiB of huge pages are free, %d are wanted: going on without "
			"(docs/install.md tells "
			"how to reserve them)",
			huge, HUGE_MIB_MIN);
	add(a, "--no-huge");
	add(a, "--no-shconf");
	add(a, "-m");
	snprintf(text, sizeof(text), "%d", ORDINARY_MIB);
	add(a, text);
}

static bool wants_pci(const struct args *a)
{
	for (int i = 0; i < a->count; i++)
		if (strcmp(a->value[i], "-a") == 0 || strncmp(a->value[i], "-a", 2) == 0 ||
			strncmp(a->value[i], "--allow", 7) == 0)
			return true;
	return false;
}

static int first_allowed_core(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		for (int i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET((size_t)i, &set))
				return i;
	return 0;
}

static int collect(struct args *a, const struct dataplane_config *config, int control_core,
	char *const extra[], int extra_count, struct errmsg *e)
{
	char core[32];
	int ports;

	add(a, "legtapd");
	add(a, "-l");
	snprintf(core, sizeof(core), "%d", control_core >= 0 ? control_core : first_allowed_core());
	add(a, core);
	add(a, "--no-telemetry");
	add_memory(a, config, extra, extra_count);
	ports = dataplane_eal_args(config, a->value + a->count, ARGS_MAX - 2 - a->count, e);
	if (ports < 0)
		return ports;
	a->count += ports;
	for (int i = 0; i < extra_count; i++)
		add(a, extra[i]);
	if (!wants_pci(a))
		add(a, "--no-pci");
	if (a->err)
		return errmsg_set(
			e, a->err, "DPDK's arguments: %s; give fewer after --", strerror(-a->err));
	return 0;
}

int eal_start(const struct dataplane_config *config, int control_core, char *const extra[],
	int extra_count, struct errmsg *e)
{
	struct args a = {.count = 0};
	char *argv[ARGS_MAX];
	cpu_set_t before;
	int err;

	/* DPDK's own chatter below warnings helps nobody who reads this log. */
	rte_log_set_global_level(RTE_LOG_WARNING);
	err = collect(&a, config, control_core, extra, extra_count, e);
	memcpy(argv, a.value, sizeof(argv)); /* EAL reorders its argv */
	sched_getaffinity(0, sizeof(before), &before);
	if (err == 0 && rte_eal_init(a.count, argv) < 0)
		err = errmsg_set(e, -(rte_errno ? rte_errno : EINVAL),
			"DPDK's environment did not start: %s (its own lines above say what it "
			"missed; arguments after -- "
			"go to it)",
			rte_strerror(rte_errno));
	if (err == 0 && control_core < 0)
		sched_setaffinity(0, sizeof(before),
			&before); /* EAL pinned us to a core that nobody asked for */
	for (int i = 0; i < a.count; i++)
		free(a.value[i]);
	return err;
}

void eal_stop(void)
{
	rte_eal_cleanup();
}
