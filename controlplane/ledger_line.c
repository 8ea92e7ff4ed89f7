#include "controlplane/ledger_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/datetime.h"

#define HASH_KEY ",\"hash\":\""
#define TAIL_BYTES (sizeof(HASH_KEY) - 1 + 64 + 2) /* of every line: the key, the digest, "} */
#define EXACT_MAX 9007199254740992.0		   /* 2^53: cJSON's numbers are doubles */

static const char *const type_names[] = {
	[LEDGER_START] = "start",
	[LEDGER_STOP] = "stop",
	[LEDGER_DELIVERED] = "delivered",
};
#define TYPES (sizeof(type_names) / sizeof(type_names[0]))

const char *ledger_type_name(enum ledger_type type)
{
	return type_names[type];
}

/* --- Writing --- */

static bool add_number(cJSON *o, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return cJSON_AddRawToObject(o, name, text);
}

static bool add_uuid(cJSON *o, const char *name, const struct uuid *u)
{
	char text[UUID_TEXT_BYTES];

	return cJSON_AddStringToObject(o, name, uuid_format(u, text));
}

static bool add_common(cJSON *o, const struct ledger_line *line)
{
	char time[DATETIME_TEXT_BYTES];

	return add_number(o, "seq", line->seq) &&
	       cJSON_AddStringToObject(o, "prev_hash", line->prev_hash) &&
	       cJSON_AddStringToObject(o, "time", datetime_format(line->time_ms, time)) &&
	       cJSON_AddStringToObject(o, "type", type_names[line->type]) &&
	       cJSON_AddStringToObject(o, "account", line->account) &&
	       add_uuid(o, "transaction_id", &line->transaction_id) &&
	       add_uuid(o, "call_id", &line->call_id) &&
	       add_uuid(o, "recording_id", &line->recording_id);
}

static bool add_tariff(cJSON *o, const struct tariff *t)
{
	char rate[DECIMAL_TEXT_BYTES];

	return cJSON_AddStringToObject(
		       o, "rate_per_minute", decimal_format(&t->rate_per_minute, rate)) &&
	       cJSON_AddStringToObject(o, "currency", t->currency) &&
	       add_number(o, "currency_digits", t->currency_digits) &&
	       add_number(o, "rounding_seconds", t->rounding_seconds) &&
	       add_number(o, "minimum_seconds", t->minimum_seconds);
}

static bool add_own(cJSON *o, const struct ledger_line *line)
{
	if (line->type == LEDGER_START)
		return add_tariff(o, &line->tariff);
	if (line->type == LEDGER_STOP)
		return add_number(o, "duration_ms", line->duration_ms) &&
		       cJSON_AddStringToObject(o, "reason", line->reason);
	return cJSON_AddStringToObject(o, "sha256", line->sha256) &&
	       add_number(o, "bytes", line->bytes);
}

int ledger_line_format(struct ledger_line *line, char out[LEDGER_LINE_BYTES])
{
	cJSON *o = cJSON_CreateObject();
	size_t body = 0;

	if (o && add_common(o, line) && add_own(o, line) &&
		cJSON_PrintPreallocated(o, out, LEDGER_LINE_BYTES - (int)TAIL_BYTES, false))
		body = strlen(out);
	cJSON_Delete(o);
	if (body == 0 || digest_sha256(out, body, line->hash) != 0)
		return -ENOMEM;
	/* over the closing brace, which was part of what is hashed */
	return (int)(body - 1) + sprintf(out + body - 1, HASH_KEY "%s\"}\n", line->hash);
}

/* --- Reading --- */

static int bad(struct errmsg *e, const char *what)
{
	return errmsg_set(e, -EBADMSG, "%s", what);
}

static int check_hash(const char *text, size_t bytes, struct ledger_line *line, struct errmsg *e)
{
	char body[LEDGER_LINE_BYTES];
	char hash[DIGEST_TEXT_BYTES];
	const char *tail = text + bytes - TAIL_BYTES;
	size_t key = sizeof(HASH_KEY) - 1;

	if (bytes <= TAIL_BYTES || bytes >= LEDGER_LINE_BYTES)
		return bad(e, "it is no ledger entry: its length is wrong");
	if (memcmp(tail, HASH_KEY, key) != 0 || memcmp(tail + key + 64, "\"}", 2) != 0)
		return bad(e, "it is no ledger entry: it does not end with its hash");
	memcpy(line->hash, tail + key, 64);
	line->hash[64] = '\0';
	memcpy(body, text, bytes - TAIL_BYTES);
	body[bytes - TAIL_BYTES] = '}';
	if (digest_sha256(body, bytes - TAIL_BYTES + 1, hash) != 0)
		return errmsg_set(e, -ENOMEM, "out of memory");
	if (strcmp(hash, line->hash) != 0)
		return errmsg_set(e, -EBADMSG,
			"it was altered: its bytes have the hash %s, and it says %s", hash,
			line->hash);
	return 0;
}

static int get_text(const cJSON *o, const char *name, char *out, size_t size, struct errmsg *e)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);

	if (!cJSON_IsString(item) || strlen(item->valuestring) >= size)
		return errmsg_set(e, -EBADMSG, "%s is missing or no text of at most %zu bytes",
			name, size - 1);
	strcpy(out, item->valuestring);
	return 0;
}

static int get_number(
	const cJSON *o, const char *name, uint64_t most, uint64_t *out, struct errmsg *e)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);
	double value = cJSON_IsNumber(item) ? item->valuedouble : -1;

	if (!(value >= 0 && value <= EXACT_MAX) || (double)(uint64_t)value != value ||
		(uint64_t)value > most)
		return errmsg_set(
			e, -EBADMSG, "%s is missing or no whole number in its range", name);
	*out = (uint64_t)value;
	return 0;
}

static int get_uuid(const cJSON *o, const char *name, struct uuid *out, struct errmsg *e)
{
	char text[UUID_TEXT_BYTES];
	int err = get_text(o, name, text, sizeof(text), e);

	if (err == 0 && uuid_parse(text, out) != 0)
		err = errmsg_set(e, -EBADMSG, "%s is no UUID", name);
	return err;
}

static int get_type(const cJSON *o, enum ledger_type *out, struct errmsg *e)
{
	char text[32];
	int err = get_text(o, "type", text, sizeof(text), e);

	if (err)
		return err;
	for (size_t i = 0; i < TYPES; i++) {
		if (strcmp(text, type_names[i]) == 0) {
			*out = (enum ledger_type)i;
			return 0;
		}
	}
	return errmsg_set(e, -EBADMSG, "its type \"%s\" is not known to this version", text);
}

static int get_time(const cJSON *o, int64_t *out, struct errmsg *e)
{
	char text[DATETIME_TEXT_BYTES];
	int err = get_text(o, "time", text, sizeof(text), e);

	if (err == 0 && datetime_parse(text, out) != 0)
		err = errmsg_set(e, -EBADMSG, "time is no RFC 3339 time with milliseconds");
	return err;
}

static int get_common(const cJSON *o, struct ledger_line *line, struct errmsg *e)
{
	int err = get_number(o, "seq", UINT64_MAX, &line->seq, e);

	err = err ? err : get_text(o, "prev_hash", line->prev_hash, sizeof(line->prev_hash), e);
	err = err ? err : get_time(o, &line->time_ms, e);
	err = err ? err : get_type(o, &line->type, e);
	err = err ? err : get_text(o, "account", line->account, sizeof(line->account), e);
	err = err ? err : get_uuid(o, "transaction_id", &line->transaction_id, e);
	err = err ? err : get_uuid(o, "call_id", &line->call_id, e);
	return err ? err : get_uuid(o, "recording_id", &line->recording_id, e);
}

static int get_tariff(const cJSON *o, struct tariff *t, struct errmsg *e)
{
	char rate[DECIMAL_TEXT_BYTES];
	uint64_t digits = 0;
	uint64_t rounding = 0;
	uint64_t minimum = 0;
	int err = get_text(o, "rate_per_minute", rate, sizeof(rate), e);

	if (err == 0 && decimal_parse(rate, &t->rate_per_minute) != 0)
		err = bad(e, "rate_per_minute is no decimal");
	err = err ? err : get_text(o, "currency", t->currency, sizeof(t->currency), e);
	err = err ? err : get_number(o, "currency_digits", DECIMAL_SCALE_MAX, &digits, e);
	err = err ? err : get_number(o, "rounding_seconds", UINT32_MAX, &rounding, e);
	err = err ? err : get_number(o, "minimum_seconds", UINT32_MAX, &minimum, e);
	if (err == 0 && rounding == 0)
		err = bad(e, "rounding_seconds is 0");
	t->currency_digits = (unsigned int)digits;
	t->rounding_seconds = (unsigned int)rounding;
	t->minimum_seconds = (unsigned int)minimum;
	return err;
}

static int get_own(const cJSON *o, struct ledger_line *line, struct errmsg *e)
{
	int err;

	if (line->type == LEDGER_START)
		return get_tariff(o, &line->tariff, e);
	if (line->type == LEDGER_STOP) {
		err = get_number(o, "duration_ms", UINT64_MAX, &line->duration_ms, e);
		return err ? err : get_text(o, "reason", line->reason, sizeof(line->reason), e);
	}
	err = get_text(o, "sha256", line->sha256, sizeof(line->sha256), e);
	return err ? err : get_number(o, "bytes", UINT64_MAX, &line->bytes, e);
}

int ledger_line_parse(const char *text, size_t bytes, struct ledger_line *line, struct errmsg *e)
{
	cJSON *o;
	int err;

	memset(line, 0, sizeof(*line));
	err = check_hash(text, bytes, line, e);
	if (err)
		return err;
	o = cJSON_ParseWithLength(text, bytes);
	if (!cJSON_IsObject(o))
		err = bad(e, "it is no JSON object");
	err = err ? err : get_common(o, line, e);
	err = err ? err : get_own(o, line, e);
	cJSON_Delete(o);
	return err;
}
