#include "common/chunk.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE_BYTES (2UL << 20)

uint32_t chunk_bytes_for(uint64_t memory_bytes, uint32_t tracks)
{
	uint64_t share = memory_bytes / (2UL * (tracks ? tracks : 1));
	uint32_t bytes = CHUNK_BYTES_MIN;

	while (bytes < CHUNK_BYTES_MAX && bytes * 2UL <= share)
		bytes *= 2;
	return bytes;
}

static void *map_piece(size_t bytes, bool huge)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : MAP_NORESERVE);
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	if (!huge)
		madvise(base, bytes, MADV_HUGEPAGE);
	return base;
}

/* Huge pages for all pieces or for none. 0 or -ENOMEM. */
static int map_pieces(struct chunk_pool *pool, uint64_t bytes, bool huge)
{
	pool->huge = huge;
	for (uint64_t done = 0; done < bytes; pool->piece_count++) {
		struct chunk_piece *piece = &pool->pieces[pool->piece_count];

		piece->bytes = bytes - done < CHUNK_PIECE_BYTES ? bytes - done : CHUNK_PIECE_BYTES;
		piece->base = map_piece(piece->bytes, huge);
		if (!piece->base)
			return -ENOMEM;
		done += piece->bytes;
	}
	return 0;
}

static void unmap_pieces(struct chunk_pool *pool)
{
	for (unsigned int i = 0; i < pool->piece_count; i++)
		munmap(pool->pieces[i].base, pool->pieces[i].bytes);
	pool->piece_count = 0;
}

/* Whole huge pages. */
static size_t descriptor_bytes(const struct chunk_pool *pool)
{
	size_t bytes = (size_t)pool->count * sizeof(struct chunk);

	return (bytes + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);
}

static void cut_into_chunks(struct chunk_pool *pool)
{
	uint32_t per_piece = (uint32_t)(CHUNK_PIECE_BYTES / pool->chunk_bytes);

	for (uint32_t i = 0; i < pool->count; i++) {
		struct chunk *c = &pool->chunks[i];

		c->index = i;
		c->rx = (uint16_t)(i / pool->per_rx);
		c->piece = (uint16_t)(i / per_piece);
		c->data = pool->pieces[c->piece].base + (size_t)(i % per_piece) * pool->chunk_bytes;
		c->next = CHUNK_NONE;
		c->previous = CHUNK_NONE;
	}
}

int chunk_pool_create(struct chunk_pool *pool, uint64_t memory_bytes, uint32_t chunk_bytes,
	unsigned int rx_count, struct errmsg *e)
{
	uint64_t bytes = (memory_bytes + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);

	memset(pool, 0, sizeof(*pool));
	if (chunk_bytes < CHUNK_BYTES_MIN || chunk_bytes > CHUNK_BYTES_MAX ||
		(chunk_bytes & (chunk_bytes - 1)) || rx_count == 0)
		return errmsg_set(e, -EINVAL, "a chunk of %u bytes for %u rx cores is not possible",
			chunk_bytes, rx_count);
	if (bytes > CHUNK_PIECE_BYTES * CHUNK_PIECES_MAX)
		return errmsg_set(e, -EINVAL,
			"limits.buffer_mib is over %lu MiB, the most that can be registered",
			CHUNK_PIECE_BYTES * CHUNK_PIECES_MAX >> 20);
	pool->chunk_bytes = chunk_bytes;
	pool->per_rx = (uint32_t)(bytes / chunk_bytes / rx_count);
	pool->count = pool->per_rx * rx_count;
	if (map_pieces(pool, bytes, true) != 0) {
		unmap_pieces(pool);
		if (map_pieces(pool, bytes, false) != 0)
			goto no_memory;
	}
	pool->chunks = map_piece(descriptor_bytes(pool), pool->huge);
	if (!pool->chunks && pool->huge)
		pool->chunks = map_piece(descriptor_bytes(pool), false);
	if (!pool->chunks)
		goto no_memory;
	cut_into_chunks(pool);
	return 0;

no_memory:
	chunk_pool_destroy(pool);
	return errmsg_set(e, -ENOMEM, "no memory for %lu MiB of chunks: lower limits.buffer_mib",
		bytes >> 20);
}

void chunk_pool_destroy(struct chunk_pool *pool)
{
	unmap_pieces(pool);
	if (pool->chunks)
		munmap(pool->chunks, descriptor_bytes(pool));
	pool->chunks = NULL;
	pool->count = 0;
}
