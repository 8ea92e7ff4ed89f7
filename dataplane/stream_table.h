/* The stream table: from a flow's key to its stream.
 *
 * One writer, the control thread; any number of rx cores read without locks. Two indexes, for IPv4
 * and IPv6, over one array of streams. An index is an array of buckets of one cache line: eight
 * 16-bit tags, eight stream numbers, and a count of those entries that are at home here but found
 * no room; these stand in the next buckets. An entry never moves, so a reader that looks while the
 * writer changes things finds every entry that stood all the while.
 *
 * A stream's place is used again only when its rx core has passed a quiet point after it left the
 * index (the caller's business: stream_table_free). Memory is mapped once, on huge pages where the
 * host has them free. */
#ifndef LEGTAP_DATAPLANE_STREAM_TABLE_H
#define LEGTAP_DATAPLANE_STREAM_TABLE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "common/errmsg.h"
#include "dataplane/flow.h"
#include "dataplane/stream.h"
#include "dataplane/tail.h"

#define BUCKET_ENTRIES 8
#define BUCKET_REACH 8 /* buckets after its home where an entry may stand */

struct bucket {
	_Atomic uint16_t tags[BUCKET_ENTRIES]; /* 0: free */
	_Atomic uint32_t streams[BUCKET_ENTRIES];
	_Atomic uint32_t strayed; /* entries at home here that stand further on */
	uint32_t reserved[3];
} __attribute__((aligned(64)));
static_assert(sizeof(struct bucket) == 64, "one line a look-up");

struct stream_index {
	struct bucket *buckets;
	uint32_t mask;
};

/* A block of memory of the table's own. */
struct stream_block {
	void *base;
	size_t bytes;
};

#define STREAM_BLOCKS 7

struct stream_table {
	struct stream_index index4;
	struct stream_index index6;
	struct stream *streams;
	struct tail *tails;
	struct stream_gate *gates;
	struct flow_key6 *keys6; /* keys of the streams that are of IPv6 */
	uint32_t streams_max;
	struct stream_entry *entries; /* from here on the control thread's alone */
	uint32_t free;		      /* a list through entries.next */
	uint32_t count;
	struct stream_block blocks[STREAM_BLOCKS];
};

/* Makes a table for streams_max streams (1 to 16 million). 0, -EINVAL, or -ENOMEM with a message
 * that names limits.streams. */
int stream_table_create(struct stream_table *t, uint32_t streams_max, struct errmsg *e);
void stream_table_destroy(struct stream_table *t);

/* Memory that a table of so many streams takes, in bytes. */
uint64_t stream_table_bytes(uint32_t streams_max);

/* Takes a place for a stream, which no look-up finds yet. 0 or -ENOSPC. Control. */
int stream_table_take(struct stream_table *t, const struct flow_key *key,
	const struct stream_target *target, uint32_t *out);

/* From now on look-ups find a stream that has a place, whose key must not be in the index. 0, or
 * -ENOSPC when the neighbourhood of the key's bucket is full. Control. */
int stream_table_publish(struct stream_table *t, uint32_t stream);

/* Both. Adds a stream whose gate is `target`, in effect at once. 0, -EEXIST (*out is the one that
 * is there), -ENOSPC when the table or the neighbourhood of the key's bucket is full. Control. */
int stream_table_add(struct stream_table *t, const struct flow_key *key,
	const struct stream_target *target, uint32_t *out);

/* Takes a stream out of the index: no later look-up finds it. Its place stays. Control. */
void stream_table_remove(struct stream_table *t, uint32_t stream);

/* Makes the place of a removed stream free for others. Control, after the quiet point. */
void stream_table_free(struct stream_table *t, uint32_t stream);

/* A single look-up: the stream or STREAM_NONE. Any thread. */
uint32_t stream_table_find(const struct stream_table *t, const struct flow_key *key, uint32_t hash);

/* The key of a stream that is in the table. Control. */
void stream_table_key(const struct stream_table *t, uint32_t stream, struct flow_key *out);

/* One of a burst of look-ups. */
struct look_up {
	const struct flow_key *key;
	uint32_t hash;
	uint32_t stream; /* the result: a stream or STREAM_NONE */
};

static inline const struct stream_index *stream_table_index(
	const struct stream_table *t, uint8_t version)
{
	return version == 4 ? &t->index4 : &t->index6;
}

/* Stage 1 of a look-up: hashes the key and asks for its bucket. Any thread. */
static inline void look_up_begin(
	const struct stream_table *t, struct look_up *l, const struct flow_key *key)
{
	const struct stream_index *index = stream_table_index(t, key->version);

	l->key = key;
	l->hash = flow_key_hash(key);
	rte_prefetch0(&index->buckets[l->hash & index->mask]);
}

/* Stages 2 and 3 for `count` look-ups that have begun: tags compared and streams asked for; keys
 * compared. The stream's line is in the cache afterwards. Any thread. */
void stream_table_find_burst(
	const struct stream_table *t, struct look_up *look_ups, unsigned int count);

#endif
