#include "dataplane/filling.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#define MAX_AGE_NS 1000000000000ULL
#define ROUNDS_PER_AGE 16   /* the hand goes round so often in max_age */
#define CHUNKS_PER_STEP 64U /* that the hand looks at */
#define STEPS_PER_CALL 4
#define HANDED_PER_CALL 16
#define REFILL 64
#define HEADER_UNITS (sizeof(struct chunk_header) / STREAM_UNIT_BYTES)

static void set_hand(struct filling *f, uint64_t max_age_ns)
{
	uint64_t round_ns;
	uint32_t steps = (f->count + CHUNKS_PER_STEP - 1) / CHUNKS_PER_STEP;

	f->max_age_ns = max_age_ns < MAX_AGE_NS ? max_age_ns : MAX_AGE_NS;
	round_ns = f->max_age_ns / ROUNDS_PER_AGE;
	f->hand_age_ns = f->max_age_ns - round_ns;
	f->hand_step_ns = round_ns / (steps ? steps : 1);
	f->hand = 0;
}

int filling_create(struct filling *f, const struct chunk_pool *pool, struct topology *t,
	unsigned int rx, struct stream_table *table, uint64_t max_age_ns)
{
	memset(f, 0, sizeof(*f));
	f->chunks = pool->chunks;
	f->chunk_bits = (unsigned int)__builtin_ctz(pool->chunk_bytes);
	f->piece_bits = (unsigned int)__builtin_ctzl(CHUNK_PIECE_BYTES) - f->chunk_bits;
	for (unsigned int i = 0; i < pool->piece_count; i++)
		f->pieces[i] = pool->pieces[i].base;
	f->first = rx * pool->per_rx;
	f->count = pool->per_rx;
	f->table = table;
	f->topology = t;
	f->rx = rx;
	set_hand(f, max_age_ns);
	f->spare = malloc(f->count * sizeof(*f->spare));
	if (!f->spare)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->count; i++) {
		f->chunks[f->first + i].stream = STREAM_NONE;
		f->spare[f->count - 1 - i] = f->first + i;
	}
	f->spare_count = f->count;
	filling_show(f);
	return 0;
}

void filling_destroy(struct filling *f)
{
	free(f->spare);
	f->spare = NULL;
}

uint32_t filling_packet_max(const struct filling *f)
{
	return (1U << f->chunk_bits) - (uint32_t)sizeof(struct chunk_header) -
	       (uint32_t)sizeof(struct chunk_frame);
}

static void refill(struct filling *f)
{
	for (unsigned int w = 0; w < f->topology->writer_count; w++)
		f->spare_count += rte_ring_sc_dequeue_burst_elem(f->topology->empty[w][f->rx],
			f->spare + f->spare_count, sizeof(uint32_t), REFILL, NULL);
}

/* All of it at once, so that its line need not be read. */
static void write_header(const struct chunk *c, const struct stream *s)
{
	struct chunk_header h __attribute__((aligned(TAIL_BYTES))) = {
		.magic = CHUNK_MAGIC,
		.version = CHUNK_VERSION,
		.base_ns = s->base_ns,
		.stream = c->ordinal,
		.used_bytes = c->used,
		.frames = c->frames,
	};

	static_assert(sizeof(h) == TAIL_BYTES, "a line");
	tail_write_line(c->data, (const uint8_t *)&h);
}

/* Tracks that begin together would be flushed together for ever: a stream's first chunk is closed
 * at a length of its own. */
static uint32_t first_limit(uint32_t units, uint32_t stream)
{
	uint32_t least = units / 8;

	return least + (uint32_t)(((uint64_t)(stream * 0x9e3779b1U) * (units - least)) >> 32);
}

bool filling_open(struct filling *f, uint32_t stream, const struct stream_target *target,
	uint32_t units, uint64_t arrival_ns)
{
	struct stream *s = &f->table->streams[stream];
	uint32_t all = (1U << f->chunk_bits) / STREAM_UNIT_BYTES;
	uint32_t limit = all;
	struct chunk *c;

	if (f->spare_count == 0)
		refill(f);
	if (f->spare_count == 0)
		return false;
	c = &f->chunks[f->spare[--f->spare_count]];
	f->busy++;
	if (atomic_load_explicit(&s->recorded, memory_order_relaxed) == 0)
		limit = first_limit(all, stream);
	if (limit < HEADER_UNITS + units)
		limit = all;
	c->track = target->track;
	c->stream = stream;
	c->opened_ns = arrival_ns;
	c->ordinal = target->ordinal;
	s->chunk = c->index;
	s->used = HEADER_UNITS;
	s->limit = (uint16_t)limit;
	s->frames = 0;
	s->base_ns = arrival_ns;
	return true;
}

void filling_hand_over(struct filling *f, struct stream *s)
{
	struct chunk *c;
	unsigned int writer;

	if (s->chunk == CHUNK_NONE)
		return;
	c = &f->chunks[s->chunk];
	c->used = s->used * STREAM_UNIT_BYTES;
	c->frames = s->frames;
	write_header(c, s);
	tail_close(&f->table->tails[s - f->table->streams], c->data, c->used);
	tail_fence();
	c->stream = STREAM_NONE;
	s->chunk = CHUNK_NONE;
	f->busy--;
	writer = track_ref_slot(c->track) % f->topology->writer_count;
	counter_add(&f->handed_over[writer], 1);
	f->chunks_handed++;
	f->frames_handed += s->frames;
	/* The ring holds all chunks of the core: it cannot be full. */
	rte_ring_sp_enqueue_elem(f->topology->chunks[f->rx][writer], &c->index, sizeof(c->index));
}

static bool is_filling(const struct filling *f, uint32_t i)
{
	return f->chunks[f->first + i].stream != STREAM_NONE;
}

static void hand_over_chunk(struct filling *f, uint32_t i)
{
	filling_hand_over(f, &f->table->streams[f->chunks[f->first + i].stream]);
}

/* Moves the hand over one step's chunks; stops when `*left` were handed over. */
static bool step(struct filling *f, uint64_t now_ns, unsigned int *left)
{
	uint32_t end = f->hand + CHUNKS_PER_STEP < f->count ? f->hand + CHUNKS_PER_STEP : f->count;

	while (f->hand < end) {
		const struct chunk *c = &f->chunks[f->first + f->hand];

		rte_prefetch0(c + 8);
		if (c->stream != STREAM_NONE &&
			(int64_t)(now_ns - c->opened_ns) >= (int64_t)f->hand_age_ns) {
			if (*left == 0)
				return false;
			(*left)--;
			hand_over_chunk(f, f->hand);
		}
		f->hand++;
	}
	if (f->hand == f->count)
		f->hand = 0;
	return true;
}

void filling_age(struct filling *f, uint64_t now_ns)
{
	unsigned int left = HANDED_PER_CALL;
	uint64_t round_ns = f->max_age_ns - f->hand_age_ns;

	if (now_ns - f->hand_ns < f->hand_step_ns || f->busy == 0 || now_ns < f->hand_ns)
		return;
	if (now_ns - f->hand_ns > round_ns) /* one round is all that is ever owed */
		f->hand_ns = now_ns - round_ns;
	for (unsigned int i = 0; i < STEPS_PER_CALL && now_ns - f->hand_ns >= f->hand_step_ns;
		i++) {
		if (!step(f, now_ns, &left))
			return;
		f->hand_ns += f->hand_step_ns;
	}
}

void filling_finish(struct filling *f)
{
	for (uint32_t i = 0; i < f->count && f->busy > 0; i++)
		if (is_filling(f, i))
			hand_over_chunk(f, i);
}

void filling_make_room(struct filling *f)
{
	if (f->busy < f->count || f->busy == 0)
		return;
	while (!is_filling(f, f->hand))
		f->hand = (f->hand + 1) % f->count;
	hand_over_chunk(f, f->hand);
}

void filling_show(struct filling *f)
{
	atomic_store_explicit(&f->shown_available, f->spare_count, memory_order_relaxed);
	atomic_store_explicit(&f->shown_filling, f->busy, memory_order_relaxed);
}
