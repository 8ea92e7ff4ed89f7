#include "controlplane/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "controlplane/table.h"

#define LIST_TRIES 5
#define PATH_BYTES 256

const struct command commands[] = {
	{"status", .run = command_status, .help = "ports, cores, losses, rings, disk, ledger"},
	{"calls", .run = command_calls,
		.help = "the legs that are live, and those that just ended"},
	{"recordings", .operand = "ID", .run = command_recordings,
		.help = "all recordings; one, with its tracks and streams"},
	{"start", .operand = "CALL", .operand_needed = true,
		.options = OPTION_TRACK | OPTION_BUCKET | OPTION_TRANSACTION, .run = command_start,
		.help = "begins to record a leg"},
	{"stop", .operand = "CALL", .operand_needed = true, .options = OPTION_TRANSACTION,
		.run = command_stop, .help = "ends its recording"},
	{"pause", .operand = "CALL", .operand_needed = true, .options = OPTION_TRANSACTION,
		.run = command_pause, .help = "records silence instead of what is said"},
	{"resume", .operand = "CALL", .operand_needed = true, .options = OPTION_TRANSACTION,
		.run = command_resume, .help = "records what is said again"},
	{"join", .operand = "CALL", .operand_needed = true, .options = OPTION_TRANSACTION,
		.run = command_join, .help = "ties a leg to a transaction, by its TransactionId"},
	{"billing",
		.options = OPTION_ACCOUNT | OPTION_FROM | OPTION_TO | OPTION_CSV | OPTION_VERIFY |
			   OPTION_HEAD | OPTION_LEDGER,
		.run = command_billing, .help = "prices the usages, or checks the ledger"},
	{"events", .options = OPTION_AFTER | OPTION_FOLLOW, .run = command_events,
		.help = "what has happened to calls and recordings, and goes on to"},
	{"metrics", .run = command_metrics, .help = "counters as OpenMetrics text"},
	{"top", .options = OPTION_COUNT, .run = command_top,
		.help = "rates, cores, rings and disk, anew each second"},
	{.name = NULL},
};

int command_fail(const struct arguments *a, int status, const char *fmt, ...)
{
	char text[2 * ERRMSG_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "legtapctl: %s: ", a->command->name);
	table_print_text(text, stderr);
	fputc('\n', stderr);
	return status;
}

int command_parse(const struct arguments *a, struct client_answer *answer, cJSON **out)
{
	cJSON *json = cJSON_Parse(answer->body);
	long http = answer->status;

	free(answer->body);
	if (http == 200 && json) {
		*out = json;
		return 0;
	}
	if (json) {
		const char *why =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "Message"));

		command_fail(a, COMMAND_FAILED, "%s", why ? why : "refused without a reason");
	} else {
		command_fail(a, COMMAND_FAILED,
			"the answer (HTTP status %ld) is not JSON: is that legtapd's socket, and "
			"of this version?",
			http);
	}
	cJSON_Delete(json);
	return COMMAND_FAILED;
}

int command_get(const struct arguments *a, struct client *c, const char *path, struct cJSON **out)
{
	struct client_answer answer;
	struct errmsg e;

	if (client_get(c, path, "application/json", &answer, &e) != 0)
		return command_fail(a, COMMAND_NOT_REACHABLE, "%s", e.text);
	return command_parse(a, &answer, out);
}

/* Moves the page's entries behind the list's. */
static void join(cJSON *list, cJSON *page)
{
	cJSON *first = page->child;

	if (!first)
		return;
	if (!list->child) {
		list->child = first;
	} else { /* the first one's prev is the last one */
		cJSON *last = list->child->prev;

		last->next = first;
		list->child->prev = first->prev;
		first->prev = last;
	}
	page->child = NULL;
}

enum page_outcome { PAGE_LAST, PAGE_MORE, PAGE_GONE, PAGE_FAILED };

/* after: what the page begins behind, "" for the first; renewed. */
static enum page_outcome get_page(const struct arguments *a, struct client *c, const char *path,
	const char *name, char after[], cJSON *list, int *status)
{
	char full[PATH_BYTES];
	struct client_answer answer;
	struct errmsg e;
	cJSON *page;
	cJSON *entries;
	const char *next;

	snprintf(full, sizeof(full), "%s?limit=10000%s%s", path, after[0] ? "&after=" : "", after);
	if (client_get(c, full, "application/json", &answer, &e) != 0) {
		*status = command_fail(a, COMMAND_NOT_REACHABLE, "%s", e.text);
		return PAGE_FAILED;
	}
	if (answer.status == 404 && after[0]) {
		free(answer.body);
		return PAGE_GONE;
	}
	*status = command_parse(a, &answer, &page);
	if (*status)
		return PAGE_FAILED;
	entries = cJSON_GetObjectItemCaseSensitive(page, name);
	if (cJSON_IsArray(entries))
		join(list, entries);
	next = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(page, "next"));
	snprintf(after, PATH_BYTES / 2, "%s", next ? next : "");
	cJSON_Delete(page);
	return after[0] ? PAGE_MORE : PAGE_LAST;
}

/* The entry that a page ended with may be forgotten before the next one is asked for: once more
 * from the beginning then. */
int command_get_list(const struct arguments *a, struct client *c, const char *path,
	const char *name, struct cJSON **out)
{
	int status = 0;

	for (unsigned int tries = 0; tries < LIST_TRIES; tries++) {
		cJSON *o = cJSON_CreateObject();
		cJSON *list = cJSON_AddArrayToObject(o, name);
		char after[PATH_BYTES / 2] = "";
		enum page_outcome outcome = PAGE_MORE;

		while (list && outcome == PAGE_MORE)
			outcome = get_page(a, c, path, name, after, list, &status);
		if (list && outcome == PAGE_LAST) {
			*out = o;
			return 0;
		}
		cJSON_Delete(o);
		if (!list)
			return command_fail(a, COMMAND_FAILED, "no memory");
		if (outcome == PAGE_FAILED)
			return status;
	}
	return command_fail(a, COMMAND_FAILED, "the list changes faster than it can be read");
}

int command_print_json(const struct arguments *a, const struct cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	if (!text)
		return command_fail(a, COMMAND_FAILED, "no memory");
	puts(text);
	cJSON_free(text);
	return 0;
}
