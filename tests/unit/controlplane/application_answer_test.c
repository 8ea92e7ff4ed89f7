#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>

#include "controlplane/application_answer.h"

#define HEAD "{\"SchemaVersion\":\"1.0\","
#define PLAY "{\"Type\":\"PlayAudio\",\"Parameters\":{}}"

static int parse(struct application_answer *out, const char *text, struct errmsg *e)
{
	return application_answer_parse(out, text, strlen(text), false, e);
}

static void good_answers(void **state)
{
	static const struct {
		const char *text;
		unsigned int actions;
		int attributes; /* -1: none */
	} answers[] = {
		{HEAD "\"Actions\":[]}", 0, -1},
		{HEAD "\"Actions\":[" PLAY "," PLAY "]}", 2, -1},
		{HEAD "\"Actions\":null}", 0, -1},
		{HEAD "\"TransactionAttributes\":null}", 0, -1},
		{HEAD "\"TransactionAttributes\":{}}", 0, 0},
		{HEAD "\"TransactionAttributes\":{\"a\":\"b\",\"c\":\"\"},\"TransactionId\":5}", 0,
			2},
		{" {\"SchemaVersion\":1.0,\"Actions\":[" PLAY "]}\n", 1, -1},
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct application_answer a;
		struct errmsg e;

		assert_int_equal(parse(&a, answers[i].text, &e), 0);
		assert_int_equal(a.list->count, answers[i].actions);
		assert_null(a.list->transaction_id);
		if (answers[i].attributes < 0)
			assert_null(a.attributes);
		else
			assert_int_equal(cJSON_GetArraySize(a.attributes), answers[i].attributes);
		application_answer_clear(&a);
	}
}

static void bad_answers(void **state)
{
	static const struct {
		const char *text;
		const char *type;
		const char *message;
	} answers[] = {
		{"", "InvalidLambdaResponse", "not JSON"},
		{"null", "InvalidLambdaResponse", "no JSON object"},
		{"{}", "InvalidLambdaResponse", "SchemaVersion"},
		{"{\"errorMessage\":\"x\"}", "InvalidLambdaResponse", "SchemaVersion"},
		{"{\"SchemaVersion\":\"2.0\",\"Actions\":[]}", "InvalidLambdaResponse",
			"SchemaVersion must be"},
		{HEAD "\"Actions\":{}}", "InvalidLambdaResponse", "Actions"},
		{HEAD "\"Actions\":[{}]}", "InvalidLambdaResponse", "Actions[0].Type"},
		{HEAD "\"Actions\":[" PLAY "," PLAY "," PLAY "," PLAY "," PLAY "," PLAY "," PLAY
		      "," PLAY "," PLAY "," PLAY "," PLAY "]}",
			"InvalidLambdaResponse", "at most 10"},
		{HEAD "\"Actions\":[]} x", "InvalidLambdaResponse", "not JSON"},
		{HEAD "\"TransactionAttributes\":[]}", "TransactionAttributesInvalidFormat",
			"object"},
		{HEAD "\"TransactionAttributes\":{\"a\":5}}", "TransactionAttributesInvalidFormat",
			"TransactionAttributes.a"},
		{HEAD "\"TransactionAttributes\":{\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\","
		      "\"5\":\"\",\"6\":\"\",\"7\":\"\",\"8\":\"\",\"9\":\"\",\"10\":\"\","
		      "\"11\":\"\"}}",
			"TransactionAttributesInvalidMapSize", "10"},
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct application_answer a;
		struct errmsg e = {""};

		assert_int_equal(parse(&a, answers[i].text, &e), -EINVAL);
		assert_string_equal(a.error_type, answers[i].type);
		if (!strstr(e.text, answers[i].message))
			fail_msg("%s: %s", answers[i].text, e.text);
		assert_null(a.list);
		assert_null(a.attributes);
	}
}

static void attributes_are_bounded(void **state)
{
	char text[4096];
	struct application_answer a;
	struct errmsg e;

	snprintf(text, sizeof(text), HEAD "\"TransactionAttributes\":{\"k\":\"%0*d\"}}",
		APPLICATION_ATTRIBUTES_BYTES_MAX - 1, 0);
	assert_int_equal(parse(&a, text, &e), 0);
	application_answer_clear(&a);
	snprintf(text, sizeof(text), HEAD "\"TransactionAttributes\":{\"k\":\"%0*d\"}}",
		APPLICATION_ATTRIBUTES_BYTES_MAX, 0);
	assert_int_equal(parse(&a, text, &e), -EINVAL);
	assert_string_equal(a.error_type, "TransactionAttributesInvalidMapSize");
}

static void hangup_may_be_answered_by_nothing(void **state)
{
	static const char *const nothing[] = {"", " \n", "null", " null ", "{}", "{ }\n"};
	static const char *const something[] = {"nul", "[]", "{\"a\":1}", "x", "nullnull"};
	struct application_answer a;
	struct errmsg e;

	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		assert_int_equal(
			application_answer_parse(&a, nothing[i], strlen(nothing[i]), true, &e), 0);
		assert_null(a.list);
	}
	for (size_t i = 0; i < sizeof(something) / sizeof(something[0]); i++)
		assert_int_equal(
			application_answer_parse(&a, something[i], strlen(something[i]), true, &e),
			-EINVAL);
}

static void arguments(void **state)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"Arguments\":null}",
		"{\"Arguments\":[]}", "{\"Arguments\":{\"a\":1}}", "{\"Arguments\":{\"a\":null}}",
		"{\"arguments\":{}}", "{\"Arguments\":{\"a\":\"\xff\"}}",
		"{\"Arguments\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\",\"d\":\"1\",\"e\":\"1\","
		"\"f\":\"1\",\"g\":\"1\",\"h\":\"1\",\"i\":\"1\",\"j\":\"1\",\"k\":\"1\","
		"\"l\":\"1\",\"m\":\"1\",\"n\":\"1\",\"o\":\"1\",\"p\":\"1\",\"q\":\"1\","
		"\"r\":\"1\",\"s\":\"1\",\"t\":\"1\",\"u\":\"1\"}}"};
	static const char good[] = "{\"Arguments\":{\"action\":\"pause\",\"b\":\"\"},\"x\":1}";
	static const char none[] = "{\"Arguments\":{}}";
	struct cJSON *out = NULL;
	struct errmsg e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
			application_arguments_parse(&out, bad[i], strlen(bad[i]), &e), -EINVAL);
		assert_null(out);
	}
	assert_int_equal(application_arguments_parse(&out, good, strlen(good), &e), 0);
	assert_int_equal(cJSON_GetArraySize(out), 2);
	assert_string_equal(cJSON_GetObjectItem(out, "action")->valuestring, "pause");
	cJSON_Delete(out);
	assert_int_equal(application_arguments_parse(&out, none, strlen(none), &e), 0);
	assert_int_equal(cJSON_GetArraySize(out), 0);
	cJSON_Delete(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_answers),
		cmocka_unit_test(bad_answers),
		cmocka_unit_test(attributes_are_bounded),
		cmocka_unit_test(hangup_may_be_answered_by_nothing),
		cmocka_unit_test(arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
