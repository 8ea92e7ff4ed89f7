#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/leg_media.h"

static struct codec_lists *lists;
static struct end_media ends[2];
static struct leg_media media;

static int setup(void **state)
{
	memset(ends, 0, sizeof(ends));
	memset(&media, 0, sizeof(media));
	return codec_lists_create(&lists, 3, 7);
}

static int teardown(void **state)
{
	end_media_clear(&ends[0], lists);
	end_media_clear(&ends[1], lists);
	codec_lists_destroy(lists);
	return 0;
}

static void add_codec(uint8_t payload_type, const char *name)
{
	struct codec *c = &media.codecs[media.codec_count++];

	*c = (struct codec){.payload_type = payload_type, .channels = 1, .clock_hz = 8000};
	memcpy(c->name, name, strlen(name));
}

static struct netaddr at(uint16_t port)
{
	const uint8_t ip[4] = {192, 0, 2, 1};

	return netaddr_from_ipv4(ip, port);
}

static struct end_media_change take(unsigned int end)
{
	return end_media_take(&ends[end], lists, &media);
}

static void equal_lists_are_one(void **state)
{
	add_codec(0, "PCMU");
	add_codec(8, "PCMA");
	assert_true(take(0).any);
	assert_true(take(1).any);
	assert_ptr_equal(ends[0].codecs, ends[1].codecs);
	assert_false(take(0).any);
	media.codec_count = 1;
	assert_true(take(0).any);
	assert_ptr_not_equal(ends[0].codecs, ends[1].codecs);
	assert_int_equal(ends[0].codec_count, 1);
	assert_string_equal(ends[1].codecs[1].name, "PCMA"); /* still held by the other */
}

static void without_audio_the_codecs_stay(void **state)
{
	add_codec(0, "PCMU");
	take(0);
	media.codec_count = 0;
	assert_false(take(0).any);
	assert_string_equal(ends[0].codecs[0].name, "PCMU");
}

static void the_newest_addresses_stay(void **state)
{
	media.address_count = 1;
	for (uint16_t port = 1; port <= LEG_ADDRESSES_MAX + 3; port++) {
		media.addresses[0] = at(port);
		assert_int_equal(take(0).moved, port > 1);
	}
	assert_int_equal(ends[0].address_count, LEG_ADDRESSES_MAX);
	assert_int_equal(ends[0].addresses[0].port, 4);
	media.addresses[0] = at(5);
	assert_true(take(0).moved); /* an old one is the newest again */
	assert_int_equal(ends[0].addresses[LEG_ADDRESSES_MAX - 1].port, 5);
	assert_int_equal(ends[0].addresses[1].port, 6);
}

static void keys_of_before_follow_those_of_now(void **state)
{
	struct srtp_keys got;

	media.keys = (struct srtp_keys){.count = 1, .current = 1};
	media.keys.list[0].secret[0] = 1;
	assert_true(take(0).any);
	assert_false(take(0).any);
	media.keys.list[0].secret[0] = 2;
	assert_true(take(0).any);
	end_media_get_keys(&ends[0], &got);
	assert_int_equal(got.count, 2);
	assert_int_equal(got.current, 1);
	assert_int_equal(got.list[0].secret[0], 2);
	assert_int_equal(got.list[1].secret[0], 1);
}

static void what_was_taken_can_be_got(void **state)
{
	static struct leg_media got;

	add_codec(0, "PCMU");
	media.address_count = 1;
	media.addresses[0] = at(4000);
	media.other_count = 1;
	media.others[0] = (struct leg_other){.payload_type = 99, .name = "VIDEO H264"};
	media.sender = at(5060);
	media.sends = media.encrypted = media.plain = true;
	media.ptime_ms = 20;
	take(0);
	media.known = true;
	end_media_get(&ends[0], &got);
	assert_memory_equal(&got, &media, sizeof(got));
	assert_true(end_media_is_held(&ends[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(equal_lists_are_one, setup, teardown),
		cmocka_unit_test_setup_teardown(without_audio_the_codecs_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(the_newest_addresses_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(
			keys_of_before_follow_those_of_now, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_taken_can_be_got, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
