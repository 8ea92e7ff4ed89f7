/* Small texts that go to the destination beside the recordings. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "storage/assembly.h"
#include "storage/directory.h"
#include "storage/durable.h"
#include "storage/s3.h"

static int put(const struct storage_config *config, const char *bucket, const char *key,
	const char *file, struct delivery_result *out)
{
	struct s3_object object = {
		.bucket = bucket, .key = key, .file = file, .content_type = "application/json"};

	if (config->destination == DESTINATION_DIRECTORY)
		return directory_deliver(config, bucket, key, file, out);
	return s3_put(&config->s3, &object, out);
}

int storage_deliver_text(const struct storage *s, const char *bucket, const char *key,
	const char *text, struct errmsg *e)
{
	struct delivery_result result = {0};
	char file[PATH_MAX];
	int err;

	if (snprintf(file, sizeof(file), "%s/text", s->config.spool_path) >= (int)sizeof(file))
		return errmsg_set(e, -ENAMETOOLONG, "spool.path is too long");
	err = durable_write(file, text, strlen(text), false, e);
	if (err != 0)
		return err;
	err = put(&s->config, bucket, key, file, &result);
	unlink(file);
	return err ? errmsg_set(e, err, "%s", result.why) : 0;
}
