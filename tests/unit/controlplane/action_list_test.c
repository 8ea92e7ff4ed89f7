#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "controlplane/action_list.h"

#define LIST(actions) "{\"SchemaVersion\":\"1.0\",\"Actions\":[" actions "]}"
#define START(parameters) LIST("{\"Type\":\"StartCallRecording\",\"Parameters\":{" parameters "}}")
#define S3 "\"Destination\":{\"Type\":\"S3\",\"Location\":\"bucket/some/prefix\"}"

static struct action_list *parsed(const char *text)
{
	struct action_list *list = NULL;
	struct errmsg e = {0};

	if (action_list_parse(&list, text, strlen(text), &e) != 0)
		fail_msg("refused: %s: %s", text, e.text);
	return list;
}

static void a_good_start_is_understood(void **state)
{
	struct action_list *list = parsed(START("\"CallId\":\"c\",\"Track\":\"INCOMING\"," S3));
	const struct action *a = &list->actions[0];

	assert_int_equal(list->count, 1);
	assert_null(list->transaction_id);
	assert_int_equal(a->kind, ACTION_START);
	assert_string_equal(a->fault.text, "");
	assert_string_equal(a->leg, "c");
	assert_int_equal(a->tracks, TRACK_BIT(TRACK_INCOMING));
	assert_string_equal(a->bucket, "bucket");
	assert_string_equal(a->prefix, "some/prefix");
	action_list_destroy(list);
}

static void types_have_their_kinds(void **state)
{
	struct action_list *list = parsed(LIST(
		"{\"Type\":\"StopCallRecording\",\"Parameters\":{\"CallId\":\"c\"}},"
		"{\"Type\":\"PauseCallRecording\",\"Parameters\":{\"ParticipantTag\":\"LEG-A\"}},"
		"{\"Type\":\"ResumeCallRecording\",\"Parameters\":{\"CallId\":null,"
		"\"ParticipantTag\":\"LEG-B\"}},"
		"{\"Type\":\"PlayAudio\"},{\"Type\":\"stopCallRecording\"}"));
	static const enum action_kind kinds[] = {
		ACTION_STOP, ACTION_PAUSE, ACTION_RESUME, ACTION_OTHER, ACTION_OTHER};

	assert_int_equal(list->count, 5);
	for (unsigned int i = 0; i < list->count; i++) {
		assert_int_equal(list->actions[i].kind, kinds[i]);
		assert_string_equal(list->actions[i].fault.text, "");
	}
	assert_string_equal(list->actions[1].leg, "LEG-A");
	assert_string_equal(list->actions[2].leg, "LEG-B");
	action_list_destroy(list);
}

static void wrong_parameters_are_the_actions_fault(void **state)
{
	static const char *const cases[][2] = {
		{START(""), "CallId is missing"},
		{LIST("{\"Type\":\"StopCallRecording\"}"), "CallId is missing"},
		{START("\"CallId\":7," S3), "CallId must be a text"},
		{START("\"CallId\":\"\"," S3), "CallId must be a text"},
		{START("\"ParticipantTag\":[]," S3), "ParticipantTag must be a text"},
		{START("\"CallId\":\"c\"," S3), "Track is missing"},
		{START("\"CallId\":\"c\",\"Track\":\"both\"," S3), "Track must be"},
		{START("\"CallId\":\"c\",\"Track\":\"\"," S3), "Track must be"},
		{START("\"CallId\":\"c\",\"Track\":3," S3), "Track must be"},
		{START("\"CallId\":\"c\",\"Track\":\"BOTH\""), "Destination is missing: {"},
		{START("\"CallId\":\"c\",\"Track\":\"BOTH\",\"Destination\":\"bucket\""),
			"Destination must be an object: {"},
		{START("\"CallId\":\"c\",\"Track\":\"BOTH\",\"Destination\":{\"Type\":\"S3\","
		       "\"BucketName\":\"b\"}"),
			"no Location but BucketName; its form is {"},
		{START("\"CallId\":\"c\",\"Track\":\"BOTH\",\"Destination\":{\"S3Uri\":\"s3://"
		       "b\"}"),
			"no Location but S3Uri; its form is {"},
		{START("\"CallId\":\"c\",\"Track\":\"BOTH\",\"Destination\":{\"Type\":\"S3\","
		       "\"Location\":[]}"),
			"Location must be a text"},
		{START("\"CallId\":\"c\",\"Track\":\"BOTH\",\"Destination\":{"
		       "\"Location\":\"b\"}"),
			"Type must be \"S3\": {"},
		{START("\"CallId\":\"c\",\"Track\":\"BOTH\",\"Destination\":{\"Type\":\"GCS\","
		       "\"Location\":\"b\"}"),
			"Type must be \"S3\": {"},
		{START("\"CallId\":\"c\",\"Track\":\"BOTH\",\"Destination\":{\"Type\":\"S3\","
		       "\"Location\":\"a b\"}"),
			"bucket/prefix"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct action_list *list = parsed(cases[i][0]);

		if (!strstr(list->actions[0].fault.text, cases[i][1]))
			fail_msg("%s: \"%s\"", cases[i][0], list->actions[0].fault.text);
		action_list_destroy(list);
	}
}

static void malformed_lists_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{"", "not JSON"},
		{"{", "not JSON"},
		{"{} x", "not JSON"},
		{"nul", "not JSON"},
		{"[]", "no JSON object"},
		{"\"text\"", "no JSON object"},
		{"{\"Actions\":[]}", "SchemaVersion is missing"},
		{"{\"SchemaVersion\":null,\"Actions\":[]}", "SchemaVersion is missing"},
		{"{\"SchemaVersion\":\"2.0\",\"Actions\":[]}", "SchemaVersion must"},
		{"{\"SchemaVersion\":1.1,\"Actions\":[]}", "SchemaVersion must"},
		{"{\"SchemaVersion\":\"1.0\"}", "Actions is missing"},
		{"{\"SchemaVersion\":\"1.0\",\"Actions\":{}}", "Actions is missing"},
		{LIST("7"), "Actions[0] is not an object"},
		{LIST("{\"Type\":\"PlayAudio\"},{}"), "Actions[1].Type is missing"},
		{LIST("{\"Type\":8}"), "Actions[0].Type is missing"},
		{LIST("{\"Type\":\"PlayAudio\",\"Parameters\":[]}"), "Parameters is not an object"},
		{"{\"SchemaVersion\":\"1.0\",\"TransactionId\":9,\"Actions\":[]}", "TransactionId"},
		{LIST("{\"Type\":\"\xff\"}"), "not UTF-8"},
		{LIST("{\"Type\":\"\\ud800\"}"), "not JSON"},
	};
	struct action_list *list;
	struct errmsg e;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			action_list_parse(&list, cases[i][0], strlen(cases[i][0]), &e), -EINVAL);
		if (!strstr(e.text, cases[i][1]))
			fail_msg("%s: \"%s\"", cases[i][0], e.text);
	}
}

static void ten_actions_are_taken_and_eleven_refused(void **state)
{
	char text[1024] = "{\"SchemaVersion\":1.0,\"Actions\":[";
	struct action_list *list;
	struct errmsg e;

	for (int i = 0; i < 10; i++)
		strcat(text, i ? ",{\"Type\":\"Pause\"}" : "{\"Type\":\"Pause\"}");
	strcat(text, "]}");
	list = parsed(text);
	assert_int_equal(list->count, ACTIONS_MAX);
	action_list_destroy(list);
	strcpy(strrchr(text, ']'), ",{\"Type\":\"Pause\"}]}");
	assert_int_equal(action_list_parse(&list, text, strlen(text), &e), -EINVAL);
	assert_non_null(strstr(e.text, "Actions has 11 entries"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_start_is_understood),
		cmocka_unit_test(types_have_their_kinds),
		cmocka_unit_test(wrong_parameters_are_the_actions_fault),
		cmocka_unit_test(malformed_lists_are_refused),
		cmocka_unit_test(ten_actions_are_taken_and_eleven_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
