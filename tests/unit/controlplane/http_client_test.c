#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <re.h>

#include "controlplane/http_client.h"
#include "http_server.h"

#define PATIENCE_MS 20000U

struct result {
	struct http_request *request;
	unsigned int answers;
	int err;
	long status;
	bool function_error;
	size_t bytes;
	uint32_t elapsed_ms;
	char body[64];
	char why[128];
};

static struct http_server *server;
static struct http_client *client;
static unsigned int awaited;
static unsigned int answered;

static void on_answer(void *arg, const struct http_answer *a)
{
	struct result *r = arg;

	r->answers++;
	r->err = a->err;
	r->status = a->status;
	r->function_error = a->function_error;
	r->bytes = a->bytes;
	r->elapsed_ms = a->elapsed_ms;
	snprintf(r->body, sizeof(r->body), "%s", a->body);
	snprintf(r->why, sizeof(r->why), "%s", a->why);
	if (++answered == awaited)
		re_cancel();
}

static void too_late(void *arg)
{
	fail_msg("no answer within %u ms", PATIENCE_MS);
}

static void run_until(unsigned int count)
{
	struct tmr patience;

	awaited = count;
	if (answered >= count)
		return;
	tmr_init(&patience);
	tmr_start(&patience, PATIENCE_MS, too_late, NULL);
	re_main(NULL);
	tmr_cancel(&patience);
}

static void post(struct result *r, const char *url, uint32_t timeout_ms)
{
	static const char body[] = "{\"a\":1}";
	struct http_post p = {
		.url = url, .body = body, .bytes = strlen(body), .timeout_ms = timeout_ms};

	memset(r, 0, sizeof(*r));
	assert_int_equal(http_post(client, &r->request, &p, on_answer, r), 0);
	assert_int_equal(r->answers, 0);
}

static int setup(void **state)
{
	struct errmsg e;

	answered = 0;
	server = http_server_start();
	assert_int_equal(http_client_create(&client, 2, &e), 0);
	return 0;
}

static int teardown(void **state)
{
	http_client_destroy(client);
	http_server_stop(server);
	return 0;
}

static void answers(void **state)
{
	struct result r[3];

	post(&r[0], http_server_url(server, "/echo"), 5000);
	post(&r[1], http_server_url(server, "/503"), 5000);
	post(&r[2], http_server_url(server, "/error"), 5000);
	run_until(3);
	assert_int_equal(r[0].err, 0);
	assert_int_equal(r[0].status, 200);
	assert_string_equal(r[0].body, "{\"a\":1}");
	assert_false(r[0].function_error);
	assert_int_equal(r[1].err, 0);
	assert_int_equal(r[1].status, 503);
	assert_true(r[2].function_error);
}

static void time_is_bounded(void **state)
{
	struct result r;

	post(&r, http_server_url(server, "/hang"), 300);
	run_until(1);
	assert_int_equal(r.err, -ETIMEDOUT);
	assert_in_range(r.elapsed_ms, 290, 2000);
}

static void size_is_bounded(void **state)
{
	struct result r;

	post(&r, http_server_url(server, "/long"), 5000);
	run_until(1);
	assert_int_equal(r.err, -EMSGSIZE);
	assert_non_null(strstr(r.why, "256 KiB"));
	assert_in_range(r.bytes, 0, HTTP_ANSWER_BYTES_MAX);
}

static void what_cannot_be_reached_is_told(void **state)
{
	struct result r[3];

	post(&r[0], "http://127.0.0.1:1/", 5000);
	post(&r[1], "http://name.invalid/", 5000);
	post(&r[2], "file:///etc/passwd", 5000);
	run_until(3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(r[i].err, -EIO);
		assert_true(r[i].why[0] != '\0');
	}
}

/* Two hang, and keep a third waiting until one is cancelled. */
static void concurrency_is_bounded(void **state)
{
	struct result r[3];

	post(&r[0], http_server_url(server, "/hang"), 1000);
	post(&r[1], http_server_url(server, "/hang"), 1500);
	post(&r[2], http_server_url(server, "/echo"), 300); /* of its own turn */
	run_until(2);
	assert_int_equal(r[0].err, -ETIMEDOUT);
	assert_int_equal(r[1].answers, 0);
	assert_int_equal(r[2].err, 0);
	assert_int_equal(r[2].status, 200);
	http_cancel(r[1].request);
	assert_int_equal(r[1].answers, 0);
}

static void many_at_once(void **state)
{
	static struct result r[100];

	for (unsigned int i = 0; i < 100; i++)
		post(&r[i], http_server_url(server, "/echo"), 5000);
	run_until(100);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(r[i].status, 200);
}

static void destroyed_with_requests_under_way(void **state)
{
	static struct result r[5];

	for (unsigned int i = 0; i < 4; i++)
		post(&r[i], http_server_url(server, i % 2 ? "/hang" : "/echo"), 5000);
	post(&r[4], "http://name.invalid/", 5000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(answers),
		TEST(time_is_bounded),
		TEST(size_is_bounded),
		TEST(what_cannot_be_reached_is_told),
		TEST(concurrency_is_bounded),
		TEST(many_at_once),
		TEST(destroyed_with_requests_under_way),
	};
	int failed;

	setenv("no_proxy", "*", 1);
	libre_init();
	fd_setsize(1024);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
