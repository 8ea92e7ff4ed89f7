#include "storage/s3_credentials.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define FILE_BYTES_MAX 65536

static int set(char *field, size_t bytes, struct text_part value, struct errmsg *e)
{
	if (value.length >= bytes)
		return errmsg_set(
			e, -EINVAL, "an S3 credential is longer than %zu characters", bytes - 1);
	memcpy(field, value.at, value.length);
	field[value.length] = '\0';
	return 0;
}

static int take(
	struct s3_credentials *c, struct text_part name, struct text_part value, struct errmsg *e)
{
	if (text_is(name, "aws_access_key_id"))
		return set(c->access_key, sizeof(c->access_key), value, e);
	if (text_is(name, "aws_secret_access_key"))
		return set(c->secret_key, sizeof(c->secret_key), value, e);
	if (text_is(name, "aws_session_token"))
		return set(c->session_token, sizeof(c->session_token), value, e);
	return 0;
}

/* A line in, or outside, the section that counts. */
static int take_line(
	struct s3_credentials *c, struct text_part line, bool *counts, struct errmsg *e)
{
	struct text_part name;

	if (line.length == 0 || line.at[0] == '#' || line.at[0] == ';')
		return 0;
	if (line.at[0] == '[') {
		*counts = text_is(line, "[default]");
		return 0;
	}
	if (!*counts || !memchr(line.at, '=', line.length))
		return 0;
	name = text_trim(text_take_until(&line, '='));
	line = text_trim(line); /* the value */
	return take(c, name, line, e);
}

static int check(const struct s3_credentials *c, const char *where, struct errmsg *e)
{
	if (c->access_key[0] == '\0' || c->secret_key[0] == '\0')
		return errmsg_set(e, -EINVAL, "no S3 access key and secret key in %s", where);
	return 0;
}

int s3_credentials_parse(
	const char *text, size_t bytes, struct s3_credentials *out, struct errmsg *e)
{
	struct text_part rest = {text, bytes};
	bool counts = true;

	memset(out, 0, sizeof(*out));
	while (rest.length > 0) {
		struct text_part line = text_trim(text_take_until(&rest, '\n'));
		int err = take_line(out, line, &counts, e);

		if (err != 0)
			return err;
	}
	return check(out, "the credentials file", e);
}

static int load_file(const char *path, struct s3_credentials *out, struct errmsg *e)
{
	char *text = malloc(FILE_BYTES_MAX);
	FILE *file = fopen(path, "re");
	size_t bytes;
	int err;

	if (!file || !text) {
		err = file ? -ENOMEM : -errno;
		if (file)
			fclose(file);
		free(text);
		return errmsg_set(
			e, err, "cannot read the S3 credentials in %s: %s", path, strerror(-err));
	}
	bytes = fread(text, 1, FILE_BYTES_MAX, file);
	fclose(file);
	err = s3_credentials_parse(text, bytes, out, e);
	explicit_bzero(text, FILE_BYTES_MAX);
	free(text);
	return err;
}

static int from_environment(const char *name, char *field, size_t bytes, struct errmsg *e)
{
	const char *value = getenv(name);

	return value ? set(field, bytes, (struct text_part){value, strlen(value)}, e) : 0;
}

int s3_credentials_load(const char *path, struct s3_credentials *out, struct errmsg *e)
{
	int err;

	if (path[0] != '\0')
		return load_file(path, out, e);
	memset(out, 0, sizeof(*out));
	err = from_environment("AWS_ACCESS_KEY_ID", out->access_key, sizeof(out->access_key), e);
	if (err == 0)
		err = from_environment(
			"AWS_SECRET_ACCESS_KEY", out->secret_key, sizeof(out->secret_key), e);
	if (err == 0)
		err = from_environment(
			"AWS_SESSION_TOKEN", out->session_token, sizeof(out->session_token), e);
	return err != 0 ? err : check(out, "the environment", e);
}
