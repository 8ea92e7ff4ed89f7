#include "controlplane/ledger_copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "common/log.h"
#include "controlplane/admin.h"
#include "controlplane/control.h"
#include "controlplane/ledger.h"
#include "controlplane/timestamp.h"
#include "controlplane/worker.h"
#include "storage/storage.h"

struct ledger_copy {
	struct control *control;
	bool running;
	bool failing; /* the newest copy failed, and that has been told */
	uint64_t seq; /* of the newest head that arrived */
	/* The one under way; a worker reads it. */
	uint64_t next_seq;
	char key[DESTINATION_KEY_BYTES];
	char *text;
	int err;
	struct errmsg why;
};

int ledger_copy_create(struct ledger_copy **out, struct control *control)
{
	struct ledger_copy *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->control = control;
	*out = c;
	return 0;
}

void ledger_copy_destroy(struct ledger_copy *c)
{
	if (!c)
		return;
	cJSON_free(c->text);
	free(c);
}

static void run(void *arg)
{
	struct ledger_copy *c = arg;

	c->err = storage_deliver_text(c->control->storage, c->control->config->destination.bucket,
		c->key, c->text, &c->why);
}

static void done(void *arg)
{
	struct ledger_copy *c = arg;

	c->running = false;
	cJSON_free(c->text);
	c->text = NULL;
	if (c->err == 0)
		c->seq = c->next_seq;
	if (c->err != 0 && !c->failing)
		log_warning("ledger",
			"its head did not get to the destination: %s; tried each minute",
			c->why.text);
	else if (c->err == 0 && c->failing)
		log_info("ledger", "its head gets to the destination again");
	c->failing = c->err != 0;
}

static char *describe(const struct control *control, uint64_t seq, const char *hash, int64_t now_ms)
{
	cJSON *o = cJSON_CreateObject();
	char time_text[TIMESTAMP_TEXT_BYTES];
	char *text;

	cJSON_AddStringToObject(o, "site", control->config->site);
	cJSON_AddStringToObject(o, "time", timestamp_format(now_ms, time_text));
	cJSON_AddNumberToObject(o, "seq", (double)seq);
	cJSON_AddStringToObject(o, "hash", hash);
	text = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	return text;
}

void ledger_copy_run(struct ledger_copy *c)
{
	const struct control *control = c->control;
	int64_t now_ms = ((int64_t)control->now_ns + control->wall_offset_ns) / 1000000;
	time_t now_s = (time_t)(now_ms / 1000);
	char hash[65];
	uint64_t seq;
	struct tm day;

	ledger_head(control->ledger, &seq, hash);
	if (c->running || seq == c->seq || !control->admin ||
		control->config->destination.bucket[0] == '\0')
		return;
	gmtime_r(&now_s, &day);
	snprintf(c->key, sizeof(c->key), "Legtap-Ledger-Heads/%s/%04d-%02d-%02d.json",
		control->config->site, day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
	c->next_seq = seq;
	c->text = describe(control, seq, hash, now_ms);
	c->running = c->text && workers_start(admin_workers(control->admin), run, done, c) == 0;
	if (!c->running) { /* the next minute tries again */
		cJSON_free(c->text);
		c->text = NULL;
	}
}
