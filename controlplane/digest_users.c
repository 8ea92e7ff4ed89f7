#include "controlplane/digest_users.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "controlplane/secret_file.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int digest_hex(const char *text, size_t digits, uint8_t *out)
{
	if (digits % 2)
		return -EINVAL;
	for (size_t i = 0; i < digits; i += 2) {
		int high = digit(text[i]);
		int low = digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

const struct digest_user *digest_user_find(
	const struct digest_users *users, const char *name, size_t name_bytes, size_t hash_bytes)
{
	for (unsigned int i = 0; i < users->count; i++)
		if (users->users[i].hash_bytes == hash_bytes &&
			text_is((struct text_part){name, name_bytes}, users->users[i].name))
			return &users->users[i];
	return NULL;
}

static int take_line(struct text_part line, unsigned int number, const char *realm,
	struct digest_users *out, struct errmsg *e)
{
	struct text_part rest = line;
	struct text_part name = text_take_until(&rest, ':');
	struct text_part of_realm = text_take_until(&rest, ':');
	struct digest_user *u = &out->users[out->count];

	if (line.length == 0 || line.at[0] == '#')
		return 0;
	if (name.length == 0 || name.length >= sizeof(u->name) ||
		(rest.length != 32 && rest.length != 64) ||
		digest_hex(rest.at, rest.length, (uint8_t[DIGEST_HASH_BYTES]){0}) != 0)
		return errmsg_set(e, -EINVAL,
			"line %u: needed is user:realm:hash, the user of at most %d bytes, the "
			"hash 32 (MD5) or 64 (SHA-256) hex digits",
			number, DIGEST_NAME_BYTES - 1);
	if (!text_is(of_realm, realm))
		return 0;
	if (digest_user_find(out, name.at, name.length, rest.length / 2))
		return errmsg_set(
			e, -EINVAL, "line %u: this user has a hash of that kind already", number);
	if (out->count == DIGEST_USERS_MAX)
		return errmsg_set(
			e, -EINVAL, "line %u: at most %d users", number, DIGEST_USERS_MAX);
	memcpy(u->name, name.at, name.length);
	u->hash_bytes = rest.length / 2;
	(void)digest_hex(rest.at, rest.length, u->hash);
	out->count++;
	return 0;
}

int digest_users_parse(const char *text, size_t bytes, const char *realm, struct digest_users *out,
	struct errmsg *e)
{
	struct text_part rest = {text, bytes};
	unsigned int number = 0;
	int err = 0;

	memset(out, 0, sizeof(*out));
	while (rest.length > 0 && err == 0)
		err = take_line(text_trim(text_take_until(&rest, '\n')), ++number, realm, out, e);
	if (err == 0 && out->count == 0)
		err = errmsg_set(e, -EINVAL, "nobody of the realm \"%s\"", realm);
	return err;
}

int digest_users_load(
	const char *path, const char *realm, struct digest_users *out, struct errmsg *e)
{
	struct errmsg why;
	size_t bytes;
	char *text;
	int err = secret_file_read(path, &text, &bytes, e);

	if (err != 0)
		return err;
	err = digest_users_parse(text, bytes, realm, out, &why);
	if (err != 0)
		errmsg_set(e, err, "%s: %s", path, why.text);
	secret_file_free(text);
	return err;
}
