#include "storage/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#define GENERATIONS (1U << (32 - TRACK_SLOT_BITS))

int slots_create(struct slots *s, uint32_t count)
{
	memset(s, 0, sizeof(*s));
	s->count = count;
	s->free_count = count;
	s->bucket_count = rte_align32pow2(count);
	s->free = calloc(count, sizeof(*s->free));
	s->generations = calloc(count, sizeof(*s->generations));
	s->refs = calloc(count, sizeof(*s->refs));
	s->buckets = calloc(s->bucket_count, sizeof(struct slots_recording *));
	if (!s->free || !s->generations || !s->refs || !s->buckets) {
		slots_destroy(s);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++)
		s->free[i] = i;
	return 0;
}

void slots_destroy(struct slots *s)
{
	for (uint32_t i = 0; s->buckets && i < s->bucket_count; i++)
		while (s->buckets[i])
			slots_release(s, s->buckets[i]);
	free(s->buckets);
	free((void *)s->refs);
	free(s->generations);
	free(s->free);
	memset(s, 0, sizeof(*s));
}

static struct slots_recording **bucket(const struct slots *s, const struct uuid *recording)
{
	return &s->buckets[uuid_hash(recording) & (s->bucket_count - 1)];
}

static track_ref take_one(struct slots *s)
{
	uint32_t slot = s->free[s->first];
	track_ref ref = track_ref_make(slot, s->generations[slot]);

	s->first = s->first + 1 == s->count ? 0 : s->first + 1;
	s->free_count--;
	s->generations[slot] = (uint16_t)((s->generations[slot] + 1) % GENERATIONS);
	atomic_store_explicit(&s->refs[slot], ref, memory_order_release);
	return ref;
}

int slots_take(struct slots *s, const struct uuid *recording, unsigned int tracks,
	struct slots_recording **out)
{
	struct slots_recording **head = bucket(s, recording);
	struct slots_recording *r;

	if (slots_find(s, recording))
		return -EEXIST;
	if (s->free_count < (unsigned int)__builtin_popcount(tracks))
		return -ENOSPC;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->id = *recording;
	for (enum track t = 0; t < TRACK_COUNT; t++)
		r->refs[t] = tracks & TRACK_BIT(t) ? take_one(s) : TRACK_REF_NONE;
	r->next = *head;
	*head = r;
	*out = r;
	return 0;
}

struct slots_recording *slots_find(const struct slots *s, const struct uuid *recording)
{
	struct slots_recording *r = *bucket(s, recording);

	while (r && !uuid_equal(&r->id, recording))
		r = r->next;
	return r;
}

static void free_one(struct slots *s, track_ref ref)
{
	uint32_t slot = track_ref_slot(ref);

	atomic_store_explicit(&s->refs[slot], TRACK_REF_NONE, memory_order_release);
	s->free[(s->first + s->free_count) % s->count] = slot;
	s->free_count++;
}

void slots_release(struct slots *s, struct slots_recording *r)
{
	struct slots_recording **at = bucket(s, &r->id);

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	for (enum track t = 0; t < TRACK_COUNT; t++)
		if (r->refs[t] != TRACK_REF_NONE)
			free_one(s, r->refs[t]);
	free(r);
}
