/* SIP events: the legs that come of them, and what is refused of a body. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "controlplane/control.h"
#include "controlplane/sip_events.h"
#include "sip_scenario.h"

static struct scenario scenario;
static struct control control;
static char answer[16384]; /* of the newest request */
static char summary[SIP_EVENTS_SUMMARY_BYTES];
static struct errmsg refusal;

static int setup(void **state)
{
	scenario_create(&scenario, "S");
	memset(&control, 0, sizeof(control));
	control.config = &scenario.config;
	control.legs = scenario.legs;
	control.dialogs = scenario.dialogs;
	return 0;
}

static int teardown(void **state)
{
	scenario_destroy(&scenario);
	return 0;
}

/* `json` has ' in place of ". */
static int post_at(const char *time, const char *json)
{
	struct cJSON *o = NULL;
	char body[8192];
	char *text;
	int err;

	snprintf(body, sizeof(body), "%s", json);
	for (char *p = body; *p; p++)
		if (*p == '\'')
			*p = '"';
	control.now_ns = scenario_time(time);
	timers_run(&scenario.timers, control.now_ns);
	refusal.text[0] = '\0';
	err = sip_events_run(&control, body, strlen(body), &o, summary, &refusal);
	if (err != 0)
		return err;
	text = cJSON_PrintUnformatted(o);
	snprintf(answer, sizeof(answer), "%s", text);
	cJSON_free(text);
	cJSON_Delete(o);
	return 0;
}

static void post(const char *time, const char *json)
{
	if (post_at(time, json) != 0)
		fail_msg("%s", refusal.text);
}

static void assert_answer(const char *wanted)
{
	if (!strstr(answer, wanted))
		fail_msg("%s is not in %s", wanted, answer);
}

static void assert_legs(const char *wanted)
{
	assert_string_equal(scenario_legs(&scenario), wanted);
}

#define OFFER \
	"{'type':'offered','sip_call_id':'c1','from_tag':'a','side':'caller'," \
	"'from':'sip:+1@x','to':'sip:+2@x','headers':{'From':'x'}," \
	"'participant_media':{'addresses':['10.0.0.1:4000'],'codecs':[{'payload_type':8}," \
	"{'payload_type':101,'name':'telephone-event','clock_hz':8000,'fmtp':'0-15'}]}}"
#define NAMED "'sip_call_id':'c1','from_tag':'a','side':'caller'"
#define ANSWER \
	"{'type':'answered'," NAMED ",'to_tag':'s'," \
	"'sbc_media':{'addresses':['10.9.0.1:6000'],'codecs':[{'payload_type':8}],'ptime_ms':20}}"

static void a_call_from_offer_to_end(void **state)
{
	post("0.000", OFFER);
	assert_answer("\"Type\":\"offered\"");
	assert_answer("\"ParticipantTag\":\"LEG-A\",\"State\":\"offered\",\"Changed\":true");
	post("0.100", "{'type':'ringing'," NAMED "}");
	assert_answer("\"State\":\"ringing\",\"Changed\":true");
	post("0.500", ANSWER);
	assert_answer("\"State\":\"answered\",\"Changed\":true");
	post("9.000", "{'type':'ended'," NAMED "}");
	assert_answer("\"State\":\"ended\",\"Changed\":true");
	assert_legs("LEG-A caller ended(hangup 0) 0.000 0.500 9.000 P=10.0.0.1:4000 "
		    "S=10.9.0.1:6000 c1\n");
	assert_string_equal(scenario.hooks,
		"participant(A) offered(A) ringing(A) sbc(A) answered(A) ended(A) ");
	assert_string_equal(summary, "1 SIP events, 0 failed");
}

/* Parsed SIP of the same dialog gives the same ids. */
static void ids_are_those_of_sip(void **state)
{
	struct scenario sip;
	char call_id[UUID_TEXT_BYTES];

	scenario_create(&sip, "S");
	scenario_run(&sip, "0.000 A>S INVITE c1 a - 1 sdp=4000\n");
	post("0.000", OFFER);
	assert_answer(uuid_format(&legs_first(sip.legs)->call_id, call_id));
	assert_answer(uuid_format(&legs_first(sip.legs)->session->transaction_id, call_id));
	scenario_destroy(&sip);
}

static void repeated_events_change_nothing(void **state)
{
	static const char *const events[] = {OFFER, "{'type':'ringing'," NAMED "}", ANSWER,
		"{'type':'changed'," NAMED
		",'sbc_media':{'addresses':['10.9.0.1:6010'],'direction':'sendonly'}}",
		"{'type':'ended'," NAMED "}"};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		post("1.000", events[i]);
		assert_answer("\"Changed\":true");
		for (size_t k = 0; k <= i; k++) {
			post("2.000", events[k]);
			/* An older answer's media is news after a change, as in SIP. */
			if (k != 2 || i != 3)
				assert_answer("\"Changed\":false");
			if (k == 2 && i == 3)
				post("2.000", events[3]);
		}
	}
	assert_null(legs_first(scenario.legs)->next);
	assert_int_equal(legs_live(scenario.legs), 0);
}

static void a_list_and_two_legs_by_header(void **state)
{
	post("0.000",
		"{'Events':[" OFFER ",{'type':'offered','sip_call_id':'c2','from_tag':'s',"
		"'source':'10.9.0.1:5060','destination':'10.0.0.2:5060','from':'sip:+1@x',"
		"'to':'sip:+2@x','headers':{'from':'x','session-id':"
		"'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;remote=00000000000000000000000000000000'}},"
		"{'type':'changed'," NAMED ",'transaction_header':"
		"'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb;remote=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}]}");
	assert_string_equal(summary, "3 SIP events, 0 failed");
	assert_int_equal(legs_first(scenario.legs)->session->leg_count, 2);
	assert_ptr_equal(
		legs_first(scenario.legs)->session, legs_first(scenario.legs)->next->session);
	assert_int_equal(legs_first(scenario.legs)->next->side, SIDE_CALLEE);
	assert_true(netaddr_equal(&legs_first(scenario.legs)->next->peer,
		&(struct netaddr){.family = 4, .port = 5060, .ip = {10, 0, 0, 2}}));
}

static void without_an_sbc_the_caller_is_the_participant(void **state)
{
	post("0.000",
		"{'type':'offered','sip_call_id':'c1','from_tag':'a','source':'10.0.0.1:5060',"
		"'destination':'10.5.0.1:5060','from':'sip:+1@x','to':'sip:+2@x'}");
	assert_false(legs_first(scenario.legs)->by_sbc);
	assert_int_equal(legs_first(scenario.legs)->side, SIDE_CALLER);
	assert_string_equal(legs_first(scenario.legs)->participant, "sip:+1@x");
}

static void media_is_as_described(void **state)
{
	const struct end_media *m;

	post("0.000", OFFER);
	post("0.000", ANSWER);
	m = &legs_first(scenario.legs)->media[END_PARTICIPANT];
	assert_int_equal(m->codec_count, 2);
	assert_string_equal(m->codecs[0].name, "PCMA");
	assert_int_equal(m->codecs[0].clock_hz, 8000);
	assert_string_equal(m->codecs[1].name, "TELEPHONE-EVENT");
	assert_string_equal(m->codecs[1].fmtp, "0-15");
	assert_true(m->sends && m->receives);
	assert_int_equal(legs_first(scenario.legs)->media[END_SBC].ptime_ms, 20);
	assert_false(legs_first(scenario.legs)->on_hold);
	post("1.000", "{'type':'changed'," NAMED ",'participant_media':{'direction':'sendonly'}}");
	assert_true(m->sends && !m->receives);
	assert_true(legs_first(scenario.legs)->on_hold);
	assert_int_equal(m->codec_count, 2); /* what is not said stays */
	post("2.000", "{'type':'changed'," NAMED ",'participant_media':{'direction':'recvonly'}}");
	assert_true(!m->sends && m->receives);
	post("3.000", "{'type':'changed'," NAMED ",'participant_media':{'direction':'inactive'}}");
	assert_true(!m->sends && !m->receives);
	post("4.000", "{'type':'changed'," NAMED ",'participant_media':{}}");
	assert_false(legs_first(scenario.legs)->on_hold);
}

static void ends_have_reasons(void **state)
{
	static const struct {
		const char *more;
		bool answered;
		const char *reason;
		unsigned int code;
	} rows[] = {
		{"", true, "hangup", 0},
		{",'reason':'media_timeout'", true, "media_timeout", 0},
		{",'sip_code':486", false, "refused", 486},
		{",'sip_code':487", false, "cancelled", 487},
		{",'sip_code':480,'reason':'no_answer'", false, "no_answer", 480},
		{"", false, "refused", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char event[256];

		setup(NULL);
		post("0.000", OFFER);
		if (rows[i].answered)
			post("1.000", ANSWER);
		snprintf(event, sizeof(event), "{'type':'ended'," NAMED "%s}", rows[i].more);
		post("2.000", event);
		assert_string_equal(legs_first(scenario.legs)->reason, rows[i].reason);
		assert_int_equal(legs_first(scenario.legs)->sip_code, rows[i].code);
		if (i + 1 < sizeof(rows) / sizeof(rows[0]))
			teardown(NULL);
	}
}

/* An ended leg is offered anew by a higher CSeq only. */
static void a_call_tried_again(void **state)
{
	static const char offer[] =
		"{'type':'offered'," NAMED ",'from':'sip:+1@x','to':'sip:+2@x','cseq':%d}";
	char event[256];

	snprintf(event, sizeof(event), offer, 1);
	post("0.000", event);
	post("0.100", "{'type':'ended'," NAMED ",'sip_code':407}");
	post("0.200", event);
	assert_answer("\"State\":\"ended\",\"Changed\":false");
	snprintf(event, sizeof(event), offer, 2);
	post("0.300", event);
	assert_answer("\"ParticipantTag\":\"LEG-A\",\"State\":\"offered\",\"Changed\":true");
	assert_int_equal(legs_live(scenario.legs), 1);
}

static void legs_are_named_in_three_ways(void **state)
{
	char call_id[UUID_TEXT_BYTES];
	char event[256];

	post("0.000", OFFER);
	post("0.100", "{'type':'ringing','sip_call_id':'c1'}");
	assert_answer("\"Changed\":true");
	snprintf(event, sizeof(event), "{'type':'answered','call_id':'%s'}",
		uuid_format(&legs_first(scenario.legs)->call_id, call_id));
	post("0.200", event);
	assert_answer("\"State\":\"answered\",\"Changed\":true");
	/* A second leg of the same Call-ID, as a proxy with a media relay has it. */
	post("0.300", "{'type':'offered','sip_call_id':'c1','from_tag':'a','side':'callee',"
		      "'from':'sip:+1@x','to':'sip:+2@x'}");
	post("0.400",
		"{'Events':[{'type':'ended','sip_call_id':'c1'},{'type':'ended'," NAMED "}]}");
	assert_answer("c1 fits 2 live legs: name one by its CallId: ");
	assert_answer("\"State\":\"ended\",\"Changed\":true");
	assert_string_equal(summary, "2 SIP events, 1 failed");
	post("0.500", "{'type':'ended'," NAMED "}");
	assert_answer("\"State\":\"ended\",\"Changed\":false");
	assert_int_equal(legs_live(scenario.legs), 1);
}

static void an_unknown_leg_is_an_error_of_its_event(void **state)
{
	post("0.000", "{'Events':[{'type':'answered'," NAMED "}," OFFER
		      ",{'type':'ended','call_id':'00000000-0000-5000-8000-000000000000'}]}");
	assert_answer("{\"Type\":\"answered\",\"Error\":\"there is no such leg (any more)\"}");
	assert_answer("\"State\":\"offered\"");
	assert_answer("{\"Type\":\"ended\",\"Error\":\"there is no such leg (any more)\"}");
	post("0.100", "{'type':'ringing','sip_call_id':'nobody'}");
	assert_answer("no live leg has the CallId or SIP Call-ID nobody");
}

static void too_many_legs_are_refused(void **state)
{
	scenario.config.limits.legs = 1;
	post("0.000", OFFER);
	post("0.000", "{'type':'offered','sip_call_id':'c2','from_tag':'a','side':'caller',"
		      "'from':'sip:+1@x','to':'sip:+2@x'}");
	assert_answer("\"Error\":\"there are limits.legs legs already\"");
	assert_int_equal(legs_refused(scenario.legs), 1);
}

/* SIP of a leg that events made, and of its other side, is seen on the mirror after all. */
static void sip_of_the_same_call_may_follow(void **state)
{
	post("0.000",
		"{'type':'offered','sip_call_id':'c1','from_tag':'a','source':'10.0.0.1:5060',"
		"'destination':'10.9.0.1:5060','from':'sip:+1@x','to':'sip:+2@x','cseq':1}");
	scenario_run(&scenario, "0.010 A>S INVITE c1 a - 1 sdp=4000\n"
				"0.020 S>B INVITE c1 a - 1 sdp=6002\n"
				"0.030 B>S 486/INVITE c1 a b 1\n"
				"0.040 S>A 486/INVITE c1 a b 1\n");
	assert_legs("LEG-A caller ended(refused 486) 0.000 0.000 0.040 P=10.0.0.1:4000 S c1\n"
		    "LEG-B callee ended(refused 486) 0.020 0.000 0.030 P S=10.9.0.1:6002 c1\n");
}

static void bodies_that_are_refused(void **state)
{
	static const struct {
		const char *body;
		const char *says;
	} rows[] = {
		{"", "not JSON"},
		{"[]", "one event, or {\"Events\":[…]}"},
		{"{}", "type: is missing"},
		{"{'Events':{}}", "Events: must be a list"},
		{"{'Events':[],'type':'offered'}", "Events: nothing else can stand beside it"},
		{"{'Events':[" OFFER ",7]}", "Events[1]: must be an object"},
		{"{'Events':[" OFFER ",{'type':'talking'}]}",
			"Events[1].type: must be one of \"offered\", \"ringing\""},
		{"{'type':'offered','sip_call-id':'x'}", "sip_call-id: unknown member"},
		{"{'type':'ringing'}", "sip_call_id: is missing"},
		{"{'type':'ringing','sip_call_id':7}", "sip_call_id: must be a text"},
		{"{'type':'ringing','sip_call_id':'a\\u000ab'}", "sip_call_id: must be a text"},
		{"{'type':'ringing','sip_call_id':'a','from_tag':'b'}", "side: is missing"},
		{"{'type':'ringing','sip_call_id':'a','side':'caller'}", "from_tag: is missing"},
		{"{'type':'ringing','call_id':'a'}", "call_id: must be a CallId"},
		{"{'type':'offered','sip_call_id':'c1'}", "from_tag: is missing"},
		{"{'type':'offered','sip_call_id':'c1','from_tag':'a'}", "side: is missing"},
		{"{'type':'offered'," NAMED "}", "from: is missing"},
		{"{'type':'offered'," NAMED ",'from':'sip:a'}", "to: is missing"},
		{"{'type':'offered'," NAMED ",'source':'10.0.0.1'}", "destination: is missing"},
		{"{'type':'offered'," NAMED ",'source':'10.0.0.1','destination':'10.9.0.1'}",
			"source: says which side"},
		{"{'type':'offered','sip_call_id':'c1','from_tag':'a','source':'10.9.0.1',"
		 "'destination':'10.9.0.1'}",
			"destination: is an SBC's"},
		{"{'type':'offered'," NAMED ",'signalling_peer':'somewhere'}",
			"signalling_peer: must be an address"},
		{"{'type':'ended'," NAMED ",'sip_code':700}", "sip_code: must be a whole number"},
		{"{'type':'ended'," NAMED ",'sip_code':480.5}", "sip_code: must be a whole number"},
		{"{'type':'ended'," NAMED ",'reason':'bored'}", "reason: must be one of"},
		{"{'type':'changed'," NAMED ",'headers':[]}", "headers: must be an object"},
		{"{'type':'changed'," NAMED ",'headers':{'X':1}}", "headers.X: must be a text"},
		{"{'type':'changed'," NAMED ",'sbc_media':[]}", "sbc_media: must be an object"},
		{"{'type':'changed'," NAMED ",'sbc_media':{'address':'x'}}",
			"sbc_media.address: unknown member"},
		{"{'Events':[{'type':'changed'," NAMED
		 ",'sbc_media':{'addresses':['10.0.0.1:1','10.0.0.1']}}]}",
			"Events[0].sbc_media.addresses[1]: must be an address with its port"},
		{"{'type':'changed'," NAMED ",'sbc_media':{'addresses':['0.0.0.0:4000']}}",
			"sbc_media.addresses[0]: must be an address"},
		{"{'type':'changed'," NAMED ",'sbc_media':{'direction':'both'}}",
			"sbc_media.direction: must be one of"},
		{"{'type':'changed'," NAMED ",'sbc_media':{'codecs':[{}]}}",
			"sbc_media.codecs[0].payload_type: is missing"},
		{"{'type':'changed'," NAMED ",'sbc_media':{'codecs':[{'payload_type':128}]}}",
			"sbc_media.codecs[0].payload_type: must be a whole number from 0 to 127"},
		{"{'type':'changed'," NAMED ",'sbc_media':{'codecs':[{'payload_type':96}]}}",
			"sbc_media.codecs[0].name: is missing"},
		{"{'type':'changed'," NAMED
		 ",'sbc_media':{'codecs':[{'payload_type':8},{'payload_type':96,'name':'opus'}]}}",
			"sbc_media.codecs[1].clock_hz: is missing"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(post_at("0.000", rows[i].body), -EINVAL);
		if (!strstr(refusal.text, rows[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].body, refusal.text,
				rows[i].says);
	}
	assert_null(legs_first(scenario.legs)); /* of a list that is refused nothing is done */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_from_offer_to_end),
		TEST(ids_are_those_of_sip),
		TEST(repeated_events_change_nothing),
		TEST(a_list_and_two_legs_by_header),
		TEST(without_an_sbc_the_caller_is_the_participant),
		TEST(media_is_as_described),
		cmocka_unit_test_teardown(ends_have_reasons, teardown),
		TEST(a_call_tried_again),
		TEST(legs_are_named_in_three_ways),
		TEST(an_unknown_leg_is_an_error_of_its_event),
		TEST(too_many_legs_are_refused),
		TEST(sip_of_the_same_call_may_follow),
		TEST(bodies_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
