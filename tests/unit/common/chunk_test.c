#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/chunk.h"

static void chunk_size_follows_memory_and_tracks(void **state)
{
	assert_int_equal(chunk_bytes_for(1UL << 30, 1000), 65536);
	assert_int_equal(chunk_bytes_for(4UL << 30, 105000), 16384);
	assert_int_equal(chunk_bytes_for(1UL << 20, 105000), 4096);
}

static void references_keep_slot_and_generation(void **state)
{
	track_ref ref = track_ref_make(TRACK_SLOTS_MAX - 1, 7);

	assert_int_equal(track_ref_slot(ref), TRACK_SLOTS_MAX - 1);
	assert_int_equal(track_ref_generation(ref), 7);
	assert_int_not_equal(track_ref_make(0, 0), TRACK_REF_NONE);
}

static void pool_is_cut_without_overlap(void **state)
{
	struct chunk_pool pool;

	assert_int_equal(chunk_pool_create(&pool, 8UL << 20, 16384, 2, NULL), 0);
	assert_int_equal(pool.count, 512);
	for (uint32_t i = 0; i < pool.count; i++) {
		assert_int_equal(pool.chunks[i].rx, i / 256);
		assert_ptr_equal(pool.chunks[i].data, pool.pieces[0].base + (size_t)i * 16384);
		memset(pool.chunks[i].data, 1, 16384);
	}
	chunk_pool_destroy(&pool);
}

static void pool_refuses_odd_sizes(void **state)
{
	struct chunk_pool pool;
	struct errmsg e;

	assert_int_equal(chunk_pool_create(&pool, 8UL << 20, 5000, 1, &e), -EINVAL);
	assert_non_null(strstr(e.text, "5000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunk_size_follows_memory_and_tracks),
		cmocka_unit_test(references_keep_slot_and_generation),
		cmocka_unit_test(pool_is_cut_without_overlap),
		cmocka_unit_test(pool_refuses_odd_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
