/* What a recording client offers, in its multipart body, and what it is answered; and the ports. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/media_ports.h"
#include "controlplane/sip_body.h"
#include "controlplane/siprec_offer.h"

static struct siprec_offer offer;

#define AUDIO(port, label, direction) \
	"m=audio " port " RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n" \
	"a=label:" label "\r\na=" direction "\r\n"
#define SESSION "v=0\r\no=SRC 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static int parse(const char *text)
{
	return siprec_offer_parse(&offer, text, strlen(text));
}

static void test_lines(void **state)
{
	assert_int_equal(parse(SESSION AUDIO("12240", "96", "sendonly") AUDIO(
				 "22456", "97", "inactive") "m=video 22458 RTP/AVP 98\r\n"
							    "a=label:98\r\n"),
		0);
	assert_int_equal(offer.line_count, 3);
	assert_true(offer.lines[0].usable && offer.lines[0].active);
	assert_true(offer.lines[1].usable && !offer.lines[1].active);
	assert_false(offer.lines[2].usable);
	assert_string_equal(offer.lines[0].label, "96");
	assert_string_equal(offer.lines[2].label, "98");
	assert_int_equal(offer.lines[0].media.codec_count, 2);
	assert_string_equal(offer.lines[0].media.codecs[0].name, "PCMU");
	assert_string_equal(offer.lines[0].media.codecs[1].name, "TELEPHONE-EVENT");
}

static void test_unusable_lines(void **state)
{
	assert_int_equal(parse(SESSION "m=audio 0 RTP/AVP 0\r\nm=audio 5000 RTP/SAVP 0\r\n"
				       "m=audio 5000 RTP/AVP 97\r\nm=audio\r\nm=\r\n"),
		0);
	assert_int_equal(offer.line_count, 5);
	for (unsigned int i = 0; i < offer.line_count; i++)
		assert_false(offer.lines[i].usable);
}

static void test_not_an_offer(void **state)
{
	char many[4096] = SESSION;

	assert_int_equal(parse(""), -EBADMSG);
	assert_int_equal(parse("m=audio 1 RTP/AVP 0\r\n"), -EBADMSG);
	assert_int_equal(parse(SESSION), -EBADMSG);
	for (unsigned int i = 0; i <= SIPREC_LINES_MAX; i++)
		strcat(many, "m=audio 5000 RTP/AVP 0\r\n");
	assert_int_equal(parse(many), -E2BIG);
}

static void test_answer(void **state)
{
	struct netaddr addresses[SIPREC_LINES_MAX] = {0};
	char out[2048];

	assert_int_equal(parse(SESSION AUDIO("12240", "96", "sendonly") AUDIO(
				 "22456", "97", "inactive") "m=video 22458 RTP/AVP 98\r\n"),
		0);
	netaddr_parse_port("192.0.2.40:40000", &addresses[0]);
	netaddr_parse_port("192.0.2.40:40002", &addresses[1]);
	assert_true(siprec_answer_print(&offer, addresses, NULL, 7, 2, out, sizeof(out)) > 0);
	assert_string_equal(out,
		"v=0\r\no=legtap 7 2 IN IP4 192.0.2.40\r\ns=-\r\nt=0 0\r\n"
		"m=audio 40000 RTP/AVP 0 96\r\nc=IN IP4 192.0.2.40\r\n"
		"a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=recvonly\r\na=label:96\r\n"
		"m=audio 40002 RTP/AVP 0 96\r\nc=IN IP4 192.0.2.40\r\n"
		"a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=inactive\r\na=label:97\r\n"
		"m=video 0 RTP/AVP 98\r\n");
	assert_int_equal(siprec_answer_print(&offer, addresses, NULL, 7, 2, out, 100), -ENOSPC);
}

static void test_record(void **state)
{
	static const enum siprec_record records[SIPREC_LINES_MAX] = {
		SIPREC_RECORD_ON, SIPREC_RECORD_PAUSED, SIPREC_RECORD_OFF};
	struct netaddr addresses[SIPREC_LINES_MAX] = {0};
	char out[2048];

	assert_int_equal(parse(SESSION "a=recordpref:pause\r\n" AUDIO("1", "1", "sendonly") AUDIO(
				 "2", "2", "sendonly") "a=recordpref:off\r\n" AUDIO("3", "3",
				 "sendonly") "a=recordpref:nopreference\r\na=record:on\r\n"),
		0);
	assert_int_equal(offer.lines[0].preference, SIPREC_PREFERS_PAUSE);
	assert_int_equal(offer.lines[1].preference, SIPREC_PREFERS_OFF);
	assert_int_equal(offer.lines[2].preference, SIPREC_PREFERS_NOTHING);
	assert_true(offer.lines[2].tells_record);
	for (unsigned int i = 0; i < 3; i++)
		netaddr_parse_port("192.0.2.40:40000", &addresses[i]);
	assert_true(siprec_answer_print(&offer, addresses, records, 7, 2, out, sizeof(out)) > 0);
	assert_non_null(strstr(out, "a=recvonly\r\na=record:on\r\na=label:1\r\n"));
	assert_non_null(strstr(out, "a=recvonly\r\na=record:paused\r\na=label:2\r\n"));
	assert_non_null(strstr(out, "a=recvonly\r\na=record:off\r\na=label:3\r\n"));
	assert_int_equal(parse(SESSION AUDIO("1", "1", "sendonly") "a=recordpref:\r\n"), 0);
	assert_int_equal(offer.lines[0].preference, SIPREC_PREFERS_NOTHING);
}

#define KEY_A "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
#define KEY_B "inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj"
#define SECURE(crypto) "m=audio 5000 RTP/SAVP 0\r\n" crypto "a=label:1\r\na=sendonly\r\n"

static void print_secure(uint64_t id, char *out, size_t size)
{
	static const uint8_t secret[SIPREC_SECRET_BYTES] = "ours";
	struct netaddr addresses[SIPREC_LINES_MAX] = {0};

	netaddr_parse_port("192.0.2.40:40000", &addresses[0]);
	siprec_offer_secure(&offer, secret, id);
	assert_true(siprec_answer_print(&offer, addresses, NULL, id, 1, out, size) > 0);
}

/* The first line with a suite that is known and authenticates is accepted, with a key of our own.
 */
static void test_srtp(void **state)
{
	char first[2048];
	char again[2048];
	const char *line;

	assert_int_equal(
		parse(SESSION SECURE(
			"a=crypto:1 F8_128_HMAC_SHA1_80 " KEY_A "\r\n"
			"a=crypto:2 AES_CM_128_HMAC_SHA1_80 " KEY_A " UNAUTHENTICATED_SRTP\r\n"
			"a=crypto:3 AES_CM_128_HMAC_SHA1_32 " KEY_A "|2^20|1:4\r\n"
			"a=crypto:4 AES_CM_128_HMAC_SHA1_80 " KEY_B "\r\n")),
		0);
	assert_true(offer.lines[0].usable);
	assert_int_equal(offer.lines[0].media.keys.count, 1);
	assert_int_equal(offer.lines[0].media.keys.list[0].tag, 3);
	assert_int_equal(offer.lines[0].media.keys.list[0].mki, 1);
	print_secure(7, first, sizeof(first));
	assert_non_null(strstr(first, "m=audio 40000 RTP/SAVP 0\r\n"));
	line = strstr(first, "a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:");
	assert_non_null(line);
	assert_int_equal(
		strcspn(line, "\r"), strlen("a=crypto:3 AES_CM_128_HMAC_SHA1_32 ") + strlen(KEY_A));
	assert_null(strstr(line + 1, "a=crypto"));
	assert_null(strstr(first, KEY_A));
	print_secure(7, again, sizeof(again));
	assert_string_equal(first, again);
	print_secure(8, again, sizeof(again));
	assert_null(strstr(again, strstr(first, "inline:")));
	siprec_offer_wipe(&offer);
	assert_int_equal(offer.lines[0].media.keys.count, 0);
}

static void test_unusable_srtp(void **state)
{
	assert_int_equal(
		parse(SESSION SECURE("") SECURE("a=crypto:1 F8_128_HMAC_SHA1_80 " KEY_A "\r\n")
				SECURE("a=crypto:2 AES_CM_128_HMAC_SHA1_80 " KEY_A
				       " UNAUTHENTICATED_SRTP\r\n")
					SECURE("a=fingerprint:sha-256 AB\r\n")),
		0);
	for (unsigned int i = 0; i < offer.line_count; i++)
		assert_false(offer.lines[i].usable);
	/* Beside RTP/AVP it is an offer that we need not take. */
	assert_int_equal(parse(SESSION "m=audio 5000 RTP/AVP 0\r\n"
				       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY_A "\r\n"),
		0);
	assert_true(offer.lines[0].usable);
	assert_false(offer.lines[0].media.encrypted);
	assert_int_equal(offer.lines[0].media.keys.count, 0);
}

static void assert_part(
	const char *type, const char *body, const char *subtype, const char *expected)
{
	struct sip_text t = {type, (uint32_t)strlen(type)};
	struct sip_text b = {body, (uint32_t)strlen(body)};
	struct sip_text found = sip_body_part(t, b, "application", subtype);

	if (!expected) {
		assert_null(found.data);
		return;
	}
	assert_non_null(found.data);
	assert_true(found.bytes >= strlen(expected));
	assert_memory_equal(found.data, expected, strlen(expected));
}

static void test_parts(void **state)
{
	static const char body[] =
		"--foobar\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n"
		"--foobar\r\nContent-Type: application/rs-metadata+xml\r\n"
		"Content-Disposition: recording-session\r\n\r\n<recording/>\r\n--foobar--\r\n";
	static const char type[] = "multipart/mixed;boundary=foobar";

	assert_part(type, body, "sdp", "v=0");
	assert_part(type, body, "rs-metadata+xml", "<recording/>");
	assert_part(type, body, "rs-metadata", NULL);
	assert_part("multipart/mixed;boundary=\"foobar\"", body, "rs-metadata+xml", "<recording/>");
	assert_part("multipart/mixed", body, "sdp", NULL);
	assert_part("multipart/mixed;boundary=other", body, "sdp", NULL);
	assert_part(
		"application/rs-metadata+xml", "<recording/>", "rs-metadata+xml", "<recording/>");
	assert_part("text/plain", "v=0", "sdp", NULL);
}

static void test_ports(void **state)
{
	struct netaddr hosts[2];
	struct netaddr got[5];
	struct media_ports *p;

	netaddr_parse("192.0.2.40", &hosts[0]);
	netaddr_parse("2001:db8::40", &hosts[1]);
	assert_int_equal(media_ports_create(&p, hosts, 2, 5, 5), -EINVAL);
	assert_int_equal(media_ports_create(&p, hosts, 2, 39999, 40003), 0);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(media_ports_take(p, 4, &got[i]), 0);
		assert_true(netaddr_same_host(&got[i], &hosts[0]));
		assert_int_equal(got[i].port, 40000 + 2 * i);
	}
	assert_int_equal(media_ports_take(p, 4, &got[2]), -ENOSPC);
	assert_int_equal(media_ports_take(p, 6, &got[2]), 0);
	assert_int_equal(got[2].family, 6);
	assert_int_equal(media_ports_used(p), 3);
	media_ports_give(p, &got[1]);
	media_ports_give(p, &got[0]);
	assert_int_equal(media_ports_take(p, 4, &got[3]), 0);
	assert_int_equal(got[3].port, 40002); /* given back first */
	media_ports_give(p, &got[3]);
	media_ports_give(p, &got[2]);
	assert_int_equal(media_ports_used(p), 0);
	media_ports_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_unusable_lines),
		cmocka_unit_test(test_not_an_offer),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_srtp),
		cmocka_unit_test(test_unusable_srtp),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
