/* --read's ledger and recordings.jsonl: written when everything has ended, sorted by time, so that
 * two reads of one capture are equal to the byte whatever the order in which threads finished. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/account.h"
#include "controlplane/recording_json.h"
#include "controlplane/recordings.h"

struct read_entry {
	int64_t time_ms;
	unsigned int order; /* of its recording */
	enum ledger_type type;
	const struct recording *rec;
};

static int compare(const void *a, const void *b)
{
	const struct read_entry *x = a;
	const struct read_entry *y = b;

	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return (int)x->type - (int)y->type;
}

static size_t collect(struct recordings *r, int64_t end_ms, struct read_entry *entries)
{
	unsigned int order = 0;
	size_t count = 0;

	for (const struct recording *rec = r->first; rec; rec = rec->next, order++) {
		int64_t start_ms = recording_wall_ms(rec, rec->start_ns);
		int64_t stop_ms = start_ms + (int64_t)rec->duration_ms;

		entries[count++] = (struct read_entry){start_ms, order, LEDGER_START, rec};
		entries[count++] = (struct read_entry){stop_ms, order, LEDGER_STOP, rec};
		if (rec->state == RECORDING_DELIVERED)
			entries[count++] = (struct read_entry){
				stop_ms > end_ms ? stop_ms : end_ms, order, LEDGER_DELIVERED, rec};
	}
	return count;
}

static void append(struct recordings *r, const struct read_entry *from)
{
	const struct recording *rec = from->rec;
	struct ledger_entry entry = {.type = from->type,
		.time_ms = from->time_ms,
		.account = account_by_id(r->control->config, rec->info.account),
		.account_id = rec->info.account,
		.transaction_id = rec->info.transaction_id,
		.call_id = rec->info.call_id,
		.recording_id = rec->info.recording_id,
		.duration_ms = rec->duration_ms,
		.reason = rec->window.reason,
		.sha256 = rec->sha256,
		.bytes = rec->bytes};

	ledger_append(r->control->ledger, &entry, NULL, NULL);
}

static int write_ledger(struct recordings *r, uint64_t now_ns)
{
	struct read_entry *entries = calloc(3UL * (r->ended + 1), sizeof(*entries));
	size_t count;

	if (!entries)
		return -ENOMEM;
	count = collect(r, (int64_t)(now_ns / 1000000), entries);
	qsort(entries, count, sizeof(*entries), compare);
	for (size_t i = 0; i < count; i++)
		append(r, &entries[i]);
	free(entries);
	return 0;
}

static int write_list(struct recordings *r, FILE *f)
{
	for (const struct recording *rec = r->first; rec; rec = rec->next) {
		char *line = recording_line(rec);

		if (!line)
			return -ENOMEM;
		fputs(line, f);
		free(line);
	}
	if (fflush(f) != 0 || fsync(fileno(f)) != 0)
		return -errno;
	return 0;
}

int recordings_write_read_outputs(
	struct recordings *r, const char *out, uint64_t now_ns, struct errmsg *e)
{
	char path[4096];
	FILE *f;
	int err;

	snprintf(path, sizeof(path), "%s/recordings.jsonl", out);
	f = fopen(path, "wxe");
	if (!f)
		return errmsg_set(e, -errno, "cannot create %s: %s", path, strerror(errno));
	err = write_list(r, f);
	fclose(f);
	if (err == 0)
		err = write_ledger(r, now_ns);
	return err ? errmsg_set(e, err, "cannot write the outputs in %s: %s", out, strerror(-err))
		   : 0;
}
