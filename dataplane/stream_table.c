#include "dataplane/stream_table.h"

#include <errno.h>
#include <sys/mman.h>

#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
#include <emmintrin.h>
#endif

#define STREAMS_LIMIT (1U << 24)
#define HUGE_PAGE_BYTES (2UL << 20)

/* --- Memory --- */

static void *map_block(struct stream_table *t, unsigned int i, size_t bytes)
{
	struct stream_block *block = &t->blocks[i];
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;

	bytes = (bytes + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);
	block->bytes = bytes;
	block->base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
	if (block->base != MAP_FAILED)
		return block->base;
	block->base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags & ~MAP_POPULATE, -1, 0);
	if (block->base == MAP_FAILED) {
		block->base = NULL;
		return NULL;
	}
	/* Only now are the pages touched, so that they may be huge ones. */
	madvise(block->base, bytes, MADV_HUGEPAGE);
	madvise(block->base, bytes, MADV_POPULATE_WRITE);
	return block->base;
}

void stream_table_destroy(struct stream_table *t)
{
	for (unsigned int i = 0; i < STREAM_BLOCKS; i++)
		if (t->blocks[i].base)
			munmap(t->blocks[i].base, t->blocks[i].bytes);
	memset(t, 0, sizeof(*t));
}

/* A load of at most a half of the entries keeps nearly all of them at home. */
static uint32_t bucket_count(uint32_t streams_max)
{
	uint32_t buckets = 2 * BUCKET_REACH;

	while (buckets * BUCKET_ENTRIES / 2 < streams_max)
		buckets *= 2;
	return buckets;
}

uint64_t stream_table_bytes(uint32_t streams_max)
{
	return 2ULL * bucket_count(streams_max) * sizeof(struct bucket) +
	       (uint64_t)streams_max * (sizeof(struct stream) + sizeof(struct stream_gate) +
					       sizeof(struct flow_key6) +
					       sizeof(struct stream_entry) + sizeof(struct tail));
}

static bool map_all(struct stream_table *t, uint32_t buckets)
{
	size_t count = t->streams_max;

	t->index4.buckets = map_block(t, 0, buckets * sizeof(struct bucket));
	t->index6.buckets = map_block(t, 1, buckets * sizeof(struct bucket));
	t->streams = map_block(t, 2, count * sizeof(struct stream));
	t->gates = map_block(t, 3, count * sizeof(struct stream_gate));
	t->keys6 = map_block(t, 4, count * sizeof(struct flow_key6));
	t->entries = map_block(t, 5, count * sizeof(struct stream_entry));
	t->tails = map_block(t, 6, count * sizeof(struct tail));
	return t->index4.buckets && t->index6.buckets && t->streams && t->gates && t->keys6 &&
	       t->entries && t->tails;
}

int stream_table_create(struct stream_table *t, uint32_t streams_max, struct errmsg *e)
{
	uint32_t buckets;

	memset(t, 0, sizeof(*t));
	if (streams_max == 0 || streams_max > STREAMS_LIMIT)
		return errmsg_set(e, -EINVAL, "limits.streams must be from 1 to %u, not %u",
			STREAMS_LIMIT, streams_max);
	t->streams_max = streams_max;
	buckets = bucket_count(streams_max);
	t->index4.mask = buckets - 1;
	t->index6.mask = buckets - 1;
	if (!map_all(t, buckets)) {
		stream_table_destroy(t);
		return errmsg_set(e, -ENOMEM,
			"no memory for a table of %u streams: lower limits.streams", streams_max);
	}
	for (uint32_t i = 0; i < streams_max; i++)
		t->entries[i].next = i + 1 < streams_max ? i + 1 : STREAM_NONE;
	return 0;
}

/* --- Looking up --- */

/* The bucket is chosen by the lower bits of the hash, the tag is of the upper ones. */
static inline uint16_t tag_of(uint32_t hash)
{
	uint16_t tag = (uint16_t)(hash >> 16);

	return tag ? tag : 1;
}

/* A bit for each entry of the bucket that bears the tag. Acquire: what the writer did before it set
 * the tag is seen. */
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
static inline unsigned int match_tags(const struct bucket *b, uint16_t tag)
{
	__m128i tags = _mm_load_si128((const __m128i *)(const void *)b->tags);
	__m128i equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16((short)tag));
	unsigned int match = (unsigned int)_mm_movemask_epi8(_mm_packs_epi16(equal, equal)) & 0xff;

	atomic_thread_fence(memory_order_acquire);
	return match;
}
#else
static inline unsigned int match_tags(const struct bucket *b, uint16_t tag)
{
	unsigned int match = 0;

	for (unsigned int i = 0; i < BUCKET_ENTRIES; i++)
		if (atomic_load_explicit(&b->tags[i], memory_order_acquire) == tag)
			match |= 1U << i;
	return match;
}
#endif

static inline bool is_stream_of(
	const struct stream_table *t, uint32_t stream, const struct flow_key *key)
{
	if (likely(key->version == 4))
		return flow_key4_equal(&t->streams[stream].key, &key->v4);
	return flow_key6_equal(&t->keys6[stream], &key->v6);
}

static uint32_t find_in_bucket(const struct stream_table *t, const struct bucket *b,
	const struct flow_key *key, uint16_t tag)
{
	unsigned int match = match_tags(b, tag);

	for (; match; match &= match - 1) {
		unsigned int i = (unsigned int)__builtin_ctz(match);
		uint32_t stream = atomic_load_explicit(&b->streams[i], memory_order_acquire);

		if (is_stream_of(t, stream, key))
			return stream;
	}
	return STREAM_NONE;
}

uint32_t stream_table_find(const struct stream_table *t, const struct flow_key *key, uint32_t hash)
{
	const struct stream_index *index = stream_table_index(t, key->version);
	const struct bucket *home = &index->buckets[hash & index->mask];
	uint16_t tag = tag_of(hash);
	uint32_t stream = find_in_bucket(t, home, key, tag);

	if (likely(stream != STREAM_NONE ||
		    atomic_load_explicit(&home->strayed, memory_order_acquire) == 0))
		return stream;
	for (uint32_t i = 1; i <= BUCKET_REACH && stream == STREAM_NONE; i++)
		stream = find_in_bucket(t, &index->buckets[(hash + i) & index->mask], key, tag);
	return stream;
}

/* The stream that the first matching tag names: nearly always the right one. */
static inline uint32_t candidate(const struct stream_table *t, const struct look_up *l)
{
	const struct stream_index *index = stream_table_index(t, l->key->version);
	const struct bucket *home = &index->buckets[l->hash & index->mask];
	unsigned int match = match_tags(home, tag_of(l->hash));

	if (match == 0)
		return STREAM_NONE;
	return atomic_load_explicit(&home->streams[__builtin_ctz(match)], memory_order_acquire);
}

void stream_table_find_burst(
	const struct stream_table *t, struct look_up *look_ups, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct look_up *l = &look_ups[i];

		l->stream = candidate(t, l);
		if (l->stream == STREAM_NONE)
			continue;
		rte_prefetch0(&t->streams[l->stream]);
		if (l->key->version == 6)
			rte_prefetch0(&t->keys6[l->stream]);
	}
	for (unsigned int i = 0; i < count; i++) {
		struct look_up *l = &look_ups[i];

		if (unlikely(l->stream == STREAM_NONE || !is_stream_of(t, l->stream, l->key)))
			l->stream = stream_table_find(t, l->key, l->hash);
	}
}

/* --- Changing --- */

static int find_place(const struct stream_index *index, uint32_t hash, struct bucket **bucket,
	unsigned int *entry)
{
	for (uint32_t i = 0; i <= BUCKET_REACH; i++) {
		struct bucket *b = &index->buckets[(hash + i) & index->mask];

		for (unsigned int j = 0; j < BUCKET_ENTRIES; j++) {
			if (atomic_load_explicit(&b->tags[j], memory_order_relaxed) != 0)
				continue;
			*bucket = b;
			*entry = j;
			return 0;
		}
	}
	return -ENOSPC;
}

static void add_strayed(struct bucket *home, int n)
{
	uint32_t strayed = atomic_load_explicit(&home->strayed, memory_order_relaxed);

	atomic_store_explicit(&home->strayed, strayed + (uint32_t)n, memory_order_release);
}

static void fill_stream(struct stream_table *t, uint32_t i, const struct flow_key *key,
	const struct stream_target *target)
{
	struct stream *s = &t->streams[i];

	memset(s, 0, sizeof(*s));
	if (key->version == 4)
		s->key = key->v4;
	else
		t->keys6[i] = key->v6;
	s->chunk = CHUNK_NONE;
	s->gate = target->gate;
	t->gates[i] = (struct stream_gate){
		.now = *target, .before = *target, .copy = STREAM_NONE, .copy_before = STREAM_NONE};
	t->entries[i].version = key->version;
	t->entries[i].watcher = NULL;
	t->entries[i].live = true;
	t->entries[i].indexed = false;
}

int stream_table_take(struct stream_table *t, const struct flow_key *key,
	const struct stream_target *target, uint32_t *out)
{
	uint32_t i = t->free;

	*out = STREAM_NONE;
	if (i == STREAM_NONE)
		return -ENOSPC;
	t->free = t->entries[i].next;
	t->count++;
	fill_stream(t, i, key, target);
	*out = i;
	return 0;
}

int stream_table_publish(struct stream_table *t, uint32_t stream)
{
	const struct stream_index *index;
	struct bucket *home;
	struct bucket *bucket;
	struct flow_key key;
	unsigned int entry;
	uint32_t hash;

	stream_table_key(t, stream, &key);
	index = stream_table_index(t, key.version);
	hash = flow_key_hash(&key);
	if (find_place(index, hash, &bucket, &entry) != 0)
		return -ENOSPC;
	home = &index->buckets[hash & index->mask];
	t->entries[stream].indexed = true;
	atomic_store_explicit(&bucket->streams[entry], stream, memory_order_release);
	atomic_store_explicit(&bucket->tags[entry], tag_of(hash), memory_order_release);
	if (bucket != home)
		add_strayed(home, 1);
	return 0;
}

int stream_table_add(struct stream_table *t, const struct flow_key *key,
	const struct stream_target *target, uint32_t *out)
{
	int err;

	*out = stream_table_find(t, key, flow_key_hash(key));
	if (*out != STREAM_NONE)
		return -EEXIST;
	err = stream_table_take(t, key, target, out);
	if (err == 0)
		err = stream_table_publish(t, *out);
	if (err < 0 && *out != STREAM_NONE) {
		t->entries[*out].live = false;
		stream_table_free(t, *out);
		*out = STREAM_NONE;
	}
	return err;
}

static bool remove_from(struct bucket *b, uint32_t stream)
{
	for (unsigned int j = 0; j < BUCKET_ENTRIES; j++) {
		if (atomic_load_explicit(&b->tags[j], memory_order_relaxed) == 0 ||
			atomic_load_explicit(&b->streams[j], memory_order_relaxed) != stream)
			continue;
		atomic_store_explicit(&b->tags[j], 0, memory_order_release);
		return true;
	}
	return false;
}

void stream_table_remove(struct stream_table *t, uint32_t stream)
{
	const struct stream_index *index;
	struct flow_key key;
	uint32_t hash;

	stream_table_key(t, stream, &key);
	index = stream_table_index(t, key.version);
	hash = flow_key_hash(&key);
	for (uint32_t i = 0; i <= BUCKET_REACH; i++) {
		if (!remove_from(&index->buckets[(hash + i) & index->mask], stream))
			continue;
		if (i > 0)
			add_strayed(&index->buckets[hash & index->mask], -1);
		break;
	}
}

void stream_table_free(struct stream_table *t, uint32_t stream)
{
	t->entries[stream].next = t->free;
	t->free = stream;
	t->count--;
}

void stream_table_key(const struct stream_table *t, uint32_t stream, struct flow_key *out)
{
	memset(out, 0, sizeof(*out));
	out->version = t->entries[stream].version;
	if (out->version == 4)
		out->v4 = t->streams[stream].key;
	else
		out->v6 = t->keys6[stream];
}
