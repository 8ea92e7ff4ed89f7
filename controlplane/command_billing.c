/* legtapctl billing: from legtapd, or from a ledger by itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/billing.h"
#include "controlplane/command.h"
#include "controlplane/table.h"
#include "controlplane/timestamp.h"

static const char *text_of(const cJSON *o, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static double number_of(const cJSON *o, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* --- Asking --- */

static int parse_time(
	const struct arguments *a, const char *name, const char *text, int64_t *unix_ms)
{
	if (!text || timestamp_parse(text, unix_ms) == 0)
		return 0;
	return command_fail(a, COMMAND_BAD_USAGE,
		"--%s %.60s is no time: 2026-01-31, or 2026-01-31T08:00:00Z", name, text);
}

static int from_file(const struct arguments *a, const struct billing_query *query, cJSON **out)
{
	struct errmsg e = {""};
	int err = a->verify ? billing_verdict(a->ledger, a->head, out, &e)
			    : billing_report(a->ledger, query, out, &e);

	if (err == 0)
		return 0;
	return command_fail(
		a, a->verify && err == -EINVAL ? COMMAND_BAD_USAGE : COMMAND_FAILED, "%s", e.text);
}

static bool add_parameter(FILE *path, struct client *c, const char *name, const char *value)
{
	char *escaped = value ? client_escape(c, value) : NULL;

	if (escaped)
		fprintf(path, "&%s=%s", name, escaped);
	free(escaped);
	return !value || escaped;
}

static int from_legtapd(const struct arguments *a, struct client *c, cJSON **out)
{
	char path[1500];
	FILE *to = fmemopen(path, sizeof(path), "w");
	bool good = to != NULL;

	if (good) {
		fprintf(to, "/v1/billing?verify=%d", a->verify);
		good = add_parameter(to, c, "account", a->account) &&
		       add_parameter(to, c, "from", a->from) && add_parameter(to, c, "to", a->to) &&
		       add_parameter(to, c, "head", a->head);
		good = good && !ferror(to);
		good = fclose(to) == 0 && good;
	}
	if (!good)
		return command_fail(a, COMMAND_BAD_USAGE, "the arguments are too long");
	return command_get(a, c, path, out);
}

/* --- Showing --- */

static void add_usage(struct table *t, const cJSON *line)
{
	static const char *const names[] = {"account", "call_id", "start", "stop"};
	char text[TABLE_DURATION_BYTES];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		table_add(t, text_of(line, names[i]));
	table_add(t, table_duration((uint64_t)number_of(line, "duration_ms"), text));
	table_addf(t, "%.0f", number_of(line, "billed_seconds"));
	table_add(t, text_of(line, "rate_per_minute"));
	table_add(t, text_of(line, "amount"));
	table_add(t, text_of(line, "currency"));
}

static void add_total(struct table *t, const cJSON *total)
{
	char text[TABLE_DURATION_BYTES];

	table_add(t, text_of(total, "account"));
	table_addf(t, "%.0f", number_of(total, "usages"));
	table_add(t, table_duration((uint64_t)number_of(total, "duration_ms"), text));
	table_addf(t, "%.0f", number_of(total, "billed_seconds"));
	table_add(t, text_of(total, "amount"));
	table_add(t, text_of(total, "currency"));
}

static int show_report(const struct arguments *a, const cJSON *report)
{
	const cJSON *head = cJSON_GetObjectItemCaseSensitive(report, "head");
	const cJSON *item;
	struct table *t = table_create(
		"ACCOUNT|CALL ID|START|STOP|>DURATION|>BILLED S|>PER MINUTE|>AMOUNT|CURRENCY");
	int err;

	cJSON_ArrayForEach(item, cJSON_GetObjectItem(report, "lines"))
	{
		add_usage(t, item);
	}
	err = table_print(t, stdout);
	puts("");
	t = table_create("TOTAL OF|>USAGES|>DURATION|>BILLED S|>AMOUNT|CURRENCY");
	cJSON_ArrayForEach(item, cJSON_GetObjectItem(report, "totals"))
	{
		add_total(t, item);
	}
	err |= table_print(t, stdout);
	if (err)
		return command_fail(a, COMMAND_FAILED, "no memory");
	printf("\nnot billable yet: %.0f being recorded, %.0f being delivered\nhead %.0f:%s\n",
		number_of(report, "open"), number_of(report, "undelivered"), number_of(head, "seq"),
		text_of(head, "hash") ? text_of(head, "hash") : "");
	return 0;
}

static int show_csv(const struct arguments *a, const cJSON *report)
{
	char *csv = billing_csv(report);

	if (!csv)
		return command_fail(a, COMMAND_FAILED, "no memory");
	fputs(csv, stdout);
	free(csv);
	return 0;
}

static int show_verdict(const struct arguments *a, const cJSON *verdict)
{
	const cJSON *head = cJSON_GetObjectItemCaseSensitive(verdict, "head");
	const char *why = text_of(verdict, "Message");

	if (a->json && command_print_json(a, verdict) != 0)
		return COMMAND_FAILED;
	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(verdict, "verified")))
		return command_fail(a, COMMAND_FAILED, "%s", why ? why : "not verified");
	if (!a->json)
		printf("the chain of %.0f entries is whole%s\nhead %.0f:%s\n",
			number_of(head, "seq"), a->head ? ", and the head stands in it" : "",
			number_of(head, "seq"), text_of(head, "hash") ? text_of(head, "hash") : "");
	return 0;
}

int command_billing(const struct arguments *a, struct client *c)
{
	struct billing_query query = {.account = a->account};
	cJSON *o = NULL;
	int status = parse_time(a, "from", a->from, &query.from_ms);

	if (status == 0)
		status = parse_time(a, "to", a->to, &query.to_ms);
	if (status == 0)
		status = a->ledger ? from_file(a, &query, &o) : from_legtapd(a, c, &o);
	if (status)
		return status;
	if (a->verify)
		status = show_verdict(a, o);
	else if (a->csv)
		status = show_csv(a, o);
	else
		status = a->json ? command_print_json(a, o) : show_report(a, o);
	cJSON_Delete(o);
	return status;
}
