#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/packet_seals.h"

#define PCMU 0

/* An index without codecs of its own: static payload types. */
struct sealed_index {
	struct journal journal;
	struct packet_index index;
};

static void begin(struct sealed_index *s, uint32_t sources)
{
	memset(s, 0, sizeof(*s));
	assert_int_equal(packet_index_init(&s->index, &s->journal, TRACK_INCOMING), 0);
	s->index.source_count = sources;
}

/* Of a source, with its sequence number, to be known by. */
static void add(struct sealed_index *s, uint16_t source, unsigned int count, bool sealed)
{
	struct packet_index *index = &s->index;

	assert_int_equal(packet_index_reserve(index, count), 0);
	for (unsigned int i = 0; i < count; i++) {
		struct packet *p = &index->packets[index->count];

		memset(p, 0, sizeof(*p));
		p->stream = source;
		p->sequence = (uint32_t)index->count;
		p->arrival_ns = index->count;
		p->position = sealed;
		p->codec = sealed ? PCMU : codec_map_find(&index->codecs, PCMU, 0);
		index->sealed += sealed;
		index->count++;
	}
}

static const char *name(const struct sealed_index *s, size_t i)
{
	return packet_codec(&s->index, &s->index.packets[i])->codec.name;
}

static void settle(struct sealed_index *s, size_t kept, uint64_t undecryptable, uint64_t left_out)
{
	assert_int_equal(packet_seals_settle(&s->index), 0);
	assert_int_equal(s->index.count, kept);
	assert_int_equal(s->index.undecryptable, undecryptable);
	assert_int_equal(s->index.undecodable, undecryptable);
	assert_int_equal(s->index.unauthenticated, left_out);
	assert_int_equal(s->index.sealed, 0);
	for (size_t i = 0; i < s->index.count; i++)
		assert_int_equal(s->index.packets[i].position, 0);
}

static void without_any_nothing_changes(void **state)
{
	struct sealed_index s;

	begin(&s, 1);
	add(&s, 0, 100, false);
	settle(&s, 100, 0, 0);
	assert_string_equal(name(&s, 0), "PCMU");
	packet_index_free(&s.index);
}

/* However few: nothing says that there is a key. */
static void a_source_of_which_nothing_opens_is_undecryptable(void **state)
{
	struct sealed_index s;

	begin(&s, 2);
	add(&s, 0, 100, false); /* another's tell nothing of it */
	add(&s, 1, 3, true);
	settle(&s, 103, 3, 0);
	assert_string_equal(name(&s, 99), "PCMU");
	assert_string_equal(name(&s, 100), "SRTP PCMU");
	packet_index_free(&s.index);
}

static void a_few_among_others_were_slipped_in(void **state)
{
	struct sealed_index s;

	begin(&s, 1);
	add(&s, 0, 10, false);
	add(&s, 0, PACKET_SEALS_RUN - 1, true);
	add(&s, 0, 10, false);
	add(&s, 0, 1, true);
	settle(&s, 20, 0, PACKET_SEALS_RUN);
	for (uint32_t i = 0; i < 20; i++) { /* those that stay stay in order */
		assert_string_equal(name(&s, i), "PCMU");
		assert_int_equal(
			s.index.packets[i].sequence, i < 10 ? i : i + PACKET_SEALS_RUN - 1);
	}
	packet_index_free(&s.index);
}

static void a_run_of_them_is_its_audio_from_its_begin(void **state)
{
	struct sealed_index s;

	begin(&s, 1);
	add(&s, 0, 10, false);
	add(&s, 0, PACKET_SEALS_RUN, true);
	add(&s, 0, 10, false);
	settle(&s, 20 + PACKET_SEALS_RUN, PACKET_SEALS_RUN, 0);
	assert_string_equal(name(&s, 9), "PCMU");
	assert_string_equal(name(&s, 10), "SRTP PCMU");
	assert_string_equal(name(&s, 9 + PACKET_SEALS_RUN), "SRTP PCMU");
	assert_string_equal(name(&s, 10 + PACKET_SEALS_RUN), "PCMU");
	packet_index_free(&s.index);
}

/* Packets of another source do not end a run. */
static void runs_are_counted_for_each_source(void **state)
{
	struct sealed_index s;

	begin(&s, 2);
	add(&s, 0, 1, false);
	add(&s, 1, 1, false);
	for (unsigned int i = 0; i < PACKET_SEALS_RUN; i++) {
		add(&s, 0, 1, true);
		add(&s, 1, 1, i % 2);
	}
	settle(&s, 2 + PACKET_SEALS_RUN + PACKET_SEALS_RUN / 2, PACKET_SEALS_RUN,
		PACKET_SEALS_RUN / 2);
	packet_index_free(&s.index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_any_nothing_changes),
		cmocka_unit_test(a_source_of_which_nothing_opens_is_undecryptable),
		cmocka_unit_test(a_few_among_others_were_slipped_in),
		cmocka_unit_test(a_run_of_them_is_its_audio_from_its_begin),
		cmocka_unit_test(runs_are_counted_for_each_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
