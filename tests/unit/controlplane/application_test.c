#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <re.h>

#include "common/clock.h"
#include "controlplane/application.h"
#include "controlplane/application_transaction.h"
#include "controlplane/control.h"
#include "controlplane/digit_source.h"
#include "controlplane/events.h"
#include "controlplane/media.h"
#include "http_server.h"

#define SECOND_NS 1000000000ULL
#define PATIENCE_TICKS 20000 /* of 1 ms */
#define LIST(actions) "{\"SchemaVersion\":\"1.0\",\"Actions\":[" actions "]}"

struct fixture {
	struct control control;
	struct config config;
	struct errmsg e;
	struct http_server *server;
	struct tmr tick;
	uint64_t skew_ns;
	uint32_t timestamp; /* of the next telephone event */
	unsigned int ticks;
	unsigned int requests; /* awaited */
	unsigned int failures; /* awaited application_failed events */
};

static void start(struct fixture *fx, const char *path)
{
	if (path)
		snprintf(fx->config.application.url, sizeof(fx->config.application.url), "%s",
			http_server_url(fx->server, path));
	assert_int_equal(application_create(&fx->control.application, &fx->control, &fx->e), 0);
}

static void on_forgotten(void *arg, struct leg *leg)
{
	digit_source_forget(leg);
}

static int setup(void **state)
{
	static struct fixture fx;
	const struct leg_hooks hooks = {.forgotten = on_forgotten};

	memset(&fx, 0, sizeof(fx));
	assert_int_equal(config_defaults(&fx.config), 0);
	strcpy(fx.config.application.id, "sma");
	fx.control.config = &fx.config;
	fx.control.now_ns = SECOND_NS;
	fx.server = http_server_start();
	assert_int_equal(events_create(&fx.control.events, NULL, 1000, &fx.e), 0);
	assert_int_equal(legs_create(&fx.control.legs, &fx.config, &fx.control.timers, &hooks), 0);
	assert_int_equal(http_client_create(&fx.control.http, 64, &fx.e), 0);
	*state = &fx;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	application_destroy(fx->control.application);
	http_client_destroy(fx->control.http);
	legs_destroy(fx->control.legs);
	timers_destroy(&fx->control.timers);
	events_destroy(fx->control.events);
	config_destroy(&fx->config);
	http_server_stop(fx->server);
	return 0;
}

/* --- Legs --- */

static struct leg *offer(
	struct fixture *fx, const char *call_id, enum leg_side side, const char *session_id)
{
	struct leg_offer o = {.sip_call_id = call_id,
		.from_tag = "f",
		.from_uri = "sip:+1@192.0.2.1",
		.to_uri = "sip:+2@192.0.2.2",
		.transaction_header = session_id,
		.side = side,
		.by_sbc = true,
		.at_ns = fx->control.now_ns};
	struct leg *leg;

	assert_int_equal(leg_offer(fx->control.legs, &o, &leg), 0);
	application_leg_offered(fx->control.application, leg);
	return leg;
}

static void answer(struct fixture *fx, struct leg *leg)
{
	leg_answer(fx->control.legs, leg, fx->control.now_ns);
	application_leg_answered(fx->control.application, leg);
}

static void end(struct fixture *fx, struct leg *leg, unsigned int code)
{
	leg_end(fx->control.legs, leg, code ? "refused" : "hangup", code, fx->control.now_ns);
	application_leg_ended(fx->control.application, leg);
}

/* --- Waiting --- */

static unsigned int failures(struct fixture *fx)
{
	struct event_reader r = {0};
	unsigned int count = 0;
	size_t bytes;
	char *line;

	assert_int_equal(events_enter(fx->control.events, &r, false, 0), 0);
	while ((line = events_next(fx->control.events, &r, &bytes)) != NULL) {
		count += memmem(line, bytes, "\"application_failed\"", 20) != NULL;
		free(line);
	}
	events_leave(fx->control.events, &r);
	return count;
}

static void on_tick(void *arg)
{
	struct fixture *fx = arg;

	fx->control.now_ns += 1000000 + fx->skew_ns;
	fx->skew_ns = 0;
	timers_run(&fx->control.timers, fx->control.now_ns);
	if ((http_server_requests(fx->server) >= fx->requests && failures(fx) >= fx->failures) ||
		++fx->ticks == PATIENCE_TICKS)
		re_cancel();
	else
		tmr_start(&fx->tick, 1, on_tick, fx);
}

/* Until the server has had so many requests, and so many failures have been told. */
static void run_until(struct fixture *fx, unsigned int requests, unsigned int told)
{
	fx->requests = requests;
	fx->failures = told;
	fx->ticks = 0;
	tmr_init(&fx->tick);
	tmr_start(&fx->tick, 0, on_tick, fx);
	re_main(NULL);
	tmr_cancel(&fx->tick);
	assert_in_range(http_server_requests(fx->server), requests, requests + 100);
	assert_true(fx->ticks < PATIENCE_TICKS);
}

/* Until this counter has got so far. */
static void run_until_count(struct fixture *fx, enum application_counter c, uint64_t value)
{
	for (unsigned int i = 0;
		i < PATIENCE_TICKS && application_count(fx->control.application, c) < value; i++)
		run_until(fx, 0, 0);
	assert_int_equal(application_count(fx->control.application, c), value);
}

/* --- Requests --- */

static void expect(struct fixture *fx, unsigned int n, unsigned int sequence, const char *type)
{
	cJSON *o = cJSON_Parse(http_server_request(fx->server, n));

	assert_non_null(o);
	assert_string_equal(cJSON_GetObjectItem(o, "InvocationEventType")->valuestring, type);
	assert_int_equal(cJSON_GetObjectItem(o, "Sequence")->valueint, sequence);
	cJSON_Delete(o);
}

/* A member of a request, by the names on its path: "ActionData", "Type". */
static const char *text_at(struct fixture *fx, unsigned int n, const char *a, const char *b)
{
	static char text[512];
	cJSON *o = cJSON_Parse(http_server_request(fx->server, n));
	const cJSON *item = cJSON_GetObjectItem(cJSON_GetObjectItem(o, a), b);

	if (cJSON_IsString(item))
		snprintf(text, sizeof(text), "%s", item->valuestring);
	else if (item)
		cJSON_PrintPreallocated((cJSON *)item, text, sizeof(text), false);
	cJSON_Delete(o);
	return item ? text : NULL;
}

/* --- Tests --- */

static void a_call_is_told_in_order_one_event_at_a_time(void **state)
{
	struct fixture *fx = *state;
	struct leg *leg;

	for (unsigned int i = 0; i < 4; i++)
		http_server_script(fx->server, LIST(""));
	start(fx, "/script");
	leg = offer(fx, "c1", SIDE_CALLEE, NULL);
	application_leg_ringing(fx->control.application, leg);
	answer(fx, leg);
	end(fx, leg, 486);
	run_until(fx, 1, 0);
	run_until(fx, 4, 0);
	expect(fx, 0, 1, "NEW_OUTBOUND_CALL");
	expect(fx, 1, 2, "RINGING");
	expect(fx, 2, 3, "CALL_ANSWERED");
	expect(fx, 3, 4, "HANGUP");
	assert_string_equal(text_at(fx, 3, "ActionData", "Type"), "Hangup");
	assert_non_null(strstr(text_at(fx, 3, "ActionData", "Parameters"),
		"{\"SipResponseCode\":486,\"CallId\":\""));
	run_until_count(fx, APPLICATION_answered, 4);
}

static void answer_of_a_first_inbound_leg_is_not_told(void **state)
{
	struct fixture *fx = *state;
	struct leg *leg;

	start(fx, "/script");
	http_server_script(fx->server, LIST(""));
	leg = offer(fx, "c1", SIDE_CALLER, NULL);
	answer(fx, leg);
	end(fx, leg, 0);
	run_until(fx, 2, 0);
	expect(fx, 0, 1, "NEW_INBOUND_CALL");
	expect(fx, 1, 2, "HANGUP");
}

static void further_leg_is_the_bridge_s_success_once(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";
	struct fixture *fx = *state;
	struct leg *b;
	struct leg *c;

	start(fx, "/script");
	http_server_script(fx->server,
		LIST("{\"Type\":\"CallAndBridge\",\"Parameters\":{\"CallTimeoutSeconds\":30}}"));
	http_server_script(fx->server, LIST(""));
	http_server_script(fx->server, LIST(""));
	offer(fx, "a", SIDE_CALLER, id);
	run_until_count(fx, APPLICATION_answered, 1);
	b = offer(fx, "b", SIDE_CALLEE, id);
	c = offer(fx, "c", SIDE_CALLEE, id);
	answer(fx, b);
	answer(fx, c);
	run_until(fx, 3, 0);
	expect(fx, 1, 2, "ACTION_SUCCESSFUL");
	assert_string_equal(text_at(fx, 1, "ActionData", "Type"), "CallAndBridge");
	assert_string_equal(
		text_at(fx, 1, "ActionData", "Parameters"), "{\"CallTimeoutSeconds\":30}");
	assert_null(text_at(fx, 1, "ActionData", "SkipReason"));
	expect(fx, 2, 3, "CALL_ANSWERED");
	assert_non_null(strstr(text_at(fx, 2, "CallDetails", "Participants"), "\"LEG-A\""));
}

static void failed_action_is_told_once_and_clears_the_rest(void **state)
{
	struct fixture *fx = *state;

	start(fx, "/script");
	http_server_script(fx->server,
		LIST("{\"Type\":\"PlayAudio\"},{\"Type\":\"PauseCallRecording\",\"Parameters\":{"
		     "\"ParticipantTag\":\"LEG-A\"}},{\"Type\":\"StopCallRecording\","
		     "\"Parameters\":"
		     "{\"ParticipantTag\":\"LEG-A\"}}"));
	http_server_script(fx->server, LIST(""));
	offer(fx, "a", SIDE_CALLER, NULL);
	run_until(fx, 2, 0);
	expect(fx, 1, 2, "ACTION_FAILED");
	assert_string_equal(text_at(fx, 1, "ActionData", "Type"), "PauseCallRecording");
	assert_string_equal(text_at(fx, 1, "ActionData", "ErrorType"), "InvalidActionParameter");
	assert_string_equal(text_at(fx, 1, "ActionData", "Error"),
		"InvalidActionParameter: the leg is not being recorded");
	run_until_count(fx, APPLICATION_answered, 2);
	assert_int_equal(http_server_requests(fx->server), 2);
	assert_int_equal(application_count(fx->control.application, APPLICATION_actions_failed), 1);
	assert_int_equal(
		application_count(fx->control.application, APPLICATION_actions_skipped), 1);
}

static void attributes_are_kept_replaced_and_cleared(void **state)
{
	static const char *const answers[] = {
		"{\"SchemaVersion\":\"1.0\",\"TransactionAttributes\":{\"a\":\"1\"}}", LIST(""),
		"{\"SchemaVersion\":\"1.0\",\"TransactionAttributes\":{\"b\":\"2\"}}",
		"{\"SchemaVersion\":\"1.0\",\"TransactionAttributes\":{}}", LIST("")};
	static const char *const seen[] = {
		NULL, "{\"a\":\"1\"}", "{\"a\":\"1\"}", "{\"b\":\"2\"}", NULL};
	struct fixture *fx = *state;
	struct leg *leg;

	start(fx, "/script");
	for (unsigned int i = 0; i < 5; i++)
		http_server_script(fx->server, answers[i]);
	leg = offer(fx, "a", SIDE_CALLER, NULL);
	for (unsigned int i = 1; i < 5; i++)
		application_leg_ringing(fx->control.application, leg);
	run_until(fx, 5, 0);
	for (unsigned int i = 0; i < 5; i++) {
		const char *text = text_at(fx, i, "CallDetails", "TransactionAttributes");

		if (seen[i])
			assert_string_equal(text, seen[i]);
		else
			assert_null(text);
	}
}

static void bad_answer_is_told_but_not_that_of_its_own_telling(void **state)
{
	struct fixture *fx = *state;
	cJSON *o;

	start(fx, "/script");
	http_server_script(fx->server, "<html>");
	http_server_script(fx->server, "<html>");
	offer(fx, "a", SIDE_CALLER, NULL);
	run_until(fx, 2, 2);
	expect(fx, 1, 2, "INVALID_LAMBDA_RESPONSE");
	o = cJSON_Parse(http_server_request(fx->server, 1));
	assert_string_equal(
		cJSON_GetObjectItem(o, "ErrorType")->valuestring, "InvalidLambdaResponse");
	assert_non_null(strstr(cJSON_GetObjectItem(o, "ErrorMessage")->valuestring, "is not JSON"));
	cJSON_Delete(o);
	assert_int_equal(http_server_requests(fx->server), 2);
	assert_int_equal(application_count(fx->control.application, APPLICATION_bad_answers), 2);
}

static void function_error_and_long_answer_are_bad_answers(void **state)
{
	struct fixture *fx = *state;

	start(fx, "/error");
	offer(fx, "a", SIDE_CALLER, NULL);
	run_until(fx, 2, 2);
	expect(fx, 1, 2, "INVALID_LAMBDA_RESPONSE");
	application_destroy(fx->control.application);
	start(fx, "/long");
	offer(fx, "b", SIDE_CALLER, NULL);
	run_until(fx, 4, 4);
	expect(fx, 3, 2, "INVALID_LAMBDA_RESPONSE");
}

static void refused_event_is_sent_once_more_after_5_s_then_given_up(void **state)
{
	struct fixture *fx = *state;
	struct leg *leg;

	start(fx, "/503");
	leg = offer(fx, "a", SIDE_CALLER, NULL);
	application_leg_ringing(fx->control.application, leg);
	run_until(fx, 1, 0);
	for (unsigned int i = 0; i < 50; i++)
		run_until(fx, 0, 0); /* 50 ms on: not yet */
	assert_int_equal(http_server_requests(fx->server), 1);
	fx->skew_ns = 5 * SECOND_NS;
	run_until(fx, 3, 1); /* and the next event's turn has come */
	expect(fx, 0, 1, "NEW_INBOUND_CALL");
	expect(fx, 1, 1, "NEW_INBOUND_CALL");
	expect(fx, 2, 2, "RINGING");
	assert_int_equal(application_count(fx->control.application, APPLICATION_failed), 1);
	assert_int_equal(application_count(fx->control.application, APPLICATION_asked_again), 1);
}

static void waiting_transaction_is_bounded_and_delays_no_other(void **state)
{
	static const char body[] = "{\"Arguments\":{\"action\":\"pause\"}}";
	struct fixture *fx = *state;
	char id[UUID_TEXT_BYTES];
	struct leg *stuck;
	struct leg *other;

	start(fx, "/script");
	http_server_script(fx->server, "hang");
	stuck = offer(fx, "a", SIDE_CALLER, NULL);
	run_until(fx, 1, 0);
	for (unsigned int i = 0; i < APPLICATION_QUEUE_MAX + 3; i++)
		application_leg_ringing(fx->control.application, stuck);
	assert_int_equal(application_count(fx->control.application, APPLICATION_dropped), 3);
	uuid_format(&stuck->session->transaction_id, id);
	assert_int_equal(application_call_update(
				 fx->control.application, "sma", id, body, strlen(body), &fx->e),
		-EAGAIN);
	http_server_script(fx->server, LIST(""));
	http_server_script(fx->server, LIST(""));
	other = offer(fx, "b", SIDE_CALLER, NULL);
	uuid_format(&other->session->transaction_id, id);
	assert_int_equal(application_call_update(
				 fx->control.application, "sma", id, body, strlen(body), &fx->e),
		0);
	run_until_count(fx, APPLICATION_answered, 2);
	expect(fx, 2, 2, "CALL_UPDATE_REQUESTED");
	assert_string_equal(text_at(fx, 2, "ActionData", "Type"), "CallUpdateRequest");
	assert_string_equal(text_at(fx, 2, "ActionData", "Parameters"), body);
	assert_int_equal(http_server_requests(fx->server), 3);
}

static void updates_are_refused_with_a_reason(void **state)
{
	static const char body[] = "{\"Arguments\":{}}";
	struct fixture *fx = *state;
	struct application *a;
	char id[UUID_TEXT_BYTES];
	struct leg *leg;

	start(fx, NULL);
	a = fx->control.application;
	leg = offer(fx, "a", SIDE_CALLER, NULL);
	uuid_format(&leg->session->transaction_id, id);
	assert_int_equal(application_call_update(a, "sma", id, body, 16, &fx->e), -EINVAL);
	assert_non_null(strstr(fx->e.text, "application.url"));
	strcpy(fx->config.application.url, "http://127.0.0.1:1/");
	assert_int_equal(application_call_update(a, "sma", id, "{}", 2, &fx->e), -EINVAL);
	assert_int_equal(application_call_update(a, "other", id, body, 16, &fx->e), -ENOENT);
	assert_int_equal(application_call_update(a, "sma", "x", body, 16, &fx->e), -ENOENT);
	assert_int_equal(application_call_update(a, "sma", id, body, 16, &fx->e), 0);
	end(fx, leg, 0);
	assert_int_equal(application_call_update(a, "sma", id, body, 16, &fx->e), -ENOENT);
	fx->control.ending = true;
	assert_int_equal(application_call_update(a, "sma", id, body, 16, &fx->e), -ESHUTDOWN);
}

static void without_a_url_events_go_into_the_log_alone(void **state)
{
	struct fixture *fx = *state;
	struct event_reader r = {0};
	struct leg *leg;
	size_t bytes;
	char *line;

	start(fx, NULL);
	leg = offer(fx, "a", SIDE_CALLER, NULL);
	end(fx, leg, 0);
	assert_int_equal(events_enter(fx->control.events, &r, false, 0), 0);
	line = events_next(fx->control.events, &r, &bytes);
	assert_non_null(memmem(line, bytes, "\"NEW_INBOUND_CALL\"", 18));
	assert_non_null(memmem(line, bytes, "\"Source\":\"application\"", 22));
	free(line);
	line = events_next(fx->control.events, &r, &bytes);
	assert_non_null(memmem(line, bytes, "\"Sequence\":2,", 13));
	free(line);
	events_leave(fx->control.events, &r);
	assert_int_equal(application_count(fx->control.application, APPLICATION_asked), 0);
}

/* --- Digits --- */

#define RECEIVE(regex) \
	LIST("{\"Type\":\"ReceiveDigits\",\"Parameters\":{\"ParticipantTag\":\"LEG-A\"," \
	     "\"InputDigitsRegex\":\"" regex "\"," \
	     "\"InBetweenDigitsDurationInMilliseconds\":\"1000\"," \
	     "\"FlushDigitsDurationInMilliseconds\":5000}}")

/* By SIP INFO. */
static void press(struct fixture *fx, struct leg *leg, const char *digits)
{
	for (; *digits; digits++)
		digit_source_info(&fx->control, leg, *digits, fx->control.now_ns);
}

/* As a packet of the participant's track, which came with this gate. */
static void press_in_band(struct fixture *fx, struct leg *leg, const char *digits, enum gate gate)
{
	struct media_stream s = {.leg = leg, .track = TRACK_INCOMING};

	for (; *digits; digits++) {
		struct watched_packet p = {.arrival_ns = fx->control.now_ns,
			.timestamp = fx->timestamp,
			.gate = (uint8_t)gate,
			.payload = {(uint8_t)(*digits - '0'), 10, 0, 160}};

		digit_source_packet(&fx->control, &s, &p);
		digit_source_packet(&fx->control, &s, &p); /* and the other port's copy */
		fx->timestamp += 1600;
	}
}

/* Lines of the event log in which a text stands. */
static unsigned int logged(struct fixture *fx, const char *text)
{
	struct event_reader r = {0};
	unsigned int count = 0;
	size_t bytes;
	char *line;

	assert_int_equal(events_enter(fx->control.events, &r, false, 0), 0);
	while ((line = events_next(fx->control.events, &r, &bytes)) != NULL) {
		count += memmem(line, bytes, text, strlen(text)) != NULL;
		free(line);
	}
	return count;
}

static void digits_are_told_when_whole_or_late(void **state)
{
	struct fixture *fx = *state;
	struct leg *leg;

	start(fx, "/script");
	http_server_script(fx->server, RECEIVE("^\\\\d{2}#$"));
	for (unsigned int i = 0; i < 3; i++)
		http_server_script(fx->server, LIST(""));
	leg = offer(fx, "a", SIDE_CALLER, NULL);
	press(fx, leg, "9"); /* nobody has asked */
	run_until_count(fx, APPLICATION_answered, 1);
	press(fx, leg, "1x1#");
	for (unsigned int i = 0; i < 50; i++)
		run_until(fx, 0, 0);
	assert_int_equal(http_server_requests(fx->server), 1);
	fx->skew_ns = SECOND_NS;
	run_until(fx, 2, 0);
	expect(fx, 1, 2, "DIGITS_RECEIVED");
	assert_string_equal(text_at(fx, 1, "ActionData", "ReceivedDigits"), "11#");
	assert_string_equal(text_at(fx, 1, "ActionData", "Type"), "ReceiveDigits");
	assert_null(text_at(fx, 1, "ActionData", "SkipReason"));
	press(fx, leg, "12");
	fx->skew_ns = SECOND_NS; /* not whole */
	for (unsigned int i = 0; i < 50; i++)
		run_until(fx, 0, 0);
	assert_int_equal(http_server_requests(fx->server), 2);
	fx->skew_ns = 4 * SECOND_NS;
	run_until(fx, 3, 0);
	assert_string_equal(text_at(fx, 2, "ActionData", "ReceivedDigits"), "12");
}

static void digits_of_a_pause_are_told_but_not_logged(void **state)
{
	struct fixture *fx = *state;
	struct leg *leg;

	start(fx, "/script");
	http_server_script(fx->server, RECEIVE("^\\\\d{3}$"));
	for (unsigned int i = 0; i < 2; i++)
		http_server_script(fx->server, LIST(""));
	leg = offer(fx, "a", SIDE_CALLER, NULL);
	run_until_count(fx, APPLICATION_answered, 1);
	press_in_band(fx, leg, "123", GATE_RECORD);
	fx->skew_ns = SECOND_NS;
	run_until(fx, 2, 0);
	assert_string_equal(text_at(fx, 1, "ActionData", "ReceivedDigits"), "123");
	press_in_band(fx, leg, "7", GATE_RECORD);
	press_in_band(fx, leg, "9", GATE_PAUSED);
	press_in_band(fx, leg, "8", GATE_RECORD);
	fx->skew_ns = SECOND_NS;
	run_until(fx, 3, 0);
	expect(fx, 2, 3, "DIGITS_RECEIVED");
	assert_string_equal(text_at(fx, 2, "ActionData", "ReceivedDigits"), "798");
	assert_int_equal(logged(fx, "\"DIGITS_RECEIVED\""), 2);
	assert_int_equal(logged(fx, "\"ReceivedDigits\":\"123\""), 1);
	assert_int_equal(logged(fx, "798"), 0);
}

static void digits_of_another_leg_are_not_told(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";
	struct fixture *fx = *state;
	struct leg *b;

	start(fx, "/script");
	http_server_script(fx->server, RECEIVE("1"));
	offer(fx, "a", SIDE_CALLER, id);
	run_until_count(fx, APPLICATION_answered, 1);
	b = offer(fx, "b", SIDE_CALLEE, id);
	press(fx, b, "1");
	fx->skew_ns = 6 * SECOND_NS;
	for (unsigned int i = 0; i < 50; i++)
		run_until(fx, 0, 0);
	assert_int_equal(http_server_requests(fx->server), 1);
}

static void transactions_go_with_their_legs(void **state)
{
	struct fixture *fx = *state;
	struct leg *leg;

	start(fx, NULL);
	for (unsigned int i = 0; i < 600; i++) {
		char name[16];

		snprintf(name, sizeof(name), "c%u", i);
		leg = offer(fx, name, SIDE_CALLER, NULL);
		if (i != 300)
			end(fx, leg, 0);
	}
	for (unsigned int i = 0; i < 400; i++) {
		fx->control.now_ns += SECOND_NS / 10;
		timers_run(&fx->control.timers, fx->control.now_ns);
	}
	assert_non_null(fx->control.application->first);
	assert_ptr_equal(fx->control.application->first, fx->control.application->last);
	assert_int_equal(fx->control.application->first->sequence, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_call_is_told_in_order_one_event_at_a_time),
		TEST(answer_of_a_first_inbound_leg_is_not_told),
		TEST(further_leg_is_the_bridge_s_success_once),
		TEST(failed_action_is_told_once_and_clears_the_rest),
		TEST(attributes_are_kept_replaced_and_cleared),
		TEST(bad_answer_is_told_but_not_that_of_its_own_telling),
		TEST(function_error_and_long_answer_are_bad_answers),
		TEST(refused_event_is_sent_once_more_after_5_s_then_given_up),
		TEST(waiting_transaction_is_bounded_and_delays_no_other),
		TEST(updates_are_refused_with_a_reason),
		TEST(without_a_url_events_go_into_the_log_alone),
		TEST(digits_are_told_when_whole_or_late),
		TEST(digits_of_a_pause_are_told_but_not_logged),
		TEST(digits_of_another_leg_are_not_told),
		TEST(transactions_go_with_their_legs),
	};
	int failed;

	setenv("no_proxy", "*", 1);
	libre_init();
	fd_setsize(1024);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
