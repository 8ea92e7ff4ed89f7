#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "storage/codec_map.h"

static const char *name_at(struct codec_map *map, uint8_t payload_type, uint64_t at_ns)
{
	return map->known[codec_map_find(map, payload_type, at_ns)].codec.name;
}

static void a_type_means_what_the_map_of_its_time_says(void **state)
{
	struct codec early[] = {{0, 1, 8000, "PCMU", ""}, {97, 1, 8000, "ILBC", ""}};
	struct codec late[] = {
		{8, 1, 8000, "PCMA", ""}, {97, 2, 48000, "EVRC", ""}, {99, 1, 0, "LIAR", ""}};
	struct codec theirs[] = {{98, 1, 8000, "SPEEX", ""}};
	struct journal_codecs maps[] = {{TRACK_INCOMING, 200, 3, late},
		{TRACK_INCOMING, 100, 2, early}, {TRACK_OUTGOING, 0, 1, theirs}};
	struct journal journal = {.codecs_count = 3, .codecs = maps};
	struct codec_map map;

	assert_int_equal(codec_map_init(&map, &journal, TRACK_INCOMING), 0);
	assert_string_equal(name_at(&map, 97, 150), "ILBC");
	assert_string_equal(name_at(&map, 97, 200), "EVRC");
	assert_string_equal(name_at(&map, 97, 50), "ILBC"); /* media before its signalling */
	assert_string_equal(name_at(&map, 0, 250), "PCMU");
	assert_string_equal(name_at(&map, 18, 250), "G729");
	assert_string_equal(name_at(&map, 98, 250), "UNKNOWN");
	assert_string_equal(name_at(&map, 99, 250), "UNKNOWN");
	assert_int_equal(map.known[codec_map_find(&map, 8, 250)].kind, PACKET_AUDIO);
	assert_int_equal(map.known[codec_map_find(&map, 13, 250)].kind, PACKET_SILENCE);
	assert_int_equal(map.known[codec_map_find(&map, 97, 250)].kind, PACKET_UNDECODABLE);
	codec_map_free(&map);
}

/* Asked for by the payload type, and not met by that. */
static void other_media_is_told_by_its_name(void **state)
{
	struct codec codecs[] = {{96, 1, 90000, "VIDEO H264", ""}, {97, 1, 8000, "L16", ""}};
	struct journal_codecs maps[] = {{TRACK_INCOMING, 100, 2, codecs}};
	struct journal journal = {.codecs_count = 1, .codecs = maps};
	struct codec_map map;

	assert_int_equal(codec_map_init(&map, &journal, TRACK_INCOMING), 0);
	assert_true(codec_map_is_other_media(&map, 96, 150));
	assert_false(codec_map_is_other_media(&map, 97, 150));
	assert_false(codec_map_is_other_media(&map, 0, 150));
	assert_int_equal(map.known_count, 0);
	assert_int_equal(map.known[codec_map_find(&map, 96, 150)].kind, PACKET_OTHER_MEDIA);
	codec_map_free(&map);
	assert_int_equal(codec_map_init(&map, &journal, TRACK_OUTGOING), 0);
	assert_false(codec_map_is_other_media(&map, 96, 150));
	codec_map_free(&map);
}

static void no_map_leaves_the_static_types(void **state)
{
	struct journal journal = {0};
	struct codec_map map;

	assert_int_equal(codec_map_init(&map, &journal, TRACK_INCOMING), 0);
	assert_string_equal(name_at(&map, 8, 1), "PCMA");
	assert_string_equal(name_at(&map, 101, 1), "UNKNOWN");
	codec_map_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_type_means_what_the_map_of_its_time_says),
		cmocka_unit_test(other_media_is_told_by_its_name),
		cmocka_unit_test(no_map_leaves_the_static_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
