/* The SIP parser on RFC 4475's messages and others that hurt, and on every SIP message of the
 * captures, where tshark's reading is what it is compared with. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/sdp.h"
#include "controlplane/sip.h"
#include "udp_packets.h"

#define BYTES_MAX 65536
#define RFC4475_MESSAGES 49
#define OUR_MESSAGES 5 /* multipart, compact, teluri, lfonly, junk */

static char bytes[BYTES_MAX + 1];
static struct sip_message message;

static size_t read_torture(const char *name)
{
	char path[512];
	FILE *f;
	size_t length;

	snprintf(path, sizeof(path), "%s/torture/%s.sip", getenv("LEGTAP_TEST_DATA"), name);
	f = fopen(path, "rb");
	assert_non_null(f);
	length = fread(bytes, 1, BYTES_MAX, f);
	fclose(f);
	return length;
}

/* A line of tests/data/torture.tsv. */
struct expectation {
	char name[32];
	char what[64]; /* method, status, "refused" */
	unsigned int cseq;
	char call_id[512];
	char from_tag[512];
	char to_tag[64];
	char from_uri[512];
	char port[8]; /* of the SDP's audio; "-": no SDP */
};

static struct expectation expectations[64];
static size_t expectation_count;

static int read_expectations(void **state)
{
	char path[512];
	char line[2048];
	FILE *f;

	snprintf(path, sizeof(path), "%s/torture.tsv", getenv("LEGTAP_TEST_DATA"));
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct expectation *e = &expectations[expectation_count];
		char cseq[16];

		if (line[0] == '#')
			continue;
		assert_int_equal(
			sscanf(line, "%31s %63s %15s %511s %511s %63s %511s %7s", e->name, e->what,
				cseq, e->call_id, e->from_tag, e->to_tag, e->from_uri, e->port),
			8);
		e->cseq = (unsigned int)strtoul(cseq, NULL, 10);
		expectation_count++;
	}
	fclose(f);
	assert_int_equal(expectation_count, RFC4475_MESSAGES + OUR_MESSAGES);
	return 0;
}

static const char *method_name(enum sip_method m)
{
	static const char *const names[] = {
		"INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "OTHER"};

	return names[m];
}

static void assert_text(const char *found, const char *expected)
{
	assert_string_equal(found, strcmp(expected, "-") ? expected : "");
}

static void assert_audio_port(const char *expected)
{
	struct leg_media media;

	assert_int_equal(message.sdp.data != NULL, strcmp(expected, "-") != 0);
	if (!message.sdp.data)
		return;
	assert_int_equal(sdp_parse(&media, message.sdp.data, message.sdp.bytes), 0);
	assert_int_equal(media.address_count, 1);
	assert_int_equal(media.addresses[0].port, atoi(expected));
}

static void assert_as_expected(const struct expectation *e)
{
	unsigned int status = (unsigned int)atoi(e->what);

	assert_int_equal(message.status, status);
	assert_int_equal(message.request, status == 0);
	if (message.method != SIP_METHOD_OTHER && status == 0)
		assert_string_equal(method_name(message.method), e->what);
	if (message.method == SIP_METHOD_OTHER)
		assert_null(strstr("INVITE ACK BYE CANCEL PRACK UPDATE INFO", e->what));
	assert_int_equal(message.cseq, e->cseq);
	assert_text(message.call_id, e->call_id);
	assert_text(message.from_tag, e->from_tag);
	assert_text(message.to_tag, e->to_tag);
	assert_text(message.from_uri, e->from_uri);
	assert_audio_port(e->port);
}

static void torture_messages_are_read_or_refused(void **state)
{
	for (size_t i = 0; i < expectation_count; i++) {
		const struct expectation *e = &expectations[i];
		int err = sip_parse(&message, bytes, read_torture(e->name));
		bool refused = strcmp(e->what, "refused") == 0;

		if (err != (refused ? -EBADMSG : 0))
			fail_msg("%s: %d", e->name, err);
		if (!refused)
			assert_as_expected(e);
	}
}

static void long_values_are_whole(void **state)
{
	assert_int_equal(sip_parse(&message, bytes, read_torture("longreq")), 0);
	assert_int_equal(strlen(message.from_tag), 2 + 50 * 3 + 3);
	assert_int_equal(strlen(message.call_id), strlen("longreq.onelongcallid") + 20 * 6);
	assert_string_equal(message.branch, "");
	assert_int_equal(message.sdp.bytes, 150);
}

static void headers_are_found_by_either_name(void **state)
{
	char value[64];

	assert_int_equal(sip_parse(&message, bytes, read_torture("compact")), 0);
	assert_int_equal(sip_session_expires_s(&message), 1800);
	assert_string_equal(
		sip_header_string(&message, "supported", value, sizeof(value)), "timer,100rel");
	assert_string_equal(sip_header_string(&message, "CALL-ID", value, 8), "compact");
	assert_string_equal(message.branch, "z9hG4bKcompact");
	assert_null(sip_header_string(&message, "Session-ID", value, sizeof(value)));

	assert_int_equal(sip_parse(&message, bytes, read_torture("wsinv")), 0);
	assert_string_equal(sip_header_string(&message, "NewFangledHeader", value, sizeof(value)),
		"newfangled value continued newfangled value");
	assert_string_equal(message.branch, "390skdjuw");
}

/* Cut anywhere, a message is read or refused, and nothing is read behind its end (ASan). */
static void cut_messages_do_no_harm(void **state)
{
	for (size_t i = 0; i < expectation_count; i++) {
		size_t length = read_torture(expectations[i].name);

		for (size_t cut = 0; cut < length; cut += 7) {
			char *copy = malloc(cut ? cut : 1);

			memcpy(copy, bytes, cut);
			(void)sip_parse(&message, copy, cut);
			free(copy);
		}
	}
}

static void too_much_is_refused(void **state)
{
	size_t length = (size_t)snprintf(bytes, sizeof(bytes),
		"INVITE sip:a@b SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
		"CSeq: 1 INVITE\r\nCall-ID: ");

	memset(bytes + length, 'x', SIP_STRINGS_BYTES);
	length += SIP_STRINGS_BYTES;
	assert_int_equal(sip_parse(&message, bytes, length), -EMSGSIZE);
	assert_int_equal(sip_parse(&message, bytes, SIP_BYTES_MAX + 1), -EMSGSIZE);
}

/* A line of tests/data/captures_sip.tsv. */
struct reading {
	char file[64];
	unsigned int frame;
	char kind[16];
	char call_id[128];
	char from_tag[128];
	char to_tag[128];
	unsigned int cseq;
	char method[16];
	char media[128];
};

static struct reading readings[512];
static unsigned int reading_count;

static void read_readings(void)
{
	char path[512];
	char line[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/captures_sip.tsv", getenv("LEGTAP_TEST_DATA"));
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct reading *r = &readings[reading_count];

		if (line[0] == '#')
			continue;
		assert_int_equal(sscanf(line, "%63s %u %15s %127s %127s %127s %u %15s %127s",
					 r->file, &r->frame, r->kind, r->call_id, r->from_tag,
					 r->to_tag, &r->cseq, r->method, r->media),
			9);
		reading_count++;
	}
	fclose(f);
	assert_true(reading_count > 190);
}

struct capture_check {
	const char *file;
	unsigned int checked;
};

static void check_packet(void *arg, const struct udp_packet *p)
{
	struct capture_check *c = arg;
	const struct reading *r = NULL;

	for (unsigned int i = 0; i < reading_count; i++)
		if (readings[i].frame == p->frame && strcmp(readings[i].file, c->file) == 0)
			r = &readings[i];
	if (!r)
		return;
	if (sip_parse(&message, p->payload, p->bytes) != 0)
		fail_msg("%s, frame %u is not read", c->file, p->frame);
	if (message.request)
		assert_int_equal(message.status, 0);
	else
		assert_int_equal(message.status, atoi(r->kind));
	if (message.method != SIP_METHOD_OTHER)
		assert_string_equal(method_name(message.method), r->method);
	assert_string_equal(message.call_id, r->call_id);
	assert_string_equal(message.from_tag, strcmp(r->from_tag, "-") ? r->from_tag : "");
	assert_string_equal(message.to_tag, strcmp(r->to_tag, "-") ? r->to_tag : "");
	assert_int_equal(message.cseq, r->cseq);
	assert_int_equal(message.sdp.data != NULL, strcmp(r->media, "-") != 0);
	c->checked++;
}

static void captured_messages_are_read_as_tshark_does(void **state)
{
	const char *folder = captures_folder();
	unsigned int checked = 0;

	if (!folder) {
		print_message("no captures beside the source tree\n");
		skip();
	}
	read_readings();
	for (unsigned int i = 0; i < reading_count; i++) {
		struct capture_check c = {.file = readings[i].file};
		char path[512];

		if (i > 0 && strcmp(readings[i].file, readings[i - 1].file) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, c.file);
		assert_true(udp_packets_read(path, check_packet, &c) > 0);
		checked += c.checked;
	}
	assert_int_equal(checked, reading_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(torture_messages_are_read_or_refused),
		cmocka_unit_test(long_values_are_whole),
		cmocka_unit_test(headers_are_found_by_either_name),
		cmocka_unit_test(cut_messages_do_no_harm),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(captured_messages_are_read_as_tshark_does),
	};

	return cmocka_run_group_tests(tests, read_expectations, NULL);
}
