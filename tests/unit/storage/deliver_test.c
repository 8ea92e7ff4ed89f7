/* Delivery to a directory, and to an S3 end that recomputes every signature
 * (tests/tools/sigv4_server.py). */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "recording_fixture.h"
#include "storage/deliver.h"
#include "storage/render.h"
#include "storage/s3.h"

/* A server of a test's own. */
struct server {
	char folder[64];
	pid_t pid;
	unsigned int port;
};

static void start_server(struct server *s, const char *const options[])
{
	const char *arguments[24] = {"python3", SIGV4_SERVER, "--folder", s->folder, "--region",
		"eu-central-1", "--access-key", "AKIDEXAMPLE", "--secret-key", "wJalr/XUtn+FEMI="};
	unsigned int count = 10;
	int out[2];
	FILE *said;

	strcpy(s->folder, "/tmp/legtap-s3-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	while (*options)
		arguments[count++] = *options++;
	assert_int_equal(pipe(out), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		execvp("python3", (char *const *)(uintptr_t)arguments);
		_exit(127);
	}
	close(out[1]);
	said = fdopen(out[0], "r");
	assert_non_null(said);
	assert_int_equal(fscanf(said, "port %u", &s->port), 1);
	fclose(said);
}

static void stop_server(struct server *s)
{
	char command[128];

	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf -- '%s'", s->folder);
	assert_int_equal(system(command), 0);
}

/* A recording of 2.6 s that is rendered and says so in its journal. */
static void make_rendered(struct fixture *f)
{
	struct recording_window w = {.start_ns = FIXTURE_START,
		.stop_ns = FIXTURE_START + 2600 * FIXTURE_MS,
		.reason = "hangup"};
	struct journal_rendered rendered = {0};
	struct render_result result;
	char *line;

	fixture_begin(f, TRACKS_BOTH);
	for (uint16_t i = 0; i < 130; i++)
		fixture_audio(f, 0, FIXTURE_START + i * 20 * FIXTURE_MS, 1, i, 160U * i, 0);
	fixture_end(f, &w);
	assert_int_equal(
		render_recording(&f->config, f->folder, &f->info.recording_id, &result), 0);
	free(result.json);
	rendered.start_ns = result.start_ns;
	rendered.duration_ms = result.duration_ms;
	rendered.bytes = result.bytes;
	strcpy(rendered.sha256, result.sha256);
	line = journal_line_rendered(&rendered);
	assert_int_equal(journal_append(f->folder, &f->info.recording_id, line, false), 0);
	free(line);
}

static void expect_same_file(const struct fixture *f, const char *suffix, const char *path)
{
	char ours[256];
	size_t bytes;
	size_t their_bytes;
	char *data;
	char *theirs;

	fixture_path(f, suffix, ours);
	data = fixture_read(ours, &bytes);
	theirs = fixture_read(path, &their_bytes);
	assert_int_equal(bytes, their_bytes);
	assert_memory_equal(data, theirs, bytes);
	free(data);
	free(theirs);
}

static void use_s3(struct fixture *f, const struct server *s, bool path_style)
{
	f->config.destination = DESTINATION_S3;
	f->config.s3.path_style = path_style;
	snprintf(f->config.s3.endpoint, sizeof(f->config.s3.endpoint), "http://%s:%u/",
		path_style ? "127.0.0.1" : "localhost", s->port);
	strcpy(f->config.s3.region, "eu-central-1");
	setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "wJalr/XUtn+FEMI=", 1);
	unsetenv("AWS_SESSION_TOKEN");
}

static int deliver(struct fixture *f, struct delivery_result *result)
{
	return deliver_recording(&f->config, f->folder, &f->info.recording_id, result);
}

static void a_directory_gets_sidecar_and_wav(void **state)
{
	struct delivery_result result;
	struct fixture f;
	char out[128];
	char path[2048];

	make_rendered(&f);
	snprintf(out, sizeof(out), "%s/out", f.folder);
	f.config.destination = DESTINATION_DIRECTORY;
	f.config.directory = out;
	assert_int_equal(deliver(&f, &result), 0);
	snprintf(path, sizeof(path), "%s/bucket/%s", out, f.info.key);
	expect_same_file(&f, ".wav", path);
	strcpy(strstr(path, ".wav"), ".json");
	expect_same_file(&f, ".json", path);
	f.config.bucket_folders = false;
	assert_int_equal(deliver(&f, &result), 0);
	snprintf(path, sizeof(path), "%s/%s", out, f.info.key);
	expect_same_file(&f, ".wav", path);
	fixture_remove(&f);
}

static void expect_metadata(const struct server *s, const struct fixture *f)
{
	char path[2048];
	char id[UUID_TEXT_BYTES];
	size_t bytes;
	char *text;
	cJSON *json;
	cJSON *metadata;

	snprintf(path, sizeof(path), "%s/bucket/%s.meta.json", s->folder, f->info.key);
	text = fixture_read(path, &bytes);
	json = cJSON_Parse(text);
	metadata = cJSON_GetObjectItem(json, "metadata");
	assert_string_equal(cJSON_GetObjectItem(json, "content-type")->valuestring, "audio/wav");
	assert_string_equal(cJSON_GetObjectItem(metadata, "transaction-id")->valuestring,
		uuid_format(&f->info.transaction_id, id));
	assert_string_equal(cJSON_GetObjectItem(metadata, "call-id")->valuestring,
		uuid_format(&f->info.call_id, id));
	assert_string_equal(cJSON_GetObjectItem(metadata, "recording-duration")->valuestring, "3");
	assert_string_equal(
		cJSON_GetObjectItem(metadata, "recording-audio-file-format")->valuestring,
		"audio/wav");
	cJSON_Delete(json);
	free(text);
}

static void check_s3(bool path_style)
{
	static const char *const options[] = {"--domain", "localhost", NULL};
	struct delivery_result result;
	struct server s;
	struct fixture f;
	char path[2048];

	start_server(&s, options);
	make_rendered(&f);
	use_s3(&f, &s, path_style);
	assert_int_equal(deliver(&f, &result), 0);
	assert_int_equal(result.http_status, 200);
	snprintf(path, sizeof(path), "%s/bucket/%s", s.folder, f.info.key);
	expect_same_file(&f, ".wav", path);
	strcpy(strstr(path, ".wav"), ".json");
	expect_same_file(&f, ".json", path);
	expect_metadata(&s, &f);
	stop_server(&s);
	fixture_remove(&f);
}

static void s3_gets_them_signed_in_path_style(void **state)
{
	check_s3(true);
}

static void s3_gets_them_signed_with_the_bucket_as_host(void **state)
{
	check_s3(false);
}

static void a_wrong_secret_is_refused(void **state)
{
	static const char *const options[] = {NULL};
	struct delivery_result result;
	struct server s;
	struct fixture f;

	start_server(&s, options);
	make_rendered(&f);
	use_s3(&f, &s, true);
	setenv("AWS_SECRET_ACCESS_KEY", "another", 1);
	assert_int_equal(deliver(&f, &result), -EACCES);
	assert_true(result.refused);
	assert_int_equal(result.http_status, 403);
	assert_non_null(strstr(result.why, "SignatureDoesNotMatch"));
	assert_null(strstr(result.why, "another"));
	stop_server(&s);
	fixture_remove(&f);
}

static void a_session_token_is_sent_and_signed(void **state)
{
	static const char *const options[] = {"--session-token", "to/k+en==", NULL};
	struct delivery_result result;
	struct server s;
	struct fixture f;

	start_server(&s, options);
	make_rendered(&f);
	use_s3(&f, &s, true);
	setenv("AWS_SESSION_TOKEN", "to/k+en==", 1);
	assert_int_equal(deliver(&f, &result), 0);
	stop_server(&s);
	fixture_remove(&f);
}

static void a_store_that_fails_is_tried_again_to_good_effect(void **state)
{
	static const char *const options[] = {"--fail", "2", "--status", "503", NULL};
	struct delivery_result result;
	struct server s;
	struct fixture f;

	start_server(&s, options);
	make_rendered(&f);
	use_s3(&f, &s, true);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(deliver(&f, &result), -EIO);
		assert_int_equal(result.http_status, 503);
		assert_false(result.refused);
		assert_non_null(strstr(result.why, "OnPurpose"));
	}
	assert_int_equal(deliver(&f, &result), 0);
	stop_server(&s);
	fixture_remove(&f);
}

static void a_missing_bucket_is_refused(void **state)
{
	static const char *const options[] = {"--fail", "-1", "--status", "404", NULL};
	struct delivery_result result;
	struct server s;
	struct fixture f;

	start_server(&s, options);
	make_rendered(&f);
	use_s3(&f, &s, true);
	assert_int_equal(deliver(&f, &result), -EACCES);
	assert_true(result.refused);
	assert_int_equal(result.http_status, 404);
	stop_server(&s);
	assert_int_equal(deliver(&f, &result), -EIO); /* nobody listens any more */
	assert_int_equal(result.http_status, 0);
	assert_non_null(strstr(result.why, f.config.s3.endpoint));
	fixture_remove(&f);
}

static void a_file_that_changed_is_not_sent(void **state)
{
	static const char *const options[] = {NULL};
	struct delivery_result result;
	struct server s;
	struct fixture f;
	char wav_path[256];
	FILE *wav;

	start_server(&s, options);
	make_rendered(&f);
	use_s3(&f, &s, true);
	fixture_path(&f, ".wav", wav_path);
	wav = fopen(wav_path, "r+");
	fseek(wav, 1000, SEEK_SET);
	fputc('x', wav);
	fclose(wav);
	assert_int_equal(deliver(&f, &result), -EBADMSG);
	stop_server(&s);
	fixture_remove(&f);
}

static void what_is_not_rendered_is_not_delivered(void **state)
{
	struct recording_window w = {.start_ns = FIXTURE_START, .stop_ns = FIXTURE_START};
	struct delivery_result result;
	struct fixture f;

	fixture_begin(&f, TRACKS_BOTH);
	fixture_end(&f, &w);
	assert_int_equal(deliver(&f, &result), -EINVAL);
	fixture_remove(&f);
}

static void urls_are_encoded(void **state)
{
	struct s3_config config = {.endpoint = "https://s3.example.org", .path_style = true};
	char url[S3_URL_BYTES];
	struct errmsg e;

	assert_int_equal(s3_url(&config, "b", "a b/c+d?e#f%g\xc3\xa9_~.wav", url, &e), 0);
	assert_string_equal(url, "https://s3.example.org/b/a%20b/c%2Bd%3Fe%23f%25g%C3%A9_~.wav");
	config.path_style = false;
	assert_int_equal(s3_url(&config, "b", "k", url, &e), 0);
	assert_string_equal(url, "https://b.s3.example.org/k");
	strcpy(config.endpoint, "ftp://x");
	assert_int_equal(s3_url(&config, "b", "k", url, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_gets_sidecar_and_wav),
		cmocka_unit_test(s3_gets_them_signed_in_path_style),
		cmocka_unit_test(s3_gets_them_signed_with_the_bucket_as_host),
		cmocka_unit_test(a_wrong_secret_is_refused),
		cmocka_unit_test(a_session_token_is_sent_and_signed),
		cmocka_unit_test(a_store_that_fails_is_tried_again_to_good_effect),
		cmocka_unit_test(a_missing_bucket_is_refused),
		cmocka_unit_test(a_file_that_changed_is_not_sent),
		cmocka_unit_test(what_is_not_rendered_is_not_delivered),
		cmocka_unit_test(urls_are_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
