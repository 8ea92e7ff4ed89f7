/* legtapctl events: what happens, a line each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/command.h"
#include "controlplane/table.h"

#define PATH_BYTES 256

/* Those that stand first, or are the same in every line. */
static bool is_shown_elsewhere(const char *name)
{
	static const char *const names[] = {"EventId", "Time", "EventType", "SchemaVersion"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void print_member(const char *name, const cJSON *item)
{
	if (!item || cJSON_IsObject(item) || cJSON_IsArray(item))
		return;
	printf(" %s=", name);
	if (cJSON_IsString(item))
		table_print_text(item->valuestring, stdout);
	else if (cJSON_IsNumber(item))
		printf("%.0f", item->valuedouble);
	else
		fputs(cJSON_IsNull(item) ? "unknown" : cJSON_IsTrue(item) ? "yes" : "no", stdout);
}

static const cJSON *member_of(const cJSON *o, const char *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(o, object), name);
}

static void print_event(const cJSON *o)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(o, "EventId");
	const char *time = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "Time"));
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "EventType"));
	const cJSON *item;

	printf("%s %.0f ", time ? time : "-", cJSON_IsNumber(id) ? id->valuedouble : 0);
	table_print_text(type ? type : "-", stdout);
	cJSON_ArrayForEach(item, o)
	{
		if (!is_shown_elsewhere(item->string))
			print_member(item->string, item);
	}
	print_member("action", member_of(o, "ActionData", "Type"));
	print_member("transaction_id", member_of(o, "CallDetails", "TransactionId"));
	putchar('\n');
}

static void on_line(void *arg, const char *line)
{
	const struct arguments *a = arg;
	cJSON *o;

	if (a->json) {
		puts(line);
	} else {
		o = cJSON_Parse(line);
		if (o)
			print_event(o);
		cJSON_Delete(o);
	}
	fflush(stdout);
}

int command_events(const struct arguments *a, struct client *c)
{
	char path[PATH_BYTES];
	char *after = client_escape(c, a->after ? a->after : "");
	struct client_answer answer;
	struct cJSON *none = NULL;
	struct errmsg e;
	int err;

	if (!after)
		return command_fail(a, COMMAND_FAILED, "no memory");
	snprintf(path, sizeof(path), "/v1/events?follow=%d%s%.100s", a->follow,
		a->after ? "&after=" : "", after);
	free(after);
	err = client_get_lines(c, path, on_line, (void *)a, &answer, &e);
	if (err != 0)
		return command_fail(a, COMMAND_NOT_REACHABLE, "%s", e.text);
	if (answer.status == 200) {
		free(answer.body);
		return 0;
	}
	return command_parse(a, &answer, &none);
}
