#include "ledger_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/billing.h"

#define NOON 1709208000000 /* 2024-02-29T12:00:00Z */
#define HOUR 3600000

static struct ledger *ledger;
static const struct billing_query everything;

static int setup(void **state)
{
	assert_int_equal(ledger_open(&ledger, ledger_folder(), true, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	ledger_close(ledger);
	ledger = NULL;
	ledger_folder_remove();
	return 0;
}

static void append(struct ledger_entry entry)
{
	assert_int_equal(append_and_wait(ledger, &entry), 0);
}

/* The n-th recording, from NOON on, delivered an hour later. */
static void use(unsigned int n, const struct account_config *a, uint64_t duration_ms)
{
	append(start_of(n, a, NOON));
	append(stop_of(n, a, NOON + (int64_t)duration_ms, duration_ms));
	append(delivered_of(n, a, NOON + HOUR));
}

static cJSON *report(const struct billing_query *q)
{
	struct errmsg e = {""};
	cJSON *out = NULL;

	if (billing_report(ledger_file(), q, &out, &e) != 0)
		fail_msg("%s", e.text);
	return out;
}

static const cJSON *at(const cJSON *report, const char *list, int index)
{
	const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItem(report, list), index);

	assert_non_null(item);
	return item;
}

static int count(const cJSON *report, const char *list)
{
	return cJSON_GetArraySize(cJSON_GetObjectItem(report, list));
}

static const char *text_in(const cJSON *o, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));

	assert_non_null(text);
	return text;
}

static double number_in(const cJSON *o, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);

	assert_true(cJSON_IsNumber(item));
	return item->valuedouble;
}

static void prices_each_usage_by_itself(void **state)
{
	static const struct {
		const char *rate;
		unsigned int digits;
		unsigned int rounding_s;
		unsigned int minimum_s;
		uint64_t duration_ms;
		unsigned int billed_s;
		const char *amount;
	} cases[] = {
		{"0.0125", 4, 1, 0, 60000, 60, "0.0125"},
		{"0.0125", 4, 1, 0, 60001, 61, "0.0127"},
		{"0.0125", 2, 60, 0, 1, 60, "0.01"},
		{"0.0125", 2, 60, 0, 60000, 60, "0.01"},
		{"0.0125", 2, 60, 0, 60001, 120, "0.03"}, /* 0.025 */
		{"1", 2, 6, 30, 0, 30, "0.50"},
		{"1", 2, 6, 30, 29000, 30, "0.50"},
		{"1", 2, 6, 30, 30001, 36, "0.60"},
		{"1", 2, 60, 90, 60001, 120, "2.00"},
		{"1", 2, 1, 0, 0, 0, "0.00"},
		{"100", 0, 1, 0, 300, 1, "2"}, /* 1.67 */
		{"0", 2, 1, 0, 3600000, 3600, "0.00"},
	};
	enum { CASES = sizeof(cases) / sizeof(cases[0]) };
	cJSON *r;

	for (unsigned int i = 0; i < CASES; i++) {
		struct account_config a = tariff_of("acme", cases[i].rate, "EUR", cases[i].digits,
			cases[i].rounding_s, cases[i].minimum_s);

		use(i, &a, cases[i].duration_ms);
	}
	r = report(&everything);
	assert_int_equal(count(r, "lines"), CASES);
	for (int i = 0; i < CASES; i++) {
		const cJSON *line = at(r, "lines", i);

		assert_string_equal(text_in(line, "amount"), cases[i].amount);
		assert_int_equal(number_in(line, "billed_seconds"), cases[i].billed_s);
		assert_int_equal(number_in(line, "duration_ms"), cases[i].duration_ms);
		assert_string_equal(text_in(line, "rate_per_minute"), cases[i].rate);
	}
	/* 0.0125 + 0.0127 + 0.01 + 0.01 + 0.03 + 0.50 + 0.50 + 0.60 + 2.00 + 2 */
	assert_string_equal(text_in(at(r, "totals", 0), "amount"), "5.6752");
	cJSON_Delete(r);
}

static void shows_the_documented_members(void **state)
{
	struct account_config a = tariff_of("acme", "0.6", "EUR", 2, 1, 0);
	char hash[65];
	uint64_t seq;
	char id[UUID_TEXT_BYTES];
	struct uuid recording = recording_of(7);
	const cJSON *line;
	const cJSON *total;
	cJSON *r;

	use(7, &a, 61000);
	r = report(&everything);
	line = at(r, "lines", 0);
	assert_string_equal(text_in(line, "account"), "acme");
	assert_string_equal(text_in(line, "recording_id"), uuid_format(&recording, id));
	assert_string_equal(
		text_in(line, "transaction_id"), "11111111-2222-3333-4444-555555555555");
	assert_string_equal(text_in(line, "call_id"), "66666666-7777-8888-9999-aaaaaaaaaaaa");
	assert_string_equal(text_in(line, "start"), "2024-02-29T12:00:00.000Z");
	assert_string_equal(text_in(line, "stop"), "2024-02-29T12:01:01.000Z");
	assert_string_equal(text_in(line, "delivered"), "2024-02-29T13:00:00.000Z");
	assert_string_equal(text_in(line, "currency"), "EUR");
	assert_string_equal(text_in(line, "amount"), "0.61");
	total = at(r, "totals", 0);
	assert_string_equal(text_in(total, "account"), "acme");
	assert_string_equal(text_in(total, "currency"), "EUR");
	assert_string_equal(text_in(total, "amount"), "0.61");
	assert_int_equal(number_in(total, "usages"), 1);
	assert_int_equal(number_in(total, "duration_ms"), 61000);
	assert_int_equal(number_in(total, "billed_seconds"), 61);
	ledger_head(ledger, &seq, hash);
	assert_int_equal(number_in(cJSON_GetObjectItem(r, "head"), "seq"), seq);
	assert_string_equal(text_in(cJSON_GetObjectItem(r, "head"), "hash"), hash);
	cJSON_Delete(r);
}

static void three_legs_are_three_usages(void **state)
{
	struct account_config a = tariff_of("acme", "1", "EUR", 2, 60, 0);
	cJSON *r;

	append(start_of(1, &a, NOON));
	append(start_of(2, &a, NOON + 5000));
	append(stop_of(2, &a, NOON + 65000, 60000));
	append(start_of(3, &a, NOON + 70000));
	append(stop_of(3, &a, NOON + 100000, 30000));
	append(stop_of(1, &a, NOON + 101000, 101000));
	append(delivered_of(3, &a, NOON + 102000));
	append(delivered_of(1, &a, NOON + 103000));
	append(delivered_of(2, &a, NOON + 104000));
	r = report(&everything);
	assert_int_equal(count(r, "lines"), 3);
	assert_string_equal(text_in(at(r, "lines", 0), "amount"), "1.00");
	assert_string_equal(text_in(at(r, "lines", 1), "amount"), "2.00");
	assert_string_equal(text_in(at(r, "lines", 2), "amount"), "1.00");
	assert_string_equal(text_in(at(r, "totals", 0), "amount"), "4.00");
	cJSON_Delete(r);
}

static void never_adds_across_currencies(void **state)
{
	struct account_config eur = tariff_of("b", "1", "EUR", 2, 60, 0);
	struct account_config usd = tariff_of("b", "1", "USD", 2, 60, 0);
	struct account_config other = tariff_of("a", "1", "USD", 2, 60, 0);
	cJSON *r;

	for (unsigned int i = 0; i < 3; i++)
		use(i, &usd, 60000);
	use(3, &eur, 60000);
	use(4, &other, 60000);
	r = report(&everything);
	assert_int_equal(count(r, "totals"), 3);
	assert_string_equal(text_in(at(r, "totals", 0), "account"), "a");
	assert_string_equal(text_in(at(r, "totals", 1), "currency"), "EUR");
	assert_string_equal(text_in(at(r, "totals", 1), "amount"), "1.00");
	assert_string_equal(text_in(at(r, "totals", 2), "currency"), "USD");
	assert_string_equal(text_in(at(r, "totals", 2), "amount"), "3.00");
	cJSON_Delete(r);
}

static void asks_for_an_account_and_a_period(void **state)
{
	struct account_config a = tariff_of("a", "1", "EUR", 2, 60, 0);
	struct account_config b = tariff_of("b", "1", "EUR", 2, 60, 0);
	struct billing_query q = {.from_ms = NOON, .to_ms = NOON + HOUR};
	char *closed;
	char *again;
	cJSON *r;

	append(start_of(1, &a, NOON - HOUR));
	append(stop_of(1, &a, NOON - 1, HOUR - 1));
	append(start_of(2, &b, NOON - HOUR));
	append(stop_of(2, &b, NOON - 1, HOUR - 1));
	append(delivered_of(1, &a, NOON));
	append(delivered_of(2, &b, NOON + HOUR - 1));
	use(3, &a, 60000); /* delivered at NOON + HOUR: the next period's */
	append(start_of(4, &a, NOON));
	append(start_of(5, &b, NOON));
	append(stop_of(5, &b, NOON, 0));
	r = report(&q);
	assert_int_equal(count(r, "lines"), 2);
	assert_int_equal(number_in(r, "open"), 1);
	assert_int_equal(number_in(r, "undelivered"), 1);
	closed = cJSON_Print(cJSON_GetObjectItem(r, "lines"));
	cJSON_Delete(r);
	q.account = "a";
	r = report(&q);
	assert_int_equal(count(r, "lines"), 1);
	assert_int_equal(number_in(r, "open"), 1);
	assert_int_equal(number_in(r, "undelivered"), 0);
	cJSON_Delete(r);
	/* what comes later changes no closed period */
	append(stop_of(4, &a, NOON + 60000, 60000));
	append(delivered_of(4, &a, NOON + 2 * HOUR));
	append(delivered_of(5, &b, NOON + 2 * HOUR));
	q.account = NULL;
	r = report(&q);
	again = cJSON_Print(cJSON_GetObjectItem(r, "lines"));
	assert_string_equal(closed, again);
	cJSON_Delete(r);
	cJSON_free(closed);
	cJSON_free(again);
	q = (struct billing_query){.from_ms = NOON + HOUR};
	r = report(&q);
	assert_int_equal(count(r, "lines"), 3);
	cJSON_Delete(r);
}

static void bills_by_the_tariff_of_the_start(void **state)
{
	struct account_config before = tariff_of("a", "1", "EUR", 2, 60, 0);
	struct account_config after = tariff_of("a", "2", "EUR", 4, 60, 0);
	cJSON *r;

	append(start_of(1, &before, NOON));
	append(start_of(2, &after, NOON));
	append(stop_of(1, &after, NOON + 60000, 60000));
	append(stop_of(2, &after, NOON + 60000, 60000));
	append(delivered_of(1, &after, NOON + HOUR));
	append(delivered_of(2, &after, NOON + HOUR));
	r = report(&everything);
	assert_string_equal(text_in(at(r, "lines", 0), "amount"), "1.00");
	assert_string_equal(text_in(at(r, "lines", 1), "amount"), "2.0000");
	assert_string_equal(text_in(at(r, "totals", 0), "amount"), "3.0000");
	cJSON_Delete(r);
}

/* Prices a ledger without legtap: for each delivered usage its id, seconds and amount. */
static const char *const reckoner =
	"python3 - %s <<'END'\n"
	"import json, sys\n"
	"from decimal import Decimal, ROUND_HALF_UP\n"
	"use = {}\n"
	"for line in open(sys.argv[1]):\n"
	"    e = json.loads(line); id = e['recording_id']\n"
	"    if e['type'] == 'start': use[id] = e\n"
	"    if e['type'] == 'stop': use[id]['ms'] = e['duration_ms']\n"
	"    if e['type'] == 'delivered':\n"
	"        u = use.pop(id); r = u['rounding_seconds']\n"
	"        s = max(-(-u['ms'] // (r * 1000)) * r, u['minimum_seconds'])\n"
	"        q = Decimal(1).scaleb(-u['currency_digits'])\n"
	"        a = (Decimal(u['rate_per_minute']) * s / 60).quantize(q, ROUND_HALF_UP)\n"
	"        print(id, s, format(a, 'f'))\n"
	"END";

static void agrees_with_an_independent_reckoner(void **state)
{
	enum { COUNT = 1000 };
	char command[2048];
	char id[64];
	char amount[64];
	unsigned int seconds;
	int lines = 0;
	FILE *in;
	cJSON *r;

	srand(11);
	for (unsigned int i = 0; i < COUNT; i++) {
		struct account_config a = tariff_of("a", "0", "EUR", (unsigned int)rand() % 7,
			1 + (unsigned int)rand() % 90, (unsigned int)rand() % 120);

		a.rate_per_minute = (struct decimal){rand() % 100000, (unsigned int)rand() % 8};
		use(i, &a, (uint64_t)rand() % (2 * HOUR));
	}
	r = report(&everything);
	snprintf(command, sizeof(command), reckoner, ledger_file());
	in = popen(command, "r");
	assert_non_null(in);
	while (fscanf(in, "%63s %u %63s", id, &seconds, amount) == 3) {
		const cJSON *line = at(r, "lines", lines++);

		assert_string_equal(text_in(line, "recording_id"), id);
		assert_int_equal(number_in(line, "billed_seconds"), seconds);
		assert_string_equal(text_in(line, "amount"), amount);
	}
	assert_int_equal(pclose(in), 0);
	assert_int_equal(lines, COUNT);
	cJSON_Delete(r);
}

static void says_when_an_amount_is_too_large(void **state)
{
	struct account_config a = tariff_of("a", "9000000000000000000", "EUR", 2, 60, 0);
	struct errmsg e = {""};
	cJSON *out = NULL;

	use(1, &a, 600000);
	assert_int_equal(billing_report(ledger_file(), &everything, &out, &e), -ERANGE);
	assert_non_null(strstr(e.text, "line 3: its amount has too many digits"));
	assert_int_equal(billing_report("/nowhere/ledger.jsonl", &everything, &out, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nowhere/ledger.jsonl: No such file"));
}

/* Python's csv module reads it back. */
static void writes_csv(void **state)
{
	struct account_config odd = tariff_of("a,\"b\"\n", "1", "EUR", 2, 60, 0);
	struct account_config plain = tariff_of("plain", "0.50", "EUR", 2, 60, 0);
	char command[1024];
	cJSON *r;
	char *text;

	use(1, &odd, 60000);
	use(2, &plain, 60001);
	r = report(&everything);
	text = billing_csv(r);
	assert_non_null(text);
	assert_memory_equal(text,
		"account,recording_id,transaction_id,call_id,start,stop,delivered,duration_ms,"
		"billed_seconds,rate_per_minute,currency,amount\r\n\"a,\"\"b\"\"\n\",",
		130);
	snprintf(command, sizeof(command), "%s.csv", ledger_file());
	file_write(command, text, strlen(text));
	snprintf(command, sizeof(command),
		"python3 -c \"\nimport csv\n"
		"rows = list(csv.DictReader(open('%s.csv', newline='')))\n"
		"assert len(rows) == 2\n"
		"assert rows[0]['account'] == 'a,\\\"b\\\"\\n'\n"
		"assert rows[1]['amount'] == '1.00' and rows[1]['duration_ms'] == '60001'\n\"",
		ledger_file());
	assert_int_equal(system(command), 0);
	free(text);
	cJSON_Delete(r);
}

/* --- Verification --- */

static void five_entries(void)
{
	struct account_config a = tariff_of("acme", "1", "EUR", 2, 60, 0);

	use(1, &a, 60000);
	append(start_of(2, &a, NOON));
	append(stop_of(2, &a, NOON + 1000, 1000));
}

static const char *head_text(void)
{
	static char head[128];
	char hash[65];
	uint64_t seq;

	ledger_head(ledger, &seq, hash);
	snprintf(head, sizeof(head), "%" PRIu64 ":%s", seq, hash);
	return head;
}

/* Verifies a changed copy of the ledger; what is said. The independent script must find it too. */
static const char *verified(const char *text, size_t bytes, const char *head, int expected)
{
	static struct errmsg e;
	char path[256];

	snprintf(path, sizeof(path), "%s.copy", ledger_file());
	file_write(path, text, bytes);
	e.text[0] = '\0';
	assert_int_equal(billing_verify(path, head, &e), expected);
	assert_true((verified_independently(path, head) == 0) == (expected == 0));
	return e.text;
}

static char *line_at(char *text, unsigned int line)
{
	while (--line)
		text = strchr(text, '\n') + 1;
	return text;
}

static void finds_altered_entries(void **state)
{
	size_t bytes;
	char *text;

	five_entries();
	text = file_read(ledger_file(), &bytes);
	assert_string_equal(verified(text, bytes, NULL, 0), "");
	assert_string_equal(verified(text, bytes, head_text(), 0), "");
	/* any byte of the second line, but a few whose change is no other entry */
	for (char *p = line_at(text, 2); *p != '\n'; p++) {
		struct errmsg e;
		char path[256];

		*p ^= 1;
		snprintf(path, sizeof(path), "%s.copy", ledger_file());
		file_write(path, text, bytes);
		assert_int_equal(billing_verify(path, NULL, &e), -EBADMSG);
		assert_non_null(strstr(e.text, "line 2: "));
		*p ^= 1;
	}
	memcpy(strstr(line_at(text, 2), "60000"), "10000", 5);
	assert_non_null(strstr(verified(text, bytes, NULL, -EBADMSG), "line 2: it was altered"));
	free(text);
}

static void finds_missing_and_moved_entries(void **state)
{
	size_t bytes;
	char *text;
	char *third;
	char *fourth;
	char copy[8192];

	five_entries();
	text = file_read(ledger_file(), &bytes);
	third = line_at(text, 3);
	fourth = line_at(text, 4);
	snprintf(copy, sizeof(copy), "%.*s%s", (int)(third - text), text, fourth);
	assert_non_null(strstr(verified(copy, strlen(copy), NULL, -EBADMSG),
		"line 3: entry 4 follows entry 2: 1 missing"));
	assert_non_null(strstr(verified(third, strlen(third), NULL, -EBADMSG),
		"line 1: entry 3 follows entry 0: 2 missing"));
	snprintf(copy, sizeof(copy), "%.*s%s", (int)(fourth - text), text, third);
	assert_non_null(strstr(verified(copy, strlen(copy), NULL, -EBADMSG),
		"line 4: entry 3 follows entry 3: entries were doubled or moved"));
	snprintf(copy, sizeof(copy), "%.*s\n%s", (int)(third - text), text, third);
	assert_non_null(strstr(verified(copy, strlen(copy), NULL, -EBADMSG),
		"line 3: it is no ledger entry: its length is wrong"));
	free(text);
}

static void finds_a_cut_end_by_the_head(void **state)
{
	struct errmsg e = {""};
	char path[256];
	size_t bytes;
	char *text;

	five_entries();
	text = file_read(ledger_file(), &bytes);
	bytes = (size_t)(line_at(text, 4) - text);
	assert_string_equal(verified(text, bytes, NULL, 0), "");
	assert_non_null(strstr(verified(text, bytes, head_text(), -EBADMSG),
		"after line 3: the ledger ends with entry 3, and the head is entry 5: its end was "
		"cut off"));
	assert_non_null(strstr(verified("", 0, head_text(), -EBADMSG), "ends with entry 0"));
	/* a line that is being written is no entry yet */
	snprintf(path, sizeof(path), "%s.copy", ledger_file());
	file_write(path, text, bytes + 100);
	assert_int_equal(billing_verify(path, NULL, &e), 0);
	assert_int_equal(billing_verify(path, head_text(), &e), -EBADMSG);
	text[bytes + 50] = '\0';
	file_write(path, text, bytes + 100);
	assert_int_equal(billing_verify(path, NULL, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "line 4: it holds NUL bytes"));
	free(text);
}

/* The same entries but for one price, chained anew. */
static void finds_a_recomputed_chain_by_the_head(void **state)
{
	struct account_config cheap = tariff_of("acme", "0", "EUR", 2, 60, 0);
	char head[128];
	size_t bytes;
	char *text;

	five_entries();
	snprintf(head, sizeof(head), "%s", head_text());
	teardown(state);
	setup(state);
	use(1, &cheap, 60000);
	append(start_of(2, &cheap, NOON));
	append(stop_of(2, &cheap, NOON + 1000, 1000));
	text = file_read(ledger_file(), &bytes);
	assert_string_equal(verified(text, bytes, NULL, 0), "");
	assert_non_null(strstr(verified(text, bytes, head, -EBADMSG),
		"the chain is whole, but it is another one: it was computed anew"));
	free(text);
	/* an entry of one chain put into another */
	assert_int_equal(strlen(strchr(head, ':')), 65);
}

static void finds_an_exchanged_entry(void **state)
{
	struct account_config cheap = tariff_of("acme", "0", "EUR", 2, 60, 0);
	char copy[8192];
	size_t bytes;
	char *text;
	char *other;

	five_entries();
	text = file_read(ledger_file(), &bytes);
	teardown(state);
	setup(state);
	use(1, &cheap, 60000);
	other = file_read(ledger_file(), &bytes);
	snprintf(copy, sizeof(copy), "%.*s%s", (int)(line_at(other, 2) - other), other,
		line_at(text, 2));
	assert_non_null(strstr(verified(copy, strlen(copy), NULL, -EBADMSG),
		"line 2: entry 2 was written after an entry with the hash"));
	free(text);
	free(other);
}

static void refuses_what_is_no_head(void **state)
{
	static const char *const wrong[] = {"", "5", "5:", ":", "x:y", "5:abc",
		"-1:", "5:000000000000000000000000000000000000000000000000000000000000000G"};
	struct errmsg e;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(billing_verify(ledger_file(), wrong[i], &e), -EINVAL);
		assert_non_null(strstr(e.text, "it must be SEQ:HASH"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(prices_each_usage_by_itself),
		TEST(shows_the_documented_members),
		TEST(three_legs_are_three_usages),
		TEST(never_adds_across_currencies),
		TEST(asks_for_an_account_and_a_period),
		TEST(bills_by_the_tariff_of_the_start),
		TEST(agrees_with_an_independent_reckoner),
		TEST(says_when_an_amount_is_too_large),
		TEST(writes_csv),
		TEST(finds_altered_entries),
		TEST(finds_missing_and_moved_entries),
		TEST(finds_a_cut_end_by_the_head),
		TEST(finds_a_recomputed_chain_by_the_head),
		TEST(finds_an_exchanged_entry),
		TEST(refuses_what_is_no_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
