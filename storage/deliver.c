#include "storage/deliver.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "storage/directory.h"
#include "storage/journal.h"
#include "storage/s3.h"
#include "storage/spool.h"

#define WAV_SUFFIX ".wav"
#define KEY_BYTES (DESTINATION_KEY_BYTES + 8)

/* The sidecar's key: the WAV's with .json for .wav. */
static void sidecar_key(const char *key, char out[KEY_BYTES])
{
	size_t length = strlen(key);
	size_t suffix = strlen(WAV_SUFFIX);

	if (length > suffix && strcmp(key + length - suffix, WAV_SUFFIX) == 0)
		length -= suffix;
	snprintf(out, KEY_BYTES, "%.*s.json", (int)length, key);
}

/* What both objects bear, so that either tells whose it is. */
static void describe(struct s3_object *object, const struct journal *journal,
	char ids[2][UUID_TEXT_BYTES], char seconds[24])
{
	snprintf(seconds, 24, "%" PRIu64, (journal->rendered.duration_ms + 500) / 1000);
	object->bucket = journal->info.bucket;
	object->metadata_count = 4;
	object->metadata[0] = (struct s3_metadata){
		"transaction-id", uuid_format(&journal->info.transaction_id, ids[0])};
	object->metadata[1] =
		(struct s3_metadata){"call-id", uuid_format(&journal->info.call_id, ids[1])};
	object->metadata[2] = (struct s3_metadata){"recording-duration", seconds};
	object->metadata[3] = (struct s3_metadata){"recording-audio-file-format", "audio/wav"};
}

static int put(const struct storage_config *config, const struct journal *journal, bool is_wav,
	const char *key, const char *file, struct delivery_result *out)
{
	struct s3_object object = {.key = key,
		.file = file,
		.content_type = is_wav ? "audio/wav" : "application/json",
		.sha256 = is_wav ? journal->rendered.sha256 : NULL};
	char ids[2][UUID_TEXT_BYTES];
	char seconds[24];

	if (config->destination == DESTINATION_DIRECTORY)
		return directory_deliver(config, journal->info.bucket, key, file, out);
	describe(&object, journal, ids, seconds);
	return s3_put(&config->s3, &object, out);
}

static int deliver(const struct storage_config *config, const char *folder,
	const struct journal *journal, struct delivery_result *out)
{
	const struct uuid *recording = &journal->info.recording_id;
	char key[KEY_BYTES];
	char wav[PATH_MAX];
	char sidecar[PATH_MAX];
	int err = spool_file_path(folder, recording, SPOOL_WAV, wav);

	if (err == 0)
		err = spool_file_path(folder, recording, SPOOL_SIDECAR, sidecar);
	if (err != 0 || !journal->is_rendered || journal->rendered.failed) {
		snprintf(out->why, sizeof(out->why), "the recording has no file to deliver");
		return err != 0 ? err : -EINVAL;
	}
	sidecar_key(journal->info.key, key);
	err = put(config, journal, false, key, sidecar, out);
	if (err != 0)
		return err;
	return put(config, journal, true, journal->info.key, wav, out);
}

int deliver_recording(const struct storage_config *config, const char *recordings_folder,
	const struct uuid *recording, struct delivery_result *out)
{
	struct journal journal = {0};
	struct errmsg e = {0};
	int err = journal_read(recordings_folder, recording, &journal, &e);

	memset(out, 0, sizeof(*out));
	/* A journal with a damaged line still tells what stands before it. */
	if (err == -EBADMSG && journal.is_rendered)
		err = 0;
	if (err == 0)
		err = deliver(config, recordings_folder, &journal, out);
	else
		snprintf(out->why, sizeof(out->why), "%.*s", TEXT_BYTES - 1, e.text);
	journal_free(&journal);
	return err;
}
