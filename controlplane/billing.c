/* Prices the ledger. A usage is priced when its `delivered` entry is read, by the tariff of its
 * `start`; only usages that are not delivered yet are held in memory, beside the report itself. */
#include "controlplane/billing.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/datetime.h"
#include "controlplane/ledger_reader.h"
#include "controlplane/usage.h"

struct total {
	char account[64];
	char currency[8];
	uint64_t usages;
	uint64_t duration_ms;
	uint64_t billed_seconds;
	struct decimal amount;
};

struct report {
	const struct billing_query *query;
	struct usages *usages;
	void *totals; /* tsearch(3), by account and currency */
	cJSON *lines;
};

/* --- Price --- */

static uint64_t billed_seconds(const struct tariff *t, uint64_t duration_ms)
{
	uint64_t step_ms = t->rounding_seconds * 1000ULL;
	uint64_t seconds = (duration_ms + step_ms - 1) / step_ms * t->rounding_seconds;

	return seconds < t->minimum_seconds ? t->minimum_seconds : seconds;
}

static int price(const struct tariff *t, uint64_t seconds, struct decimal *amount)
{
	return decimal_scale_round(&t->rate_per_minute, seconds, 60, t->currency_digits, amount);
}

/* --- Totals --- */

static int compare_totals(const void *a, const void *b)
{
	const struct total *x = a;
	const struct total *y = b;
	int order = strcmp(x->account, y->account);

	return order ? order : strcmp(x->currency, y->currency);
}

static struct total *total_of(struct report *r, const struct usage *u)
{
	struct total key = {.usages = 0};
	struct total **found;

	strcpy(key.account, u->account);
	strcpy(key.currency, u->tariff.currency);
	found = tfind(&key, &r->totals, compare_totals);
	if (!found) {
		struct total *made = malloc(sizeof(*made));

		if (!made)
			return NULL;
		*made = key;
		found = tsearch(made, &r->totals, compare_totals);
		if (!found)
			free(made);
	}
	return found ? *found : NULL;
}

/* A currency's digits may have been changed: the sum has the larger number of them, exactly. */
static int add_amount(struct decimal *sum, const struct decimal *amount)
{
	unsigned int scale = sum->scale > amount->scale ? sum->scale : amount->scale;
	struct decimal part;
	int err = decimal_scale_round(sum, 1, 1, scale, sum);

	if (err == 0)
		err = decimal_scale_round(amount, 1, 1, scale, &part);
	return err ? err : decimal_add(sum, &part);
}

static int count_in(
	struct report *r, const struct usage *u, uint64_t seconds, const struct decimal *amount)
{
	struct total *t = total_of(r, u);

	if (!t)
		return -ENOMEM;
	t->usages++;
	t->duration_ms += u->duration_ms;
	t->billed_seconds += seconds;
	return add_amount(&t->amount, amount);
}

static void print_total(const void *node, VISIT visit, void *totals)
{
	const struct total *t = *(const struct total *const *)node;
	char amount[DECIMAL_TEXT_BYTES];
	cJSON *o;

	if (visit != postorder && visit != leaf)
		return;
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "account", t->account);
	cJSON_AddStringToObject(o, "currency", t->currency);
	cJSON_AddNumberToObject(o, "usages", (double)t->usages);
	cJSON_AddNumberToObject(o, "duration_ms", (double)t->duration_ms);
	cJSON_AddNumberToObject(o, "billed_seconds", (double)t->billed_seconds);
	cJSON_AddStringToObject(o, "amount", decimal_format(&t->amount, amount));
	cJSON_AddItemToArray(totals, o);
}

/* --- Lines --- */

static bool account_fits(const struct billing_query *q, const char *account)
{
	return !q->account || strcmp(q->account, account) == 0;
}

static bool period_fits(const struct billing_query *q, int64_t time_ms)
{
	return (q->from_ms == 0 || time_ms >= q->from_ms) && (q->to_ms == 0 || time_ms < q->to_ms);
}

static void add_uuid(cJSON *o, const char *name, const struct uuid *u)
{
	char text[UUID_TEXT_BYTES];

	cJSON_AddStringToObject(o, name, uuid_format(u, text));
}

static void add_time(cJSON *o, const char *name, int64_t ms)
{
	char text[DATETIME_TEXT_BYTES];

	cJSON_AddStringToObject(o, name, datetime_format(ms, text));
}

static int add_line(struct report *r, const struct usage *u, int64_t delivered_ms)
{
	char text[DECIMAL_TEXT_BYTES];
	uint64_t seconds = billed_seconds(&u->tariff, u->duration_ms);
	struct decimal amount;
	int err = price(&u->tariff, seconds, &amount);
	cJSON *o;

	if (err == 0)
		err = count_in(r, u, seconds, &amount);
	if (err)
		return err;
	o = cJSON_CreateObject();
	if (!o)
		return -ENOMEM;
	cJSON_AddItemToArray(r->lines, o);
	cJSON_AddStringToObject(o, "account", u->account);
	add_uuid(o, "recording_id", &u->recording_id);
	add_uuid(o, "transaction_id", &u->transaction_id);
	add_uuid(o, "call_id", &u->call_id);
	add_time(o, "start", u->start_ms);
	add_time(o, "stop", u->stop_ms);
	add_time(o, "delivered", delivered_ms);
	cJSON_AddNumberToObject(o, "duration_ms", (double)u->duration_ms);
	cJSON_AddNumberToObject(o, "billed_seconds", (double)seconds);
	cJSON_AddStringToObject(
		o, "rate_per_minute", decimal_format(&u->tariff.rate_per_minute, text));
	cJSON_AddStringToObject(o, "currency", u->tariff.currency);
	/* the last one: if it is there, so is memory for all before */
	return cJSON_AddStringToObject(o, "amount", decimal_format(&amount, text)) ? 0 : -ENOMEM;
}

static int take_entry(struct report *r, const struct ledger_line *line, struct errmsg *e)
{
	const struct usage *u = usages_find(r->usages, &line->recording_id);
	const bool known = u;
	struct usage usage = {0};
	int err;

	if (known)
		usage = *u; /* applying the entry may end it */
	err = usages_apply(r->usages, line, e);
	if (err)
		return err == -ENOMEM ? err : -EBADMSG;
	if (line->type != LEDGER_DELIVERED || !known || !account_fits(r->query, usage.account) ||
		!period_fits(r->query, line->time_ms))
		return 0;
	err = add_line(r, &usage, line->time_ms);
	if (err == -ERANGE)
		errmsg_set(e, err, "its amount has too many digits");
	return err;
}

static int read_ledger(struct report *r, struct ledger_reader *reader, struct errmsg *e)
{
	struct ledger_line line;
	struct errmsg why = {"out of memory"};
	int n;

	while ((n = ledger_reader_next(reader, &line, e)) == 1) {
		int err = take_entry(r, &line, &why);

		if (err)
			return errmsg_set(e, err, "line %" PRIu64 ": %s", reader->line, why.text);
	}
	if (n == -ENODATA) /* legtapd is writing it just now */
		return 0;
	return n == -EILSEQ ? -EBADMSG : n;
}

/* --- The report --- */

static void count_unbilled(const struct report *r, double *open, double *undelivered)
{
	*open = *undelivered = 0;
	for (size_t i = 0; i < usages_count(r->usages); i++) {
		const struct usage *u = usages_at(r->usages, i);

		if (u && account_fits(r->query, u->account))
			++*(u->stopped ? undelivered : open);
	}
}

static cJSON *compose(struct report *r, const struct ledger_reader *reader)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *totals;
	cJSON *head;
	double open;
	double undelivered;

	if (cJSON_AddItemToObject(o, "lines", r->lines))
		r->lines = NULL;
	totals = cJSON_AddArrayToObject(o, "totals");
	twalk_r(r->totals, print_total, totals);
	count_unbilled(r, &open, &undelivered);
	cJSON_AddNumberToObject(o, "open", open);
	cJSON_AddNumberToObject(o, "undelivered", undelivered);
	head = cJSON_AddObjectToObject(o, "head");
	cJSON_AddNumberToObject(head, "seq", (double)reader->seq);
	if (!cJSON_AddStringToObject(head, "hash", reader->hash)) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}

int billing_report(const char *ledger_path, const struct billing_query *query, struct cJSON **out,
	struct errmsg *e)
{
	struct report r = {.query = query, .lines = cJSON_CreateArray()};
	struct errmsg why = {"out of memory"};
	struct ledger_reader reader;
	int err = ledger_reader_open(&reader, ledger_path, e);

	if (err) {
		cJSON_Delete(r.lines);
		return err;
	}
	err = r.lines ? usages_create(&r.usages) : -ENOMEM;
	if (err == 0)
		err = read_ledger(&r, &reader, &why);
	if (err == 0) {
		*out = compose(&r, &reader);
		err = *out ? 0 : -ENOMEM;
	}
	if (err)
		errmsg_set(e, err, "%s, %s", ledger_path, why.text);
	cJSON_Delete(r.lines);
	tdestroy(r.totals, free);
	usages_destroy(r.usages);
	ledger_reader_close(&reader);
	return err;
}
