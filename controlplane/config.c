/* Reads the configuration file: walks its objects along the table of keys (config_keys.c). */
#include "controlplane/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "controlplane/config_json.h"
#include "controlplane/config_key.h"

#define FILE_BYTES_MAX (16UL * 1024 * 1024)

static int read_object(struct config *c, const cJSON *object, const char *pattern,
	const char *where, void *base, struct errmsg *e);

static int read_objects(struct config *c, const struct config_key *key, const cJSON *list,
	const char *where, struct errmsg *e)
{
	char pattern[CONFIG_PATH_BYTES];
	char item_where[CONFIG_PATH_BYTES];
	unsigned int i = 0;
	const cJSON *item;

	if (!cJSON_IsArray(list))
		return errmsg_set(e, -EINVAL, "%s: a list of objects is needed", where);
	snprintf(pattern, sizeof(pattern), "%s[]", key->path);
	cJSON_ArrayForEach(item, list)
	{
		void *element = i < key->most ? key->append(c) : NULL;
		int err;

		if (!element)
			return errmsg_set(e, -EINVAL, "%s: more than %u entries", where, key->most);
		config_path_item(item_where, where, i++);
		err = config_value_defaults(pattern, element);
		if (err == 0)
			err = read_object(c, item, pattern, item_where, element, e);
		if (err)
			return err;
	}
	return 0;
}

static int read_member(struct config *c, const cJSON *member, const char *pattern,
	const char *where, void *base, struct errmsg *e)
{
	char path[CONFIG_PATH_BYTES];
	char member_where[CONFIG_PATH_BYTES];
	const struct config_key *key;

	config_path_join(path, pattern, member->string);
	config_path_join(member_where, where, member->string);
	key = config_key_find(path);
	if (!key || !config_key_is_member(key, pattern))
		return errmsg_set(e, -EINVAL, "%s: unknown key; the nearest known one is %s",
			member_where, config_key_nearest(path));
	for (const cJSON *earlier = member->prev; earlier->next; earlier = earlier->prev)
		if (strcmp(earlier->string, member->string) == 0)
			return errmsg_set(e, -EINVAL, "%s: given twice", member_where);
	if (key->kind == KEY_OBJECT)
		return read_object(c, member, path, member_where, base, e);
	if (key->kind == KEY_OBJECTS)
		return read_objects(c, key, member, member_where, e);
	return config_value_read(key, member, member_where, base, e);
}

static int check_required(
	const cJSON *object, const char *pattern, const char *where, struct errmsg *e)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *name = strrchr(key->path, '.');

		if (!key->required || !config_key_is_member(key, pattern))
			continue;
		if (!cJSON_GetObjectItemCaseSensitive(object, name + 1))
			return errmsg_set(e, -EINVAL, "%s: the key %s is missing", where, name + 1);
	}
	return 0;
}

static int read_object(struct config *c, const cJSON *object, const char *pattern,
	const char *where, void *base, struct errmsg *e)
{
	const cJSON *member;

	if (!cJSON_IsObject(object))
		return errmsg_set(e, -EINVAL, "%s: an object {…} is needed",
			*where ? where : "the whole file");
	cJSON_ArrayForEach(member, object)
	{
		int err = read_member(c, member, pattern, where, base, e);

		if (err)
			return err;
	}
	return check_required(object, pattern, where, e);
}

static int add_default_account(struct config *c)
{
	const struct config_key *accounts = config_key_find("accounts");
	struct account_config *account = accounts->append(c);

	if (!account)
		return -ENOMEM;
	strcpy(account->id, "default");
	return config_value_defaults("accounts[]", account);
}

int config_defaults(struct config *c)
{
	int err;

	memset(c, 0, sizeof(*c));
	err = config_value_defaults("", c);
	if (err == 0)
		err = add_default_account(c);
	if (err == 0)
		err = config_check(c, true, NULL);
	if (err)
		config_destroy(c);
	return err;
}

static int parse_text(struct config *c, char *text, size_t bytes, bool read_mode, struct errmsg *e)
{
	cJSON *tree = NULL;
	int err = config_json_parse(text, bytes, &tree, e);

	if (err == 0)
		err = read_object(c, tree, "", "", c, e);
	if (err == 0)
		err = config_check(c, read_mode, e);
	cJSON_Delete(tree);
	return err;
}

int config_parse(struct config *c, const char *text, size_t bytes, bool read_mode, struct errmsg *e)
{
	char *copy = malloc(bytes + 1);
	int err;

	if (!copy)
		return errmsg_set(e, -ENOMEM, "out of memory");
	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	c->destination.bucket[0] = '\0';
	err = parse_text(c, copy, bytes, read_mode, e);
	free(copy);
	return err;
}

static int read_file(const char *path, char **text, size_t *bytes, struct errmsg *e)
{
	FILE *file = fopen(path, "re");
	char *buf = malloc(FILE_BYTES_MAX + 1);
	int err = !file ? -errno : !buf ? -ENOMEM : 0;

	if (err == 0) {
		*bytes = fread(buf, 1, FILE_BYTES_MAX + 1, file);
		err = ferror(file) ? -EIO : *bytes > FILE_BYTES_MAX ? -EFBIG : 0;
	}
	if (file)
		fclose(file);
	if (err) {
		errmsg_set(e, err, "%s: %s", path, strerror(-err));
		free(buf);
		buf = NULL;
	}
	*text = buf;
	return err;
}

int config_load(struct config *c, const char *path, bool read_mode, struct errmsg *e)
{
	struct errmsg inner = {""};
	char *text = NULL;
	size_t bytes = 0;
	int err = read_file(path, &text, &bytes, e);

	if (err)
		return err;
	err = config_parse(c, text, bytes, read_mode, &inner);
	free(text);
	return err ? errmsg_set(e, err, "%s: %s", path, inner.text) : 0;
}

void config_destroy(struct config *c)
{
	if (!c)
		return;
	free(c->accounts);
	free(c->rules);
	free(c->calls);
	c->accounts = NULL;
	c->rules = NULL;
	c->calls = NULL;
	c->account_count = 0;
	c->rule_count = 0;
}
