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

#include "controlplane/sip.h"
#include "udp_packets.h"

#define BYTES_MAX 65536

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

/* What must be read from each message; method NULL: it must be refused. A row without SDP expects
 * none. */
static const struct expectation {
	const char *name;
	const char *method;
	unsigned int status;
	uint32_t cseq;
	const char *call_id;
	const char *from_tag;
	const char *to_tag;
	const char *from_uri;
	uint32_t sdp_bytes;
} expectations[] = {
	{"wsinv", "INVITE", 0, 9, "wsinv.ndaksdj@192.0.2.1", "98asjd8", "1918181833n",
		"sip:jdrosen@example.com", 150},
	{"intmeth", "OTHER", 0, 139122385, "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
		"_token~1'+`*%!-.", "", "sip:mundane@example.com", 0},
	{"esc01", "INVITE", 0, 234234, "esc01.239409asdfakjkn23onasd0-3234", "938", "",
		"sip:I%20have%20spaces@example.net", 150},
	{"escnull", "OTHER", 0, 14398234, "escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd",
		"839923423", "", "sip:null-%00-null@example.com", 0},
	{"lwsdisp", "OTHER", 0, 60, "lwsdisp.1234abcd@funky.example.com", "323", "",
		"sip:caller@example.com", 0},
	{"dblreq", "OTHER", 0, 8, "dblreq.0ha0isndaksdj99sdfafnl3lk233412", "43251j3j324", "",
		"sip:j.user@example.com", 0},
	{"semiuri", "OTHER", 0, 8, "semiuri.0ha0isndaksdj", "33242", "", "sip:caller@example.org",
		0},
	{"mpart01", "INVITE", 0, 1, "mpart01.3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..",
		"2fb0dcc9", "", "sip:fluffy@example.com", 152},
	{"unreason", "INVITE", 200, 35, "unreason.1234ksdfak3j2erwedfsASdf", "11141343", "2229",
		"sip:user@example.com", 150},
	{"noreason", "INVITE", 100, 35, "noreason.asndj203insdf99223ndf", "39ansfi3", "902jndnke3",
		"sip:user@example.com", 0},
	{"badinv01", "INVITE", 0, 8, "badinv01.0ha0isndaksdjasdf3234nas", "134161461246", "",
		"sip:caller@example.net", 0},
	{"clerr", "INVITE", 0, 8, "clerr.0ha0isndaksdjweiafasdk3", "93942939o2", "",
		"sip:caller@example.net", 150},
	{"ncl", "INVITE", 0, 0, "ncl.0ha0isndaksdj2193423r542w35", "32394234", "",
		"sip:caller@example.net", 150},
	{"quotbal", "INVITE", 0, 8, "quotbal.aksdj", "93334", "", "sip:caller@example.net", 150},
	{"lwsruri", "INVITE", 0, 2130706432, "lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423",
		"231413434", "3xfe-9921883-z9f", "sip:caller@example.net", 150},
	{"lwsstart", "INVITE", 0, 1893884, "lwsstart.dfknq234oi243099adsdfnawe3@example.com",
		"8814", "", "sip:caller@example.net", 150},
	{"trws", "OTHER", 0, 238923, "trws.oicu34958239neffasdhr2345r", "329429089", "",
		"sip:local-resource@example.com", 0},
	{"unkscm", "INVITE", 0, 3923423, "unkscm.nasdfasser0q239nwsdfasdkl34", "384", "",
		"sip:caller@example.net", 0},
	{"multi01", "INVITE", 0, 5, "multi01.98asdh@192.0.2.1", "3413415", "",
		"sip:caller@example.com", 150},
	{"mcl01", "OTHER", 0, 15932, "mcl01.fhn2323orihawfdoa3o4r52o3irsdf", "3923942", "",
		"sip:other@example.net", 0},
	{"inv2543", "INVITE", 0, 56, "inv2543.1717@ift.client.example.com", "", "",
		"sip:+13035551111@ift.client.example.net;user=phone", 150},
	{"compact", "INVITE", 0, 1, "compact.1@192.0.2.7", "compact1", "", "sip:alice@example.com",
		150},
	{"teluri", "INVITE", 0, 1, "teluri.1@192.0.2.8", "teluri1", "", "tel:+4930654321", 150},
	{"lfonly", "INVITE", 0, 7, "lfonly.1@192.0.2.9", "lfonly1", "", "sip:alice@example.com",
		142},
	{"junk", "BYE", 0, 8, "junk.1@192.0.2.9", "junk1", "junk2", "sip:alice@example.com", 0},
	{.name = "scalar02"},
	{.name = "badvers"},
	{.name = "mismatch01"},
	{.name = "bigcode"},
	{.name = "insuf"},
};

static const char *method_name(enum sip_method m)
{
	static const char *const names[] = {
		"INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "OTHER"};

	return names[m];
}

static void torture_messages_are_read_or_refused(void **state)
{
	for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
		const struct expectation *e = &expectations[i];
		int err = sip_parse(&message, bytes, read_torture(e->name));

		if (!e->method) {
			assert_int_equal(err, -EBADMSG);
			continue;
		}
		if (err)
			fail_msg("%s: %d", e->name, err);
		assert_string_equal(method_name(message.method), e->method);
		assert_int_equal(message.request, e->status == 0);
		assert_int_equal(message.status, e->status);
		assert_int_equal(message.cseq, e->cseq);
		assert_string_equal(message.call_id, e->call_id);
		assert_string_equal(message.from_tag, e->from_tag);
		assert_string_equal(message.to_tag, e->to_tag);
		assert_string_equal(message.from_uri, e->from_uri);
		assert_int_equal(message.sdp.bytes, e->sdp_bytes);
		if (e->sdp_bytes)
			assert_memory_equal(message.sdp.data, "v=0", 3);
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
	for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
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

	return cmocka_run_group_tests(tests, NULL, NULL);
}
