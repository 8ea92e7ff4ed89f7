/* Key presses: one for each, whatever becomes of the packets of its event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/key_press.h"

#define MS_NS 1000000ULL
#define TICKS_MS 8U

/* A packet of an event that began at begin_ms, which has lasted so long, 20 ms after it was made.
 */
static struct telephone_packet packet_of_event(
	uint8_t event, uint32_t begin_ms, uint32_t lasted_ms, bool end)
{
	uint16_t duration = (uint16_t)(lasted_ms * TICKS_MS);

	return (struct telephone_packet){
		.arrival_ns = (begin_ms + lasted_ms + 20) * MS_NS,
		.ssrc = 0x1234,
		.timestamp = begin_ms * TICKS_MS,
		.payload = {event, (uint8_t)((end ? 0x80 : 0) | 10), (uint8_t)(duration >> 8),
			(uint8_t)duration},
	};
}

static char note(
	struct key_presses *k, uint8_t event, uint32_t begin_ms, uint32_t lasted_ms, bool end)
{
	struct telephone_packet p = packet_of_event(event, begin_ms, lasted_ms, end);

	return key_press_note(k, &p);
}

/* All packets but those whose bit in `lost` is set; the last three are ends. How often told. */
static unsigned int press(
	struct key_presses *k, uint8_t event, uint32_t begin_ms, unsigned int lost)
{
	unsigned int told = 0;

	for (unsigned int i = 0; i < 8; i++) {
		uint32_t lasted_ms = i < 5 ? 20 * (i + 1) : 120;

		if (!(lost >> i & 1))
			told += note(k, event, begin_ms, lasted_ms, i >= 5) != '\0';
	}
	return told;
}

static void each_key_is_told_once_whatever_is_lost(void **state)
{
	struct key_presses k = {0};
	uint32_t begin_ms = 1000;

	for (unsigned int lost = 0; lost < 0xff; lost++, begin_ms += 200)
		assert_int_equal(press(&k, 5, begin_ms, lost), 1);
}

static void the_same_key_again_is_another_press(void **state)
{
	struct key_presses k = {0};

	for (uint32_t begin_ms = 0; begin_ms < 10000; begin_ms += 140)
		assert_int_equal(press(&k, 7, begin_ms, 0xe0), 1); /* all ends lost */
}

static void keys_have_their_names(void **state)
{
	static const char names[] = "0123456789*#ABCD";
	struct key_presses k = {0};

	for (uint8_t event = 0; event < 16; event++)
		assert_int_equal(note(&k, event, 1000U + event * 200U, 20, false), names[event]);
	assert_int_equal(note(&k, 16, 9000, 20, false), '\0'); /* flash */
	assert_int_equal(note(&k, 255, 9000, 20, false), '\0');
}

static void copies_and_late_packets_tell_nothing(void **state)
{
	struct key_presses k = {0};

	assert_int_equal(note(&k, 1, 1000, 20, false), '1');
	assert_int_equal(note(&k, 1, 1000, 20, false), '\0'); /* the other port's copy */
	assert_int_equal(note(&k, 2, 1200, 20, false), '2');
	assert_int_equal(note(&k, 1, 1000, 120, true), '\0'); /* overtaken */
	assert_int_equal(note(&k, 2, 1200, 120, true), '\0');
}

static void a_long_press_is_one(void **state)
{
	struct key_presses k = {0};
	const uint32_t segment = 0xffff / TICKS_MS; /* 2.5.1.3; one tick short of it, in ms */
	struct telephone_packet next;

	assert_int_equal(note(&k, 3, 0, 20, false), '3');
	for (uint32_t ms = 40; ms < segment; ms += 500)
		assert_int_equal(note(&k, 3, 0, ms, false), '\0');
	next = packet_of_event(3, segment, 20, false);
	next.timestamp = 0xffff;
	assert_int_equal(key_press_note(&k, &next), '\0');
	next.payload[1] |= 0x80;
	assert_int_equal(key_press_note(&k, &next), '\0');
	next = packet_of_event(3, segment + 100, 20, false); /* pressed again */
	assert_int_equal(key_press_note(&k, &next), '3');
}

static void a_long_press_survives_a_burst_of_loss(void **state)
{
	struct key_presses k = {0};

	assert_int_equal(note(&k, 3, 0, 20, false), '3');
	assert_int_equal(note(&k, 3, 0, 2500, false), '\0');
	assert_int_equal(note(&k, 3, 0, 2600, true), '\0');
}

static void the_same_packets_played_again_are_another_press(void **state)
{
	struct key_presses k = {0};
	struct telephone_packet p = packet_of_event(5, 1000, 100, true);

	assert_int_equal(key_press_note(&k, &p), '5');
	p.arrival_ns += 1500 * MS_NS;
	assert_int_equal(key_press_note(&k, &p), '5');
	p.arrival_ns += 20 * MS_NS;
	assert_int_equal(key_press_note(&k, &p), '\0');
}

static void streams_do_not_share_presses(void **state)
{
	struct key_presses k = {0};
	struct telephone_packet p = packet_of_event(5, 1000, 20, false);

	assert_int_equal(key_press_note(&k, &p), '5');
	p.ssrc++;
	assert_int_equal(key_press_note(&k, &p), '5');
}

static void bodies_of_info(void **state)
{
	static const struct {
		const char *type;
		const char *body;
		char key;
	} rows[] = {
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5'},
		{"application/dtmf-relay", "Signal= 5\r\nDuration= 160\r\n", '5'},
		{"Application/DTMF-Relay;charset=x", "Duration=160\r\nsignal = *\r\n", '*'},
		{"application/dtmf-relay", "Signal=10", '*'},
		{"application/dtmf-relay", "Signal=11\n", '#'},
		{"application/dtmf-relay", "Signal=12\n", 'A'},
		{"application/dtmf-relay", "Signal=d\n", 'D'},
		{"application/dtmf-relay", "Signal=16\n", '\0'},
		{"application/dtmf-relay", "Signal=123\n", '\0'},
		{"application/dtmf-relay", "Signal=", '\0'},
		{"application/dtmf-relay", "Signal", '\0'},
		{"application/dtmf-relay", "Duration=5", '\0'},
		{"application/dtmf-relay", "", '\0'},
		{"application/dtmf", "5", '5'},
		{"application/dtmf", "#\r\n", '#'},
		{"application/dtmf", "55 ", '\0'},
		{"application/dtmf", "x", '\0'},
		{"application/sdp", "5", '\0'},
		{"application/dtmfx", "5", '\0'},
		{NULL, "5", '\0'},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (key_press_of_info(rows[i].type, rows[i].body, (uint32_t)strlen(rows[i].body)) !=
			rows[i].key)
			fail_msg("%s: %s", rows[i].type, rows[i].body);
	assert_int_equal(key_press_of_info("application/dtmf", NULL, 0), '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_is_told_once_whatever_is_lost),
		cmocka_unit_test(the_same_key_again_is_another_press),
		cmocka_unit_test(keys_have_their_names),
		cmocka_unit_test(copies_and_late_packets_tell_nothing),
		cmocka_unit_test(a_long_press_is_one),
		cmocka_unit_test(a_long_press_survives_a_burst_of_loss),
		cmocka_unit_test(the_same_packets_played_again_are_another_press),
		cmocka_unit_test(streams_do_not_share_presses),
		cmocka_unit_test(bodies_of_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
