#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include <cjson/cJSON.h>

#include "controlplane/actions.h"
#include "fakes.h"

struct fixture {
	struct fakes f;
	struct leg *a;
	struct leg *b; /* of a's transaction */
	unsigned int answers;
	cJSON *events;
	char summary[1024];
};

static int setup(void **state)
{
	static struct fixture fx;

	memset(&fx, 0, sizeof(fx));
	fakes_create(&fx.f);
	fx.a = fakes_add_leg(&fx.f, "call-a", "LEG-A", LEG_ANSWERED, NULL);
	fx.b = fakes_add_leg(&fx.f, "call-b", "LEG-B", LEG_ANSWERED, fx.a);
	*state = &fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(fakes_leg_holds(&fx->f), 0);
	cJSON_Delete(fx->events);
	fakes_destroy(&fx->f);
	return 0;
}

static void on_done(void *arg, struct cJSON *events, const char *summary)
{
	struct fixture *fx = arg;

	fx->answers++;
	cJSON_Delete(fx->events);
	fx->events = events;
	snprintf(fx->summary, sizeof(fx->summary), "%s", summary);
}

/* One action of the list: "Type leg". */
static size_t put_action(char *to, size_t size, const char *word)
{
	char type[64];
	char leg[64];

	assert_int_equal(sscanf(word, "%63s %63s", type, leg), 2);
	return (size_t)snprintf(to, size,
		"{\"Type\":\"%s\",\"Parameters\":{\"CallId\":\"%s\",\"Track\":\"BOTH\","
		"\"Destination\":{\"Type\":\"S3\",\"Location\":\"bucket\"},\"More\":[1,{}]}}",
		type, leg);
}

/* Runs "Type leg, Type leg" for a transaction (NULL: none given). */
static void run(struct fixture *fx, const char *transaction, const char *actions)
{
	char text[8192];
	char words[1024];
	size_t used = 0;
	struct action_list *list;
	struct errmsg e;
	char *rest = words;

	snprintf(words, sizeof(words), "%s", actions);
	used = (size_t)snprintf(text, sizeof(text), "{\"SchemaVersion\":\"1.0\",");
	if (transaction)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "\"TransactionId\":\"%s\",", transaction);
	used += (size_t)snprintf(text + used, sizeof(text) - used, "\"Actions\":[");
	for (char *word; (word = strsep(&rest, ",")) != NULL;) {
		used += put_action(text + used, sizeof(text) - used, word);
		text[used++] = rest ? ',' : ']';
	}
	text[used++] = '}';
	assert_int_equal(action_list_parse(&list, text, used, &e), 0);
	actions_run(&fx->f.control, list, on_done, fx);
}

static const cJSON *event(const struct fixture *fx, int index)
{
	return cJSON_GetArrayItem(fx->events, index);
}

static const char *kind(const struct fixture *fx, int index)
{
	return cJSON_GetStringValue(cJSON_GetObjectItem(event(fx, index), "InvocationEventType"));
}

static const cJSON *data(const struct fixture *fx, int index, const char *name)
{
	return cJSON_GetObjectItem(cJSON_GetObjectItem(event(fx, index), "ActionData"), name);
}

static int sequence(const struct fixture *fx, int index)
{
	return cJSON_GetObjectItem(event(fx, index), "Sequence")->valueint;
}

static int event_count(const struct fixture *fx)
{
	return cJSON_GetArraySize(fx->events);
}

static void a_list_runs_in_order(void **state)
{
	struct fixture *fx = *state;
	const char *location;

	run(fx, NULL,
		"StartCallRecording call-a,PauseCallRecording call-a,"
		"ResumeCallRecording call-a,StopCallRecording call-a");
	assert_int_equal(fx->answers, 1);
	assert_int_equal(event_count(fx), 4);
	for (int i = 0; i < 4; i++) {
		assert_string_equal(kind(fx, i), "ACTION_SUCCESSFUL");
		assert_int_equal(sequence(fx, i), i + 1);
		assert_null(data(fx, i, "Error"));
		assert_int_equal(
			cJSON_GetArraySize(cJSON_GetObjectItem(data(fx, i, "Parameters"), "More")),
			2);
	}
	location = cJSON_GetStringValue(
		cJSON_GetObjectItem(data(fx, 0, "CallRecordingDestination"), "Location"));
	assert_string_equal(location, "bucket/a/key_1.wav");
	assert_null(data(fx, 1, "CallRecordingDestination"));
	assert_string_equal(fx->summary,
		"StartCallRecording call-a ACTION_SUCCESSFUL, PauseCallRecording call-a "
		"ACTION_SUCCESSFUL, ResumeCallRecording call-a ACTION_SUCCESSFUL, "
		"StopCallRecording call-a ACTION_SUCCESSFUL");
}

static void a_failure_clears_the_rest(void **state)
{
	struct fixture *fx = *state;

	run(fx, NULL,
		"StartCallRecording call-a,StartCallRecording call-a,StopCallRecording call-a");
	assert_int_equal(event_count(fx), 2);
	assert_string_equal(kind(fx, 0), "ACTION_SUCCESSFUL");
	assert_string_equal(kind(fx, 1), "ACTION_FAILED");
	assert_string_equal(data(fx, 1, "ErrorType")->valuestring, "InvalidActionParameter");
	assert_string_equal(
		data(fx, 1, "ErrorMessage")->valuestring, "the leg is being recorded already");
	assert_string_equal(data(fx, 1, "Error")->valuestring,
		"InvalidActionParameter: the leg is being recorded already");
	assert_int_equal(fakes_actions(), 2);
	assert_non_null(fx->a->recording); /* not stopped */
}

static void other_actions_are_skipped_and_clear_nothing(void **state)
{
	struct fixture *fx = *state;

	run(fx, NULL, "StartCallRecording call-a");
	run(fx, NULL,
		"PlayAudio x,Speak x,PauseCallRecording call-a,ReceiveDigits x,"
		"NeverHeardOf x,ResumeCallRecording call-a");
	assert_int_equal(event_count(fx), 6);
	for (int i = 0; i < 6; i++)
		assert_string_equal(
			kind(fx, i), i == 2 || i == 5 ? "ACTION_SUCCESSFUL" : "ACTION_SKIPPED");
	for (int i = 0; i < 6; i++) /* of the transaction, though some name no leg */
		assert_int_equal(sequence(fx, i), i + 2);
	assert_string_equal(data(fx, 0, "Type")->valuestring, "PlayAudio");
}

static void the_next_waits_until_the_one_before_is_effective(void **state)
{
	struct fixture *fx = *state;
	struct leg *held = fakes_add_leg(&fx->f, "held-1", "LEG-A", LEG_ANSWERED, NULL);

	run(fx, NULL,
		"StartCallRecording held-1,PauseCallRecording held-1,StartCallRecording call-a");
	assert_int_equal(fx->answers, 0);
	assert_int_equal(fakes_actions(), 1);
	assert_int_equal(held->holds, 1);
	fakes_release();
	assert_int_equal(fakes_actions(), 2); /* the pause is asked for, and waits too */
	assert_int_equal(fx->answers, 0);
	fakes_release();
	assert_int_equal(fx->answers, 1);
	assert_int_equal(event_count(fx), 3);
	assert_int_equal(sequence(fx, 1), 2);
	assert_int_equal(sequence(fx, 2), 1); /* another transaction */
}

static void failures_have_their_types(void **state)
{
	struct fixture *fx = *state;

	fakes_add_leg(&fx->f, "forbidden", "LEG-A", LEG_ANSWERED, NULL);
	fakes_add_leg(&fx->f, "broken", "LEG-A", LEG_ANSWERED, NULL);
	run(fx, NULL, "StartCallRecording forbidden");
	assert_string_equal(data(fx, 0, "ErrorType")->valuestring, "NoAccessToDestination");
	run(fx, NULL, "StartCallRecording broken");
	assert_string_equal(data(fx, 0, "ErrorType")->valuestring, "SystemException");
	run(fx, NULL, "StopCallRecording nowhere");
	assert_string_equal(data(fx, 0, "ErrorType")->valuestring, "InvalidActionParameter");
	assert_int_equal(sequence(fx, 0), 0); /* of no transaction */
}

static void assert_fails(
	struct fixture *fx, const char *transaction, const char *leg, const char *why)
{
	char action[128];

	snprintf(action, sizeof(action), "StopCallRecording %s", leg);
	run(fx, transaction, action);
	assert_string_equal(kind(fx, 0), "ACTION_FAILED");
	if (!strstr(data(fx, 0, "ErrorMessage")->valuestring, why))
		fail_msg("%s: %s", leg, data(fx, 0, "ErrorMessage")->valuestring);
}

static void legs_are_found_by_every_name(void **state)
{
	struct fixture *fx = *state;
	char transaction[UUID_TEXT_BYTES];
	char action[128] = "StartCallRecording ";

	uuid_format(&fx->a->session->transaction_id, transaction);
	uuid_format(&fx->b->call_id, action + strlen(action));
	run(fx, NULL, action);
	assert_non_null(fx->b->recording);
	run(fx, transaction, "StopCallRecording LEG-B,StartCallRecording LEG-A");
	assert_null(fx->b->recording);
	assert_non_null(fx->a->recording);
	run(fx, transaction, "StopCallRecording call-a");
	assert_null(fx->a->recording);
}

static void wrong_names_say_what_is_wrong(void **state)
{
	struct fixture *fx = *state;
	struct leg *other = fakes_add_leg(&fx->f, "twice", "LEG-A", LEG_ANSWERED, NULL);
	struct leg *twin = fakes_add_leg(&fx->f, "twice", "LEG-B", LEG_ANSWERED, NULL);
	char transaction[UUID_TEXT_BYTES];
	char ids[2 * UUID_TEXT_BYTES + 4];

	fakes_add_leg(&fx->f, "over", "LEG-B", LEG_ENDED, fx->a);
	uuid_format(&other->call_id, ids);
	strcat(ids, ", ");
	uuid_format(&twin->call_id, ids + strlen(ids));
	assert_fails(fx, NULL, "twice", "fits 2 live legs");
	assert_fails(fx, NULL, "twice", ids);
	assert_fails(fx, NULL, "over", "has ended");
	assert_fails(fx, NULL, "LEG-A", "needs the list's TransactionId");
	uuid_format(&fx->a->session->transaction_id, transaction);
	assert_fails(fx, transaction, "twice", "in the list's transaction");
	assert_fails(fx, transaction, "LEG-C", "in the list's transaction");
	assert_fails(fx, "no-uuid", "call-a", "no transaction has the TransactionId");
	fakes_add_leg(&fx->f, "third", "LEG-B", LEG_ANSWERED, fx->a);
	assert_fails(fx, transaction, "LEG-B", "fits 2 live legs");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_list_runs_in_order),
		TEST(a_failure_clears_the_rest),
		TEST(other_actions_are_skipped_and_clear_nothing),
		TEST(the_next_waits_until_the_one_before_is_effective),
		TEST(failures_have_their_types),
		TEST(legs_are_found_by_every_name),
		TEST(wrong_names_say_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
