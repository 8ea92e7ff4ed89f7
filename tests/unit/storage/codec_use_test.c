#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "storage/codec_use.h"

#define STREAMS 3

/* Arrival, stream, codec. */
struct heard {
	uint64_t at_ns;
	uint16_t stream;
	uint8_t codec;
	bool copy;
};

static void find(struct codec_uses *uses, const struct heard *heard, size_t count, uint64_t from_ns,
	uint64_t to_ns)
{
	static struct packet packets[256];
	struct packet_index index = {.packets = packets, .count = count};
	struct rtp_streams streams = {.count = STREAMS};

	assert_true(count <= 256);
	memset(packets, 0, sizeof(packets));
	for (size_t i = 0; i < count; i++) {
		packets[i].arrival_ns = heard[i].at_ns;
		packets[i].stream = heard[i].stream;
		packets[i].codec = heard[i].codec;
		packets[i].is_copy = heard[i].copy;
	}
	assert_int_equal(codec_uses_find(uses, &index, &streams, from_ns, to_ns), 0);
}

/* The next of a stream's list is as told; *at goes on. */
static void expect(const struct codec_uses *uses, uint32_t *at, uint8_t codec, uint64_t received,
	uint64_t first_ns, uint64_t last_ns)
{
	const struct codec_use *use;

	assert_int_not_equal(*at, CODEC_USE_NONE);
	use = &uses->list[*at];
	assert_int_equal(use->codec, codec);
	assert_int_equal(use->received, received);
	assert_int_equal(use->first_ns, first_ns);
	assert_int_equal(use->last_ns, last_ns);
	*at = use->next;
}

static void each_stream_has_its_own_in_the_order_of_their_begin(void **state)
{
	static const struct heard heard[] = {{10, 0, 7, false}, {11, 1, 7, false},
		{12, 0, 3, false}, {13, 0, 7, false}, {14, 1, 7, false}, {15, 0, 3, false}};
	struct codec_uses uses;
	uint32_t at;

	find(&uses, heard, 6, 0, UINT64_MAX);
	at = uses.first[0];
	expect(&uses, &at, 7, 2, 10, 13);
	expect(&uses, &at, 3, 2, 12, 15);
	assert_int_equal(at, CODEC_USE_NONE);
	at = uses.first[1];
	expect(&uses, &at, 7, 2, 11, 14);
	assert_int_equal(at, CODEC_USE_NONE);
	assert_int_equal(uses.first[2], CODEC_USE_NONE);
	codec_uses_free(&uses);
}

static void the_window_and_copies(void **state)
{
	static const struct heard heard[] = {{9, 0, 1, false}, {10, 0, 2, false}, {15, 0, 2, true},
		{20, 0, 2, false}, {21, 0, 2, false}};
	struct codec_uses uses;
	uint32_t at;

	find(&uses, heard, 5, 10, 20); /* both included */
	at = uses.first[0];
	expect(&uses, &at, 2, 2, 10, 20);
	assert_int_equal(at, CODEC_USE_NONE);
	codec_uses_free(&uses);
}

/* More than the list has room for at first. */
static void many_codecs(void **state)
{
	struct heard heard[200];
	struct codec_uses uses;
	uint32_t at;

	for (unsigned int i = 0; i < 200; i++)
		heard[i] = (struct heard){i, (uint16_t)(i % 2), (uint8_t)(i / 2), false};
	find(&uses, heard, 200, 0, UINT64_MAX);
	for (unsigned int s = 0; s < 2; s++) {
		at = uses.first[s];
		for (unsigned int i = s; i < 200; i += 2)
			expect(&uses, &at, (uint8_t)(i / 2), 1, i, i);
		assert_int_equal(at, CODEC_USE_NONE);
	}
	codec_uses_free(&uses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_stream_has_its_own_in_the_order_of_their_begin),
		cmocka_unit_test(the_window_and_copies),
		cmocka_unit_test(many_codecs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
