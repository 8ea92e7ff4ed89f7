/* Reads one value of the configuration into its field. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/account.h"
#include "controlplane/config_form.h"
#include "controlplane/config_json.h"
#include "controlplane/config_key.h"

#define GIVEN_BYTES 80

/* Reads one value (of a list: one item). -EINVAL when it does not fit; `why` may say more. */
typedef int read_value(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why);

static void store(void *field, size_t size, int64_t value)
{
	if (size == 1)
		*(uint8_t *)field = (uint8_t)value;
	else if (size == 2)
		*(uint16_t *)field = (uint16_t)value;
	else
		*(uint32_t *)field = (uint32_t)value;
}

static int read_integer(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	struct decimal d;

	if (!cJSON_IsNumber(value) || decimal_parse(value->valuestring, &d) != 0 || d.scale != 0)
		return -EINVAL;
	if (d.units < key->minimum || d.units > key->maximum)
		return -EINVAL;
	store(field, key->size, d.units);
	return 0;
}

static int read_seconds(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	struct decimal d;

	if (!cJSON_IsNumber(value) || decimal_parse(value->valuestring, &d) != 0 || d.scale > 3)
		return -EINVAL;
	if (decimal_scale_round(&d, 1000, 1, 0, &d) != 0)
		return -EINVAL;
	if (d.units < key->minimum || d.units > key->maximum)
		return -EINVAL;
	store(field, key->size, d.units);
	return 0;
}

static int read_boolean(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	if (!cJSON_IsBool(value))
		return -EINVAL;
	*(bool *)field = cJSON_IsTrue(value);
	return 0;
}

static int copy_text(const struct config_key *key, const char *text, char *field, size_t size,
	struct errmsg *why)
{
	if (strlen(text) >= size)
		return errmsg_set(why, -EINVAL, "at most %zu bytes fit", size - 1);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return errmsg_set(why, -EINVAL, "it holds a control character");
	if (key->form && !key->form->fits(text))
		return -EINVAL;
	memset(field, 0, size);
	memcpy(field, text, strlen(text));
	return 0;
}

static int read_text(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	if (!cJSON_IsString(value))
		return -EINVAL;
	return copy_text(key, value->valuestring, field, key->size, why);
}

static const struct key_choice *choice_of(const struct config_key *key, const cJSON *value)
{
	const struct key_choice *c = key->choices;

	if (!cJSON_IsString(value))
		return NULL;
	while (c->name && strcmp(c->name, value->valuestring) != 0)
		c++;
	return c->name ? c : NULL;
}

static int read_choice(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	const struct key_choice *c = choice_of(key, value);

	if (!c)
		return -EINVAL;
	store(field, key->size, c->value);
	return 0;
}

static int read_choice_text(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	return choice_of(key, value) ? read_text(key, value, field, why) : -EINVAL;
}

static int read_mode(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	size_t digits = strspn(text, "01234567");

	if (digits < 3 || digits > 4 || text[digits] || (digits == 4 && text[0] != '0'))
		return -EINVAL;
	*(unsigned int *)field = (unsigned int)strtoul(text, NULL, 8);
	return 0;
}

static int read_decimal(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	struct decimal *d = field;

	/* A number keeps its text: valuestring (config_json.h). */
	if (!cJSON_IsNumber(value) && !cJSON_IsString(value))
		return -EINVAL;
	return decimal_parse(value->valuestring, d) != 0 || d->units < 0 ? -EINVAL : 0;
}

static int read_prefix(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	memset(field, 0, key->size);
	if (!cJSON_IsString(value) || netprefix_parse(value->valuestring, field) != 0)
		return -EINVAL;
	return 0;
}

const char *listen_transport_name(enum listen_transport transport)
{
	static const char *const names[] = {"udp", "tcp", "tls"};

	return names[transport];
}

static int read_listener(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	struct listen_address l = {.transport = LISTEN_UDP};

	while (l.transport <= LISTEN_TLS &&
		strncmp(text, listen_transport_name(l.transport), 3) != 0)
		l.transport++;
	if (l.transport > LISTEN_TLS || text[3] != ':')
		return -EINVAL;
	if (netaddr_parse_port(text + 4, &l.address) != 0 || l.address.port == 0)
		return -EINVAL;
	*(struct listen_address *)field = l;
	return 0;
}

static int read_bucket(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	if (!cJSON_IsString(value) || !bucket_name_fits(value->valuestring))
		return -EINVAL;
	return copy_text(key, value->valuestring, field, key->size, why);
}

static int read_location(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	char bucket[DESTINATION_BUCKET_BYTES];
	char prefix[DESTINATION_KEY_BYTES];
	char text[sizeof(bucket) + sizeof(prefix)];
	int err;

	if (!cJSON_IsString(value))
		return -EINVAL;
	if (!*value->valuestring)
		return copy_text(key, "", field, key->size, why);
	err = location_parse(value->valuestring, bucket, prefix, why);
	if (err)
		return err;
	snprintf(text, sizeof(text), *prefix ? "%s/%s" : "%s%s", bucket, prefix);
	return copy_text(key, text, field, key->size, why);
}

static int read_destination(
	const struct config_key *key, const cJSON *value, void *field, struct errmsg *why)
{
	const cJSON *type;
	const cJSON *location;

	if (!cJSON_IsObject(value))
		return read_location(key, value, field, why);
	type = cJSON_GetObjectItemCaseSensitive(value, "Type");
	location = cJSON_GetObjectItemCaseSensitive(value, "Location");
	if (!type || !location || cJSON_GetArraySize(value) != 2)
		return -EINVAL;
	if (!cJSON_IsString(type) || strcmp(type->valuestring, "S3") != 0)
		return errmsg_set(why, -EINVAL, "the only Type is S3");
	return read_location(key, location, field, why);
}

static const struct {
	read_value *read;
	bool list;
} kinds[] = {
	[KEY_TEXT] = {read_text, false},
	[KEY_INTEGER] = {read_integer, false},
	[KEY_SECONDS] = {read_seconds, false},
	[KEY_BOOLEAN] = {read_boolean, false},
	[KEY_CHOICE] = {read_choice, false},
	[KEY_CHOICE_TEXT] = {read_choice_text, false},
	[KEY_MODE] = {read_mode, false},
	[KEY_DECIMAL] = {read_decimal, false},
	[KEY_PREFIXES] = {read_prefix, true},
	[KEY_UDP_PORTS] = {read_integer, true},
	[KEY_CORES] = {read_integer, true},
	[KEY_LISTENERS] = {read_listener, true},
	[KEY_BUCKETS] = {read_bucket, true},
	[KEY_LOCATION] = {read_location, false},
	[KEY_DESTINATION] = {read_destination, false},
};

/* path, what was given, what is needed, and why if there is more to say. */
static int refuse(const struct config_key *key, const cJSON *value, const char *where,
	const struct errmsg *why, struct errmsg *e)
{
	char *printed = cJSON_PrintUnformatted(value);
	const char *given = printed ? printed : "?";
	char allowed[CONFIG_RANGE_BYTES];

	if (cJSON_IsNumber(value))
		given = value->valuestring;
	config_value_range(key, allowed);
	errmsg_set(e, -EINVAL, "%s: %.*s%s is given; needed: %s%s%s", where, GIVEN_BYTES, given,
		strlen(given) > GIVEN_BYTES ? "…" : "", allowed, why->text[0] ? "; " : "",
		why->text);
	cJSON_free(printed);
	return -EINVAL;
}

static int read_list(const struct config_key *key, const cJSON *list, const char *where, void *base,
	struct errmsg *e)
{
	char *field = (char *)base + key->offset;
	unsigned int *count = (unsigned int *)((char *)base + key->count_offset);
	struct errmsg why = {""};
	char item_where[CONFIG_PATH_BYTES];
	const cJSON *item;

	if (!cJSON_IsArray(list) || (unsigned int)cJSON_GetArraySize(list) > key->most)
		return refuse(key, list, where, &why, e);
	*count = 0;
	cJSON_ArrayForEach(item, list)
	{
		if (kinds[key->kind].read(key, item, field + *count * key->size, &why) != 0) {
			config_path_item(item_where, where, *count);
			return refuse(key, item, item_where, &why, e);
		}
		++*count;
	}
	return 0;
}

int config_value_read(const struct config_key *key, const cJSON *value, const char *where,
	void *base, struct errmsg *e)
{
	struct errmsg why = {""};

	if (kinds[key->kind].list)
		return read_list(key, value, where, base, e);
	if (kinds[key->kind].read(key, value, (char *)base + key->offset, &why) != 0)
		return refuse(key, value, where, &why, e);
	return 0;
}

static int read_fallback(const struct config_key *key, void *base)
{
	char text[CONFIG_TEXT_BYTES];
	cJSON *value;
	int err;

	snprintf(text, sizeof(text), "%s", key->fallback);
	err = config_json_parse(text, strlen(text), &value, NULL);
	if (err == 0)
		err = config_value_read(key, value, key->path, base, NULL);
	cJSON_Delete(value);
	return err;
}

/* Whether a key's field lies in the structure that this object's does: no list between them. */
static bool is_below(const struct config_key *key, const char *object)
{
	size_t length = strlen(object);

	return strncmp(key->path, object, length) == 0 && !strchr(key->path + length, '[');
}

int config_value_defaults(const char *path, void *base)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		int err = key->fallback && is_below(key, path) ? read_fallback(key, base) : 0;

		if (err)
			return err;
	}
	return 0;
}
