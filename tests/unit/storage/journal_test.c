#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/journal.h"
#include "storage/spool.h"

static struct recording_info example_info(void)
{
	struct recording_info info = {
		.sip_call_id = "a\"b\\c\x01@h",
		.participant_tag = "LEG-B",
		.participant = "sip:+4930@example.org",
		.account = "acme",
		.tracks = TRACKS_BOTH,
		.bucket = "bucket",
		.key = "a/b c.wav",
		.opened_ns = UINT64_MAX - 1,
		.wall_offset_ns = -1234567890123456789LL,
	};

	memset(info.recording_id.bytes, 0x11, 16);
	memset(info.transaction_id.bytes, 0x22, 16);
	memset(info.call_id.bytes, 0x33, 16);
	return info;
}

/* Appends a line and frees it. */
static void add(char *journal, char *line)
{
	assert_non_null(line);
	strcat(journal, line);
	free(line);
}

static const struct codec example_codecs[] = {
	{.payload_type = 0, .channels = 1, .clock_hz = 8000, .name = "PCMU"},
	{.payload_type = 101, .clock_hz = 8000, .name = "TELEPHONE-EVENT", .fmtp = "0-16"},
};

static void write_example(char *journal)
{
	struct recording_info info = example_info();
	struct uuid run = {.bytes = {7}};
	struct netaddr a = netaddr_from_ipv4("\x0a\x00\x00\x01", 4000);
	struct netaddr b = {0};
	struct recording_window window = {.start_ns = 5,
		.stop_ns = 1700000000123456789ULL,
		.stop_at_media = true,
		.reason = "hangup",
		.cut_short = "crash"};
	struct journal_rendered rendered = {.start_ns = 6, .duration_ms = 7, .bytes = 1ULL << 60};

	memset(rendered.sha256, 'a', 64);
	assert_int_equal(netaddr_parse("2001:db8::1", &b), 0);
	b.port = 65535;
	journal[0] = '\0';
	add(journal, journal_line_open(&info, &run));
	add(journal, journal_line_stream(TRACK_OUTGOING, 3, 9, &a, &b, "vlan 12"));
	add(journal, journal_line_codecs(TRACK_INCOMING, 9, example_codecs, 2));
	add(journal, journal_line_start(5));
	add(journal, journal_line_pause(10));
	add(journal, journal_line_resume(20));
	add(journal, journal_line_pause(1700000000123456788ULL));
	add(journal, journal_line_paused_packets(TRACK_OUTGOING, 42));
	add(journal, journal_line_close(&window));
	add(journal, journal_line_rendered(&rendered));
	add(journal, journal_line_delivered());
}

static void assert_info(const struct journal *j)
{
	struct recording_info info = example_info();

	assert_true(uuid_equal(&j->info.recording_id, &info.recording_id));
	assert_true(uuid_equal(&j->info.call_id, &info.call_id));
	assert_string_equal(j->info.sip_call_id, info.sip_call_id);
	assert_string_equal(j->info.key, info.key);
	assert_int_equal(j->info.tracks, TRACKS_BOTH);
	assert_true(j->info.opened_ns == info.opened_ns);
	assert_true(j->info.wall_offset_ns == info.wall_offset_ns);
	assert_int_equal(j->run.bytes[0], 7);
}

static void all_lines_come_back(void **state)
{
	char text[8192];
	struct journal j;
	char address[NETADDR_TEXT_BYTES];

	write_example(text);
	assert_int_equal(journal_decode(text, strlen(text), &j, NULL), 0);
	assert_info(&j);
	assert_int_equal(j.stream_count, 1);
	assert_int_equal(j.streams[0].track, TRACK_OUTGOING);
	assert_int_equal(j.streams[0].ordinal, 3);
	assert_int_equal(j.streams[0].party, 9);
	assert_string_equal(netaddr_format(&j.streams[0].source, address), "10.0.0.1:4000");
	assert_string_equal(
		netaddr_format(&j.streams[0].destination, address), "[2001:db8::1]:65535");
	assert_string_equal(j.streams[0].encapsulation, "vlan 12");
	assert_int_equal(j.codecs_count, 1);
	assert_int_equal(j.codecs[0].count, 2);
	assert_int_equal(j.codecs[0].at_ns, 9);
	assert_memory_equal(j.codecs[0].codecs, example_codecs, sizeof(example_codecs));
	assert_true(j.started && j.start_ns == 5);
	assert_int_equal(j.pause_count, 2);
	assert_true(j.pauses[0].start_ns == 10 && j.pauses[0].end_ns == 20);
	assert_true(j.pauses[1].start_ns == 1700000000123456788ULL);
	assert_true(j.pauses[1].end_ns == UINT64_MAX && j.paused);
	assert_int_equal(j.paused_packets[TRACK_OUTGOING], 42);
	assert_true(j.closed && j.window.stop_ns == 1700000000123456789ULL);
	assert_true(j.window.stop_at_media && !j.window.start_at_media);
	assert_string_equal(j.window.cut_short, "crash");
	assert_true(j.is_rendered && j.rendered.bytes == 1ULL << 60 && !j.rendered.failed);
	assert_true(j.delivered);
	assert_int_equal(j.whole_bytes, strlen(text));
	journal_free(&j);
}

static void cut_anywhere_gives_the_whole_lines(void **state)
{
	char text[8192];
	size_t whole = 0;

	write_example(text);
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		struct journal j;
		int err;

		if (cut > 0 && text[cut - 1] == '\n')
			whole = cut;
		err = journal_decode(text, cut, &j, NULL);
		assert_int_equal(err, whole > 0 ? 0 : -EBADMSG);
		assert_int_equal(j.whole_bytes, whole);
		assert_int_equal(j.delivered, cut == strlen(text));
		journal_free(&j);
	}
}

static int decode_after_open(const char *line, struct journal *j)
{
	char text[8192] = "";
	struct recording_info info = example_info();
	struct uuid run = {.bytes = {7}};

	add(text, journal_line_open(&info, &run));
	strcat(text, line);
	return journal_decode(text, strlen(text), j, NULL);
}

static void damaged_lines_are_refused(void **state)
{
	static const struct {
		const char *line;
		int err;
	} cases[] = {
		{"{\"event\":\"start\",\"at_ns\":\"12\"}\n", 0},
		{"{\"event\":\"start\",\"at_ns\":12}\n", -EBADMSG},
		{"{\"event\":\"start\",\"at_ns\":\"-1\"}\n", -EBADMSG},
		{"{\"event\":\"start\",\"at_ns\":\"18446744073709551616\"}\n", -EBADMSG},
		{"{\"event\":\"start\",\"at_ns\":\"\"}\n", -EBADMSG},
		{"{\"event\":\"start\"} x\n", -EBADMSG},
		{"{\"event\":\"pause\"}\n", -EBADMSG},
		{"{\"event\":\"close\",\"start_ns\":\"1\"}\n", -EBADMSG},
		{"{\"event\":\"paused_packets\",\"track\":\"BOTH\",\"packets\":\"1\"}\n", -EBADMSG},
		{"{\"event\":\"codecs\",\"track\":\"INCOMING\",\"at_ns\":\"1\",\"codecs\":[{}]}\n",
			-EBADMSG},
		{"{\"event\":\"open\"}\n", -EBADMSG},
		{"{\"event\":\"moved\"}\n", -EPROTONOSUPPORT},
		{"\n", -EBADMSG},
		{"[]\n", -EBADMSG},
	};
	struct journal j;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(decode_after_open(cases[i].line, &j), cases[i].err);
		assert_info(&j); /* what stood before it is there */
		assert_false(j.closed || j.paused || j.codecs_count);
		journal_free(&j);
	}
}

static void the_first_line_must_open(void **state)
{
	const char *text = "{\"event\":\"start\",\"at_ns\":\"12\"}\n";
	const char *later = "{\"event\":\"open\",\"version\":2}\n";
	struct journal j;

	assert_int_equal(journal_decode(text, strlen(text), &j, NULL), -EBADMSG);
	journal_free(&j);
	assert_int_equal(journal_decode(later, strlen(later), &j, NULL), -EPROTONOSUPPORT);
	journal_free(&j);
}

static void a_file_is_appended_and_read(void **state)
{
	char folder[] = "/tmp/legtap_journal_XXXXXX";
	char path[PATH_MAX];
	char text[8192];
	struct recording_info info = example_info();
	struct journal j;
	struct errmsg e;
	FILE *file;

	assert_non_null(mkdtemp(folder));
	assert_int_equal(journal_append(folder, &info.recording_id, "x\n", true), -ENOENT);
	assert_int_equal(journal_read(folder, &info.recording_id, &j, &e), -ENOENT);
	assert_non_null(strstr(e.text, folder));
	spool_file_path(folder, &info.recording_id, SPOOL_JOURNAL, path);
	file = fopen(path, "w");
	fclose(file);
	write_example(text);
	assert_int_equal(journal_append(folder, &info.recording_id, text, true), 0);
	assert_int_equal(
		journal_append(folder, &info.recording_id, "{\"event\":\"delivered\"}\n", false),
		0);
	assert_int_equal(journal_read(folder, &info.recording_id, &j, &e), 0);
	assert_info(&j);
	assert_int_equal(j.whole_bytes, strlen(text) + strlen("{\"event\":\"delivered\"}\n"));
	journal_free(&j);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_lines_come_back),
		cmocka_unit_test(cut_anywhere_gives_the_whole_lines),
		cmocka_unit_test(damaged_lines_are_refused),
		cmocka_unit_test(the_first_line_must_open),
		cmocka_unit_test(a_file_is_appended_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
