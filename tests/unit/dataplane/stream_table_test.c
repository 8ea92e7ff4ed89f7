#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/stream_table.h"

static const struct stream_target off = {.gate = GATE_OFF};

static struct flow_key key4(uint32_t n)
{
	struct flow_key k = {.version = 4};

	memcpy(k.v4.source, &n, 4);
	memcpy(k.v4.destination, "\x0a\0\0\x01", 4);
	k.v4.source_port = (uint16_t)(n * 2);
	k.v4.destination_port = 6000;
	return k;
}

static struct flow_key key6(uint32_t n)
{
	struct flow_key k = {.version = 6};

	memcpy(k.v6.source, "\x20\x01\x0d\xb8", 4);
	memcpy(k.v6.source + 12, &n, 4);
	k.v6.destination[15] = 1;
	k.v6.source_port = 5000;
	k.v6.destination_port = 6000;
	return k;
}

static uint32_t find(const struct stream_table *t, struct flow_key k)
{
	return stream_table_find(t, &k, flow_key_hash(&k));
}

static uint32_t add(struct stream_table *t, struct flow_key k)
{
	uint32_t stream;

	assert_int_equal(stream_table_add(t, &k, &off, &stream), 0);
	return stream;
}

static void drop(struct stream_table *t, uint32_t stream)
{
	stream_table_remove(t, stream);
	stream_table_free(t, stream);
}

static void added_found_removed(void **state)
{
	struct stream_table t;
	struct stream_target record = {.gate = GATE_RECORD, .track = 7, .ordinal = 3};
	struct flow_key k = key4(1);
	struct flow_key back;
	uint32_t stream;
	uint32_t again;

	assert_int_equal(stream_table_create(&t, 100, NULL), 0);
	assert_int_equal(find(&t, k), STREAM_NONE);
	assert_int_equal(stream_table_add(&t, &k, &record, &stream), 0);
	assert_int_equal(find(&t, k), stream);
	assert_int_equal(t.streams[stream].gate, GATE_RECORD);
	assert_int_equal(t.gates[stream].now.track, 7);
	assert_int_equal(stream_table_add(&t, &k, &off, &again), -EEXIST);
	assert_int_equal(again, stream);
	stream_table_key(&t, stream, &back);
	assert_memory_equal(&back.v4, &k.v4, sizeof(k.v4));
	assert_int_equal(t.count, 1);
	drop(&t, stream);
	assert_int_equal(find(&t, k), STREAM_NONE);
	assert_int_equal(t.count, 0);
	stream_table_destroy(&t);
}

static void families_and_scopes_are_apart(void **state)
{
	struct stream_table t;
	struct flow_key plain = key4(0);
	struct flow_key tagged = key4(0);
	struct flow_key other_core = key4(0);
	struct flow_key zero6 = {.version = 6};
	uint32_t a;
	uint32_t b;
	uint32_t c;
	uint32_t d;

	tagged.v4.scope = encapsulation_push_vlan(0, 100);
	other_core.v4.scope = flow_scope(0, 1);
	assert_int_equal(stream_table_create(&t, 100, NULL), 0);
	a = add(&t, plain);
	b = add(&t, tagged);
	c = add(&t, other_core);
	d = add(&t, zero6);
	assert_int_equal(find(&t, plain), a);
	assert_int_equal(find(&t, tagged), b);
	assert_int_equal(find(&t, other_core), c);
	assert_int_equal(find(&t, zero6), d);
	drop(&t, b);
	assert_int_equal(find(&t, tagged), STREAM_NONE);
	assert_int_equal(find(&t, plain), a);
	stream_table_destroy(&t);
}

static void full_table_refuses(void **state)
{
	struct stream_table t;
	struct flow_key k = key4(1000);
	uint32_t stream;
	uint32_t removed;

	assert_int_equal(stream_table_create(&t, 100, NULL), 0);
	for (uint32_t i = 0; i < 50; i++)
		add(&t, key4(i));
	for (uint32_t i = 0; i < 50; i++)
		add(&t, key6(i));
	assert_int_equal(stream_table_add(&t, &k, &off, &stream), -ENOSPC);
	removed = find(&t, key6(49));
	stream_table_remove(&t, removed);
	assert_int_equal(find(&t, key6(49)), STREAM_NONE);
	assert_int_equal(stream_table_add(&t, &k, &off, &stream), -ENOSPC);
	stream_table_free(&t, removed);
	assert_int_equal(stream_table_add(&t, &k, &off, &stream), 0);
	assert_int_equal(stream, removed);
	stream_table_destroy(&t);
}

static void sizes_are_checked(void **state)
{
	struct stream_table t;
	struct errmsg e;

	assert_int_equal(stream_table_create(&t, 0, &e), -EINVAL);
	assert_non_null(strstr(e.text, "limits.streams"));
	assert_int_equal(stream_table_create(&t, UINT32_MAX, &e), -EINVAL);
}

/* Keys of one bucket: more than it holds stray into the next ones, and are found there; more than
 * all of these hold are refused. */
static void neighbours_take_what_overflows(void **state)
{
	struct stream_table t;
	uint32_t numbers[(BUCKET_REACH + 1) * BUCKET_ENTRIES + 1];
	unsigned int count = 0;
	struct flow_key k;
	uint32_t home;
	uint32_t stream;

	assert_int_equal(stream_table_create(&t, 1000, NULL), 0);
	for (uint32_t n = 0; count < sizeof(numbers) / sizeof(*numbers); n++) {
		k = key4(n);
		if ((flow_key_hash(&k) & t.index4.mask) == t.index4.mask) /* the last: it wraps */
			numbers[count++] = n;
	}
	for (unsigned int i = 0; i + 1 < count; i++)
		add(&t, key4(numbers[i]));
	k = key4(numbers[count - 1]);
	assert_int_equal(stream_table_add(&t, &k, &off, &stream), -ENOSPC);
	for (unsigned int i = 0; i + 1 < count; i++)
		assert_int_not_equal(find(&t, key4(numbers[i])), STREAM_NONE);
	home = t.index4.mask;
	assert_int_equal(t.index4.buckets[home].strayed, BUCKET_REACH * BUCKET_ENTRIES);
	for (unsigned int i = 0; i + 1 < count; i++)
		drop(&t, find(&t, key4(numbers[i])));
	assert_int_equal(t.index4.buckets[home].strayed, 0);
	assert_int_equal(t.count, 0);
	stream_table_destroy(&t);
}

static void find_burst(const struct stream_table *t, const struct flow_key *keys, uint32_t *out)
{
	struct look_up look_ups[64];

	for (unsigned int i = 0; i < 64; i++)
		look_up_begin(t, &look_ups[i], &keys[i]);
	stream_table_find_burst(t, look_ups, 64);
	for (unsigned int i = 0; i < 64; i++)
		out[i] = look_ups[i].stream;
}

/* Random adds and removes of 100,000 keys against a plain array that knows what is in. */
static void agrees_with_an_array(void **state)
{
	enum { KEYS = 100000 };
	struct stream_table t;
	uint32_t *in = malloc(KEYS * sizeof(*in));
	struct flow_key keys[64];
	uint32_t found[64];
	uint32_t numbers[64];
	unsigned int count = 0;

	assert_non_null(in);
	srandom(1);
	for (uint32_t i = 0; i < KEYS; i++)
		in[i] = STREAM_NONE;
	assert_int_equal(stream_table_create(&t, KEYS, NULL), 0);
	for (unsigned int step = 0; step < 10 * KEYS; step++) {
		uint32_t n = (uint32_t)random() % KEYS;
		struct flow_key k = n & 1 ? key4(n) : key6(n);

		if (in[n] == STREAM_NONE) {
			in[n] = add(&t, k);
			count++;
		} else if (step & 1) {
			drop(&t, in[n]);
			in[n] = STREAM_NONE;
			count--;
		}
		if (step % 64)
			continue;
		for (unsigned int i = 0; i < 64; i++) {
			numbers[i] = (uint32_t)random() % KEYS;
			keys[i] = numbers[i] & 1 ? key4(numbers[i]) : key6(numbers[i]);
		}
		find_burst(&t, keys, found);
		for (unsigned int i = 0; i < 64; i++)
			assert_int_equal(found[i], in[numbers[i]]);
	}
	assert_int_equal(t.count, count);
	stream_table_destroy(&t);
	free(in);
}

/* A reader that looks without locks while the writer adds and removes. */
struct race {
	struct stream_table table;
	_Atomic uint64_t turns; /* of the reader: its quiet points */
	atomic_bool stop;
	uint64_t bursts;
	uint64_t wrong;
};

#define STABLE 2000
#define CHANGING 2000

static void *read_along(void *arg)
{
	struct race *r = arg;
	struct flow_key keys[64];
	uint32_t found[64];
	uint32_t n = 0;

	while (!atomic_load_explicit(&r->stop, memory_order_acquire)) {
		for (unsigned int i = 0; i < 64; i++)
			keys[i] = key4(n++ % (STABLE + CHANGING));
		find_burst(&r->table, keys, found);
		for (unsigned int i = 0; i < 64; i++) {
			uint32_t number;

			memcpy(&number, keys[i].v4.source, 4);
			if (number < STABLE && found[i] == STREAM_NONE)
				r->wrong++;
			if (found[i] != STREAM_NONE &&
				!flow_key4_equal(&r->table.streams[found[i]].key, &keys[i].v4))
				r->wrong++;
		}
		r->bursts++;
		atomic_fetch_add_explicit(&r->turns, 1, memory_order_release);
	}
	return NULL;
}

static void wait_for_quiet(struct race *r)
{
	uint64_t turn = atomic_load_explicit(&r->turns, memory_order_acquire);

	while (atomic_load_explicit(&r->turns, memory_order_acquire) < turn + 2)
		sched_yield();
}

static void reader_sees_what_stands(void **state)
{
	static struct race r;
	static uint32_t streams[CHANGING];
	pthread_t thread;

	assert_int_equal(stream_table_create(&r.table, STABLE + CHANGING, NULL), 0);
	for (uint32_t i = 0; i < STABLE; i++)
		add(&r.table, key4(i));
	assert_int_equal(pthread_create(&thread, NULL, read_along, &r), 0);
	for (unsigned int round = 0; round < 50; round++) {
		for (uint32_t i = 0; i < CHANGING; i++)
			streams[i] = add(&r.table, key4(STABLE + (i * 7 + round) % CHANGING));
		for (uint32_t i = 0; i < CHANGING; i++)
			stream_table_remove(&r.table, streams[i]);
		wait_for_quiet(&r);
		for (uint32_t i = 0; i < CHANGING; i++)
			stream_table_free(&r.table, streams[i]);
	}
	atomic_store_explicit(&r.stop, true, memory_order_release);
	pthread_join(thread, NULL);
	assert_int_equal(r.wrong, 0);
	assert_true(r.bursts >= 100);
	stream_table_destroy(&r.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(added_found_removed),
		cmocka_unit_test(families_and_scopes_are_apart),
		cmocka_unit_test(full_table_refuses),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(neighbours_take_what_overflows),
		cmocka_unit_test(agrees_with_an_array),
		cmocka_unit_test(reader_sees_what_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
