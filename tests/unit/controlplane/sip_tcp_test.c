/* Messages out of TCP segments. What comes out is counted as messages of dialogs, by CSeq. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/sip_framing.h"
#include "controlplane/sip_tcp.h"
#include "sip_scenario.h"

#define SECOND_NS 1000000000ULL
#define FIN 0x01
#define SYN 0x02
#define ACK 0x10

#define OPTIONS(cseq) \
	"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK" cseq \
	"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: " cseq \
	" OPTIONS\r\nContent-Length: 0\r\n\r\n"
#define INFO(cseq) \
	"INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK" cseq \
	"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: " cseq \
	" INFO\r\nl : 8\r\n\r\nSignal=1"

struct wire {
	struct scenario scenario;
	struct sip_tcp *tcp;
	uint64_t now_ns;
	uint16_t port;
};

static int make(void **state)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	scenario_create(&w->scenario, "S");
	w->scenario.config.sbc.sip_port_count = 1;
	w->scenario.config.sbc.sip_ports[0] = 5060;
	w->now_ns = SECOND_NS;
	w->port = 5060;
	*state = w;
	return sip_tcp_create(&w->tcp, &w->scenario.config, w->scenario.dialogs);
}

static int end(void **state)
{
	struct wire *w = *state;

	sip_tcp_destroy(w->tcp);
	scenario_destroy(&w->scenario);
	free(w);
	return 0;
}

static void give_bytes(
	struct wire *w, uint32_t sequence, unsigned int flags, const char *data, size_t bytes)
{
	char *segment = malloc(20 + bytes);
	struct sip_packet p = {.data = segment,
		.bytes = (uint32_t)(20 + bytes),
		.source = scenario_host('A', 40000),
		.destination = scenario_host('S', w->port),
		.arrival_ns = w->now_ns};

	assert_non_null(segment);
	memset(segment, 0, 20);
	segment[4] = (char)(sequence >> 24);
	segment[5] = (char)(sequence >> 16);
	segment[6] = (char)(sequence >> 8);
	segment[7] = (char)sequence;
	segment[12] = 0x50;
	segment[13] = (char)flags;
	memcpy(segment + 20, data, bytes);
	sip_tcp_receive(w->tcp, &p);
	free(segment);
}

static void give(struct wire *w, uint32_t sequence, const char *text)
{
	give_bytes(w, sequence, ACK, text, strlen(text));
}

static void assert_count(struct wire *w, enum dialog_counter which, uint64_t count)
{
	assert_int_equal(dialog_count(w->scenario.dialogs, which), count);
}

/* All that came out were whole. */
static void assert_messages(struct wire *w, uint64_t count)
{
	assert_count(w, DIALOG_messages, count);
	assert_count(w, DIALOG_malformed, 0);
}

static void several_in_a_segment(void **state)
{
	struct wire *w = *state;

	give(w, 1000, OPTIONS("1") "\r\n\r\n" INFO("2") OPTIONS("3"));
	assert_messages(w, 3);
}

static void cut_at_every_byte(void **state)
{
	static const char text[] = OPTIONS("1") "\r\n" INFO("2") OPTIONS("3");
	struct wire *w = *state;
	const uint32_t length = sizeof(text) - 1;

	for (uint32_t cut = 1; cut < length; cut++) {
		uint32_t first = cut * 100000;

		give_bytes(w, first - 1, SYN, "", 0);
		give_bytes(w, first, ACK, text, cut);
		give_bytes(w, first + cut, ACK, text + cut, length - cut);
		assert_messages(w, 3ULL * cut);
	}
}

static void byte_by_byte_and_backwards(void **state)
{
	static const char text[] = INFO("1") OPTIONS("2");
	struct wire *w = *state;
	const uint32_t length = sizeof(text) - 1;

	give_bytes(w, UINT32_MAX - 100, SYN, "", 0); /* the numbers wrap */
	for (uint32_t i = 0; i < length; i++)
		give_bytes(w, UINT32_MAX - 99 + i, ACK, text + i, 1);
	assert_messages(w, 2);
	for (uint32_t i = length; i-- > 0;)
		give_bytes(w, UINT32_MAX - 99 + length + i, ACK, text + i, 1);
	assert_messages(w, 4);
}

static void what_comes_again_or_overlaps(void **state)
{
	static const char text[] = OPTIONS("1") INFO("2");
	struct wire *w = *state;

	give_bytes(w, 99, SYN, "", 0);
	give_bytes(w, 100, ACK, text, 50);
	give_bytes(w, 99, SYN, "", 0);
	give_bytes(w, 100, ACK, text, 50);
	give_bytes(w, 120, ACK, text + 20, 60);
	give_bytes(w, 170, ACK, text + 70, sizeof(text) - 1 - 70);
	give_bytes(w, 100, ACK, text, sizeof(text) - 1);
	assert_messages(w, 2);
}

static void from_the_middle_on(void **state)
{
	struct wire *w = *state;

	give(w, 5000, "g=x\r\nCSeq: 9 INVITE\r\n\r\nv=0\r\nno SIP/2.0 line\r\n" OPTIONS("1"));
	assert_messages(w, 1);
}

static void a_hole_is_given_up(void **state)
{
	static const char lost[] = OPTIONS("2");
	struct wire *w = *state;
	uint32_t at = 1000;

	give(w, at, OPTIONS("1"));
	at += (uint32_t)strlen(OPTIONS("1"));
	give_bytes(w, at, ACK, lost, 40);
	at += sizeof(lost) - 1;
	give(w, at, OPTIONS("3"));
	assert_messages(w, 1);
	sip_tcp_age(w->tcp, w->now_ns + SECOND_NS / 2, 0);
	assert_messages(w, 1);
	sip_tcp_age(w->tcp, w->now_ns + SECOND_NS, 0);
	assert_messages(w, 2);
	assert_count(w, DIALOG_tcp_gaps, 1);
	at += (uint32_t)strlen(OPTIONS("3"));
	give(w, at, OPTIONS("4"));
	assert_messages(w, 3);
}

static void lengths_that_lie(void **state)
{
	static const char huge[] = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n";
	struct wire *w = *state;

	give(w, 1000, huge);
	give(w, 1000 + sizeof(huge) - 1, OPTIONS("1"));
	assert_messages(w, 1);
}

static void what_is_no_sip_costs_no_memory(void **state)
{
	static char noise[60000];
	struct wire *w = *state;
	uint32_t at = 0;

	memset(noise, 'x', sizeof(noise));
	for (unsigned int i = 0; i < 1000; i++, at += sizeof(noise))
		give_bytes(w, at, ACK, noise, sizeof(noise));
	assert_messages(w, 0);
	assert_count(w, DIALOG_tcp_not_sip, 1);
	give(w, at, OPTIONS("1"));
	assert_messages(w, 1);
}

static void a_flood_of_connections_is_bounded(void **state)
{
	static char part[40000] = "OPTIONS sip:a@b SIP/2.0\r\nX: ";
	struct wire *w = *state;

	memset(part + strlen(part), 'x', sizeof(part) - strlen(part));
	for (w->port = 1; w->port < 20000; w->port++)
		give_bytes(w, 1, ACK, part, sizeof(part));
	assert_true(dialog_count(w->scenario.dialogs, DIALOG_tcp_refused) > 10000);
	give(w, 1, OPTIONS("1"));
	assert_messages(w, 1);
}

static void connections_end(void **state)
{
	struct wire *w = *state;

	give_bytes(w, 1000, ACK | FIN, OPTIONS("1"), strlen(OPTIONS("1")));
	assert_messages(w, 1);
	give_bytes(w, 7, SYN, "", 0); /* the same ports again */
	give(w, 8, OPTIONS("2"));
	assert_messages(w, 2);
}

static void tls_is_counted_once_a_connection(void **state)
{
	struct wire *w = *state;

	w->port = 5061;
	give_bytes(w, 1, ACK, "\x16\x03\x01\x00\x2f\x01\0\0", 8);
	give_bytes(w, 9, ACK, "\x17\x03\x03\x00\x2f\x01\0\0", 8);
	assert_count(w, DIALOG_tls, 1);
	assert_messages(w, 0);
}

static void headers_that_are_no_segment(void **state)
{
	struct wire *w = *state;
	struct sip_packet p = {.data = "\0\0\0\0\0\0\0\0\0\0\0\0\xf0\0\0\0\0\0\0\0", .bytes = 20};

	sip_tcp_receive(w->tcp, &p);
	p.bytes = 19;
	sip_tcp_receive(w->tcp, &p);
	assert_count(w, DIALOG_tcp_segments, 2);
	assert_messages(w, 0);
}

/* RFC 3261, 20.14, wants one; SDP without it is too good to be passed over. */
static void a_body_without_content_length(void **state)
{
	static const char head[] =
		"INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: "
		"<sip:a@b>;tag=1"
		"\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 INFO\r\nc: text/plain\r\n\r\n";
	static const char body[] = "Signal=1\r\nDuration=160\r\n";
	char text[2048];
	struct sip_frame f;
	struct wire *w = *state;

	snprintf(text, sizeof(text), "%s%s%s", head, body, OPTIONS("2"));
	f = sip_framing_next(text, (uint32_t)strlen(text), true);
	assert_int_equal(f.kind, SIP_FRAME_MESSAGE);
	assert_true(f.no_length);
	assert_int_equal(f.bytes, strlen(head) + strlen(body));
	give(w, 1000, text);
	assert_messages(w, 2);
	assert_count(w, DIALOG_tcp_no_length, 1);
	/* No body is meant here. */
	f = sip_framing_next("BYE sip:a SIP/2.0\r\n\r\nx", 24, true);
	assert_int_equal(f.kind, SIP_FRAME_MESSAGE);
	assert_false(f.no_length);
	assert_int_equal(f.bytes, 21);
}

/* --- WebSocket --- */

#define UPGRADE \
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n"

/* Appends a frame, masked as a client's; returns the new length. */
static uint32_t put_frame(
	char *out, uint32_t at, unsigned int first, const char *payload, uint32_t bytes)
{
	static const uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d};

	out[at++] = (char)first;
	if (bytes < 126) {
		out[at++] = (char)(0x80 | bytes);
	} else {
		out[at++] = (char)(0x80 | 126);
		out[at++] = (char)(bytes >> 8);
		out[at++] = (char)bytes;
	}
	memcpy(out + at, mask, 4);
	at += 4;
	for (uint32_t i = 0; i < bytes; i++)
		out[at + i] = (char)((uint8_t)payload[i] ^ mask[i % 4]);
	return at + bytes;
}

/* A message in one frame, one in three with a ping among them, and a keep-alive. */
static uint32_t put_frames(char *out)
{
	static const char text[] = INFO("2");
	uint32_t at = put_frame(out, 0, 0x81, OPTIONS("1"), strlen(OPTIONS("1")));

	at = put_frame(out, at, 0x02, text, 30);
	at = put_frame(out, at, 0x00, text + 30, 30);
	at = put_frame(out, at, 0x89, "ping", 4);
	at = put_frame(out, at, 0x80, text + 60, sizeof(text) - 1 - 60);
	at = put_frame(out, at, 0x81, "\r\n\r\n", 4);
	return put_frame(out, at, 0x88, "", 0);
}

static void websocket_cut_at_every_byte(void **state)
{
	char text[4096] = UPGRADE;
	struct wire *w = *state;
	uint32_t length = (uint32_t)strlen(UPGRADE);

	length += put_frames(text + length);
	for (uint32_t cut = 1; cut < length; cut++) {
		uint32_t first = cut * 100000;

		give_bytes(w, first - 1, SYN, "", 0);
		give_bytes(w, first, ACK, text, cut);
		give_bytes(w, first + cut, ACK, text + cut, length - cut);
		assert_messages(w, 2ULL * cut);
		assert_count(w, DIALOG_websocket, cut);
	}
	assert_count(w, DIALOG_websocket_refused, 0);
}

static void websocket_from_the_middle_on_and_after_a_hole(void **state)
{
	char text[4096];
	uint32_t length = put_frames(text);
	struct wire *w = *state;

	give_bytes(w, 1000, ACK, text + 20, 50);
	give_bytes(w, 1050, ACK, text, length);
	assert_messages(w, 2);
	give_bytes(w, 1050 + length + 100, ACK, text, length);
	sip_tcp_age(w->tcp, w->now_ns + SECOND_NS, 0);
	assert_messages(w, 4);
	assert_count(w, DIALOG_websocket, 1);
}

static void websocket_frames_that_cannot_be_read(void **state)
{
	char text[4096];
	struct wire *w = *state;
	uint32_t length = (uint32_t)strlen(UPGRADE);
	uint32_t compressed = put_frame(text, 0, 0xc1, "deflated", 8);

	give_bytes(w, 999, SYN, "", 0);
	give(w, 1000, UPGRADE);
	give_bytes(w, 1000 + length, ACK, text, compressed);
	assert_count(w, DIALOG_websocket_refused, 1);
	give_bytes(w, 1000 + length + compressed, ACK, "\x82\x7f\0\0\0\1\0\0\0\0", 10);
	assert_messages(w, 0);
	length += 10 + compressed;
	give_bytes(w, 1000 + length, ACK, text, put_frames(text));
	assert_messages(w, 2);
}

static void http_without_an_upgrade_is_no_sip(void **state)
{
	struct wire *w = *state;

	give_bytes(w, 999, SYN, "", 0);
	give(w, 1000, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_count(w, DIALOG_tcp_not_sip, 1);
	assert_count(w, DIALOG_websocket, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(several_in_a_segment),
		TEST(cut_at_every_byte),
		TEST(byte_by_byte_and_backwards),
		TEST(what_comes_again_or_overlaps),
		TEST(from_the_middle_on),
		TEST(a_hole_is_given_up),
		TEST(lengths_that_lie),
		TEST(what_is_no_sip_costs_no_memory),
		TEST(a_flood_of_connections_is_bounded),
		TEST(connections_end),
		TEST(tls_is_counted_once_a_connection),
		TEST(headers_that_are_no_segment),
		TEST(a_body_without_content_length),
		TEST(websocket_cut_at_every_byte),
		TEST(websocket_from_the_middle_on_and_after_a_hole),
		TEST(websocket_frames_that_cannot_be_read),
		TEST(http_without_an_upgrade_is_no_sip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
