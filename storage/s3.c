#include "storage/s3.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "storage/body_digest.h"

#define CONNECT_S 10L
#define STALLED_BYTES_PER_S 1L
#define STALLED_S 60L
#define ANSWER_BYTES 4096
#define HEADER_BYTES (S3_TOKEN_BYTES + 64)

/* One PUT under way. */
struct put {
	const struct s3_config *config;
	const struct s3_object *object;
	struct s3_credentials credentials;
	struct body_digest digest;
	FILE *file;
	CURL *curl;
	struct curl_slist *headers;
	bool has_etag;
	char answer[ANSWER_BYTES]; /* the beginning of the body */
	size_t answer_bytes;
	char curl_error[CURL_ERROR_SIZE];
	struct errmsg e;
};

static void start_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t on_answer(char *data, size_t size, size_t count, void *arg)
{
	struct put *p = arg;
	size_t room = sizeof(p->answer) - 1 - p->answer_bytes;
	size_t bytes = size * count < room ? size * count : room;

	memcpy(p->answer + p->answer_bytes, data, bytes);
	p->answer_bytes += bytes;
	p->answer[p->answer_bytes] = '\0';
	return size * count;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct put *p = arg;
	size_t bytes = size * count;

	/* Each answer, an interim one, too, begins with its status. */
	if (bytes > 5 && strncmp(data, "HTTP/", 5) == 0)
		p->has_etag = false;
	if (bytes > 5 && strncasecmp(data, "etag:", 5) == 0)
		p->has_etag = true;
	return bytes;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct put *p = arg;

	return fseeko(p->file, offset, origin) == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static int add_header(struct put *p, const char *name, const char *value)
{
	char line[HEADER_BYTES];
	struct curl_slist *longer;

	if (snprintf(line, sizeof(line), "%s: %s", name, value) >= (int)sizeof(line))
		return errmsg_set(&p->e, -EINVAL, "the value of %s is too long", name);
	longer = curl_slist_append(p->headers, line);
	if (!longer)
		return errmsg_set(&p->e, -ENOMEM, "no memory for a request");
	p->headers = longer;
	return 0;
}

static int add_headers(struct put *p)
{
	char name[128];
	int err = add_header(p, "Content-Type", p->object->content_type);

	if (err == 0)
		err = add_header(p, "Content-MD5", p->digest.md5);
	if (err == 0)
		err = add_header(p, "x-amz-content-sha256", p->digest.sha256);
	if (err == 0 && p->credentials.session_token[0] != '\0')
		err = add_header(p, "x-amz-security-token", p->credentials.session_token);
	for (unsigned int i = 0; err == 0 && i < p->object->metadata_count; i++) {
		snprintf(name, sizeof(name), "x-amz-meta-%s", p->object->metadata[i].name);
		err = add_header(p, name, p->object->metadata[i].value);
	}
	return err;
}

/* Opens the file and checks that it is what was rendered. */
static int open_file(struct put *p)
{
	const struct s3_object *object = p->object;
	int err;

	p->file = fopen(object->file, "re");
	if (!p->file)
		return errmsg_set(
			&p->e, -errno, "cannot read %s: %s", object->file, strerror(errno));
	err = body_digest_file(p->file, &p->digest);
	if (err != 0)
		return errmsg_set(&p->e, err, "cannot read %s: %s", object->file, strerror(-err));
	if (object->sha256 && strcmp(object->sha256, p->digest.sha256) != 0)
		return errmsg_set(&p->e, -EBADMSG,
			"%s is not what was rendered: its SHA-256 is another", object->file);
	if (p->digest.bytes > S3_OBJECT_BYTES_MAX)
		return errmsg_set(&p->e, -EFBIG,
			"%s is larger than the 5 GiB that S3 takes in one PUT", object->file);
	return 0;
}

static void set_transfer(struct put *p)
{
	CURL *c = p->curl;

	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_READDATA, p->file);
	curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(c, CURLOPT_SEEKDATA, p);
	curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)p->digest.bytes);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, p);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, p);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, p->headers);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, p->curl_error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, STALLED_BYTES_PER_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALLED_S);
}

static int set_up(struct put *p)
{
	char url[S3_URL_BYTES];
	char provider[128];
	int err = s3_url(p->config, p->object->bucket, p->object->key, url, &p->e);

	if (err == 0)
		err = add_headers(p);
	if (err != 0)
		return err;
	p->curl = curl_easy_init();
	if (!p->curl)
		return errmsg_set(&p->e, -ENOMEM, "no memory for a request");
	set_transfer(p);
	snprintf(provider, sizeof(provider), "aws:amz:%s:s3", p->config->region);
	curl_easy_setopt(p->curl, CURLOPT_URL, url);
	curl_easy_setopt(p->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(p->curl, CURLOPT_AWS_SIGV4, provider);
	curl_easy_setopt(p->curl, CURLOPT_USERNAME, p->credentials.access_key);
	curl_easy_setopt(p->curl, CURLOPT_PASSWORD, p->credentials.secret_key);
	if (p->config->ca_file[0] != '\0')
		curl_easy_setopt(p->curl, CURLOPT_CAINFO, p->config->ca_file);
	return 0;
}

/* The text of an element of the error that S3 answers; "" when it has none. */
static const char *element(const struct put *p, const char *name, char *out, size_t bytes)
{
	char tag[32];
	const char *from;

	snprintf(tag, sizeof(tag), "<%s>", name);
	from = strstr(p->answer, tag);
	out[0] = '\0';
	if (from) {
		from += strlen(tag);
		snprintf(out, bytes, "%.*s", (int)strcspn(from, "<\r\n"), from);
	}
	return out;
}

static int judge(struct put *p, struct delivery_result *result)
{
	const struct s3_object *object = p->object;
	char code[64];
	char message[128];

	curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &result->http_status);
	result->refused = result->http_status == 403 || result->http_status == 404;
	if (result->http_status == 200 && p->has_etag)
		return 0;
	if (result->http_status == 200)
		return errmsg_set(&p->e, -EIO, "%s/%s: 200 without an ETag is no confirmation",
			object->bucket, object->key);
	return errmsg_set(&p->e, result->refused ? -EACCES : -EIO, "%s: %ld %s %s", object->bucket,
		result->http_status, element(p, "Code", code, sizeof(code)),
		element(p, "Message", message, sizeof(message)));
}

static int transfer(struct put *p, struct delivery_result *result)
{
	CURLcode code = curl_easy_perform(p->curl);

	if (code == CURLE_OK)
		return judge(p, result);
	return errmsg_set(&p->e, -EIO, "%s: %s", p->config->endpoint,
		p->curl_error[0] != '\0' ? p->curl_error : curl_easy_strerror(code));
}

int s3_put(const struct s3_config *config, const struct s3_object *object,
	struct delivery_result *result)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct put p = {.config = config, .object = object};
	int err;

	pthread_once(&once, start_curl);
	err = s3_credentials_load(config->credentials_file, &p.credentials, &p.e);
	if (err == 0)
		err = open_file(&p);
	if (err == 0)
		err = set_up(&p);
	if (err == 0)
		err = transfer(&p, result);
	if (err != 0)
		snprintf(result->why, sizeof(result->why), "%.*s", TEXT_BYTES - 1, p.e.text);
	curl_easy_cleanup(p.curl);
	curl_slist_free_all(p.headers);
	if (p.file)
		fclose(p.file);
	explicit_bzero(&p.credentials, sizeof(p.credentials));
	return err;
}
