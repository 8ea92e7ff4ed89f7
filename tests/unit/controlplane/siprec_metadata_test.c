/* Recording metadata: RFC 7865's shape, the drafts' shape, updates, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/siprec_metadata.h"

static struct siprec_metadata m;
static struct errmsg e;

static int parse(const char *xml)
{
	siprec_metadata_free(&m);
	return siprec_metadata_parse(&m, xml, strlen(xml), &e);
}

static int teardown(void **state)
{
	siprec_metadata_free(&m);
	return 0;
}

/* Two participants, each of whom sends one stream and receives the other's. */
static const char complete[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<recording xmlns='urn:ietf:params:xml:ns:recording:1'>\n"
	" <datamode>complete</datamode>\n"
	" <group group_id=\"g\"/>\n"
	" <session session_id=\"s1\"><sipSessionID>ab;remote=cd</sipSessionID></session>\n"
	" <participant participant_id=\"p1\"><nameID aor=\"sip:bob@biloxi.com\">"
	"<name xml:lang=\"it\"> Bob B </name></nameID></participant>\n"
	" <participant participant_id=\"p2\"><nameID aor=\"sip:paul@atlanta.com\"/></participant>\n"
	" <stream stream_id=\"t1\" session_id=\"s1\"><label>96</label></stream>\n"
	" <stream stream_id=\"t2\" session_id=\"s1\"><label>97</label></stream>\n"
	" <participantsessionassoc participant_id=\"p1\" session_id=\"s1\">"
	"<associate-time>2010-12-16T23:41:07Z</associate-time></participantsessionassoc>\n"
	" <participantstreamassoc participant_id=\"p1\"><send>t1</send><recv>t2</recv>"
	"</participantstreamassoc>\n"
	" <participantstreamassoc participant_id=\"p2\"><send>t2</send><recv>t1</recv>"
	"</participantstreamassoc>\n"
	" <x:vendor xmlns:x='urn:x'><x:deep><participantish/></x:deep></x:vendor>\n"
	"</recording>";

static void assert_association(
	unsigned int i, const char *participant, const char *stream, bool sends)
{
	assert_true(i < m.association_count);
	assert_string_equal(m.associations[i].participant_id, participant);
	assert_string_equal(m.associations[i].stream_id, stream);
	assert_int_equal(m.associations[i].sends, sends);
}

static void test_complete(void **state)
{
	assert_int_equal(parse(complete), 0);
	assert_false(m.partial);
	assert_int_equal(m.call_count, 1);
	assert_string_equal(m.calls[0].id, "s1");
	assert_string_equal(m.calls[0].sip_session_id, "ab;remote=cd");
	assert_int_equal(m.participant_count, 2);
	assert_string_equal(m.participants[0].aor, "sip:bob@biloxi.com");
	assert_string_equal(m.participants[0].name, "Bob B");
	assert_string_equal(m.participants[1].name, "");
	assert_false(m.participants[0].left);
	assert_int_equal(m.stream_count, 2);
	assert_string_equal(m.streams[1].label, "97");
	assert_string_equal(m.streams[1].call_id, "s1");
	assert_int_equal(m.association_count, 4);
	assert_association(0, "p1", "t1", true);
	assert_association(1, "p1", "t2", false);
	assert_association(2, "p2", "t2", true);
}

static void test_shape_of_the_drafts(void **state)
{
	assert_int_equal(parse("<recording><session id='s'/>"
			       "<participant id='p' session='s'><aor>sip:a@b</aor>"
			       "<send>t</send></participant>"
			       "<stream id='t' session='s'><label>1</label></stream></recording>"),
		0);
	assert_string_equal(m.calls[0].id, "s");
	assert_string_equal(m.participants[0].aor, "sip:a@b");
	assert_string_equal(m.streams[0].call_id, "s");
	assert_int_equal(m.association_count, 1);
	assert_association(0, "p", "t", true);
}

static void merge(const char *xml)
{
	struct siprec_metadata news;

	assert_int_equal(siprec_metadata_parse(&news, xml, strlen(xml), &e), 0);
	assert_int_equal(siprec_metadata_merge(&m, &news), 0);
	assert_null(news.participants);
}

static void test_partial_update_joins(void **state)
{
	assert_int_equal(parse(complete), 0);
	merge("<recording><datamode>partial</datamode>"
	      "<participant participant_id='p3'><nameID aor='sip:c@d'/></participant>"
	      "<stream stream_id='t3' session_id='s1'><label>98</label></stream>"
	      "<participantstreamassoc participant_id='p3'><send>t3</send>"
	      "</participantstreamassoc></recording>");
	assert_int_equal(m.participant_count, 3);
	assert_int_equal(m.stream_count, 3);
	assert_int_equal(m.association_count, 5);
	assert_association(4, "p3", "t3", true);
}

static void test_partial_update_leaves(void **state)
{
	assert_int_equal(parse(complete), 0);
	merge("<recording><datamode>partial</datamode>"
	      "<participantsessionassoc participant_id='p1' session_id='s1'>"
	      "<disassociate-time>2010-12-16T23:42:07Z</disassociate-time>"
	      "</participantsessionassoc>"
	      "<participantstreamassoc participant_id='p1'><send>t1</send>"
	      "<disassociate-time>2010-12-16T23:42:07Z</disassociate-time>"
	      "</participantstreamassoc></recording>");
	assert_int_equal(m.participant_count, 2);
	assert_true(m.participants[0].left);
	assert_string_equal(m.participants[0].aor, "sip:bob@biloxi.com");
	assert_false(m.participants[1].left);
	for (unsigned int i = 0; i < m.association_count; i++)
		assert_false(
			strcmp(m.associations[i].stream_id, "t1") == 0 && m.associations[i].sends);
}

static bool same(const char *pattern, const char *text)
{
	return !*pattern || strcmp(pattern, text) == 0;
}

static bool says(const char *name, const char *pattern)
{
	return siprec_metadata_says(&m, name, pattern, same);
}

static void test_what_it_says(void **state)
{
	assert_int_equal(
		parse("<recording xmlns:ac='urn:ac'><session session_id='s'><group-ref> g1 "
		      "</group-ref></session><participant participant_id='p'><nameID "
		      "aor='sip:a@x'><name>Ann</name></nameID>"
		      "<ac:extensiondata><ac:AvayaUCID>FA08</ac:AvayaUCID>"
		      "<ac:callerOrig kind='in'>true</ac:callerOrig></ac:extensiondata>"
		      "</participant><vendor/></recording>"),
		0);
	assert_string_equal(m.calls[0].group_id, "g1");
	assert_true(says("aor", "sip:a@x") && says("NAME", "Ann") && says("participant_id", "p"));
	assert_true(says("session_id", "s") && says("group_id", "g1"));
	assert_true(says("AvayaUCID", "FA08") && says("callerOrig", "true") && says("kind", "in"));
	assert_true(says("vendor", ""));
	assert_false(says("aor", "sip:b@x"));
	assert_false(says("sip_session_id", ""));
	assert_false(says("label", "")); /* a known element is no extension */
	merge("<recording><datamode>partial</datamode><session session_id='s'/>"
	      "<AvayaUCID>FA09</AvayaUCID><more>1</more></recording>");
	assert_true(says("AvayaUCID", "FA09") && says("more", "1") && says("group_id", "g1"));
	assert_false(says("AvayaUCID", "FA08"));
}

static void test_facts_are_bounded(void **state)
{
	static char xml[65536];
	size_t used = (size_t)sprintf(xml, "<recording>");

	for (unsigned int i = 0; i < 500; i++)
		used += (size_t)sprintf(xml + used, "<x%u a='1'>v</x%u>", i, i);
	sprintf(xml + used, "</recording>");
	assert_int_equal(parse(xml), 0);
	assert_int_equal(m.fact_count, SIPREC_FACTS_MAX);
	assert_true(says("x0", "v"));
	merge("<recording><datamode>partial</datamode><new>1</new><x0>w</x0></recording>");
	assert_true(says("x0", "w"));
	assert_false(says("new", ""));
}

static void test_senders_without_a_document(void **state)
{
	siprec_metadata_free(&m);
	assert_int_equal(siprec_metadata_add_sender(&m, 2, "sip:c@x"), 0);
	assert_int_equal(siprec_metadata_add_sender(&m, 0, "sip:a@x"), 0);
	assert_int_equal(siprec_metadata_add_sender(&m, SIPREC_ITEMS_MAX, "sip:z@x"), -E2BIG);
	assert_int_equal(m.stream_count, 3);
	assert_association(0, "sip:c@x", m.streams[2].id, true);
	assert_association(1, "sip:a@x", m.streams[0].id, true);
}

static void test_complete_update_replaces(void **state)
{
	assert_int_equal(parse(complete), 0);
	merge("<recording><participant participant_id='p9'/></recording>");
	assert_int_equal(m.participant_count, 1);
	assert_int_equal(m.stream_count + m.call_count + m.association_count, 0);
}

static void assert_refused(const char *xml, const char *why)
{
	assert_int_equal(parse(xml), -EBADMSG);
	assert_non_null(strstr(e.text, why));
	assert_null(m.participants);
}

static void test_refused(void **state)
{
	assert_refused("", "metadata: ");
	assert_refused("hello", "line 1");
	assert_refused("<recording><session></recording>", "line 1");
	assert_refused("<other/>", "its root must be <recording>");
}

/* A thousand million laughs, a file of this machine, a document from the network. */
static void test_entities_are_refused(void **state)
{
	assert_refused("<!DOCTYPE r [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>"
		       "<recording><session session_id='&b;'/></recording>",
		"document type declaration");
	assert_refused("<!DOCTYPE r [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>"
		       "<recording><datamode>&f;</datamode></recording>",
		"document type declaration");
	assert_refused("<!DOCTYPE r SYSTEM \"http://127.0.0.1:1/r.dtd\"><recording/>",
		"document type declaration");
}

static void test_bounds(void **state)
{
	static char xml[SIPREC_METADATA_BYTES_MAX + 2];
	size_t used = (size_t)sprintf(xml, "<recording>");

	for (unsigned int i = 0; i <= SIPREC_ITEMS_MAX; i++)
		used += (size_t)sprintf(xml + used, "<participant participant_id='%u'/>", i);
	sprintf(xml + used, "</recording>");
	assert_refused(xml, "more than 256 elements");
	memset(xml, ' ', sizeof(xml) - 1);
	assert_refused(xml, "longer than");
}

static void test_long_texts_are_cut_whole(void **state)
{
	char xml[2048];
	char name[600] = "";

	for (unsigned int i = 0; i < 250; i++)
		strcat(name, "\xc3\xa4");
	snprintf(xml, sizeof(xml),
		"<recording><participant participant_id='p'><nameID aor='sip:a&#10;b'><name>%s"
		"</name></nameID></participant></recording>",
		name);
	assert_int_equal(parse(xml), 0);
	assert_string_equal(m.participants[0].aor, "sip:a?b");
	assert_int_equal(strlen(m.participants[0].name), SIPREC_TEXT_BYTES - 1);
	assert_int_equal(m.participants[0].name[SIPREC_TEXT_BYTES - 2], '?');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_complete, teardown),
		cmocka_unit_test_teardown(test_shape_of_the_drafts, teardown),
		cmocka_unit_test_teardown(test_partial_update_joins, teardown),
		cmocka_unit_test_teardown(test_partial_update_leaves, teardown),
		cmocka_unit_test_teardown(test_complete_update_replaces, teardown),
		cmocka_unit_test_teardown(test_what_it_says, teardown),
		cmocka_unit_test_teardown(test_facts_are_bounded, teardown),
		cmocka_unit_test_teardown(test_senders_without_a_document, teardown),
		cmocka_unit_test_teardown(test_refused, teardown),
		cmocka_unit_test_teardown(test_entities_are_refused, teardown),
		cmocka_unit_test_teardown(test_bounds, teardown),
		cmocka_unit_test_teardown(test_long_texts_are_cut_whole, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
