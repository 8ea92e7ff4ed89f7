/* Redundant audio (RFC 2198): what was lost is taken from the packets that bore it once more. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "heard.h"
#include "storage/redundancy.h"

#define RED 100
#define EVENTS 101
#define SSRC 7
#define PACKETS 50
#define AUDIO_BYTES 160
#define DEPTH 2

static void audio(uint8_t *out, uint16_t sequence)
{
	for (unsigned int i = 0; i < AUDIO_BYTES; i++)
		out[i] = fixture_byte(SSRC, sequence, i);
}

static void block_header(uint8_t *out, uint8_t type, uint16_t ticks, uint16_t bytes)
{
	out[0] = type | 0x80;
	out[1] = (uint8_t)(ticks >> 6);
	out[2] = (uint8_t)(ticks << 2 | bytes >> 8);
	out[3] = (uint8_t)bytes;
}

/* The packet `sequence`, with those DEPTH before it. */
static void add(struct fixture *f, uint16_t sequence)
{
	uint8_t payload[4 * DEPTH + 1 + (DEPTH + 1) * AUDIO_BYTES];
	unsigned int before = sequence < DEPTH ? sequence : DEPTH;
	uint8_t *at = payload;
	struct fixture_rtp rtp = {AT(20UL * sequence), SSRC, 160U * sequence, sequence, RED,
		payload, (uint16_t)(4 * before + 1 + (before + 1) * AUDIO_BYTES)};

	for (unsigned int back = before; back > 0; back--, at += 4)
		block_header(at, 0, (uint16_t)(160 * back), AUDIO_BYTES);
	*at++ = 0;
	for (unsigned int back = before + 1; back-- > 0; at += AUDIO_BYTES)
		audio(at, (uint16_t)(sequence - back));
	fixture_add(f, 0, &rtp);
}

static void begin(struct fixture *f)
{
	static const struct codec codecs[] = {{RED, 1, 8000, "RED", "0/0/0"},
		{0, 1, 8000, "PCMU", ""}, {EVENTS, 1, 8000, "TELEPHONE-EVENT", "0-15"}};

	fixture_begin(f, TRACK_BIT(TRACK_INCOMING));
	fixture_line(f, journal_line_codecs(TRACK_INCOMING, AT(0), codecs, 3));
}

static void lost_audio_is_taken_from_later_packets(void **state)
{
	struct recording_window w = window(1000);
	struct fixture f;
	struct heard h;

	begin(&f);
	for (uint16_t i = 0; i < PACKETS; i++)
		if (i != 10 && i != 20 && i != 21 && (i < 30 || i > 33))
			add(&f, i); /* of four in a row two are gone */
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < PACKETS; i++)
		if (i < 30 || i > 31)
			expect_packet(&h, 0, PACKET * i, SSRC, i, G711_ULAW);
	expect_silence(&h, 0, PACKET * 30, PACKET * 32);
	assert_int_equal(number(track_json(&h, 0), "received"), PACKETS - 7);
	assert_int_equal(number(track_json(&h, 0), "lost"), 7);
	assert_int_equal(number(track_json(&h, 0), "recovered"), 5);
	assert_int_equal(number(track_json(&h, 0), "undecodable"), 0);
	assert_int_equal(number(track_json(&h, 0), "duplicate"), 0);
	assert_string_equal(
		cJSON_GetStringValue(cJSON_GetObjectItem(stream_json(&h, 0, 0), "codec")), "PCMU");
	forget(&f, &h);
}

static void without_loss_nothing_is_taken(void **state)
{
	struct recording_window w = window(1000);
	struct fixture f;
	struct heard h;

	begin(&f);
	for (uint16_t i = 0; i < PACKETS; i++)
		add(&f, i);
	fixture_end(&f, &w);
	hear(&f, &h);
	for (uint16_t i = 0; i < PACKETS; i++)
		expect_packet(&h, 0, PACKET * i, SSRC, i, G711_ULAW);
	assert_null(cJSON_GetObjectItem(track_json(&h, 0), "recovered"));
	forget(&f, &h);
}

static void an_event_may_come_in_a_block_alone(void **state)
{
	struct recording_window w = window(1000);
	uint8_t payload[5 + 4 + AUDIO_BYTES];
	struct fixture_rtp rtp = {
		AT(520), SSRC, 160 * 26, 26, RED, payload, (uint16_t)sizeof(payload)};
	struct fixture f;
	struct heard h;
	bool tone = false;

	begin(&f);
	for (uint16_t i = 0; i < 20; i++)
		add(&f, i);
	block_header(payload, EVENTS, 160 * 6, 4);
	payload[4] = 0;
	memcpy(payload + 5, "\x05\x8a\x03\x20", 4);
	audio(payload + 9, 26);
	fixture_add(&f, 0, &rtp);
	fixture_end(&f, &w);
	hear(&f, &h);
	expect_packet(&h, 0, PACKET * 26, SSRC, 26, G711_ULAW);
	for (int64_t at = PACKET * 20; at < PACKET * 25; at++)
		tone = tone || sample(&h, 0, at) > 1000;
	assert_true(tone);
	forget(&f, &h);
}

static void blocks_that_do_not_fit_are_undecodable(void **state)
{
	struct recording_window w = window(1000);
	struct fixture_rtp rtp = {
		AT(0), SSRC, 0, 0, RED, (const uint8_t *)"\x80\x02\x80\xff\x00zz", 7};
	struct fixture f;
	struct heard h;

	begin(&f);
	fixture_add(&f, 0, &rtp);
	add(&f, 1);
	fixture_end(&f, &w);
	hear(&f, &h);
	assert_int_equal(number(track_json(&h, 0), "undecodable"), 1);
	expect_packet(&h, 0, PACKET, SSRC, 1, G711_ULAW);
	/* Packet 1 bore it once more. */
	expect_packet(&h, 0, 0, SSRC, 0, G711_ULAW);
	forget(&f, &h);
}

static void parsing_stays_within_the_payload(void **state)
{
	static const struct {
		const char *payload;
		size_t bytes;
		int count;
	} cases[] = {
		{"", 0, -EBADMSG},
		{"\x00", 1, 1},
		{"\x80", 1, -EBADMSG},
		{"\x80\x00\x00\x00", 4, -EBADMSG},
		{"\x80\x00\x00\x00\x08", 5, 2},
		{"\x80\x00\x00\x01\x08", 5, -EBADMSG},
		{"\x80\x02\x80\x01\x88\x00\x00\x01\x03xyz", 12, 3},
	};
	struct redundancy_block b[REDUNDANCY_BLOCKS_MAX];
	uint8_t many[4 * REDUNDANCY_BLOCKS_MAX + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			redundancy_parse((const uint8_t *)cases[i].payload, cases[i].bytes, b),
			cases[i].count);
	assert_true(b[0].ticks == 160 && b[0].offset == 9 && b[0].bytes == 1);
	assert_true(b[1].payload_type == 8 && b[1].ticks == 0 && b[1].offset == 10);
	assert_true(b[2].payload_type == 3 && b[2].offset == 11 && b[2].bytes == 1);
	for (size_t i = 0; i < REDUNDANCY_BLOCKS_MAX; i++)
		block_header(many + 4 * i, 0, 0, 0);
	many[sizeof(many) - 1] = 0;
	assert_int_equal(redundancy_parse(many, sizeof(many), b), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_audio_is_taken_from_later_packets),
		cmocka_unit_test(without_loss_nothing_is_taken),
		cmocka_unit_test(an_event_may_come_in_a_block_alone),
		cmocka_unit_test(blocks_that_do_not_fit_are_undecodable),
		cmocka_unit_test(parsing_stays_within_the_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
