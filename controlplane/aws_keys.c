#include "controlplane/aws_keys.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/text.h"
#include "controlplane/secret_file.h"

struct parser {
	struct aws_keys *keys;
	struct aws_key key; /* of the section so far */
	unsigned int line;
	struct errmsg *e;
};

const struct aws_key *aws_key_find(const struct aws_keys *keys, const char *id, size_t id_bytes)
{
	for (unsigned int i = 0; i < keys->count; i++)
		if (text_is((struct text_part){id, id_bytes}, keys->keys[i].id))
			return &keys->keys[i];
	return NULL;
}

static int refuse(const struct parser *p, const char *why)
{
	return errmsg_set(p->e, -EINVAL, "line %u: %s", p->line, why);
}

static int set(const struct parser *p, char field[AWS_KEY_BYTES], struct text_part value)
{
	if (field[0])
		return refuse(p, "the section has this name already");
	if (value.length == 0 || value.length >= AWS_KEY_BYTES)
		return refuse(p, "the value must have 1 to 128 characters");
	for (size_t i = 0; i < value.length; i++)
		if (!isgraph((unsigned char)value.at[i]))
			return refuse(p, "the value must be of printable ASCII, without blanks");
	memcpy(field, value.at, value.length);
	field[value.length] = '\0';
	return 0;
}

static int set_id(struct parser *p, struct text_part value)
{
	for (size_t i = 0; i < value.length; i++)
		if (!isalnum((unsigned char)value.at[i]) && !strchr("_-.", value.at[i]))
			return refuse(p, "an access key id is of letters, digits and _-.");
	return set(p, p->key.id, value);
}

static int end_section(struct parser *p)
{
	struct aws_keys *keys = p->keys;

	if (!p->key.id[0] && !p->key.secret[0])
		return 0;
	if (!p->key.id[0] || !p->key.secret[0])
		return refuse(p, "the section before it has but one of aws_access_key_id and "
				 "aws_secret_access_key");
	if (aws_key_find(keys, p->key.id, strlen(p->key.id)))
		return refuse(p, "the section before it has the access key id of another one");
	if (keys->count == AWS_KEYS_MAX)
		return refuse(p, "there are more than 64 keys before it");
	keys->keys[keys->count++] = p->key;
	memset(&p->key, 0, sizeof(p->key));
	return 0;
}

static int take_line(struct parser *p, struct text_part line)
{
	struct text_part name;

	if (line.length == 0 || line.at[0] == '#' || line.at[0] == ';')
		return 0;
	if (line.at[0] == '[')
		return end_section(p);
	if (!memchr(line.at, '=', line.length))
		return refuse(p, "neither a section, \"[name]\", nor \"name = value\"");
	name = text_trim(text_take_until(&line, '='));
	line = text_trim(line); /* the value */
	if (text_is(name, "aws_access_key_id"))
		return set_id(p, line);
	if (text_is(name, "aws_secret_access_key"))
		return set(p, p->key.secret, line);
	if (text_is(name, "aws_session_token"))
		return refuse(p, "session tokens belong to temporary credentials of AWS, which "
				 "cannot be checked here: give an id and a secret alone");
	return 0;
}

int aws_keys_parse(const char *text, size_t bytes, struct aws_keys *out, struct errmsg *e)
{
	struct parser p = {.keys = out, .e = e};
	struct text_part rest = {text, bytes};
	int err = 0;

	memset(out, 0, sizeof(*out));
	while (rest.length > 0 && err == 0) {
		p.line++;
		err = take_line(&p, text_trim(text_take_until(&rest, '\n')));
	}
	p.line++;
	if (err == 0)
		err = end_section(&p);
	if (err == 0 && out->count == 0)
		err = errmsg_set(e, -EINVAL,
			"no key: needed are lines \"aws_access_key_id = …\" and "
			"\"aws_secret_access_key = …\"");
	explicit_bzero(&p.key, sizeof(p.key));
	return err;
}

int aws_keys_load(const char *path, struct aws_keys *out, struct errmsg *e)
{
	struct errmsg why;
	size_t bytes;
	char *text;
	int err = secret_file_read(path, &text, &bytes, e);

	if (err != 0)
		return err;
	err = aws_keys_parse(text, bytes, out, &why);
	if (err != 0)
		errmsg_set(e, err, "%s: %s", path, why.text);
	secret_file_free(text);
	return err;
}
