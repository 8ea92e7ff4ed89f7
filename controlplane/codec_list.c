/* See codec_list.h: a hash table of lists, each with the count of those who hold it. */
#include "controlplane/codec_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/bytes_hash.h"

struct codec_list {
	struct codec_list *next; /* hash chain */
	uint64_t hash;
	unsigned int holders;
	unsigned int count;
	struct codec codecs[];
};

struct codec_lists {
	size_t mask;
	uint64_t hash_key;
	struct codec_list **buckets;
};

int codec_lists_create(struct codec_lists **out, size_t mask, uint64_t hash_key)
{
	struct codec_lists *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->mask = mask;
	l->hash_key = hash_key;
	l->buckets = calloc(mask + 1, sizeof(struct codec_list *));
	if (!l->buckets) {
		free(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

void codec_lists_destroy(struct codec_lists *l)
{
	if (!l)
		return;
	free(l->buckets);
	free(l);
}

static bool same_codec(const struct codec *a, const struct codec *b)
{
	return a->payload_type == b->payload_type && a->channels == b->channels &&
	       a->clock_hz == b->clock_hz && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->fmtp, b->fmtp) == 0;
}

bool codec_list_equal(
	const struct codec *a, unsigned int a_count, const struct codec *b, unsigned int b_count)
{
	bool same = a_count == b_count;

	for (unsigned int i = 0; same && i < a_count; i++)
		same = same_codec(&a[i], &b[i]);
	return same;
}

static uint64_t list_hash(uint64_t key, const struct codec *codecs, unsigned int count)
{
	uint64_t hash = key + count;

	for (unsigned int i = 0; i < count; i++) {
		uint64_t numbers = (uint64_t)codecs[i].clock_hz << 16 |
				   (uint64_t)codecs[i].channels << 8 | codecs[i].payload_type;

		hash = bytes_hash(hash, &numbers, sizeof(numbers));
		hash = text_hash(text_hash(hash, codecs[i].name), codecs[i].fmtp);
	}
	return hash;
}

const struct codec *codec_list_take(
	struct codec_lists *l, const struct codec *codecs, unsigned int count)
{
	uint64_t hash = list_hash(l->hash_key, codecs, count);
	struct codec_list **bucket = &l->buckets[hash & l->mask];
	struct codec_list *list = *bucket;

	while (list &&
		(list->hash != hash || !codec_list_equal(list->codecs, list->count, codecs, count)))
		list = list->next;
	if (!list) {
		list = calloc(1, sizeof(*list) + count * sizeof(*codecs));
		if (!list)
			return NULL;
		list->hash = hash;
		list->count = count;
		memcpy(list->codecs, codecs, count * sizeof(*codecs));
		list->next = *bucket;
		*bucket = list;
	}
	list->holders++;
	return list->codecs;
}

void codec_list_release(struct codec_lists *l, const struct codec *codecs)
{
	struct codec_list *list;
	struct codec_list **at;

	if (!codecs)
		return;
	list = (struct codec_list *)((const char *)codecs - offsetof(struct codec_list, codecs));
	if (--list->holders > 0)
		return;
	for (at = &l->buckets[list->hash & l->mask]; *at != list;)
		at = &(*at)->next;
	*at = list->next;
	free(list);
}
