#include "ledger_files.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static char path[128];

const char *ledger_folder(void)
{
	if (!*folder) {
		strcpy(folder, "/tmp/legtap-ledger-XXXXXX");
		assert_non_null(mkdtemp(folder));
	}
	return folder;
}

const char *ledger_file(void)
{
	snprintf(path, sizeof(path), "%s/ledger.jsonl", ledger_folder());
	return path;
}

void ledger_folder_remove(void)
{
	char command[128];

	if (!*folder)
		return;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	*folder = '\0';
}

struct account_config tariff_of(const char *id, const char *rate, const char *currency,
	unsigned int digits, unsigned int rounding_s, unsigned int minimum_s)
{
	struct account_config a = {.currency_digits = digits,
		.rounding_seconds = rounding_s,
		.minimum_seconds = minimum_s};

	snprintf(a.id, sizeof(a.id), "%s", id);
	snprintf(a.currency, sizeof(a.currency), "%s", currency);
	assert_int_equal(decimal_parse(rate, &a.rate_per_minute), 0);
	return a;
}

struct uuid recording_of(unsigned int n)
{
	char text[16];
	const char *const parts[] = {"recording", text};
	struct uuid id;

	snprintf(text, sizeof(text), "%u", n);
	uuid_named(&id, parts, 2);
	return id;
}

static struct ledger_entry entry_of(
	unsigned int n, enum ledger_type type, const struct account_config *a, int64_t time_ms)
{
	struct ledger_entry e = {.type = type,
		.time_ms = time_ms,
		.account = a,
		.account_id = a->id,
		.recording_id = recording_of(n)};

	assert_int_equal(uuid_parse("11111111-2222-3333-4444-555555555555", &e.transaction_id), 0);
	assert_int_equal(uuid_parse("66666666-7777-8888-9999-aaaaaaaaaaaa", &e.call_id), 0);
	return e;
}

struct ledger_entry start_of(unsigned int n, const struct account_config *a, int64_t time_ms)
{
	return entry_of(n, LEDGER_START, a, time_ms);
}

struct ledger_entry stop_of(
	unsigned int n, const struct account_config *a, int64_t time_ms, uint64_t duration_ms)
{
	struct ledger_entry e = entry_of(n, LEDGER_STOP, a, time_ms);

	e.duration_ms = duration_ms;
	e.reason = "hangup";
	return e;
}

struct ledger_entry delivered_of(unsigned int n, const struct account_config *a, int64_t time_ms)
{
	struct ledger_entry e = entry_of(n, LEDGER_DELIVERED, a, time_ms);

	e.sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	e.bytes = 44 + n;
	return e;
}

void ledger_turn(struct ledger *l)
{
	struct pollfd p = {.fd = ledger_wake_fd(l), .events = POLLIN};

	while (poll(&p, 1, 10000) < 0)
		continue;
	assert_int_equal(p.revents, POLLIN);
	ledger_poll(l);
}

static void note(void *arg, int err)
{
	*(int *)arg = err;
}

int append_and_wait(struct ledger *l, const struct ledger_entry *entry)
{
	int result = 1;

	ledger_append(l, entry, note, &result);
	while (result == 1)
		ledger_turn(l);
	return result;
}

int verified_independently(const char *file, const char *head)
{
	char command[512];
	int status;

	snprintf(command, sizeof(command),
		"python3 %s/docs/examples/verify_ledger.py %s %s >/dev/null 2>&1", SOURCE_ROOT,
		file, head ? head : "");
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

char *file_read(const char *file, size_t *bytes)
{
	FILE *f = fopen(file, "r");
	char *text = NULL;
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(text);
	*bytes = fread(text, 1, (size_t)st.st_size, f);
	fclose(f);
	return text;
}

void file_write(const char *file, const char *text, size_t bytes)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
}
