/* legtapctl status. */
#include "controlplane/command_status.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/command.h"
#include "controlplane/table.h"

#define GIB (1024.0 * 1024 * 1024)

const cJSON *status_member(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

const char *status_text(const cJSON *o, const char *name)
{
	const char *text = cJSON_GetStringValue(status_member(o, name));

	return text ? text : "-";
}

double status_number(const cJSON *o, const char *name)
{
	const cJSON *item = status_member(o, name);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void add_number(struct table *t, const cJSON *o, const char *name)
{
	table_addf(t, "%.0f", status_number(o, name));
}

/* --- Parts --- */

void status_show_process(const cJSON *o)
{
	char up[TABLE_DURATION_BYTES];
	const cJSON *legs = status_member(o, "legs");
	const cJSON *item;
	const char *comma = "";

	printf("legtapd %s, site ", status_text(o, "version"));
	table_print_text(status_text(o, "site"), stdout);
	printf(", pid %.0f, up %s%s\n", status_number(o, "pid"),
		table_duration((uint64_t)status_number(o, "uptime_ms"), up),
		cJSON_IsTrue(status_member(o, "ending")) ? ", ending" : "");
	printf("legs: %.0f live of %.0f, %.0f refused; streams: %.0f\nrecordings: ",
		status_number(legs, "live"), status_number(legs, "limit"),
		status_number(legs, "refused"), status_number(o, "streams"));
	cJSON_ArrayForEach(item, status_member(o, "recordings"))
	{
		printf("%s%.0f %s", comma, item->valuedouble, item->string);
		comma = ", ";
	}
	puts("");
}

void status_show_storage(const cJSON *o)
{
	const cJSON *storage = status_member(o, "storage");
	const cJSON *head = status_member(status_member(o, "ledger"), "head");

	fputs("spool: ", stdout);
	table_print_text(status_text(storage, "spool"), stdout);
	printf(", %.1f GiB free, %.0f tracks open, %.0f jobs and %.0f deliveries waiting\n",
		status_number(storage, "spool_free_bytes") / GIB,
		status_number(storage, "tracks_open"), status_number(storage, "jobs_waiting"),
		status_number(storage, "deliveries_waiting"));
	fputs("ledger: ", stdout);
	table_print_text(status_text(status_member(o, "ledger"), "path"), stdout);
	printf(", head %.0f:%s\n", status_number(head, "seq"), status_text(head, "hash"));
}

static int show_ports(const cJSON *o)
{
	static const char *const names[] = {"queues", "received", "missed", "errors", "no_mbuf"};
	struct table *t = table_create("PORT|DRIVER|>QUEUES|>RECEIVED|>MISSED|>ERRORS|>NO BUFFER");
	const cJSON *port;

	cJSON_ArrayForEach(port, status_member(o, "ports"))
	{
		table_add(t, status_text(port, "device"));
		table_add(t, status_text(port, "driver"));
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			add_number(t, port, names[i]);
	}
	return table_print(t, stdout);
}

static int show_threads(const cJSON *o)
{
	struct table *t = table_create("THREAD|>TID|>CORE");
	const cJSON *thread;

	cJSON_ArrayForEach(thread, status_member(o, "threads"))
	{
		table_add(t, status_text(thread, "name"));
		add_number(t, thread, "tid");
		if (cJSON_IsNumber(status_member(thread, "core")))
			add_number(t, thread, "core");
		else
			table_add(t, "any");
	}
	return table_print(t, stdout);
}

static void add_stage(struct table *t, const char *kind, const cJSON *core, const char *done)
{
	const cJSON *accounting = status_member(core, "accounting");

	table_addf(t, "%s%.0f", kind, status_number(core, kind));
	add_number(t, accounting, "in");
	table_addf(t, "%.0f %s", status_number(status_member(core, "counters"), done), done);
	add_number(t, accounting, "dropped");
	add_number(t, accounting, "in_flight");
}

static int show_cores(const cJSON *o)
{
	struct table *t = table_create("CORE|>IN|>KEPT|>DROPPED|>IN FLIGHT");
	const cJSON *core;

	cJSON_ArrayForEach(core, status_member(o, "rx"))
	{
		add_stage(t, "rx", core, "recorded");
	}
	cJSON_ArrayForEach(core, status_member(o, "writers"))
	{
		add_stage(t, "writer", core, "chunks_written");
	}
	return table_print(t, stdout);
}

int status_show_rings(const cJSON *o)
{
	struct table *t = table_create("RING|FROM|TO|>USED|>DEPTH");
	const cJSON *ring;

	cJSON_ArrayForEach(ring, status_member(o, "rings"))
	{
		table_add(t, status_text(ring, "name"));
		table_add(t, status_text(ring, "producer"));
		table_add(t, status_text(ring, "consumer"));
		add_number(t, ring, "used");
		add_number(t, ring, "depth");
	}
	return table_print(t, stdout);
}

/* --- Losses: every place at which something was lost, by name --- */

static void add_loss(struct table *t, const char *where, const char *what, double count)
{
	if (count <= 0)
		return;
	table_add(t, where);
	table_add(t, what);
	table_addf(t, "%.0f", count);
}

static void add_drops(struct table *t, const char *kind, const cJSON *core)
{
	const cJSON *item;
	char where[32];

	snprintf(where, sizeof(where), "%s%.0f", kind, status_number(core, kind));
	cJSON_ArrayForEach(item, status_member(core, "counters"))
	{
		if (strncmp(item->string, "drop_", 5) == 0)
			add_loss(t, where, item->string, item->valuedouble);
	}
}

static int show_losses(const cJSON *o)
{
	static const char *const of_port[] = {"missed", "errors", "no_mbuf"};
	struct table *t = table_create("LOST AT|WHAT|>COUNT");
	const cJSON *item;

	cJSON_ArrayForEach(item, status_member(o, "ports"))
	{
		for (size_t i = 0; i < sizeof(of_port) / sizeof(of_port[0]); i++)
			add_loss(t, status_text(item, "device"), of_port[i],
				status_number(item, of_port[i]));
	}
	cJSON_ArrayForEach(item, status_member(o, "rx"))
	{
		add_drops(t, "rx", item);
	}
	cJSON_ArrayForEach(item, status_member(o, "writers"))
	{
		add_drops(t, "writer", item);
	}
	add_loss(t, "control", "legs refused", status_number(status_member(o, "legs"), "refused"));
	if (table_rows(t) > 0)
		return table_print(t, stdout);
	table_destroy(t);
	puts("lost: nothing");
	return 0;
}

int command_status(const struct arguments *a, struct client *c)
{
	static int (*const parts[])(const cJSON *o) = {
		show_ports, show_threads, show_cores, status_show_rings, show_losses};
	cJSON *o;
	int status = command_get(a, c, "/v1/status", &o);
	int err = 0;

	if (status)
		return status;
	if (a->json) {
		status = command_print_json(a, o);
	} else {
		status_show_process(o);
		status_show_storage(o);
		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			puts("");
			err |= parts[i](o);
		}
		if (err)
			status = command_fail(a, COMMAND_FAILED, "no memory");
	}
	cJSON_Delete(o);
	return status;
}
