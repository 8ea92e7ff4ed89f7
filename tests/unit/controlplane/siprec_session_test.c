/* Recording sessions as legs: whose track a stream is, who joins, leaves, comes back; and the
 * ports. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/media.h"
#include "controlplane/siprec_session.h"

#define SESSION "v=0\r\no=SRC 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define AUDIO "m=audio 5000 RTP/AVP 8\r\na=sendonly\r\n"
#define LABEL(label) "a=label:" label "\r\n"

static struct config config;
static struct control control;
static struct media_ports *ports;
static struct siprec_session *session;
static struct siprec_offer offer;
static unsigned int deserted;

static const struct siprec_opening opening = {.sip_call_id = "rs-1",
	.from_uri = "sip:sbc@example.net",
	.to_uri = "sip:recorder@example.net",
	.peer = {.family = 4, .port = 5060, .ip = {192, 0, 2, 20}}};

static void on_ended(void *arg, struct leg *leg)
{
	siprec_leg_ended(leg);
}

static void on_deserted(void *arg)
{
	deserted++;
}

static int setup(void **state)
{
	const struct leg_hooks hooks = {.ended = on_ended};
	struct netaddr host;

	memset(&control, 0, sizeof(control));
	deserted = 0;
	assert_int_equal(config_defaults(&config), 0);
	control.config = &config;
	control.now_ns = 1000000000;
	assert_int_equal(legs_create(&control.legs, &config, &control.timers, &hooks), 0);
	netaddr_parse("192.0.2.40", &host);
	assert_int_equal(media_create(&control.media, &control), 0);
	assert_int_equal(media_ports_create(&ports, &host, 1, 40000, 40005), 0);
	assert_int_equal(
		siprec_session_create(&session, &control, ports, &opening, on_deserted, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	siprec_session_destroy(session, "hangup");
	assert_int_equal(legs_live(control.legs), 0);
	assert_int_equal(media_ports_used(ports), 0);
	legs_destroy(control.legs);
	media_destroy(control.media);
	timers_destroy(&control.timers);
	media_ports_destroy(ports);
	config_destroy(&config);
	return 0;
}

static int update(struct siprec_session *s, const char *sdp, const char *xml)
{
	const struct siprec_headers headers = {0};
	struct siprec_metadata metadata = {0};
	struct errmsg e = {""};
	int err;

	if (sdp)
		assert_int_equal(siprec_offer_parse(&offer, sdp, strlen(sdp)), 0);
	if (xml)
		assert_int_equal(siprec_metadata_parse(&metadata, xml, strlen(xml), &e), 0);
	err = siprec_session_update(s, sdp ? &offer : NULL, xml ? &metadata : NULL, &headers, &e);
	siprec_metadata_free(&metadata);
	return err;
}

static struct leg *leg_of(const char *participant)
{
	for (struct leg *leg = legs_first(control.legs); leg; leg = leg->next)
		if (strcmp(leg->participant, participant) == 0 && leg->state != LEG_ENDED)
			return leg;
	return NULL;
}

static void assert_receives(const struct leg *leg, enum leg_end end, const char *address)
{
	char text[NETADDR_TEXT_BYTES];

	assert_non_null(leg);
	assert_int_equal(leg->media[end].address_count, 1);
	assert_string_equal(netaddr_format(&leg->media[end].addresses[0], text), address);
}

#define ANN "<participant participant_id='a'><nameID aor='sip:ann@x'/></participant>"
#define BOB "<participant participant_id='b'><nameID aor='sip:bob@x'/></participant>"
#define STREAM(id, label) \
	"<stream stream_id='" id "' session_id='cs'><label>" label "</label></stream>"
#define SENDS(who, what) \
	"<participantstreamassoc participant_id='" who "'><send>" what \
	"</send></participantstreamassoc>"
#define TWO \
	"<recording><session session_id='cs'/>" ANN BOB STREAM("s1", "1") STREAM("s2", "2") \
		SENDS("a", "s1") SENDS("b", "s2") "</recording>"

static void test_labels_decide(void **state)
{
	assert_int_equal(update(session, SESSION AUDIO LABEL("2") AUDIO LABEL("1"), TWO), 0);
	assert_int_equal(legs_live(control.legs), 2);
	assert_receives(leg_of("sip:ann@x"), END_SBC, "192.0.2.40:40002");
	assert_receives(leg_of("sip:bob@x"), END_SBC, "192.0.2.40:40000");
	assert_string_equal(leg_of("sip:ann@x")->participant_tag, "LEG-B");
	assert_ptr_equal(leg_of("sip:ann@x")->session, leg_of("sip:bob@x")->session);
	assert_string_equal(leg_of("sip:bob@x")->sip_call_id, "cs");
	assert_string_equal(leg_of("sip:bob@x")->from_uri, "sip:ann@x");
	assert_int_equal(leg_of("sip:bob@x")->state, LEG_ANSWERED);
	/* Nothing is told of who receives what: each hears the other. */
	assert_receives(leg_of("sip:ann@x"), END_PARTICIPANT, "192.0.2.40:40000");
	assert_receives(leg_of("sip:bob@x"), END_PARTICIPANT, "192.0.2.40:40002");
}

#define CAROL "<participant participant_id='c'><nameID aor='sip:carol@x'/></participant>"
#define HEARS(who, says, what) \
	"<participantstreamassoc participant_id='" who "'>" says "<recv>" what \
	"</recv></participantstreamassoc>"

/* Carol only listens, to Ann; Bob hears nobody. */
static void test_who_hears_whom_is_told(void **state)
{
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"),
				 "<recording><session session_id='cs'/>" ANN BOB CAROL STREAM("s1",
					 "1") STREAM("s2", "2") HEARS("a", "<send>s1</send>", "s2")
					 SENDS("b", "s2") HEARS("c", "", "s1") "</recording>"),
		0);
	assert_int_equal(legs_live(control.legs), 3);
	assert_receives(leg_of("sip:ann@x"), END_PARTICIPANT, "192.0.2.40:40002");
	assert_false(leg_of("sip:bob@x")->media[END_PARTICIPANT].known);
	assert_receives(leg_of("sip:carol@x"), END_PARTICIPANT, "192.0.2.40:40000");
	assert_false(leg_of("sip:carol@x")->media[END_SBC].known);
	/* Told once, it is told for good: now nobody hears anybody, as on hold. */
	assert_int_equal(update(session, NULL,
				 "<recording><dataMode>partial</dataMode>" SENDS("a", "s1")
					 HEARS("c", "", "none") "</recording>"),
		0);
	assert_int_equal(leg_of("sip:ann@x")->media[END_PARTICIPANT].receives, 0);
	assert_true(leg_of("sip:ann@x")->on_hold);
}

#define CALL(id, group, label) \
	"<session session_id='" id "'><group-ref>" group "</group-ref></session>" \
	"<participant participant_id='p" id "'><nameID aor='sip:" id "@x'/></participant>" \
	"<stream stream_id='t" id "' session_id='" id "'><label>" label \
	"</label></stream>" SENDS("p" id, "t" id)

/* Calls of one group are one transaction, in one recording session and across two. */
static void test_groups(void **state)
{
	struct siprec_session *second;

	assert_int_equal(
		update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"),
			"<recording>" CALL("c1", "g", "1") CALL("c2", "h", "2") "</recording>"),
		0);
	assert_ptr_not_equal(leg_of("sip:c1@x")->session, leg_of("sip:c2@x")->session);
	assert_int_equal(
		siprec_session_create(&second, &control, ports, &opening, on_deserted, NULL), 0);
	assert_int_equal(update(second, SESSION AUDIO LABEL("1"),
				 "<recording>" CALL("c3", "h", "1") "</recording>"),
		0);
	assert_ptr_equal(leg_of("sip:c3@x")->session, leg_of("sip:c2@x")->session);
	assert_string_equal(leg_of("sip:c3@x")->participant_tag, "LEG-B");
	siprec_session_destroy(second, "hangup");
}

/* Ann hands the call to Carol, who goes on on Ann's stream: Ann's leg ends, Carol's begins. */
static void test_transfer(void **state)
{
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"), TWO), 0);
	assert_int_equal(update(session, NULL,
				 "<recording><datamode>partial</datamode>" CAROL
				 "<participantsessionassoc participant_id='a' session_id='cs'>"
				 "<disassociate-time>now</disassociate-time>"
				 "</participantsessionassoc>" SENDS("c", "s1") "</recording>"),
		0);
	assert_null(leg_of("sip:ann@x"));
	assert_receives(leg_of("sip:carol@x"), END_SBC, "192.0.2.40:40000");
	assert_ptr_equal(leg_of("sip:carol@x")->session, leg_of("sip:bob@x")->session);
	assert_receives(leg_of("sip:carol@x"), END_PARTICIPANT, "192.0.2.40:40002");
	assert_int_equal(deserted, 0);
}

/* RFC 8068, 3.2: on hold nobody sends or receives; the streams are still theirs. */
static void test_nobody_has_streams_on_hold(void **state)
{
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"), TWO), 0);
	assert_int_equal(update(session,
				 SESSION "m=audio 5000 RTP/AVP 8\r\na=inactive\r\n" LABEL(
					 "1") "m=audio 5000 RTP/AVP 8\r\na=inactive\r\n" LABEL("2"),
				 "<recording><datamode>partial</datamode>"
				 "<participantstreamassoc participant_id='a'/>"
				 "<participantstreamassoc participant_id='b'/></recording>"),
		0);
	assert_int_equal(legs_live(control.legs), 2);
	assert_true(leg_of("sip:ann@x")->on_hold);
	assert_receives(leg_of("sip:ann@x"), END_SBC, "192.0.2.40:40000");
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"), TWO), 0);
	assert_int_equal(legs_live(control.legs), 2);
	assert_false(leg_of("sip:ann@x")->on_hold);
}

static void test_answer_to_our_offer(void **state)
{
	const struct siprec_headers none = {0};
	struct errmsg e = {""};

	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"), TWO), 0);
	assert_int_equal(siprec_offer_parse(&offer, SESSION AUDIO, strlen(SESSION AUDIO)), 0);
	assert_int_equal(siprec_session_answered(session, &offer, &none, &e), -EINVAL);
	/* Without labels, and the second on hold. */
	static const char held[] = SESSION AUDIO "m=audio 5000 RTP/AVP 8\r\na=inactive\r\n";
	assert_int_equal(siprec_offer_parse(&offer, held, strlen(held)), 0);
	assert_int_equal(siprec_session_answered(session, &offer, &none, &e), 0);
	assert_true(leg_of("sip:bob@x")->on_hold);
	assert_receives(leg_of("sip:bob@x"), END_SBC, "192.0.2.40:40002");
	assert_int_equal(media_ports_used(ports), 2);
}

static void test_order_where_labels_do_not_meet(void **state)
{
	assert_int_equal(update(session, SESSION AUDIO AUDIO LABEL("other"), TWO), 0);
	assert_receives(leg_of("sip:ann@x"), END_SBC, "192.0.2.40:40000");
	assert_receives(leg_of("sip:bob@x"), END_SBC, "192.0.2.40:40002");
}

static void test_no_metadata(void **state)
{
	assert_int_equal(update(session, SESSION AUDIO LABEL("x") AUDIO, NULL), 0);
	assert_int_equal(legs_live(control.legs), 2);
	assert_string_equal(legs_first(control.legs)->from_tag, "stream-x");
	assert_string_equal(legs_first(control.legs)->next->from_tag, "stream-2");
	assert_string_equal(legs_first(control.legs)->sip_call_id, "rs-1");
	/* Metadata that comes later puts participants in their place. */
	assert_int_equal(update(session, NULL, TWO), 0);
	assert_int_equal(legs_live(control.legs), 2);
	assert_non_null(leg_of("sip:ann@x"));
}

static void test_nobody_sends(void **state)
{
	assert_int_equal(
		update(session, SESSION AUDIO LABEL("1"),
			"<recording><session session_id='cs'/>" ANN STREAM("s1",
				"1") "<participantstreamassoc participant_id='a'><recv>s1</recv>"
				     "</participantstreamassoc></recording>"),
		0);
	assert_receives(leg_of("sip:ann@x"), END_PARTICIPANT, "192.0.2.40:40000");
	assert_false(leg_of("sip:ann@x")->media[END_SBC].known);
}

static void test_hold_and_removal(void **state)
{
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"), TWO), 0);
	assert_int_equal(media_ports_used(ports), 2);
	assert_int_equal(update(session,
				 SESSION "m=audio 5000 RTP/AVP 8\r\na=inactive\r\n" LABEL(
					 "1") "m=audio 0 RTP/AVP 8\r\n" LABEL("2"),
				 NULL),
		0);
	assert_int_equal(media_ports_used(ports), 1);
	assert_true(leg_of("sip:ann@x")->on_hold);
	assert_true(leg_of("sip:bob@x")->on_hold); /* still a participant */
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"), NULL), 0);
	assert_false(leg_of("sip:ann@x")->on_hold);
	assert_false(leg_of("sip:bob@x")->on_hold);
}

static void test_who_is_no_longer_named_has_left(void **state)
{
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"), TWO), 0);
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") "m=audio 0 RTP/AVP 8\r\n",
				 "<recording><session session_id='cs'/>" ANN STREAM("s1", "1")
					 SENDS("a", "s1") "</recording>"),
		0);
	assert_null(leg_of("sip:bob@x"));
	assert_int_equal(legs_live(control.legs), 1);
	assert_int_equal(deserted, 0);
}

static void test_ended_by_others(void **state)
{
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"), TWO), 0);
	leg_end(control.legs, leg_of("sip:ann@x"), "media_timeout", 0, control.now_ns);
	assert_int_equal(deserted, 0);
	assert_int_equal(update(session, SESSION AUDIO LABEL("1") AUDIO LABEL("2"), TWO), 0);
	assert_null(leg_of("sip:ann@x")); /* a refresh does not bring it back */
	leg_end(control.legs, leg_of("sip:bob@x"), "media_timeout", 0, control.now_ns);
	assert_int_equal(deserted, 1);
}

static void test_another_dialog_goes_on(void **state)
{
	struct siprec_session *second;
	struct leg *ann;

	assert_int_equal(update(session, SESSION AUDIO LABEL("1"), TWO), 0);
	ann = leg_of("sip:ann@x");
	assert_int_equal(
		siprec_session_create(&second, &control, ports, &opening, on_deserted, NULL), 0);
	assert_int_equal(update(second, SESSION AUDIO LABEL("1"), TWO), 0);
	assert_ptr_equal(leg_of("sip:ann@x"), ann);
	assert_int_equal(ann->media[END_SBC].address_count, 2);
	assert_int_equal(deserted, 1); /* nobody need wait for a client that is gone */
	siprec_session_destroy(session, "hangup");
	assert_int_equal(ann->state, LEG_ANSWERED);
	session = second;
}

static void test_no_port(void **state)
{
	struct siprec_session *second;

	assert_int_equal(update(session, SESSION AUDIO AUDIO AUDIO AUDIO, NULL), 0);
	assert_int_equal(media_ports_used(ports), 3);
	assert_int_equal(siprec_session_addresses(session)[3].port, 0);
	assert_int_equal(
		siprec_session_create(&second, &control, ports, &opening, on_deserted, NULL), 0);
	assert_int_equal(update(second, SESSION AUDIO, NULL), -ENOSPC);
	siprec_session_destroy(second, "refused");
	assert_int_equal(legs_live(control.legs), 3);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_labels_decide),
		TEST(test_who_hears_whom_is_told),
		TEST(test_order_where_labels_do_not_meet),
		TEST(test_groups),
		TEST(test_transfer),
		TEST(test_nobody_has_streams_on_hold),
		TEST(test_answer_to_our_offer),
		TEST(test_no_metadata),
		TEST(test_nobody_sends),
		TEST(test_hold_and_removal),
		TEST(test_who_is_no_longer_named_has_left),
		TEST(test_ended_by_others),
		TEST(test_another_dialog_goes_on),
		TEST(test_no_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
