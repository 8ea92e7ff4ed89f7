/* Verifies a ledger: its own chain, and that an entry which was noted elsewhere still stands in it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/billing.h"
#include "controlplane/ledger_reader.h"

struct head {
	uint64_t seq;
	char hash[DIGEST_TEXT_BYTES];
};

static int parse_head(const char *text, struct head *head, struct errmsg *e)
{
	size_t digits = strspn(text, "0123456789");
	const char *hash = text + digits + 1;

	if (digits == 0 || digits > 18 || text[digits] != ':' || strlen(hash) != 64 ||
		strspn(hash, "0123456789abcdef") != 64)
		return errmsg_set(e, -EINVAL,
			"\"%.100s\" is no head; it must be SEQ:HASH, an entry's number and its "
			"hash of 64 hexadecimal digits",
			text);
	head->seq = strtoull(text, NULL, 10);
	strcpy(head->hash, hash);
	return 0;
}

static int compare(const struct ledger_reader *r, const struct head *head, struct errmsg *e)
{
	if (r->seq != head->seq || strcmp(r->hash, head->hash) == 0)
		return 0;
	return errmsg_set(e, -EBADMSG,
		"line %" PRIu64 ": entry %" PRIu64
		" has the hash %s, and the head says %s: the chain is whole, but it is another "
		"one: it was computed anew from some entry on",
		r->line, r->seq, r->hash, head->hash);
}

static int verify_chain(struct ledger_reader *r, const struct head *head, struct errmsg *e)
{
	struct ledger_line line;
	int n = 1;

	while (n == 1) {
		int err = head ? compare(r, head, e) : 0;

		if (err)
			return err;
		n = ledger_reader_next(r, &line, e);
	}
	if (n != 0 && n != -ENODATA) /* -ENODATA: legtapd is writing it just now */
		return n == -EILSEQ ? -EBADMSG : n;
	if (head && head->seq > r->seq)
		return errmsg_set(e, -EBADMSG,
			"after line %" PRIu64 ": the ledger ends with entry %" PRIu64
			", and the head is entry %" PRIu64 ": its end was cut off",
			r->line, r->seq, head->seq);
	return 0;
}

/* newest: the chain's head, when it is whole. */
static int verify(const char *ledger_path, const char *head, struct head *newest, struct errmsg *e)
{
	struct ledger_reader reader;
	struct errmsg why = {""};
	struct head parsed = {0};
	int err = head ? parse_head(head, &parsed, e) : 0;

	if (err == 0)
		err = ledger_reader_open(&reader, ledger_path, e);
	if (err)
		return err;
	err = verify_chain(&reader, head ? &parsed : NULL, &why);
	newest->seq = reader.seq;
	strcpy(newest->hash, reader.hash);
	ledger_reader_close(&reader);
	return err ? errmsg_set(e, err, "%s, %s", ledger_path, why.text) : 0;
}

int billing_verify(const char *ledger_path, const char *head, struct errmsg *e)
{
	struct head newest;

	return verify(ledger_path, head, &newest, e);
}

int billing_verdict(const char *ledger_path, const char *head, struct cJSON **out, struct errmsg *e)
{
	struct head newest;
	struct errmsg why = {""};
	int err = verify(ledger_path, head, &newest, &why);
	cJSON *o;
	cJSON *last;

	if (err != 0 && err != -EBADMSG)
		return errmsg_set(e, err, "%s", why.text);
	o = cJSON_CreateObject();
	cJSON_AddBoolToObject(o, "verified", err == 0);
	if (err == 0) {
		cJSON *found = cJSON_AddObjectToObject(o, "head");

		cJSON_AddNumberToObject(found, "seq", (double)newest.seq);
		last = cJSON_AddStringToObject(found, "hash", newest.hash);
	} else {
		last = cJSON_AddStringToObject(o, "Message", why.text);
	}
	if (!last) {
		cJSON_Delete(o);
		return errmsg_set(e, -ENOMEM, "out of memory");
	}
	*out = o;
	return 0;
}
